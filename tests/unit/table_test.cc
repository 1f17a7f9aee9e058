// SPDX-License-Identifier: BSD-2-Clause
// Compiled tables against the linear reference, on random policies and on those that are hard.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "control/net/address_text.h"
#include "dataplane/image/verify.h"
#include "tests/reference/random_policy.h"
#include "tests/unit/table_check.h"

namespace mxgate {
namespace {

using reference::Address;
using reference::Number;
using reference::PolicyCase;
using reference::Prefix;

std::string numbered(size_t i)
{
    std::string out = "f";
    out += std::to_string(i);
    return out;
}

// At every edge, and at some random addresses.
void expect_same_everywhere(const PolicyCase& policy, const PolicyTable& table, uint64_t seed,
                            size_t most = SIZE_MAX)
{
    std::mt19937_64 random(seed);
    const reference::PolicyMap map = policy.reference();
    const TableReader reader(table);
    EXPECT_EQ(verify_image(table.plane.data(), table.plane.size()), "");
    std::vector<Address> queries = reference::edges_of(map.all_prefixes());
    std::shuffle(queries.begin(), queries.end(), random);
    if (queries.size() > most)
        queries.resize(most);
    for (int i = 0; i < 100; i++)
        queries.push_back(reference::random_address(random, i % 2 ? 4 : 6));
    for (int i = 0; i < 20; i++) {
        const auto carriers = reference::carriers_of(reference::random_address(random, 4),
                                                     policy.config.embedded, random());
        queries.insert(queries.end(), carriers.begin(), carriers.end());
    }
    expect_bursts(table.plane, queries);
    for (const Address& address : queries) {
        expect_same(reader, map, policy.config.embedded, address);
        ASSERT_FALSE(::testing::Test::HasFailure()) << to_string(address) << " seed " << seed;
    }
}

void expect_same_everywhere(const PolicyCase& policy)
{
    expect_same_everywhere(policy, policy.compile(), 1);
}

class RandomPolicies : public ::testing::TestWithParam<size_t>
{
};

TEST_P(RandomPolicies, AsTheReference)
{
    const size_t entries = GetParam();
    const uint64_t rounds = std::max<uint64_t>(2, 1500 / (entries + 5));
    for (uint64_t seed = 0; seed < rounds; seed++) {
        const PolicyCase policy = reference::random_case(seed * 1000 + entries, entries);
        expect_same_everywhere(policy, policy.compile(), seed, 1500);
        if (HasFailure())
            return;
    }
}

INSTANTIATE_TEST_SUITE_P(Sizes, RandomPolicies,
                         ::testing::Values(0, 1, 2, 3, 5, 8, 20, 60, 200, 1000, 3000));

TEST(Table, Empty)
{
    expect_same_everywhere(reference::plain_case());
}

TEST(Table, EveryLength)
{
    for (const char* base : {"2001:db8:ffff:ffff:1:8000:7fff:ffff", "::", "192.0.2.129",
                             "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "255.255.255.255"}) {
        PolicyCase policy = reference::plain_case();
        const size_t feeds[] = {policy.add_feed("a", "good", 0), policy.add_feed("b", "bad", 0)};
        const Address address = reference::address(base);
        for (int length = 0; length <= address.width(); length++)
            policy.feeds[feeds[length % 2]].push_back({reference::cut(address, length), false});
        expect_same_everywhere(policy);
    }
}

TEST(Table, WholeSpace)
{
    PolicyCase policy = reference::plain_case();
    const size_t all = policy.add_feed("all", "bad", 5);
    policy.add(all, "::/0");
    policy.add(all, "0.0.0.0/0");
    policy.add(policy.add_feed("some", "good", 7), "2001:db8::/32");
    policy.add_length("::/0", 48);
    policy.add_length("0.0.0.0/0", 24);
    expect_same_everywhere(policy);
}

TEST(Table, PriorityThenLengthThenOrder)
{
    PolicyCase policy = reference::plain_case();
    const size_t first = policy.add_feed("first", "good", 1);
    const size_t second = policy.add_feed("second", "bad", 1);
    const size_t strong = policy.add_feed("strong", "mixed", 2);
    policy.add(first, "2001:db8::/32");
    policy.add(second, "2001:db8::/32");
    policy.add(second, "2001:db8:1::/48");
    policy.add(first, "2001:db8:1:1::/64");
    policy.add(strong, "2001:db8:1::/48");
    const PolicyTable table = policy.compile();
    expect_same_everywhere(policy, table, 1);
    const auto class_of = [&](const char* text) {
        return table.info.classes[look_up(table.plane, reference::address(text))->class_id].name;
    };
    EXPECT_EQ(class_of("2001:db8::1"), "good");
    EXPECT_EQ(class_of("2001:db8:1:1::"), "mixed");
    EXPECT_EQ(class_of("2001:db9::"), "unknown");
}

TEST(Table, ExclusionsCarveOutOfTheirOwnFeed)
{
    PolicyCase policy = reference::plain_case();
    const size_t bad = policy.add_feed("bad", "bad", 5), good = policy.add_feed("good", "good", 1);
    policy.add(bad, "2001:db8::/32");
    policy.add(bad, "2001:db8:1::/48", true);
    policy.add(bad, "2001:db8:1:1::/64");  // inside the exclusion: excluded too
    policy.add(good, "2001:db8:1:1::/64");
    policy.add(good, "2001:db8:2::/48", true);  // carves nothing out of `bad`
    policy.add(bad, "192.0.2.0/24");
    policy.add(bad, "192.0.0.0/16", true);  // wider than the entry
    policy.add(bad, "198.51.100.0/24", true);
    policy.add(bad, "198.51.100.0/24");
    expect_same_everywhere(policy);
}

TEST(Table, LongPrefixesInOneSlash64)
{
    std::mt19937_64 random(4);
    for (const int count : {1, 2, 3, 7, 40, 600}) {
        PolicyCase policy = reference::plain_case();
        const size_t feeds[] = {policy.add_feed("a", "good", 0), policy.add_feed("b", "bad", 1)};
        for (const char* base :
             {"2001:db8:0:1::", "2001:db8:0:2::", "2001:db8:7::", "::", "ffff:ffff:ffff:ffff::"})
            for (int i = 0; i < count; i++) {
                Address at = reference::address(base);
                at.value |= random() >> (random() % 64);
                const int length = 65 + static_cast<int>(random() % 64);
                policy.feeds[feeds[random() % 2]].push_back({reference::cut(at, length), false});
            }
        policy.add(feeds[0], "2001:db8:0:2::/64");
        policy.add_length("2001:db8:0:1::8000:0/97", 120);
        expect_same_everywhere(policy, policy.compile(), 1, 2000);
    }
}

TEST(Table, HostsAtBothEndsOfASlash64)
{
    for (const char* host : {"2001:db8::", "2001:db8:0:0:ffff:ffff:ffff:ffff", "2001:db8::8000:0",
                             "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"})
        for (const bool neighbour : {false, true}) {
            PolicyCase policy = reference::plain_case();
            const size_t feed = policy.add_feed("a", "bad", 0);
            const size_t other = policy.add_feed("b", "good", 0);
            policy.feeds[feed].push_back({reference::prefix(std::string(host) + "/128"), false});
            if (neighbour) {
                policy.add(other, "2001:db8:0:1::/64");
                policy.add(other, "2001:db7:ffff:ffff::/64");
                policy.add(other, "2001:db8::/127");
            }
            expect_same_everywhere(policy);
        }
}

TEST(Table, MappedEntriesAreIpv4)
{
    PolicyCase policy = reference::plain_case();
    const size_t feed = policy.add_feed("a", "bad", 0);
    policy.add(feed, "::ffff:192.0.2.0/120");
    policy.add(feed, "::ffff:0:0/96", true);
    policy.add(policy.add_feed("b", "good", 0), "::ffff:198.51.100.1/128");
    policy.add(policy.add_feed("c", "mixed", 0), "::/64");
    expect_same_everywhere(policy);
}

TEST(Table, ShadowedEntries)
{
    for (uint64_t seed = 0; seed < 20; seed++) {
        const PolicyCase policy = reference::random_case(seed, 60);
        const CompileResult result = policy.compile_all();
        const reference::PolicyMap map = policy.reference();
        // The edges lie in every interval there is, so every entry that decides shows up.
        std::set<std::string> deciding;
        for (const Address& address : reference::edges_of(map.all_prefixes()))
            if (const auto answer = map.ask(address); answer.feed)
                deciding.insert(std::to_string(*answer.feed) + " " + to_string(*answer.prefix));
        for (size_t i = 0; i < policy.feeds.size(); i++) {
            size_t entries = 0, wins = 0;
            for (const reference::FeedLine& line : policy.feeds[i])
                entries += !line.exclusion;
            for (const std::string& key : deciding)
                wins += key.starts_with(std::to_string(i) + " ");
            EXPECT_EQ(result.feeds[i].shadowed, entries - wins) << "seed " << seed << " feed " << i;
        }
    }
}

// So many pairs of policies that codes run out and entries fall back to one policy each.
TEST(Table, MorePairsThanCodes)
{
    std::mt19937_64 random(9);
    PolicyCase policy = reference::plain_case();
    const char* const classes[] = {"good", "unknown", "mixed", "bad"};
    for (size_t i = 0; i < 250; i++)
        policy.add_feed(numbered(i), classes[i % 4], static_cast<int>(i % 3));
    for (uint32_t i = 0; i < 80'000; i++) {
        const Number outer = Number{0x20010000 + i / 40} << 96;
        auto& feed = policy.feeds[random() % 250];
        if (i % 40 == 0)
            feed.push_back({reference::cut({6, outer}, 32), false});
        const Number inner = outer | Number{random() % 65536} << 80 | Number{i % 7} << 64;
        feed.push_back({reference::cut({6, inner | (i % 7 == 0 ? random() : 0)},
                                       i % 7 == 0 ? 96 + static_cast<int>(random() % 33)
                                                  : 36 + static_cast<int>(random() % 29)),
                        false});
    }
    const PolicyTable table = policy.compile();
    mxg_image_counts counts;
    std::memcpy(&counts, &table.plane[1], sizeof(counts));
    EXPECT_GE(counts.codes, MXG_MAX_CODES - 2 * counts.policies);
    EXPECT_LE(counts.codes, MXG_MAX_CODES);
    expect_same_everywhere(policy, table, 2, 1500);
}

TEST(Table, TooManyPoliciesIsAnError)
{
    PolicyCase policy = reference::plain_case();
    for (size_t i = 0; i < 200; i++)
        policy.add_feed(numbered(i), "bad", 0);
    for (uint32_t i = 0; i < 200 * 64; i++) {
        const Prefix site = reference::cut({6, Number{0x20010000 + i} << 96}, 32);
        policy.feeds[i % 200].push_back({site, false});
        policy.add_length(site, 64 + i / 200);
    }
    EXPECT_THROW(policy.compile(), std::runtime_error);
}

}  // namespace
}  // namespace mxgate
