// SPDX-License-Identifier: BSD-2-Clause
// Which way of a line of flows a new one takes, and what a refund gives back.
#include <gtest/gtest.h>

#include <array>

#include "dataplane/core/native.h"

#include "dataplane/core/flows.h"

namespace mxgate {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;

class FlowTable : public ::testing::Test
{
protected:
    void set(size_t way, mxg_flow_phase phase, uint64_t tuple, uint64_t until_s = 0)
    {
        line_.way[way].phase = phase;
        line_.way[way].tuple = tuple;
        line_.way[way].until_ns = until_s * kSecond;
    }
    // Which way; -1: none.
    long take(uint64_t tuple)
    {
        mxg_gate gate{};
        gate.now_ns = kSecond;
        mxg_packet packet{};
        const mxg_flow* flow = mxg_new_flow(&gate, &flows_, tuple, &packet, MXG_FLOW_BY_SENDER);
        return flow ? flow - line_.way : -1;
    }

    mxg_flow_line line_{};
    mxg_flows flows_{&line_, 0, 0, 0};
};

TEST_F(FlowTable, WhatIsOverGoesBeforeAHandshake)
{
    set(0, MXG_FLOW_OPEN, 1, 2);
    set(1, MXG_FLOW_ANSWERED, 2, 10);
    set(2, MXG_FLOW_OVER, 3, 900);
    set(3, MXG_FLOW_OVER, 4, 500);
    EXPECT_EQ(take(5), 3);
    set(3, MXG_FLOW_OPEN, 5);
    EXPECT_EQ(take(6), 2);
    set(2, MXG_FLOW_OPEN, 6);
    EXPECT_EQ(take(7), 1);
    set(1, MXG_FLOW_OPEN, 7);
    EXPECT_EQ(take(8), -1);
    EXPECT_EQ(flows_.full, 1u);
}

// It would be counted twice, or for ever.
TEST_F(FlowTable, WhatAnotherCoreHasIsNotMadeAgain)
{
    set(2, MXG_FLOW_BUSY, 5);
    EXPECT_EQ(take(5), -1);
    EXPECT_EQ(flows_.full, 0u) << "there is room";
    EXPECT_EQ(take(6), 0);
}

TEST(Refund, NoMoreThanIsMissing)
{
    constexpr uint64_t kHour = 3600 * kSecond, kNow = 100 * kSecond;
    for (const auto& [before, after] :
         {std::pair{kNow + kHour, kNow}, std::pair{kNow + 3 * kHour, kNow + 2 * kHour},
          std::pair{kNow + 5, kNow}, std::pair{kNow, kNow}, std::pair{uint64_t{0}, uint64_t{0}}}) {
        __u64 full_at = before;
        mxg_refund_rate(&full_at, kHour, kNow);
        EXPECT_EQ(full_at, after) << before;
    }
}

}  // namespace
}  // namespace mxgate
