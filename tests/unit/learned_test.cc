// SPDX-License-Identifier: BSD-2-Clause
// Lengths learned from providers whose customers are known.
#include "control/lengths/learned.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <random>
#include <set>

#include "control/lengths/csv.h"
#include "tests/reference/policy_case.h"
#include "tests/reference/random_policy.h"
#include "tests/unit/length_texts.h"

namespace mxgate {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

mxg_prefix prefix(const char* text)
{
    return parse_prefix(text)->prefix;
}

// A provider that hands out prefixes of one length, at random places or one after the other.
struct Provider {
    const char* routed = "2001:db8::/32";
    uint32_t length = 56;
    uint64_t customers = 200;
    bool in_order = false;
    uint64_t networks = 256;  // that a customer uses, from 0 on
    std::mt19937_64 random{1};
    std::vector<uint64_t> sites{};

    // A customer's address now: one of its networks, a new privacy address (RFC 8981).
    mxg_address next()
    {
        const mxg_prefix around = prefix(routed);
        while (sites.size() < customers) {
            const uint64_t room = length - around.length;
            const uint64_t number = in_order ? sites.size() : random() >> (64 - room);
            sites.push_back(around.address.hi | number << (64 - length));
        }
        const uint64_t network = random() % std::min(networks, uint64_t{1} << (64 - length));
        return {sites[random() % customers] | network, random(), MXG_FAMILY_IPV6, 0};
    }
};

std::vector<std::string> learn(Provider provider, size_t addresses,
                               std::vector<mxg_prefix> prefixes = {})
{
    prefixes.push_back(prefix(provider.routed));
    LengthLearner learner(std::move(prefixes));
    for (size_t i = 0; i < addresses; i++)
        learner.observe(provider.next());
    std::vector<std::string> out;
    for (const LearnedLength& hint : learner.hints()) {
        out.push_back(to_string(hint.prefix) + " /" + std::to_string(hint.length));
        EXPECT_GE(hint.confidence, LengthLearner::kLeastConfidence);
        EXPECT_LE(hint.confidence, 1.0);
    }
    return out;
}

// docs/end-sites.md states the number.
TEST(Learned, SlashFiftySixAfterAStatedNumberOfObservations)
{
    EXPECT_THAT(learn({}, 800), IsEmpty());
    for (const size_t addresses : {2000u, 5000u, 50'000u})
        for (const uint64_t seed : {1u, 2u, 3u, 4u, 5u})
            EXPECT_THAT(learn({.random = std::mt19937_64(seed)}, addresses),
                        ElementsAre("2001:db8::/32 /56"))
                << addresses << " seed " << seed;
}

TEST(Learned, OtherLengthsAndHabits)
{
    for (const uint32_t length : {48u, 52u, 56u, 57u, 60u, 62u})
        for (const uint64_t networks : {1u, 2u, 4u}) {
            const std::string wanted = "2001:db8::/32 /" + std::to_string(length);
            EXPECT_THAT(learn({.length = length, .networks = networks}, 4000), ElementsAre(wanted))
                << networks;
            // Side by side: who uses one network shows by its zeros.
            if (networks == 1) {
                EXPECT_THAT(learn({.length = length, .in_order = true, .networks = 1}, 4000),
                            ElementsAre(wanted));
            }
        }
}

TEST(Learned, NoHintWithoutEvidence)
{
    // Each customer a /64: hosts in networks of any number, no zeros, no gaps.
    EXPECT_THAT(learn({.length = 64, .customers = 3000, .in_order = true}, 20'000), IsEmpty());
    EXPECT_THAT(learn({.length = 64, .customers = 3000}, 20'000), IsEmpty());
    // Too few customers.
    EXPECT_THAT(learn({.customers = 25}, 20'000), IsEmpty());
    // Full /56s, one beside the other: nothing tells where one ends.
    EXPECT_THAT(learn({.routed = "2001:db8::/46", .customers = 1024, .in_order = true}, 200'000),
                IsEmpty());
    EXPECT_THAT(learn({}, 0), IsEmpty());
}

TEST(Learned, NeverShorterThanTheAllocation)
{
    // The registry knows some customers' /60s: nothing shorter is said of them.
    Provider provider{.length = 56, .networks = 1};
    provider.next();
    std::vector<mxg_prefix> allocations;
    for (size_t i = 0; i < 100; i++)
        allocations.push_back({{provider.sites[i], 0, MXG_FAMILY_IPV6, 0}, 60});
    allocations.push_back(prefix("2001:db8::/32"));
    LengthLearner learner(allocations);
    for (int i = 0; i < 5000; i++)
        learner.observe(provider.next());
    for (const LearnedLength& hint : learner.hints())
        EXPECT_GE(hint.length, hint.prefix.length) << to_string(hint.prefix);
    // An allocation of a /48 to one customer that uses all of it.
    Provider inside{.routed = "2001:db8::/48", .length = 56, .customers = 100, .networks = 1};
    for (const std::string& hint : learn(inside, 5000))
        EXPECT_EQ(hint, "2001:db8::/48 /56");
}

TEST(Learned, BoundedMemory)
{
    EXPECT_THAT(learn({.customers = 20'000}, 300'000), ElementsAre("2001:db8::/32 /56"));
}

TEST(Learned, CsvIsReadBack)
{
    const std::vector<LearnedLength> hints{{prefix("2001:db8::/32"), 56, 0.973, 100, 200, 300}};
    const std::string text = learned_csv(hints);
    EXPECT_EQ(text,
              "# prefix,end-site length,end sites (RFC 9977); learned from sources seen\r\n"
              "2001:db8::/32,56, # confidence 0.97: 100 sites, 200 networks, 300 addresses\r\n");
    FeedInput input = length_input(text);
    EXPECT_THAT(accepted(read_prefixlen(input)), ElementsAre("2: 2001:db8::/32 /56"));
}

// The provider: one source prefix a customer with the registry's length, 256 by default.
TEST(Learned, StatesOfTheSyntheticProvider)
{
    const auto states = [](bool registry) {
        reference::PolicyCase policy = reference::plain_case();
        const size_t feed = policy.add_length_feed("registry", LengthFormat::rpsl);
        if (registry)
            policy.length_feeds[feed].push_back({reference::prefix("2001:db8::/32"), 56});
        const PolicyTable table = policy.compile();
        const TableReader reader(table);
        Provider provider{.customers = 8};
        std::set<std::string> sources;
        for (int i = 0; i < 40'000; i++)
            sources.insert(to_string(reader.ask(provider.next()).canonical.source_prefix));
        return sources.size();
    };
    EXPECT_EQ(states(true), 8u);
    EXPECT_EQ(states(false), 8u * 256);
}

}  // namespace
}  // namespace mxgate
