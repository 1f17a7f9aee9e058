// SPDX-License-Identifier: BSD-2-Clause
// Sources of end-site lengths in the table: precedence, origin, end sites, widening.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "control/net/address_text.h"
#include "control/table/compile.h"
#include "tests/reference/policy_case.h"
#include "tests/reference/random_policy.h"

namespace mxgate {
namespace {

using reference::PolicyCase;

TableView view_of(const PolicyTable& table, const std::string& address)
{
    return TableReader(table).ask(*parse_address(address)).canonical;
}

// "/56 registry 2001:db8::/32"
std::string told(const PolicyTable& table, const std::string& address)
{
    const TableView view = view_of(table, address);
    std::string out = '/' + std::to_string(view.end_site_length) + ' ' + length_origin(table, view);
    if (view.length_entry != kNoEntry)
        out += ' ' + to_string(prefix_of(table.entries[view.length_entry]));
    return out;
}

PolicyCase all_origins()
{
    PolicyCase policy = reference::plain_case();
    const auto add = [&](const char* name, LengthFormat format, const char* prefix,
                         uint32_t length) {
        const size_t feed = policy.add_length_feed(name, format);
        policy.length_feeds[feed].push_back({reference::prefix(prefix), length});
    };
    // The less trusted, the longer the prefix: length must not matter between origins.
    policy.add_length("2001:db8::/36", 60);
    add("isp", LengthFormat::prefixlen, "2001:db8::/40", 56);
    add("registry", LengthFormat::rpsl, "2001:db8::/44", 44);
    add("learned", LengthFormat::learned, "2001:db8::/48", 52);
    add("isp2", LengthFormat::prefixlen, "2001:db8:8000::/33", 57);
    add("registry2", LengthFormat::rpsl, "2001:db8:8000::/34", 34);
    add("registry3", LengthFormat::rpsl, "2001:db9::/32", 32);
    add("learned2", LengthFormat::learned, "2001:db9::/33", 55);
    add("learned3", LengthFormat::learned, "2001:dba::/33", 55);
    return policy;
}

TEST(LengthPrecedence, EachOriginBeforeTheNext)
{
    PolicyCase policy = all_origins();
    for (const bool apply : {false, true}) {
        policy.config.apply_learned = apply;
        const PolicyTable table = policy.compile();
        EXPECT_EQ(told(table, "2001:db8::1"), "/60 operator 2001:db8::/36");
        EXPECT_EQ(told(table, "2001:db8:8000::1"), "/57 prefixlen 2001:db8:8000::/33");
        EXPECT_EQ(told(table, "2001:db9::1"), "/32 registry 2001:db9::/32");
        EXPECT_EQ(told(table, "2001:dba::1"), apply ? "/55 learned 2001:dba::/33" : "/64 default");
        EXPECT_EQ(told(table, "2001:dbb::1"), "/64 default");
        EXPECT_EQ(told(table, "192.0.2.1"), "/32 default");
    }
}

TEST(LengthPrecedence, WithinOneOriginTheLongerPrefixThenTheFirst)
{
    PolicyCase policy = reference::plain_case();
    for (const uint32_t length : {56u, 57u}) {
        const size_t feed =
            policy.add_length_feed("isp" + std::to_string(length), LengthFormat::prefixlen);
        policy.length_feeds[feed].push_back({reference::prefix("2001:db8::/32"), length});
        policy.length_feeds[feed].push_back(
            {reference::prefix(length == 56 ? "2001:db8::/40" : "2001:db8::/48"), length + 4});
    }
    const PolicyTable table = policy.compile();
    EXPECT_EQ(told(table, "2001:db8:100::"), "/56 prefixlen 2001:db8::/32");
    EXPECT_EQ(told(table, "2001:db8:1::"), "/60 prefixlen 2001:db8::/40");
    EXPECT_EQ(told(table, "2001:db8::"), "/61 prefixlen 2001:db8::/48");
}

TEST(LengthPrecedence, MissionExample)
{
    const reference::TemporaryFolder folder;
    PolicyCase policy = reference::plain_case();
    const size_t feed = policy.add_length_feed("isp", LengthFormat::prefixlen);
    policy.length_feeds[feed] = {{reference::prefix("2001:db8::/32"), 56},
                                 {reference::prefix("2001:db8:ff00::/40"), 64},
                                 {reference::prefix("2001:db8:ff00:1::/64"), 48}};
    const CompileResult result = policy.compile_all();
    ASSERT_EQ(result.lengths.size(), 1u);
    EXPECT_EQ(result.lengths[0].entries, 2u);
    EXPECT_EQ(result.lengths[0].rejected, 1u);
    EXPECT_EQ(told(*result.table, "2001:db8:ff00:1::7"), "/64 prefixlen 2001:db8:ff00::/40");
    EXPECT_EQ(told(*result.table, "2001:db8:fe00:1::7"), "/56 prefixlen 2001:db8::/32");
}

// What a file says, read through a configuration with one source.
CompileResult compile_file(const std::string& text, LengthFormat format)
{
    const reference::TemporaryFolder folder;
    PolicyCase policy = reference::plain_case();
    policy.add_length_feed("source", format);
    Config config = policy.config;
    config.length_feeds[0].min_entries = 1;
    config.length_feeds[0].path = folder.path() + "/source";
    std::ofstream(config.length_feeds[0].path) << text;
    return compile(config, 1);
}

TEST(EndSites, ReachTheTableAndItsFile)
{
    const CompileResult result = compile_file(
        "192.0.2.0/24,32,500\n192.0.2.128/25,32,\n198.51.100.0/24,,64\n2001:db8::/32,56,2\n"
        "::ffff:203.0.113.0/120,128,9\n203.0.113.0/24,32,9\n",
        LengthFormat::prefixlen);
    ASSERT_TRUE(result.table);
    const reference::TemporaryFolder folder;
    write_table(*result.table, folder.path() + "/table");
    for (const PolicyTable& table : {*result.table, read_table(folder.path() + "/table")}) {
        EXPECT_EQ(view_of(table, "192.0.2.1").end_sites, 500u);
        EXPECT_EQ(view_of(table, "192.0.2.200").end_sites, 500u);
        EXPECT_EQ(view_of(table, "198.51.100.1").end_sites, 64u);
        EXPECT_EQ(told(table, "198.51.100.1"), "/32 default");
        EXPECT_EQ(view_of(table, "2001:db8::1").end_sites, 2u);
        EXPECT_EQ(view_of(table, "203.0.113.1").end_sites, 9u);
        EXPECT_EQ(view_of(table, "2001:db9::1").end_sites, 0u);
    }
}

TEST(LengthSources, WhatIsRefused)
{
    EXPECT_FALSE(compile_file("# nothing\n", LengthFormat::prefixlen).table);
    EXPECT_FALSE(compile_file("not a snapshot\n", LengthFormat::nrtm4).table);
    const CompileResult broken =
        compile_file("2001:db8::/32,56,\nbroken\n", LengthFormat::prefixlen);
    EXPECT_TRUE(broken.table);
    ASSERT_EQ(broken.diagnostics.size(), 1u);
    EXPECT_THAT(to_string(broken.diagnostics[0]),
                ::testing::EndsWith("source:2: warning: expected 2 commas, found 0: `broken`"));
}

TEST(Widen, ToTheEndSiteThere)
{
    PolicyCase policy = reference::plain_case();
    policy.add_length("2001:db8::/32", 56);
    policy.add_length("2001:db8:0:100::/64", 64);
    const size_t feed = policy.add_feed("list", "bad", 0);
    policy.config.feeds[feed].widen = true;
    for (const char* prefix :
         {"2001:db8::1/128", "2001:db8::2/128", "2001:db8:0:100::1/128", "2001:db9::7/128",
          "2001:dba::/48", "192.0.2.1/32", "2001:db8:0:102::/63"})
        policy.add(feed, prefix);
    policy.add(feed, "2001:db9::9/128", true);
    const CompileResult result = policy.compile_all();
    const PolicyTable& table = *result.table;
    const auto listed = [&](const char* address) {
        const TableView view = view_of(table, address);
        return view.winner == kNoEntry ? "-" : to_string(prefix_of(table.entries[view.winner]));
    };
    EXPECT_EQ(listed("2001:db8:0:ff::"), "2001:db8::/56");
    EXPECT_EQ(listed("2001:db8:0:100:ffff::"), "2001:db8:0:100::/64");
    EXPECT_EQ(listed("2001:db8:0:1ff::"), "2001:db8:0:100::/56");
    EXPECT_EQ(listed("2001:db9::ffff"), "2001:db9::/64");
    EXPECT_EQ(listed("2001:db9::9"), "-");
    EXPECT_EQ(listed("2001:dba:0:7::"), "2001:dba::/48");
    EXPECT_EQ(listed("192.0.2.1"), "192.0.2.1/32");
    const TableEntry& widened = table.entries[view_of(table, "2001:db8:0:ff::").winner];
    EXPECT_EQ(widened.widened_from, 128);
    EXPECT_EQ(widened.line, 1u);
    const FeedReport& report = result.feeds[0];
    EXPECT_EQ(report.widened, 5u);
    EXPECT_EQ(report.widened_examples.at(4).line, 7u);
    EXPECT_EQ(to_string(report.widened_examples.at(4).from), "2001:db8:0:102::/63");
    EXPECT_EQ(to_string(report.widened_examples.at(4).to), "2001:db8:0:100::/56");
    // Two /56s and a /64, less a /63 and three addresses; the /64 inside the second /56 counts
    // once.
    EXPECT_DOUBLE_EQ(report.newly_covered_ipv6, 0x1p73 + 0x1p64 - 0x1p65 - 3);
    EXPECT_EQ(report.newly_covered_ipv4, 0);
}

}  // namespace
}  // namespace mxgate
