// SPDX-License-Identifier: BSD-2-Clause
// When a source table that is too small becomes an event.
#include "control/gate/pressure.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mxgate {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr uint64_t kSecond = 1'000'000'000;
constexpr SourceFill kFill{4000, 3999, 500, 3};

TEST(Pressure, OneRoomMissingIsEnough)
{
    Pressure pressure;
    EXPECT_THAT(pressure.look({7, 9}, kFill, kSecond), IsEmpty());  // from before
    EXPECT_THAT(pressure.look({7, 9}, kFill, 2 * kSecond), IsEmpty());
    EXPECT_THAT(pressure.look({8, 10}, kFill, 3 * kSecond),
                HasSubstr("lost 1 prefixes that had debts or penalties, and had no room 1 times; "
                          "3999 of 4000"));
}

TEST(Pressure, AFewDebtsAreLostInAnyTable)
{
    Pressure pressure;
    pressure.look({}, kFill, kSecond);
    EXPECT_THAT(pressure.look({4, 0}, kFill, 2 * kSecond), IsEmpty());
    EXPECT_THAT(pressure.look({5, 0}, kFill, 3 * kSecond), HasSubstr("within 3 s it lost 5"));
    // Of each minute anew.
    Pressure slow;
    for (uint64_t minute = 0; minute < 10; minute++)
        EXPECT_THAT(slow.look({4 * minute, 0}, kFill, 60 * minute * kSecond + 1), IsEmpty());
}

TEST(Pressure, OnceAMinute)
{
    Pressure pressure;
    int events = 0;
    for (uint64_t tick = 0; tick < 1800; tick++)
        events += !pressure.look({tick, tick}, kFill, kSecond + tick * kSecond / 10).empty();
    EXPECT_EQ(events, 3);
}

// A gate made anew counts from 0.
TEST(Pressure, CountersMayBeginAnew)
{
    Pressure pressure;
    pressure.look({100, 100}, kFill, kSecond);
    EXPECT_THAT(pressure.look({0, 3}, kFill, 2 * kSecond), IsEmpty());
    EXPECT_THAT(pressure.look({0, 4}, kFill, 3 * kSecond), HasSubstr("no room 1 times"));
}

}  // namespace
}  // namespace mxgate
