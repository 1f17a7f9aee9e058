// SPDX-License-Identifier: BSD-2-Clause
// Numbers, durations and rates as the configuration writes them.
#include <gtest/gtest.h>

#include "control/config/units.h"

namespace mxgate {
namespace {

TEST(Units, Numbers)
{
    EXPECT_EQ(parse_number("250"), 250u);
    EXPECT_EQ(parse_number("64k"), 64'000u);
    EXPECT_EQ(parse_number("1M"), 1'000'000u);
    EXPECT_EQ(parse_number("2G"), 2'000'000'000u);
    EXPECT_EQ(parse_number("64Ki"), 65'536u);
    EXPECT_EQ(parse_number("16Mi"), 16u << 20);
    EXPECT_EQ(parse_number("1Gi"), 1u << 30);
    EXPECT_EQ(parse_number("18446744073709551615"), UINT64_MAX);
    for (const char* text : {"", "k", "1K", "1 k", "1.5M", "-1", "+1", "18446744073709551616",
                             "18446744073709551615k", "1kB", "0x10"})
        EXPECT_FALSE(parse_number(text)) << text;
}

TEST(Units, DurationsAndRates)
{
    EXPECT_EQ(parse_duration("500ms"), 500'000'000u);
    EXPECT_EQ(parse_duration("60s"), 60'000'000'000u);
    EXPECT_EQ(parse_duration("10min"), parse_duration("600s"));
    EXPECT_EQ(parse_duration("48h"), parse_duration("2d"));
    for (const char* text : {"", "7", "s", "1m", "1w", "1.5h", "1h30min", "999999999d"})
        EXPECT_FALSE(parse_duration(text)) << text;
    const auto rate = parse_rate("1k/10min");
    EXPECT_EQ(rate->count, 1000u);
    EXPECT_EQ(rate->period_ns, 600'000'000'000u);
    EXPECT_EQ(rate->burst, 1u);
    EXPECT_EQ(parse_rate("500/s")->period_ns, 1'000'000'000u);
    for (const char* text : {"", "/", "30", "30/", "/s", "30/m", "30/5", "30 / min", "1/s/s",
                             "1/99999999999999999999s", "1/5ms"})
        EXPECT_FALSE(parse_rate(text)) << text;
}

}  // namespace
}  // namespace mxgate
