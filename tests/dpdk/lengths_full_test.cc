// SPDX-License-Identifier: BSD-2-Clause
// The lengths and classes of tables as large as the Internet's, as a burst is decided.
#include "tests/frames/full_lengths_check.h"

#include "dataplane/core/decide_burst.h"
#include "tests/frames/model.h"
#include "tests/frames/provider.h"

namespace mxgate {
namespace {

using reference::FullLengths;

void check(const reference::World& world, size_t addresses)
{
    FullLengths full(world);
    const PolicyTable table = full.compile();
    frames::Model model(table);
    model.gate().now_ns = 1'000'000'000;
    frames::FullLengthsCheck check;
    std::vector<FullLengths::Answer> burst;
    const auto decide = [&] {
        mxg_packet packets[MXG_BURST];
        mxg_decision decisions[MXG_BURST];
        for (size_t i = 0; i < burst.size(); i++)
            packets[i] = frames::syn_from(burst[i].address);
        mxg_decide_burst(&model.gate(), packets,
                         mxg_whole_burst(static_cast<uint32_t>(burst.size())), decisions);
        for (size_t i = 0; i < burst.size(); i++)
            check.take(burst[i], decisions[i]);
        burst.clear();
    };
    full.each(addresses, [&](const FullLengths::Answer& wanted) {
        burst.push_back(wanted);
        if (burst.size() == MXG_BURST)
            decide();
    });
    decide();
    check.expect_right(addresses);
}

TEST(FullLengthsInBursts, Generated)
{
    check(reference::generated_world(), 300'000);
}

TEST(FullLengthsInBursts, Real)
{
    const auto world = reference::real_world();
    if (!world)
        GTEST_SKIP() << "MXGATE_TEST_DATA names no folder with bgp/ris-whois and rir";
    check(*world, 10'000'000);
}

// States in the source table after bursts from the provider's customers.
size_t states_of_provider(bool registry_knows)
{
    frames::Provider provider(registry_knows);
    const PolicyTable table = provider.table();
    frames::Model model(table);
    mxg_gate& gate = model.gate();
    gate.now_ns = 1'000'000'000;
    for (size_t done = 0; done < frames::Provider::kAttempts; done += MXG_BURST) {
        mxg_packet packets[MXG_BURST];
        mxg_decision decisions[MXG_BURST];
        for (mxg_packet& packet : packets)
            packet = frames::parse(provider.next());
        mxg_decide_burst(&gate, packets, mxg_whole_burst(MXG_BURST), decisions);
    }
    size_t used = 0;
    for (uint64_t i = 0; i <= gate.sources.bucket_mask; i++)
        for (const mxg_source& source : gate.buckets[i].way)
            used += source.tag != 0;
    return used;
}

TEST(ProviderInBursts, OneStateForEachCustomerWhoseLengthIsKnown)
{
    using frames::Provider;
    EXPECT_EQ(states_of_provider(true), Provider::kCustomers);
    EXPECT_EQ(states_of_provider(false), Provider::kCustomers * Provider::kNetworks);
}

}  // namespace
}  // namespace mxgate
