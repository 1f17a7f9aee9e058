// SPDX-License-Identifier: BSD-2-Clause
// What the source table does where all ways that an entry may have are taken.
#include <gtest/gtest.h>

#include <vector>

#include "tests/unit/same_ways.h"

#include "dataplane/core/decide.h"

namespace mxgate {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;

// The source table alone, one bucket (and one for each level).
class Table
{
public:
    explicit Table(uint32_t buckets = 1) : buckets_(mxg_all_buckets(buckets - 1))
    {
        gate_.buckets = buckets_.data();
        gate_.sources = {{1, 2}, buckets - 1, 0};
        limits_.action = MXG_ACTION_LIMIT;
        limits_.flags = MXG_CLASS_LIMITS;
        limits_.own.interval_ns = 60 * kSecond;
        limits_.own.burst = 2;
    }

    // The attempt of a /64 by its top half.
    mxg_attempt attempt(uint64_t prefix, uint64_t now)
    {
        mxg_attempt out{};
        out.limits = limits_;
        out.ceiling[0] = limits_.own;
        out.limits.levels = 1;  // there are some; where in an image does not matter here
        for (size_t i = 0; i < MXG_LEVELS; i++)
            out.ceiling[i + 1] = level_[i];
        out.source = {{prefix, 0, MXG_FAMILY_IPV6, 0}, 64};
        out.now_ns = now;
        return out;
    }
    mxg_reason weigh(uint64_t prefix, uint64_t now)
    {
        mxg_attempt a = attempt(prefix, now);
        const mxg_reason reason = mxg_weigh_attempt(&gate_, &a);
        coarse_ = a.coarse;
        return reason;
    }
    mxg_source* find(uint64_t prefix)
    {
        for (mxg_bucket& bucket : buckets_)
            for (mxg_source& source : bucket.way)
                if (source.tag != 0 && source.hi == prefix && (source.tag & 0xff) == 64)
                    return &source;
        return nullptr;
    }
    bool coarse() const { return coarse_; }
    // Of the prefixes `step` apart from `first` on, some that share four ways.
    std::vector<uint64_t> alike(size_t count, uint64_t first, uint64_t step) const
    {
        const auto prefix_of = [=](uint64_t number) -> mxg_prefix {
            return {{first + number * step, 0, MXG_FAMILY_IPV6, 0}, 64};
        };
        std::vector<uint64_t> out = with_same_ways(gate_.sources.key, count, prefix_of);
        for (uint64_t& number : out)
            number = first + number * step;
        return out;
    }

    mxg_class limits_{};
    mxg_ceiling level_[MXG_LEVELS] = {};

private:
    std::vector<mxg_bucket> buckets_;
    mxg_gate gate_{};
    bool coarse_ = false;
};

constexpr uint64_t kNet = 0x20010db8'00000000;  // a /32

TEST(FullBucket, PenaltiesAndOpenConnectionsStay)
{
    Table table;
    for (int i = 0; i < 3; i++)
        table.weigh(kNet + (1ull << 32), kSecond);  // denied in the end
    table.weigh(kNet + (2ull << 32), kSecond);
    table.find(kNet + (2ull << 32))->open = 1;
    for (uint64_t other = 0; other < 10'000; other++)
        ASSERT_EQ(table.weigh(kNet + (3ull << 32) + other * 65536, kSecond), MXG_CONFORMS);
    EXPECT_EQ(table.weigh(kNet + (1ull << 32), kSecond), MXG_RATE);
    EXPECT_EQ(table.find(kNet + (2ull << 32))->open, 1u);
    // A penalty that is over protects nobody.
    for (uint64_t other = 0; other < 100; other++)
        table.weigh(kNet + (5ull << 32) + other * 65536, 1000 * kSecond);
    EXPECT_EQ(table.find(kNet + (1ull << 32)), nullptr);
    EXPECT_NE(table.find(kNet + (2ull << 32)), nullptr);
}

// Who has many prefixes, and earns penalties with all of them, keeps nobody out.
TEST(FullBucket, PenaltiesOfOneParentHaveAShare)
{
    Table table;
    const uint64_t victim = table.alike(1, kNet + (1ull << 32), 1)[0];
    for (const uint64_t mine : table.alike(4, kNet, 1))
        for (int i = 0; i < 3; i++)
            table.weigh(mine, kSecond);
    EXPECT_EQ(table.weigh(victim, kSecond), MXG_CONFORMS);
    EXPECT_NE(table.find(victim), nullptr);
    EXPECT_FALSE(table.coarse());
    // Nor do penalties of four different parents.
    Table other;
    const std::vector<uint64_t> five = other.alike(5, kNet, 1ull << 32);
    for (size_t mine = 0; mine < 4; mine++)
        for (int i = 0; i < 3; i++)
            other.weigh(five[mine], kSecond);
    EXPECT_EQ(other.weigh(five[4], kSecond), MXG_CONFORMS);
    EXPECT_NE(other.find(five[4]), nullptr);
}

// A flood of one parent's, each denied, does not wash out the penalty of another's sender: not by
// filling all of its ways with penalties either.
TEST(FullBucket, PenaltiesOfOneParentPutOutNoOtherPenalty)
{
    Table table;
    const uint64_t stranger = table.alike(1, kNet + (1ull << 32), 1)[0];
    for (int i = 0; i < 3; i++)
        table.weigh(stranger, kSecond);
    for (const uint64_t mine : table.alike(100, kNet, 1))
        for (int i = 0; i < 3; i++)
            table.weigh(mine, 2 * kSecond);
    ASSERT_NE(table.find(stranger), nullptr);
    EXPECT_EQ(table.weigh(stranger, 2 * kSecond), MXG_RATE);
}

// Where no entry can go, the parent stands in: with its own ceiling, else with that of the class,
// which all of its prefixes then share; and without any parent nobody gets in.
TEST(FullBucket, TheParentStandsIn)
{
    for (const int parents : {0, 1, 2}) {
        Table table;
        if (parents > 0)
            table.level_[0].length = 48;
        if (parents > 1) {
            table.level_[0].interval_ns = 60 * kSecond;
            table.level_[0].burst = 3;
        }
        for (const uint64_t open : table.alike(4, kNet + (1ull << 32), 1ull << 32)) {
            table.weigh(open, kSecond);
            table.find(open)->open = 1;
        }
        const int admitted = parents == 0 ? 0 : parents == 1 ? 2 : 3;
        const std::vector<uint64_t> siblings = table.alike(6, kNet, 1);  // of a /48
        for (int i = 0; i < 6; i++) {
            const mxg_reason reason = table.weigh(siblings[static_cast<size_t>(i)], kSecond);
            EXPECT_TRUE(table.coarse());
            if (i < admitted)
                EXPECT_EQ(reason, MXG_CONFORMS) << parents << " " << i;
            else
                EXPECT_EQ(reason, parents == 0 ? MXG_COARSE : MXG_LEVEL_RATE);
        }
        EXPECT_EQ(table.find(siblings[0]), nullptr);
    }
}

}  // namespace
}  // namespace mxgate
