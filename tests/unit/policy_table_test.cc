// SPDX-License-Identifier: BSD-2-Clause
// The table file, and tables of the size of the Internet.
#include "control/table/policy_table.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <unordered_map>

#include "control/net/address_text.h"
#include "tests/reference/embedded.h"
#include "tests/reference/longest_match.h"
#include "tests/reference/random_policy.h"
#include "tests/unit/table_check.h"

namespace mxgate {
namespace {

using reference::Address;
using reference::LongestMatch;
using reference::Number;
using reference::PolicyCase;
using reference::Prefix;

std::string contents(const std::string& path)
{
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

// In place: writing a file anew may wait for the disk.
void overwrite(const std::string& path, size_t offset, char byte)
{
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(static_cast<std::streamoff>(offset));
    file.put(byte);
}

PolicyCase small_case()
{
    PolicyCase policy = reference::plain_case();
    const size_t feed = policy.add_feed("list", "bad", 3);
    policy.add(feed, "2001:db8::/32");
    policy.add(feed, "2001:db8::1/128");
    policy.add_length("2001:db8::/32", 56);
    return policy;
}

TEST(TableFile, ThereAndBack)
{
    const reference::TemporaryFolder folder;
    const std::string path = folder.path() + "/table";
    const PolicyTable table = reference::random_case(5, 500).compile(77);
    const uint64_t bytes = write_table(table, path);
    EXPECT_EQ(bytes, std::filesystem::file_size(path));
    const PolicyTable back = read_table(path);
    ASSERT_EQ(back.plane.size(), table.plane.size());
    EXPECT_EQ(std::memcmp(back.plane.data(), table.plane.data(), table.plane_bytes()), 0);
    ASSERT_EQ(back.entries.size(), table.entries.size());
    EXPECT_EQ(std::memcmp(back.entries.data(), table.entries.data(),
                          table.entries.size() * sizeof(TableEntry)),
              0);
    EXPECT_EQ(back.info.generation, 77u);
    EXPECT_EQ(back.info.default_class, table.info.default_class);
    ASSERT_EQ(back.info.feeds.size(), table.info.feeds.size());
    for (size_t i = 0; i < back.info.feeds.size(); i++) {
        EXPECT_EQ(back.info.feeds[i].name, table.info.feeds[i].name);
        EXPECT_EQ(back.info.feeds[i].priority, table.info.feeds[i].priority);
        EXPECT_EQ(back.info.feeds[i].class_name, table.info.feeds[i].class_name);
    }
    // Over an old file, and nothing else is left in the folder.
    write_table(small_case().compile(78), path);
    EXPECT_EQ(read_table(path).info.generation, 78u);
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

// What a process leaves that is killed while it writes would fill the disk in the end.
TEST(TableFile, WhatADeadProcessLeftIsRemoved)
{
    const reference::TemporaryFolder folder;
    const std::string path = folder.path() + "/table";
    const pid_t dead = ::fork();
    if (dead == 0)
        ::_exit(0);
    ::waitpid(dead, nullptr, 0);
    const std::string left = fmt::format("{}.new.{}", path, dead);
    const std::string at_work = fmt::format("{}.new.{}", path, ::getppid());
    const std::string another = fmt::format("{}s.new.{}", path, dead);
    for (const std::string& file : {left, at_work, another})
        std::ofstream(file) << "half a table";
    write_table(small_case().compile(), path);
    EXPECT_FALSE(std::filesystem::exists(left));
    EXPECT_TRUE(std::filesystem::exists(at_work));
    EXPECT_TRUE(std::filesystem::exists(another));
    EXPECT_NO_THROW(read_table(path));
}

TEST(TableFile, AnyByteFlippedIsRefused)
{
    const reference::TemporaryFolder folder;
    const std::string path = folder.path() + "/table";
    write_table(small_case().compile(), path);
    const std::string whole = contents(path);
    for (size_t i = 0; i < whole.size(); i++) {
        for (const int flip : {0x01, 0x80, 0xff}) {
            overwrite(path, i, static_cast<char>(whole[i] ^ flip));
            EXPECT_THROW(read_table(path), TableError) << "byte " << i << " of " << whole.size();
        }
        overwrite(path, i, whole[i]);
    }
    EXPECT_NO_THROW(read_table(path));
}

TEST(TableFile, AnyOtherLengthIsRefused)
{
    const reference::TemporaryFolder folder;
    const std::string path = folder.path() + "/table";
    write_table(small_case().compile(), path);
    const size_t whole = contents(path).size();
    overwrite(path, whole, '\0');
    EXPECT_THROW(read_table(path), TableError);
    for (size_t bytes = whole; bytes-- > 0;) {
        std::filesystem::resize_file(path, bytes);
        EXPECT_THROW(read_table(path), TableError) << bytes;
    }
    EXPECT_THROW(read_table(folder.path() + "/none"), TableError);
    EXPECT_THROW(read_table(folder.path()), TableError);
    EXPECT_THROW(write_table(small_case().compile(), folder.path() + "/none/table"), TableError);
}

TEST(TableReader, Chain)
{
    PolicyCase policy = small_case();
    policy.add(policy.add_feed("more", "good", 3), "2001:db8::/48");
    const PolicyTable table = policy.compile();
    const TableReader reader(table);
    const TableAnswer answer = reader.ask(reference::to_core(reference::address("2001:db8::1")));
    EXPECT_EQ(answer.canonical.chain.size(), 4u);
    EXPECT_EQ(table.entries[answer.canonical.winner].length, 128);
    EXPECT_EQ(table.entries[answer.canonical.length_entry].site_length, 56);
    EXPECT_EQ(reader.ask(reference::to_core(reference::address("2001:db9::"))).canonical.winner,
              kNoEntry);
}

// The prefixes of a routing table, spread over three feeds of one priority.
void expect_full_table(const std::vector<Prefix>& prefixes)
{
    PolicyCase policy = reference::plain_case();
    for (const char* name : {"good", "mixed", "bad"})
        policy.add_feed(std::string("list-") + name, name, 0);
    LongestMatch map;
    for (const Prefix& prefix : prefixes) {
        const size_t feed = static_cast<size_t>(prefix.first.value >> 80) % 3;
        policy.feeds[feed].push_back({prefix, false});
        map.add(prefix, static_cast<uint32_t>(feed));
    }
    const PolicyTable table = policy.compile();
    const TableReader reader(table);
    std::mt19937_64 random(1);
    size_t wrong = 0;
    const auto check = [&](const Address& address) {
        const uint32_t* wanted = map.ask(address);
        const mxg_policy* policy_of = look_up(table.plane, address);
        wrong +=
            !policy_of || (wanted ? policy_of->feed != *wanted : policy_of->feed != MXG_NO_FEED);
        if (random() % 16 == 0) {
            const TableView view = reader.ask(reference::to_core(address)).canonical;
            wrong += view.winner == kNoEntry
                         ? wanted != nullptr && !reference::inside_of(address, {})
                         : table.entries[view.winner].feed != *wanted;
        }
    };
    for (const Prefix& prefix : prefixes) {
        const auto edges = reference::edges_of({prefix});
        check(edges[random() % edges.size()]);
    }
    for (int i = 0; i < 50'000; i++) {
        Address address = reference::random_address(random, 6);
        address.value = Number{1} << 125 | address.value >> 3;  // 2000::/3
        check(address);
    }
    EXPECT_EQ(wrong, 0u);
    EXPECT_LT(table.plane_bytes(), prefixes.size() * 24);
}

// As in the real one: /32s and /29s of registries, and most of it /48s and /44s clustered in them.
TEST(FullTable, Generated)
{
    std::mt19937_64 random(6);
    std::vector<Prefix> prefixes;
    std::unordered_map<std::string, bool> seen;
    const auto add = [&](Address address, int length) {
        const Prefix prefix = reference::cut(address, length);
        if (seen.emplace(to_string(prefix), true).second)
            prefixes.push_back(prefix);
    };
    static const uint32_t kRegistries[] = {0x2001, 0x2400, 0x2600, 0x2800, 0x2a00, 0x2c0f};
    static const int kLengths[] = {48, 48, 48, 48, 48, 48, 44, 40, 36, 46, 47, 45, 42, 33, 64};
    while (prefixes.size() < 230'000) {
        const Number registry = Number{kRegistries[random() % 6] + random() % 16} << 112;
        const Address site{6, registry | Number{random() % 4096 * 8} << 96};
        add(site, random() % 3 == 0 ? 29 : 32);
        for (uint64_t more = random() % 25; more > 0; more--) {
            const Number inside = Number{random() >> (random() % 16 + 32)} << 64;
            add({6, site.value | inside}, kLengths[random() % 15]);
        }
    }
    expect_full_table(prefixes);
}

TEST(FullTable, Real)
{
    const char* folder = std::getenv("MXGATE_TEST_DATA");
    if (!folder)
        GTEST_SKIP() << "MXGATE_TEST_DATA is not set";
    const std::string path = std::string(folder) + "/bgp/ris-whois/fib6-20241220-peers10.tsv.xz";
    if (!std::filesystem::exists(path))
        GTEST_SKIP() << "there is no " << path;
    FILE* pipe = ::popen(("xz -dc '" + path + "'").c_str(), "r");
    ASSERT_NE(pipe, nullptr);
    std::vector<Prefix> prefixes;
    char line[256];
    while (std::fgets(line, sizeof(line), pipe)) {
        const std::string text(line);
        if (const auto parsed = parse_prefix(text.substr(0, text.find('\t'))))
            prefixes.push_back(reference::from(parsed->prefix));
    }
    EXPECT_EQ(::pclose(pipe), 0);
    ASSERT_GT(prefixes.size(), 200'000u);
    expect_full_table(prefixes);
}

}  // namespace
}  // namespace mxgate
