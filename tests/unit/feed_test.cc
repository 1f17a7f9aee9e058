// SPDX-License-Identifier: BSD-2-Clause
#include "control/feeds/feed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>

#include "tests/unit/feed_texts.h"

namespace mxgate {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Feed parse(std::string_view text, FeedFormat format = FeedFormat::prefixes, uint64_t least = 0)
{
    FeedConfig config;
    config.path = "list";
    config.format = format;
    config.min_entries = least;
    return parse_feed(text, config);
}

TEST(FeedPrefixes, EveryKindOfLine)
{
    const Feed feed = parse(
        "\xef\xbb\xbf# head\r\n"
        "192.0.2.0/24\r\n"
        "\r\n"
        "  2001:db8::1\t# a comment\n"
        "; another\n"
        "!2001:db8:1::/48;x\n"
        "! 192.0.2.128/25 # x\n"
        "198.51.100.1-198.51.100.4\n"
        "198.51.100.8 - 198.51.100.8\n"
        "!198.51.100.254 -198.51.100.255\n"
        "2001:db8::/32");
    EXPECT_THAT(entries(feed),
                ElementsAre("2 192.0.2.0/24", "4 2001:db8::1/128", "6 !2001:db8:1::/48",
                            "7 !192.0.2.128/25", "8 198.51.100.1/32", "8 198.51.100.2/31",
                            "8 198.51.100.4/32", "9 198.51.100.8/32", "10 !198.51.100.254/31",
                            "11 2001:db8::/32"));
    EXPECT_EQ(feed.lines, 8u);
    EXPECT_EQ(feed.rejected, 0u);
    EXPECT_THAT(feed.errors, IsEmpty());
    EXPECT_THAT(feed.warnings, IsEmpty());
}

TEST(FeedPrefixes, BrokenLinesAreLeftOut)
{
    const Feed feed = parse(
        "192.0.2.0/24\n192.0.2.1\n192.0.2.2\n192.0.2.3\n192.0.2.4\n192.0.2.5\n192.0.2.6\n"
        "foo\n"
        "192.0.2.0/33\n"
        "192.0.2.9-192.0.2.1\n"
        "192.0.2.9-2001:db8::\n"
        "192.0.2.0/24-192.0.3.0\n"
        "!\n"
        "\x1b[2J\xff\n");
    EXPECT_EQ(feed.entries.size(), 7u);
    EXPECT_EQ(feed.lines, 14u);
    EXPECT_EQ(feed.rejected, 7u);
    EXPECT_THAT(feed.errors, IsEmpty());  // half is not more than half
    EXPECT_THAT(rejects(feed),
                ElementsAre("8 not a prefix: `foo`", "9 not a prefix: `192.0.2.0/33`",
                            "10 a range that runs backwards: `192.0.2.9-192.0.2.1`",
                            "11 a range of two address families: `192.0.2.9-2001:db8::`",
                            "12 not a range of addresses: `192.0.2.0/24-192.0.3.0`",
                            "13 not a prefix: ``", "14 not a prefix: `\\x1b[2J\\xff`"));
}

TEST(FeedPrefixes, HostBitsAreMaskedWithAWarning)
{
    const Feed feed = parse("\n2001:db8::1/32\n");
    EXPECT_THAT(entries(feed), ElementsAre("2 2001:db8::/32"));
    EXPECT_EQ(feed.warning_count, 1u);
    EXPECT_THAT(texts(feed.warnings),
                ElementsAre("list:2: warning: host bits are set; `2001:db8::1/32` is read as "
                            "2001:db8::/32"));
}

TEST(FeedPrefixes, RefusedAsAWhole)
{
    EXPECT_THAT(texts(parse("192.0.2.1\nfoo\nbar\n").errors),
                ElementsAre("list: 2 of 3 lines are broken; the first is line 2: not a prefix: "
                            "`foo`"));
    EXPECT_THAT(texts(parse("192.0.2.1\n", FeedFormat::prefixes, 2).errors),
                ElementsAre("list: 1 valid entries, fewer than the 2 of `guard.min_entries`"));
    EXPECT_THAT(parse("# nothing\n", FeedFormat::prefixes, 1).errors, ::testing::SizeIs(1));
    EXPECT_THAT(parse("", FeedFormat::prefixes, 0).errors, IsEmpty());
    EXPECT_THAT(parse("192.0.2.1\nfoo\n192.0.2.2", FeedFormat::prefixes, 2).errors, IsEmpty());
}

TEST(FeedPrefixes, KeepsOnlyTheFirstRejectsAndWarnings)
{
    std::string text;
    for (int i = 0; i < 50; i++)
        text += "x\n192.0.2.1/24\n";
    const Feed feed = parse(text);
    EXPECT_EQ(feed.rejected, 50u);
    EXPECT_EQ(feed.rejects.size(), kRejectsKept);
    EXPECT_EQ(feed.warning_count, 50u);
    EXPECT_EQ(feed.warnings.size(), kRejectsKept);
}

// A range must become exactly its addresses, in as few prefixes as can be. The model counts: the
// fewest prefixes that cover [first, last] by taking the largest aligned block at each step.
void check_range(uint32_t first, uint32_t last, bool ipv6)
{
    const auto text = [&](uint32_t host) {
        const mxg_address address =
            ipv6 ? mxg_address{0x20010db800000000, 0xffffffffffffff00 | host, MXG_FAMILY_IPV6, 0}
                 : mxg_address{(0xc0000200ULL | host) << 32, 0, MXG_FAMILY_IPV4, 0};
        return to_string(address);
    };
    const Feed feed = parse(text(first) + "-" + text(last));
    const uint32_t bits = ipv6 ? 128 : 32;
    std::set<uint32_t> covered;
    size_t count = 0;
    for (const FeedEntry& entry : feed.entries) {
        const mxg_address& address = entry.prefix.address;
        const uint64_t start = (ipv6 ? address.lo : address.hi >> 32) & 0xff;
        ASSERT_GE(entry.prefix.length, bits - 8);
        for (uint32_t i = 0; i < 1u << (bits - entry.prefix.length); i++) {
            covered.insert(static_cast<uint32_t>(start) + i);
            count++;
        }
    }
    ASSERT_EQ(count, last - first + 1);
    ASSERT_EQ(covered.size(), count);
    ASSERT_EQ(*covered.begin(), first);
    ASSERT_EQ(*covered.rbegin(), last);
    size_t fewest = 0;
    for (uint32_t at = first; at <= last; fewest++) {
        uint32_t block = 256;
        while (at % block != 0 || at + block - 1 > last)
            block /= 2;
        at += block;
    }
    ASSERT_EQ(feed.entries.size(), fewest);
}

TEST(FeedPrefixes, RangesSplitExactly)
{
    for (uint32_t first = 0; first < 256; first += 3)
        for (uint32_t last = first; last < 256; last++)
            for (const bool ipv6 : {false, true})
                ASSERT_NO_FATAL_FAILURE(check_range(first, last, ipv6)) << first << "-" << last;
}

TEST(FeedPrefixes, RangesAtTheEndsOfTheWorld)
{
    EXPECT_THAT(entries(parse("0.0.0.0-255.255.255.255")), ElementsAre("1 0.0.0.0/0"));
    EXPECT_THAT(entries(parse("::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")),
                ElementsAre("1 ::/0"));
    EXPECT_THAT(entries(parse("255.255.255.255-255.255.255.255")),
                ElementsAre("1 255.255.255.255/32"));
    EXPECT_THAT(entries(parse("2001:db8::-2001:db9:ffff:ffff:ffff:ffff:ffff:ffff")),
                ElementsAre("1 2001:db8::/31"));
    // The worst case: everything but the two ends.
    EXPECT_EQ(parse("::1-ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe").entries.size(), 254u);
    EXPECT_EQ(parse("0.0.0.1-255.255.255.254").entries.size(), 62u);
}

constexpr FeedFormat kDrop = FeedFormat::spamhaus_drop;

TEST(FeedSpamhaus, Text)
{
    const Feed feed = parse(
        "; Spamhaus DROP List\n; Expires: never\n"
        "192.0.2.0/24 ; SBL1\n2001:db8::/32 ; SBL2\n"
        "!198.51.100.0/24 ; no exclusions here\n; EOF\n",
        kDrop);
    EXPECT_THAT(entries(feed), ElementsAre("3 192.0.2.0/24", "4 2001:db8::/32"));
    EXPECT_THAT(rejects(feed), ElementsAre("5 not a prefix: `!198.51.100.0/24`"));
    EXPECT_THAT(feed.errors, IsEmpty());
}

TEST(FeedSpamhaus, Json)
{
    const Feed feed = parse(
        "\xef\xbb\xbf\r\n"
        R"({"cidr":"192.0.2.0/24","sblid":"SBL1","rir":"ripencc"})"
        "\r\n"
        R"({"type":"metadata","timestamp":1,"records":5})"
        "\n"
        R"({"cidr":"2001:db8::\/32"})"
        "\n"
        R"({"cidr":"2001:db8::/32"})"
        "\n"
        R"({"cidr":7})"
        "\n\n"
        R"({"cidr":"198.51.100.0/24")"
        "\n",
        kDrop);
    EXPECT_THAT(entries(feed), ElementsAre("2 192.0.2.0/24", "4 2001:db8::/32", "5 2001:db8::/32"));
    EXPECT_THAT(rejects(feed), ElementsAre("6 no text `cidr`: `{\"cidr\":7}`",
                                           "8 not a JSON object: "
                                           "`{\"cidr\":\"198.51.100.0/24\"`"));
    EXPECT_THAT(feed.errors, IsEmpty());
}

TEST(FeedSpamhaus, JsonRefused)
{
    const std::string entry = "{\"cidr\":\"192.0.2.0/24\"}\n";
    const std::pair<std::string, std::string> cases[] = {
        {entry, "list: truncated: no metadata line"},
        {entry + "{\"type\":\"metadata\",\"records\":2}",
         "list: truncated: the metadata line promises 2 records, there are 1"},
        {entry + "{\"type\":\"metadata\"}", "list: the metadata line has no `records`"},
        {entry + "{\"type\":\"metadata\",\"records\":-1}",
         "list: the metadata line has no `records`"},
    };
    for (const auto& [text, error] : cases)
        EXPECT_THAT(texts(parse(text, kDrop).errors), ElementsAre(error));
    // The lists of both families, one after the other.
    const std::string whole = entry + "{\"type\":\"metadata\",\"records\":1}\n";
    EXPECT_THAT(parse(whole + whole, kDrop).errors, IsEmpty());
}

TEST(FeedFile, ReadsAndReports)
{
    const std::string path =
        ::testing::TempDir() + "/mxgate_feed_test.txt." + std::to_string(::getpid());
    std::ofstream(path) << "192.0.2.0/24\n";
    FeedConfig config;
    config.path = path;
    EXPECT_THAT(entries(read_feed(config)), ElementsAre("1 192.0.2.0/24"));
    std::remove(path.c_str());
    EXPECT_THAT(texts(read_feed(config).errors), ElementsAre(path + ": No such file or directory"));
}

TEST(FeedFile, StandardInput)
{
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    const int saved = dup(0);
    dup2(ends[0], 0);
    const std::string text = "192.0.2.0/24\n";
    EXPECT_EQ(write(ends[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
    close(ends[1]);
    FeedConfig config;
    config.path = "-";
    EXPECT_THAT(entries(read_feed(config)), ElementsAre("1 192.0.2.0/24"));
    dup2(saved, 0);
    close(saved);
    close(ends[0]);
}

class FeedFolder : public ::testing::Test
{
protected:
    FeedFolder()
    {
        config_.path = ::testing::TempDir() + "/mxgate_feed_folder_." + std::to_string(::getpid()) +
                       std::to_string(getpid());
        std::filesystem::remove_all(config_.path);
        std::filesystem::create_directories(config_.path + "/below");
    }
    ~FeedFolder() override { std::filesystem::remove_all(config_.path); }
    void write(const std::string& name, const std::string& text) const
    {
        std::ofstream(config_.path + "/" + name) << text;
    }

    FeedConfig config_;
};

TEST_F(FeedFolder, FilesAddUp)
{
    write("b.txt", "192.0.2.2\nfoo\n192.0.2.3/24\n");
    write("a.txt", "192.0.2.1\n!192.0.2.9\n");
    write(".hidden", "192.0.2.4\n");
    write("a.txt~", "192.0.2.5\n");
    write("below/c.txt", "192.0.2.6\n");
    config_.min_entries = 4;
    const Feed feed = read_feed(config_);
    EXPECT_THAT(entries(feed), ElementsAre("1 192.0.2.1/32", "2 !192.0.2.9/32", "1 192.0.2.2/32",
                                           "3 192.0.2.0/24"));
    EXPECT_EQ(feed.lines, 5u);
    ASSERT_EQ(feed.rejects.size(), 1u);
    EXPECT_EQ(feed.rejects[0].file, config_.path + "/b.txt");
    EXPECT_THAT(texts(feed.warnings), ElementsAre(HasSubstr("/b.txt:3: warning: host bits")));
    EXPECT_THAT(feed.errors, IsEmpty());
    config_.min_entries = 5;
    EXPECT_THAT(read_feed(config_).errors, ::testing::SizeIs(1));
    write("c.txt", "foo\n");
    EXPECT_THAT(texts(read_feed(config_).errors),
                ::testing::Contains(config_.path + "/c.txt: 1 of 1 lines are broken; the first is "
                                                   "line 1: not a prefix: `foo`"));
}

TEST_F(FeedFolder, EachFileCountsForItself)
{
    config_.format = kDrop;
    const std::string one = "{\"cidr\":\"192.0.2.0/24\"}\n{\"type\":\"metadata\",\"records\":1}\n";
    write("a", one);
    write("b", one);
    EXPECT_THAT(read_feed(config_).errors, IsEmpty());
    config_.format = FeedFormat::ipset;
    write("a", "add x 10.0.0.0/8\nadd x 10.1.0.0/16 nomatch\n");
    write("b", "add x 10.1.2.0/24\n");
    const Feed feed = read_feed(config_);
    for (const FeedEntry& entry : feed.entries)
        EXPECT_FALSE(entry.exclusion);
    EXPECT_THAT(entries(feed), ::testing::Contains("1 10.1.2.0/24"));
}

TEST_F(FeedFolder, NothingIsNoFeed)
{
    EXPECT_THAT(
        texts(read_feed(config_).errors),
        ElementsAre(config_.path + ": 0 valid entries, fewer than the 1 of `guard.min_entries`"));
}

}  // namespace
}  // namespace mxgate
