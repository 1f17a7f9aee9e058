// SPDX-License-Identifier: BSD-2-Clause
// Counting a source table in parts against counting all of it.
#include <gtest/gtest.h>

#include <random>

#include "dataplane/state/memory.h"
#include "dataplane/state/state_view.h"

namespace mxgate {
namespace {

class Sweep : public ::testing::TestWithParam<uint32_t>
{
protected:
    Sweep() : table_(-1, sizeof(mxg_bucket) * mxg_all_buckets(GetParam() - 1), true)
    {
        settings_.bucket_mask = GetParam() - 1;
    }

    mxg_bucket* buckets() { return static_cast<mxg_bucket*>(table_.data()); }
    uint64_t all() const { return mxg_all_buckets(settings_.bucket_mask); }
    void fill(unsigned count)
    {
        for (; count > 0; count--)
            buckets()[random_() % all()].way[random_() % MXG_WAYS].tag = 1;
    }

    Mapping table_;
    mxg_source_settings settings_{};
    std::mt19937 random_{11};
};

TEST_P(Sweep, CountsWhatIsThere)
{
    const uint64_t steps = (all() + SourceSweep::kStep - 1) / SourceSweep::kStep;
    SourceSweep sweep;
    EXPECT_FALSE(sweep.begun());
    for (int round = 0; round < 3; round++) {
        fill(2000);
        const SourceFill whole = source_fill(buckets(), settings_);
        for (uint64_t i = 0; i < steps; i++)
            sweep.step(buckets(), settings_);
        EXPECT_TRUE(sweep.begun());
        EXPECT_EQ(sweep.fill(settings_).used, whole.used);
        EXPECT_EQ(sweep.fill(settings_).capacity, whole.capacity);
        EXPECT_EQ(sweep.fill(settings_).parents_used, whole.parents_used);
        EXPECT_GT(whole.parents_used, 0u);
        EXPECT_EQ(whole.capacity, uint64_t{GetParam()} * MXG_WAYS);
    }
}

TEST_P(Sweep, BeforeTheFirstRoundEndsAPartStandsForAll)
{
    fill(20'000);
    SourceSweep sweep;
    sweep.step(buckets(), settings_);
    const auto whole = static_cast<double>(source_fill(buckets(), settings_).used);
    EXPECT_NEAR(static_cast<double>(sweep.fill(settings_).used), whole, whole * 0.1);
}

INSTANTIATE_TEST_SUITE_P(Buckets, Sweep, ::testing::Values(1u, 1u << 12, 1u << 13, 1u << 14));

}  // namespace
}  // namespace mxgate
