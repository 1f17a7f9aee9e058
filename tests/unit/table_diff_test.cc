// SPDX-License-Identifier: BSD-2-Clause
// What changes between two tables: the share of senders that one newly denies, and what `mxgate
// diff` prints.
#include "control/table/table_diff.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <chrono>
#include <random>

#include "control/net/address_text.h"
#include "tests/reference/random_policy.h"

namespace mxgate {
namespace {

using reference::PolicyCase;
using ::testing::ElementsAre;

TEST(TableDiff, APartOfAGoodEntryIsEnough)
{
    const auto denied = [](const char* deny, const char* then = nullptr) {
        auto policy =
            PolicyCase::from_yaml("gate: {services: [{name: mx, addresses: [192.0.2.25]}]}\n");
        const size_t good = policy.add_feed("good", "good", 0);
        const size_t bad = policy.add_feed("bad", "bad", 0);
        policy.add(good, "203.0.113.0/24");
        policy.add(good, "2001:db8::/32");
        policy.add(bad, "203.0.113.192/28");
        policy.add(bad, "2001:db8:9::/48");
        const PolicyTable before = policy.compile();
        policy.add(bad, deny);
        if (then != nullptr)
            policy.add(good, then);
        std::string out;
        for (const mxg_prefix& prefix : newly_denied(before, policy.compile(2), {}).good_denied)
            out += to_string(prefix) + ' ';
        return out;
    };
    EXPECT_EQ(denied("203.0.113.64/26"), "203.0.113.0/24 ");
    EXPECT_EQ(denied("203.0.113.77"), "203.0.113.0/24 ");
    EXPECT_EQ(denied("203.0.113.192/28"), "") << "it was before";
    EXPECT_EQ(denied("203.0.113.200"), "") << "it was before";
    EXPECT_EQ(denied("203.0.113.192/27"), "203.0.113.0/24 ") << "one half was";
    EXPECT_EQ(denied("203.0.113.64/26", "203.0.113.64/26"), "") << "bad stands behind good";
    EXPECT_EQ(denied("2001:db8:9:5::/64"), "");
    EXPECT_EQ(denied("2001:db8:a::1"), "2001:db8::/32 ");
    EXPECT_EQ(denied("10.0.0.0/8"), "");
}

TEST(TableDiff, SendersAndEntries)
{
    auto policy =
        PolicyCase::from_yaml("gate: {services: [{name: mx, addresses: [192.0.2.25]}]}\n");
    const size_t good = policy.add_feed("good", "good", 0), bad = policy.add_feed("bad", "bad", 1);
    policy.add(good, "2001:db8:1::/48");
    policy.add(good, "2001:db8:2::/48");
    policy.add(bad, "2001:db8:3::/48");
    const PolicyTable before = policy.compile();
    policy.add(bad, "2001:db8:2:8000::/49");  // a part of a good one
    policy.add(bad, "2001:db8:1::/48");
    policy.add(bad, "10.0.0.0/8");
    policy.add(bad, "2001:db8:3::/48", true);
    const PolicyTable after = policy.compile(2);
    std::vector<mxg_prefix> senders;
    for (const char* sender : {"2001:db8:1::/64", "2001:db8:2:8000::/64", "2001:db8:3::/64",
                               "10.1.1.1/32", "11.1.1.1/32"})
        senders.push_back(parse_prefix(sender)->prefix);
    const NewlyDenied newly = newly_denied(before, after, senders);
    const auto texts = [](const std::vector<mxg_prefix>& prefixes) {
        std::vector<std::string> out;
        for (const mxg_prefix& prefix : prefixes)
            out.push_back(to_string(prefix));
        return out;
    };
    EXPECT_EQ(newly.senders, 5u);
    EXPECT_THAT(texts(newly.denied),
                ElementsAre("2001:db8:1::/64", "2001:db8:2:8000::/64", "10.1.1.1/32"));
    EXPECT_THAT(texts(newly.good_denied), ElementsAre("2001:db8:1::/64", "2001:db8:2:8000::/64",
                                                      "2001:db8:1::/48", "2001:db8:2::/48"));
    std::vector<std::string> changes;
    for_each_change(before, after, [&](const EntryChange& c) {
        changes.push_back(to_string(c.prefix) + " " + c.feed + " " + c.before + ">" + c.after);
    });
    EXPECT_THAT(changes, ElementsAre("10.0.0.0/8 bad >bad", "2001:db8:1::/48 bad >bad",
                                     "2001:db8:2:8000::/49 bad >bad", "2001:db8:3::/48 bad >!"));
}

std::vector<std::string> good_denied(const PolicyTable& before, const PolicyTable& after)
{
    std::vector<std::string> out;
    for (const mxg_prefix& prefix : newly_denied(before, after, {}).good_denied)
        out.push_back(to_string(prefix));
    return out;
}

// By asking for each address.
std::vector<std::string> good_denied_slowly(const PolicyTable& before, const PolicyTable& after,
                                            const std::vector<mxg_address>& addresses)
{
    std::vector<std::string> out;
    for (const TableEntry& entry : before.entries) {
        if (is_length(entry) || entry.exclusion ||
            before.info.classes[entry.class_id].action != "pass")
            continue;
        for (const mxg_address& address : addresses)
            if (mxg_contains(prefix_of(entry), address) && view_of(before, address).passes &&
                view_of(after, address).denied) {
                out.push_back(to_string(prefix_of(entry)));
                break;
            }
    }
    return out;
}

// All tables are of 192.0.2.0/27 and 2001:db8::/123, in four feeds, where there is no address that
// is not asked for.
TEST(TableDiff, GoodEntriesAsByAskingForEachAddress)
{
    std::mt19937_64 random(7);
    std::vector<mxg_address> addresses;
    for (unsigned i = 0; i < 32; i++) {
        addresses.push_back(parse_prefix("192.0.2." + std::to_string(i))->prefix.address);
        addresses.push_back(parse_prefix(fmt::format("2001:db8::{:x}", i))->prefix.address);
    }
    size_t denied = 0, spared = 0;
    for (int round = 0; round < 200; round++) {
        PolicyCase policy = reference::plain_case();
        for (const auto& [feed, of_class] :
             {std::pair{"a", "good"}, {"b", "bad"}, {"c", "good"}, {"d", "bad"}})
            policy.add_feed(feed, of_class, static_cast<int>(random() % 3));
        const auto add = [&](size_t lines) {
            for (size_t i = 0; i < lines; i++) {
                const mxg_address& address = addresses[random() % addresses.size()];
                const uint32_t bits = mxg_family_bits(address.family);
                const auto length = bits - static_cast<uint32_t>(random() % 6);
                policy.add(random() % 4, to_string(mxg_prefix{mxg_cut(address, length), length}),
                           random() % 6 == 0);
            }
        };
        add(6 + random() % 12);
        const PolicyTable before = policy.compile();
        if (auto& lines = policy.feeds[random() % 4]; !lines.empty())
            lines.erase(lines.begin() + static_cast<ptrdiff_t>(random() % lines.size()));
        add(2 + random() % 6);
        const PolicyTable after = policy.compile(2);
        const auto got = good_denied(before, after);
        ASSERT_EQ(got, good_denied_slowly(before, after, addresses)) << "round " << round;
        (got.empty() ? spared : denied)++;
    }
    EXPECT_GT(denied, 30u);
    EXPECT_GT(spared, 30u);
}

// Good prefixes in each other, and all that the table has in the innermost: to look into each of
// them by itself would take minutes.
TEST(TableDiff, NestedGoodEntriesAreQuick)
{
    PolicyCase policy = reference::plain_case();
    for (size_t feed = 0; feed < 20; feed++) {
        policy.add_feed("good" + std::to_string(feed), "good", 1);
        for (int length = 32; length < 96; length++)
            policy.add(feed, fmt::format("2001:db8::/{}", length));
    }
    const size_t bad = policy.add_feed("bad", "bad", 0);
    for (unsigned i = 0; i < 200'000; i++)
        policy.feeds[bad].push_back(
            {reference::prefix(fmt::format("2001:db8::{:x}:{:x}", i / 50'000, i % 50'000)), false});
    const PolicyTable table = policy.compile();
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_THAT(good_denied(table, table), ElementsAre());
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
}

}  // namespace
}  // namespace mxgate
