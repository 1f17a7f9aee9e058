// SPDX-License-Identifier: BSD-2-Clause
// Classes and end-site lengths of tables as large as the Internet's, against a walk over the sorted
// prefixes. The real ones: routing table, registries' delegated statistics, and lengths nested in
// those; 10 million addresses. The same through the planes: tests/xdp, tests/dpdk.
#include "tests/reference/full_lengths.h"

#include "tests/reference/longest_match.h"
#include "tests/reference/random_policy.h"
#include "tests/unit/table_check.h"

namespace mxgate {
namespace {

using reference::Address;
using reference::FullLengths;
using reference::World;

void check(const World& world, size_t addresses)
{
    FullLengths full(world);
    const PolicyTable table = full.compile();
    size_t wrong = 0;
    full.each(addresses, [&](const FullLengths::Answer& wanted) {
        const mxg_policy* policy = look_up(table.plane, wanted.address);
        wrong += !policy || policy->length != wanted.length ||
                 policy->feed != (wanted.feed ? *wanted.feed : MXG_NO_FEED);
    });
    EXPECT_EQ(wrong, 0u);
}

TEST(FullLengths, Generated)
{
    check(reference::generated_world(), 300'000);
}

TEST(FullLengths, Real)
{
    const auto world = reference::real_world();
    if (!world)
        GTEST_SKIP() << "MXGATE_TEST_DATA names no folder with bgp/ris-whois and rir";
    ASSERT_GT(world->routes.size(), 200'000u);
    ASSERT_GT(world->assigned.size(), 4'000u);
    ASSERT_GT(world->allocated.size(), 50'000u);
    check(*world, 10'000'000);
}

// The walk itself, against a table of hashes for each length.
TEST(FullLengths, TheWalkIsALongestMatch)
{
    const World world = reference::generated_world();
    reference::NestedSweep sweep;
    reference::LongestMatch match;
    uint32_t value = 0;
    for (const auto* prefixes : {&world.routes, &world.allocated})
        for (const reference::Prefix& prefix : *prefixes) {
            sweep.add(prefix, value);
            match.add(prefix, value++);
        }
    sweep.finish();
    std::vector<Address> all = reference::edges_of(world.allocated);
    std::sort(all.begin(), all.end(), reference::before);
    const auto told = sweep.ask(all);
    for (size_t i = 0; i < all.size(); i++) {
        const uint32_t* wanted = match.ask(all[i]);
        ASSERT_EQ(told[i] != nullptr, wanted != nullptr) << to_string(all[i]);
        ASSERT_TRUE(!wanted || *told[i] == *wanted) << to_string(all[i]);
    }
}

}  // namespace
}  // namespace mxgate
