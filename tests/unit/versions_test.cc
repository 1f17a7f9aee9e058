// SPDX-License-Identifier: BSD-2-Clause
// Versions of sources of lengths, their rollback, and the operator's own lengths for others.
#include "control/fetch/versions.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "control/config/open_file.h"
#include "control/lengths/csv.h"
#include "control/lengths/export.h"
#include "tests/reference/random_policy.h"
#include "tests/unit/length_texts.h"

namespace mxgate {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(DateOf, FilesAndFolders)
{
    namespace fs = std::filesystem;
    const reference::TemporaryFolder folder;
    const auto written = [&](const std::string& name, int64_t date) {
        const std::string path = folder.path() + '/' + name;
        if (!name.empty())
            std::ofstream(path) << "x";
        const timespec times[2] = {{date, 0}, {date, 0}};
        ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
    };
    written("old", 100);
    written("new", 300);
    written("", 200);
    EXPECT_EQ(date_of(folder.path() + "/old"), 100);
    EXPECT_EQ(date_of(folder.path()), 300) << "a file in it was changed";
    written("new", 50);
    EXPECT_EQ(date_of(folder.path()), 200) << "one was taken away";
    EXPECT_EQ(date_of(folder.path() + "/none"), 0);
}

class Versions : public ::testing::Test
{
protected:
    Versions() : versions_(folder_.path() + "/lengths")
    {
        config_ = reference::plain_case().config;
        LengthFeedConfig feed;
        feed.name = "isp";
        feed.path = folder_.path() + "/isp.csv";
        config_.length_feeds.push_back(feed);
    }

    const LengthFeedConfig& feed() const { return config_.length_feeds[0]; }

    void write(int length) { std::ofstream(feed().path) << "2001:db8::/32," << length << ",\n"; }

    // The length in force after a compile, as the gate does it.
    int compiled()
    {
        const CompileResult result = compile(config_, 1, nullptr, &versions_);
        if (!result.table)
            return -1;
        versions_.keep(feed().name, feed().path, stamp_of(feed().path));
        warnings_ = result.diagnostics.size();
        return TableReader(*result.table)
            .ask(reference::to_core(reference::address("2001:db8::1")))
            .canonical.end_site_length;
    }

    reference::TemporaryFolder folder_;
    SourceVersions versions_;
    Config config_;
    size_t warnings_ = 0;
};

TEST_F(Versions, RollbackHoldsUntilTheSourceHasANewOne)
{
    write(56);
    EXPECT_EQ(compiled(), 56);
    write(33);  // bad
    EXPECT_EQ(compiled(), 33);
    EXPECT_EQ(versions_.roll_back(feed().name, feed().path).number, 1u);
    EXPECT_EQ(compiled(), 56);
    EXPECT_EQ(warnings_, 1u);
    EXPECT_EQ(compiled(), 56);  // it stays so
    write(60);
    EXPECT_EQ(compiled(), 60);
    EXPECT_EQ(warnings_, 0u);
    write(33);  // the bad one again
    EXPECT_EQ(compiled(), 60);
    versions_.forget_refusals(feed().name);
    EXPECT_EQ(compiled(), 33);
}

TEST_F(Versions, RollbackTwiceAndToNothing)
{
    for (const int length : {56, 57, 58}) {
        write(length);
        EXPECT_EQ(compiled(), length);
    }
    EXPECT_EQ(versions_.roll_back(feed().name, feed().path).number, 2u);
    EXPECT_EQ(compiled(), 57);
    EXPECT_EQ(versions_.roll_back(feed().name, feed().path).number, 1u);
    EXPECT_EQ(compiled(), 56);
    EXPECT_THROW(versions_.roll_back(feed().name, feed().path), std::runtime_error);
    EXPECT_EQ(compiled(), 56);
}

TEST_F(Versions, AVersionThatWasNeverInForce)
{
    write(56);
    EXPECT_EQ(compiled(), 56);
    write(33);
    EXPECT_EQ(versions_.roll_back(feed().name, feed().path).number, 1u);
    EXPECT_EQ(compiled(), 56);
}

TEST_F(Versions, OneThatWasNeverInForceIsKeptOnceItIs)
{
    write(56);
    EXPECT_EQ(compiled(), 56);
    write(33);
    versions_.roll_back(feed().name, feed().path);
    versions_.forget_refusals(feed().name);
    EXPECT_EQ(compiled(), 33);
    ASSERT_EQ(versions_.list("isp").size(), 2u);
    for (const SourceVersion& version : versions_.list("isp"))
        EXPECT_TRUE(std::filesystem::exists(versions_.path_of("isp", version.number)));
}

TEST_F(Versions, OnlyTheLastAreKept)
{
    for (int length = 40; length < 52; length++) {
        write(length);
        EXPECT_EQ(compiled(), length);
        EXPECT_EQ(compiled(), length);
    }
    const std::vector<SourceVersion> kept = versions_.list("isp");
    ASSERT_EQ(kept.size(), SourceVersions::kKept);
    EXPECT_EQ(kept.back().number, 12u);
    size_t files = 0;
    for ([[maybe_unused]] const auto& file :
         std::filesystem::directory_iterator(folder_.path() + "/lengths/isp"))
        files++;
    EXPECT_EQ(files, SourceVersions::kKept + 1);
    EXPECT_THAT(versions_.list("other"), IsEmpty());
}

TEST_F(Versions, AConfirmedVersionIsAsYoungAsThat)
{
    write(56);
    EXPECT_EQ(compiled(), 56);
    const int64_t later = versions_.list("isp").back().date + 1000;
    versions_.confirm("isp", feed().path, later);
    versions_.confirm("other", feed().path, later);
    EXPECT_EQ(versions_.list("isp").back().date, later);
    EXPECT_THAT(versions_.list("other"), IsEmpty());
}

TEST_F(Versions, DamageIsToldNotGuessedAt)
{
    write(56);
    EXPECT_EQ(compiled(), 56);
    std::ofstream(folder_.path() + "/lengths/isp/versions.json") << "[{}]";
    EXPECT_THROW(versions_.list("isp"), std::runtime_error);
}

TEST_F(Versions, DamageIsSetAsideWhereSomebodyIsTold)
{
    write(56);
    EXPECT_EQ(compiled(), 56);
    const std::string path = folder_.path() + "/lengths/isp/versions.json";
    std::string told;
    SourceVersions telling(folder_.path() + "/lengths",
                           [&](const std::string& name, const std::string&) { told += name; });
    for (const char* damage :
         {"", "[{\"number\": 1", "[{}]",
          "[{\"number\": 2e95, \"date\": 1, \"sha256\": \"\", \"refused\": false}]"}) {
        std::ofstream(path) << damage;
        EXPECT_EQ(telling.choose("isp", feed().path).path, feed().path);
        EXPECT_EQ(told, "isp") << damage;
        EXPECT_FALSE(std::filesystem::exists(path));
        EXPECT_TRUE(std::filesystem::exists(path + ".broken"));
        told.clear();
    }
    telling.keep("isp", feed().path, stamp_of(feed().path));
    EXPECT_EQ(telling.list("isp").size(), 1u);
    EXPECT_EQ(told, "");
}

TEST_F(Versions, WhatIsWrittenAfterItWasReadIsNotKept)
{
    write(56);
    const std::string stamp = stamp_of(feed().path);
    std::filesystem::permissions(feed().path, std::filesystem::perms(0600));
    EXPECT_EQ(stamp_of(feed().path), stamp);
    write(48);
    const std::string next = folder_.path() + "/next";
    std::filesystem::copy_file(feed().path, next);
    std::filesystem::rename(next, feed().path);
    versions_.keep("isp", feed().path, stamp);
    EXPECT_TRUE(versions_.list("isp").empty());
    versions_.keep("isp", feed().path, stamp_of(feed().path));
    EXPECT_EQ(versions_.list("isp").size(), 1u);
}

// Nor while it is kept.
TEST_F(Versions, WhatIsWrittenMeanwhileIsNotKept)
{
    std::set<std::string> read;
    for (int i = 0; i < 60; i++) {
        write(2 + i % 60);
        const std::string stamp = stamp_of(feed().path);
        std::ifstream in(feed().path);
        read.emplace(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
        std::thread writer([&] {
            const std::string next = folder_.path() + "/next";
            std::ofstream(next) << "2001:db8::/32,64,\n";
            std::filesystem::rename(next, feed().path);
        });
        versions_.keep("isp", feed().path, stamp);
        writer.join();
        for (const SourceVersion& version : versions_.list("isp")) {
            std::ifstream kept(folder_.path() + "/lengths/isp/" + std::to_string(version.number));
            EXPECT_TRUE(read.contains(std::string(std::istreambuf_iterator<char>(kept), {})));
        }
    }
}

TEST(Export, ReadsBackWithoutARemark)
{
    LengthList own, table;
    const auto add = [](LengthList& list, const char* text, uint32_t length, uint32_t sites = 0) {
        list.add(parse_prefix(text)->prefix, length, sites, 1);
    };
    add(own, "2001:db8::/32", 56);
    add(own, "10.0.0.0/8", 32);
    add(table, "2001:db8:1::/48", 48);
    add(table, "192.0.2.0/24", 32, 64);
    add(table, "2001:db8::/32", 48);
    add(table, "198.51.100.0/24", 0, 9);
    add(table, "fd00::/48", 64);
    const PrefixlenFile file = export_prefixlen({own, table});
    EXPECT_EQ(file.text,
              "# prefix,end-site prefix length,end sites (RFC 9977)\r\n"
              "192.0.2.0/24,32,64\r\n"
              "198.51.100.0/24,,9\r\n"
              "2001:db8::/32,56,\r\n"
              "2001:db8:1::/48,48,\r\n");
    EXPECT_EQ(file.entries, 4u);
    EXPECT_THAT(file.notes, ElementsAre("10.0.0.0/8 is not public and left out",
                                        "2001:db8::/32 is stated twice; /56 is written",
                                        "fd00::/48 is not public and left out"));
    FeedInput input = length_input(file.text);
    const LengthList back = read_prefixlen(input);
    EXPECT_EQ(back.entries.size(), 4u);
    EXPECT_EQ(back.rejected, 0u);
    EXPECT_EQ(back.ignored, 0u);
}

}  // namespace
}  // namespace mxgate
