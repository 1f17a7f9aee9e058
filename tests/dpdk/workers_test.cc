// SPDX-License-Identifier: BSD-2-Clause
// Two workers, each with its queue of the same ports.
#include <atomic>
#include <cmath>
#include <thread>

#include "tests/dpdk/dpdk.h"
#include "tests/reference/random_policy.h"

namespace mxgate {
namespace {

using frames::Bytes;
using frames::Frame;

constexpr uint32_t kWorkers = 2;

class WorkersTest : public DpdkTest
{
protected:
    Lane lane(uint32_t worker) const
    {
        return {left_.id(), right_.id(), static_cast<uint16_t>(worker), true, false};
    }

    RingPort left_{"left", pool(), kWorkers, 256}, right_{"right", pool(), kWorkers, 256};
};

Bytes attempt(uint64_t number)
{
    return Frame()
        .ip({6, reference::Number{0x20010db8'00070000} << 64 | number},
            reference::address("2001:db8:2::25"))
        .tcp(frames::kSyn)
        .bytes();
}

// One source prefix sends four times its rate over both queues; what both let through together is
// its rate. The clock moves with the bursts, so that it is the same test on a busy machine.
TEST_F(WorkersTest, OneSourcePrefixOneRate)
{
    constexpr uint64_t kRate = 1000, kBurstOfTokens = 64, kBursts = 4000;
    constexpr uint64_t kStep = kSecond / kRate * MXG_BURST / 4;
    publish(table_, reference::PolicyCase::from_yaml(
                        "gate:\n"
                        "  services:\n"
                        "    - {name: mx, addresses: [\"2001:db8:2::25\"], ports: [25]}\n"
                        "classes:\n"
                        "  some: {action: limit, rate: 1000/s, charge: syn, burst: 64}\n"
                        "default_class: some\n")
                        .compile()
                        .plane);
    std::atomic<uint64_t> clock{1000 * kSecond};
    std::atomic<uint64_t> admitted{0};
    const auto work = [&](uint32_t me) {
        Worker worker(me, {lane(me)}, state_, table_);
        for (uint64_t burst = 0; burst < kBursts / kWorkers; burst++) {
            for (uint64_t i = 0; i < MXG_BURST; i++)
                give(left_, pool(me), attempt(burst * MXG_BURST + i), SIZE_MAX,
                     static_cast<uint16_t>(me));
            worker.poll(clock += kStep);
            admitted += sent_to(right_, static_cast<uint16_t>(me)).size();
        }
    };
    {
        std::jthread other(work, 1);
        work(0);
    }
    const double seconds = static_cast<double>(kStep * kBursts) / kSecond;
    const double configured = kBurstOfTokens + kRate * seconds;
    EXPECT_NEAR(static_cast<double>(admitted), configured, configured / 100);
    EXPECT_EQ(port_counter(state_, PortCounter::sent), admitted);
    expect_conserved(state_, kBursts * MXG_BURST);
    mxg_source source{};
    const mxg_prefix prefix = reference::to_core(reference::prefix("2001:db8:7::/64"));
    ASSERT_TRUE(find_source(state_.buckets(), state_.source_settings(), prefix, &source));
    EXPECT_EQ(source.admitted, admitted);
}

// The loop of a worker as it runs in earnest: it sleeps when nothing comes, and ends when told.
TEST_F(WorkersTest, RunUntilToldToEnd)
{
    constexpr uint64_t kFrames = 20'000;
    publish(table_, all_of("good", 1).plane);
    std::atomic<bool> stop{false};
    const auto run = [&](uint32_t me) {
        Worker(me, {lane(me)}, state_, table_).run(stop, me == 0 ? 50 : 0);
    };
    uint64_t got = 0, put = 0;
    {
        std::jthread first(run, 0), second(run, 1);
        const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(30);
        while (got < kFrames && std::chrono::steady_clock::now() < give_up) {
            for (uint16_t queue = 0; queue < kWorkers; queue++) {
                // Never more than fit into the rings of the other port.
                if (put < kFrames && put - got < 200)
                    give(left_, pool(), attempt(put++), SIZE_MAX, queue);
                got += sent_to(right_, queue).size();
            }
            if (put == kFrames / 2 && put == got)  // asleep, and awake again
                std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
        publish(table_, all_of("bad", 2).plane);  // both still say that they hold no table
        stop = true;
    }
    EXPECT_EQ(got, kFrames);
    EXPECT_EQ(table_.generation(), 2u);
    expect_conserved(state_, kFrames);
}

}  // namespace
}  // namespace mxgate
