// SPDX-License-Identifier: BSD-2-Clause
// The program on several cores at once.
#include <atomic>
#include <thread>
#include <vector>

#include "tests/reference/random_policy.h"
#include "tests/xdp/plane.h"

namespace mxgate {
namespace {

class Cores : public XdpTest
{
};

// Both cores meet the same new sender at about the same moment, again and again: whoever of them
// comes first, no sender gets more than its burst, and every frame is counted.
TEST_F(Cores, NewSenderNeverOverItsLimit)
{
    constexpr uint32_t kSenders = 4000, kAttempts = 5, kBurst = 3, kThreads = 2;
    reference::PolicyCase policy = reference::plain_case();
    policy.add(policy.add_feed("all", "mixed", 0), "::/0");
    plane().maps().publish(policy.compile().plane);
    std::vector<std::atomic<uint32_t>> admitted(kSenders);
    std::atomic<uint32_t> at[kThreads] = {0, 0};
    const auto traffic = [&](uint32_t me) {
        for (uint32_t sender = 0; sender < kSenders; sender++) {
            const reference::Address source{
                6, reference::Number{uint64_t{0x20010db8'00000000} + sender} << 64 | 1};
            const auto attempt = [&source] {
                return frames::Frame()
                    .ip(source, reference::address("2001:db8:2::25"))
                    .tcp(frames::kSyn)
                    .bytes();
            };
            at[me] = sender;
            for (int spins = 0; at[1 - me] < sender && spins < 100'000; spins++) {
            }
            for (uint32_t i = 0; i < kAttempts; i++)
                admitted[sender] += plane().passes(attempt(), 1'000'000'000);
        }
    };
    {
        std::jthread other(traffic, 1);
        traffic(0);
    }
    uint32_t over = 0, none = 0;
    for (const auto& count : admitted) {
        over += count > kBurst;
        none += count == 0;
    }
    EXPECT_EQ(over, 0u);
    EXPECT_EQ(none, 0u);
    uint64_t counted = 0;
    for (const CounterValue& value : plane().maps().counters())
        counted += value.packets;
    EXPECT_EQ(counted, uint64_t{kSenders} * kAttempts * kThreads);
    EXPECT_EQ(plane().runs(), counted);
}

}  // namespace
}  // namespace mxgate
