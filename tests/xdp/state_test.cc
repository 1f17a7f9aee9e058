// SPDX-License-Identifier: BSD-2-Clause
// What the XDP program leaves in its maps for the control plane to count.
#include "dataplane/state/state_view.h"
#include "tests/reference/policy_case.h"
#include "tests/unit/same_ways.h"
#include "tests/xdp/plane.h"

namespace mxgate {
namespace {

using frames::Frame;

class State : public XdpTest
{
protected:
    static PolicyTable table()
    {
        return reference::PolicyCase::from_yaml(
                   "gate:\n  plane: xdp\n  interfaces: [eth0]\n  services:\n"
                   "    - {name: mx, addresses: [\"2001:db8:2::25\"]}\n"
                   "classes:\n  a: {action: pass}\n"
                   "  c: {action: limit, rate: 1/min, burst: 5, charge: syn}\n"
                   "default_class: c\n")
            .compile();
    }
    static frames::Bytes syn(uint64_t number)
    {
        char from[60];
        std::snprintf(from, sizeof(from), "2001:db8:5:%lx::1", number);
        return Frame().ip(from, "2001:db8:2::25").tcp(frames::kSyn).bytes();
    }
};

TEST_F(State, HalfOpenUntilTheHandshake)
{
    GateMaps& maps = plane().maps();
    maps.publish(table().plane);
    const uint64_t now = monotonic_ns();
    for (uint64_t i = 0; i < 5; i++)
        EXPECT_EQ(plane().decide(syn(i), now).reason, MXG_CONFORMS);
    const frames::Bytes last = syn(9);
    plane().decide(last, now);
    plane().decide(last, now);
    EXPECT_EQ(maps.half_open()[1], 6u);
    mxg_gate gate = maps.gate();
    const mxg_packet packet = frames::parse(last);
    mxg_syn_completed(&gate, &packet);
    EXPECT_EQ(maps.half_open()[1], 5u);
    EXPECT_EQ(maps.half_open()[0], 0u);
    // Once it is counted in parts, as of the last round.
    for (uint64_t i = 0; i <= mxg_seen_mask(gate.sources.bucket_mask); i += HalfOpenSweep::kStep)
        maps.count_sources();
    plane().decide(syn(10), now);
    EXPECT_EQ(maps.half_open()[1], 5u);
    for (uint64_t i = 0; i <= mxg_seen_mask(gate.sources.bucket_mask); i += HalfOpenSweep::kStep)
        maps.count_sources();
    EXPECT_EQ(maps.half_open()[1], 6u);
}

// The same senders meet in four ways of a bucket of the program and of the model.
TEST_F(State, PressureIsThatOfTheModel)
{
    const PolicyTable policy = table();
    GateMaps maps = GateMaps::make(MXG_WAYS, {frames::kSourceKey[0], frames::kSourceKey[1]});
    XdpProgram program(maps, true);
    TestRun run(maps, program);
    maps.publish(policy.plane);
    frames::Model model(policy, 1);
    __u64 pressure[MXG_PRESSURES] = {};
    model.gate().pressure = pressure;
    const uint64_t minute = 60'000'000'000;
    const std::vector<uint64_t> senders =
        with_same_ways(model.gate().sources.key, 11, [](uint64_t n) -> mxg_prefix {
            return {{0x2001'0db8'0005'0000 + n, 0, MXG_FAMILY_IPV6, 0}, 64};
        });
    const auto all = [&](size_t from, size_t to, uint64_t now) {
        for (size_t i = from; i < to; i++) {
            const frames::Bytes frame = syn(senders[i]);
            uint32_t action = 0;
            EXPECT_EQ(
                run.run(frame.data(), static_cast<uint32_t>(frame.size()), now, &action).reason,
                model.decide(frame, now).reason);
        }
    };
    const auto expect = [&](uint64_t evicted, uint64_t overflowed) {
        EXPECT_EQ(maps.source_pressure().evicted, evicted);
        EXPECT_EQ(maps.source_pressure().overflowed, overflowed);
        EXPECT_EQ(pressure[MXG_EVICTED], evicted);
        EXPECT_EQ(pressure[MXG_OVERFLOWED], overflowed);
    };
    all(0, 4, minute);
    expect(0, 0);
    all(4, 7, minute);  // each puts one out that has a token to get back
    expect(3, 0);
    all(7, 9, 3 * minute);  // and now such that have all of theirs
    expect(3, 0);
    mxg_gate gate = maps.gate();
    for (int way = 0; way < MXG_NEAR; way++)
        gate.buckets[0].way[way].open = model.gate().buckets[0].way[way].open = 1;
    all(9, 11, 3 * minute);
    expect(3, 2);
}

}  // namespace
}  // namespace mxgate
