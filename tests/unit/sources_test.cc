// SPDX-License-Identifier: BSD-2-Clause
// The source table: exact rates, what a full bucket gives up, and cores that meet in it.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <random>
#include <set>
#include <thread>
#include <vector>

#include "dataplane/core/native.h"

#include "dataplane/core/decide.h"
#include "tests/reference/gate.h"
#include "tests/unit/same_ways.h"

namespace mxgate {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;

// A source table of its own, and attempts by prefix number.
class Sources
{
public:
    explicit Sources(uint32_t buckets, uint64_t interval = kSecond, uint64_t burst = 3)
        : buckets_(mxg_all_buckets(buckets - 1))
    {
        class_.action = MXG_ACTION_LIMIT;
        class_.flags = MXG_CLASS_LIMITS;
        set_rate(interval, burst);
        gate_.buckets = buckets_.data();
        gate_.sources = {{1, 2}, buckets - 1, 0};
    }

    void set_rate(uint64_t interval, uint64_t burst)
    {
        class_.own.interval_ns = interval;
        class_.own.burst = static_cast<uint32_t>(burst);
    }

    mxg_reason attempt(uint64_t number, uint64_t now)
    {
        mxg_attempt attempt{};
        attempt.limits = class_;
        attempt.ceiling[0] = class_.own;
        attempt.source = prefix(number);
        attempt.hashes.source = mxg_prefix_hash(gate_.sources.key, &attempt.source);
        attempt.now_ns = now;
        return mxg_weigh_attempt(&gate_, &attempt);
    }

    const mxg_source* find(uint64_t number)
    {
        const mxg_prefix wanted = prefix(number);
        const uint64_t hash = mxg_prefix_hash(gate_.sources.key, &wanted);
        mxg_bucket* bucket =
            mxg_source_bucket(&gate_, mxg_bucket_number(hash, gate_.sources.bucket_mask));
        const uint32_t way = mxg_find_way(bucket, &wanted, mxg_source_tag(hash, &wanted));
        return way < MXG_WAYS ? &bucket->way[way] : nullptr;
    }

    size_t used() const
    {
        size_t out = 0;
        for (const mxg_bucket& bucket : buckets_)
            for (const mxg_source& source : bucket.way)
                out += source.tag != 0;
        return out;
    }

    // Numbers of prefixes that share four ways of a single bucket.
    std::vector<uint64_t> alike(size_t count) const
    {
        return with_same_ways(gate_.sources.key, count, prefix);
    }

private:
    static mxg_prefix prefix(uint64_t number)
    {
        return {{0x2001'0db8'0000'0000 + number, 0, MXG_FAMILY_IPV6, 0}, 64};
    }

    std::vector<mxg_bucket> buckets_;
    mxg_class class_{};
    mxg_gate gate_{};
};

TEST(Rate, BurstThenOnePerInterval)
{
    Sources sources(16);
    const uint64_t t = 5 * kSecond;
    for (int i = 0; i < 3; i++)
        EXPECT_EQ(sources.attempt(1, t), MXG_CONFORMS);
    EXPECT_EQ(sources.attempt(1, t), MXG_RATE);
    EXPECT_EQ(sources.attempt(1, t + kSecond - 1), MXG_RATE);
    EXPECT_EQ(sources.attempt(1, t + kSecond), MXG_CONFORMS);
    EXPECT_EQ(sources.attempt(1, t + kSecond), MXG_RATE);
    EXPECT_EQ(sources.attempt(1, t + 2 * kSecond - 1), MXG_RATE);
    EXPECT_EQ(sources.attempt(1, t + 2 * kSecond), MXG_CONFORMS);
    // Another prefix has a bucket of its own.
    EXPECT_EQ(sources.attempt(2, t + 2 * kSecond), MXG_CONFORMS);
}

TEST(Rate, FillsToTheBurstAndNotBeyond)
{
    Sources sources(16);
    for (int i = 0; i < 3; i++)
        sources.attempt(1, kSecond);
    for (const uint64_t t : {4 * kSecond, 4000 * kSecond}) {
        for (int i = 0; i < 3; i++)
            EXPECT_EQ(sources.attempt(1, t), MXG_CONFORMS);
        EXPECT_EQ(sources.attempt(1, t), MXG_RATE);
    }
}

TEST(Rate, DenialsCostNothing)
{
    Sources sources(16);
    for (int i = 0; i < 3; i++)
        sources.attempt(1, kSecond);
    for (uint64_t t = kSecond; t < 2 * kSecond; t += kSecond / 1000)
        EXPECT_EQ(sources.attempt(1, t), MXG_RATE);
    EXPECT_EQ(sources.attempt(1, 2 * kSecond), MXG_CONFORMS);
    EXPECT_EQ(sources.find(1)->admitted, 4u);
    EXPECT_EQ(sources.find(1)->denied, 1000u);
}

// As a process leaves it that was killed between counting a connection and taking it back.
TEST(Rate, AFreeEntryTakesASenderWhateverItCounted)
{
    Sources sources(1);
    const std::vector<uint64_t> senders = sources.alike(5);
    sources.attempt(senders[0], kSecond);
    auto* entry = const_cast<mxg_source*>(sources.find(senders[0]));
    entry->tag = 0;
    entry->open = 7;
    for (size_t i = 1; i < 5; i++)
        EXPECT_EQ(sources.attempt(senders[i], kSecond), MXG_CONFORMS);
    for (size_t i = 1; i < 5; i++) {
        ASSERT_NE(sources.find(senders[i]), nullptr);
        EXPECT_EQ(sources.find(senders[i])->open, 0u);
    }
}

TEST(Rate, ClockBeginsAtZero)
{
    Sources sources(16);
    for (int i = 0; i < 3; i++)
        EXPECT_EQ(sources.attempt(1, 0), MXG_CONFORMS);
    EXPECT_EQ(sources.attempt(1, 0), MXG_RATE);
}

// Who spent a slow bucket does not wait for it once the rate is loosened: the debt is that of an
// empty bucket of the new rate, from the first attempt under it.
TEST(Rate, LoosenedRateLetsOffItsDebt)
{
    Sources sources(16, 600 * kSecond, 5);
    for (int i = 0; i < 5; i++)
        EXPECT_EQ(sources.attempt(1, kSecond), MXG_CONFORMS);
    EXPECT_EQ(sources.attempt(1, 2 * kSecond), MXG_RATE);
    sources.set_rate(kSecond, 4);
    EXPECT_EQ(sources.attempt(1, 3 * kSecond), MXG_RATE);
    EXPECT_EQ(sources.attempt(1, 4 * kSecond - 1), MXG_RATE);
    EXPECT_EQ(sources.attempt(1, 4 * kSecond), MXG_CONFORMS);
    EXPECT_EQ(sources.attempt(1, 4 * kSecond), MXG_RATE);
}

// The core's arrival times against the reference's bucket of tokens, to the nanosecond, while the
// rate changes now and then.
TEST(Rate, AsABucketOfTokens)
{
    std::mt19937_64 random(3);
    const auto any_limit = [&random] {
        return RateLimit{1 + random() % 5, (1 + random() % 1000) * 60,  // divides
                         static_cast<uint32_t>(1 + random() % 9)};
    };
    for (int round = 0; round < 200; round++) {
        RateLimit limit = any_limit();
        Sources sources(1);
        reference::TokenBucket bucket;
        uint64_t now = random() % 1'000'000;
        for (int i = 0; i < 500; i++) {
            if (random() % 50 == 0)
                limit = any_limit();
            sources.set_rate(limit.period_ns / limit.count, limit.burst);
            const uint64_t step = random() % 4;
            now += step == 0   ? 0
                   : step == 1 ? random() % 3
                               : random() % (2 * limit.period_ns / limit.count + 2);
            ASSERT_EQ(sources.attempt(1, now) == MXG_CONFORMS, bucket.take(limit, now))
                << "round " << round << " attempt " << i;
        }
    }
}

TEST(Bucket, FullOneGivesUpTheFurthestInCredit)
{
    Sources sources(1, kSecond, 100);
    const std::vector<uint64_t> senders = sources.alike(5);
    const uint64_t now = 10 * kSecond;
    // 4 ways; the third sender has the least debt.
    for (size_t n = 0; n < 4; n++)
        for (size_t i = 0; i < (n == 2 ? 1 : 10 * (n + 1)); i++)
            EXPECT_EQ(sources.attempt(senders[n], now), MXG_CONFORMS);
    EXPECT_EQ(sources.attempt(senders[4], now), MXG_CONFORMS);
    EXPECT_EQ(sources.find(senders[2]), nullptr);
    for (const size_t n : {0, 1, 3, 4})
        EXPECT_NE(sources.find(senders[n]), nullptr) << n;
    EXPECT_EQ(sources.used(), 4u);
}

TEST(Bucket, AFloodDoesNotFreeWhoIsOverTheRate)
{
    Sources sources(1, 60 * kSecond, 3);
    const uint64_t now = 10 * kSecond;
    for (int i = 0; i < 4; i++)
        sources.attempt(1, now);
    for (uint64_t other = 100; other < 100'100; other++)
        sources.attempt(other, now + other);
    EXPECT_EQ(sources.attempt(1, now + kSecond), MXG_RATE);
    EXPECT_EQ(sources.find(1)->admitted, 3u);
}

TEST(Bucket, MemoryIsBounded)
{
    Sources sources(64);
    for (uint64_t number = 0; number < 100'000; number++)
        ASSERT_EQ(sources.attempt(number, number), MXG_CONFORMS);
    EXPECT_EQ(sources.used(), 64u * MXG_WAYS);
}

// Senders that take turns in a table half full: by how many is it forgotten that they were there?
TEST(Bucket, FewHaveNoRoomInATableHalfFull)
{
    constexpr uint64_t kSenders = 64 * MXG_WAYS / 2;
    Sources sources(64, 600 * kSecond, 1000);
    unsigned forgotten = 0;
    for (uint64_t round = 0; round < 8; round++) {
        forgotten = 0;
        for (uint64_t number = 0; number < kSenders; number++) {
            forgotten += sources.find(number) == nullptr;
            sources.attempt(number, round * kSecond + number);
        }
    }
    EXPECT_GT(sources.used(), kSenders * 97 / 100);
    EXPECT_LT(forgotten, kSenders * 4 / 100);  // with four ways to a bucket: 14 of 100
}

// The ways of the last hash of a bucket go on with the first one.
TEST(Bucket, HasNoEnd)
{
    mxg_bucket bucket{};
    const uint32_t last = uint32_t{MXG_WAYS - 1} << 10 | MXG_FAMILY_IPV6 << 8 | 64;
    std::set<uint32_t> ways;
    for (uint64_t number = 0; number < MXG_NEAR; number++) {
        const mxg_prefix prefix{{number, 0, MXG_FAMILY_IPV6, 0}, 64};
        uint32_t evicted = 0;
        ways.insert(mxg_take_way(&bucket, &prefix, last, 1, &evicted));
    }
    EXPECT_EQ(ways, (std::set<uint32_t>{MXG_WAYS - 1, 0, 1, 2}));
}

TEST(Bucket, AlikeInAllButTheLength)
{
    const __u64 key[2] = {1, 2};
    const mxg_prefix a{{1, 0, MXG_FAMILY_IPV6, 0}, 64}, b{{1, 0, MXG_FAMILY_IPV6, 0}, 56};
    EXPECT_NE(mxg_prefix_hash(key, &a), mxg_prefix_hash(key, &b));
    mxg_bucket bucket{};
    const uint32_t tag_a = mxg_source_tag(7, &a), tag_b = mxg_source_tag(7, &b);  // hashes collide
    uint32_t evicted = 0;
    const uint32_t of_a = mxg_take_way(&bucket, &a, tag_a, 1, &evicted);
    const uint32_t of_b = mxg_take_way(&bucket, &b, tag_b, 1, &evicted);
    EXPECT_NE(of_a, of_b);
    EXPECT_EQ(mxg_find_way(&bucket, &a, tag_a), of_a);
    EXPECT_EQ(mxg_find_way(&bucket, &b, tag_b), of_b);
}

TEST(Bucket, BusyOnEverySide)
{
    Sources sources(1);
    mxg_bucket bucket{};
    for (mxg_source& source : bucket.way)
        source.tag = MXG_TAG_BUSY;
    const mxg_prefix prefix{{1, 0, MXG_FAMILY_IPV6, 0}, 64};
    uint32_t evicted = 0;
    EXPECT_EQ(mxg_take_way(&bucket, &prefix, 7, 1, &evicted), MXG_CONTESTED);
}

// Runs `body(thread)` on several threads at once.
template <typename Body>
void together(int threads, const Body& body)
{
    std::atomic<int> ready{0};
    std::vector<std::jthread> running;
    for (int t = 0; t < threads; t++)
        running.emplace_back([&, t] {
            ready++;
            while (ready < threads) {
            }
            body(t);
        });
}

TEST(Threads, OnePrefixNeverOverItsLimit)
{
    constexpr uint64_t kInterval = 1'000'000, kBurst = 5;
    Sources sources(4, kInterval, kBurst);
    std::atomic<uint64_t> admitted{0};
    const auto clock = [] {
        return static_cast<uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
    };
    sources.attempt(1, 1);  // the entry is there
    const uint64_t start = clock();
    together(2, [&](int) {
        for (uint64_t now = clock(); now - start < 200'000'000; now = clock())
            if (sources.attempt(1, now) == MXG_CONFORMS)
                admitted++;
    });
    const uint64_t passed = clock() - start;
    EXPECT_LE(admitted, kBurst + passed / kInterval + 1);
    EXPECT_GE(admitted, 10u);
}

// A prefix that is new to two cores at the same moment has one bucket of tokens, not two.
TEST(Threads, NewPrefixNeverOverItsLimit)
{
    constexpr int kRounds = 10'000;
    constexpr uint64_t kBurst = 2;
    Sources sources(1 << 12, kSecond, kBurst);  // no four ways are ever full
    std::vector<std::atomic<uint32_t>> admitted(kRounds);
    std::atomic<int> round[2] = {0, 0};
    together(2, [&](int thread) {
        for (int i = 0; i < kRounds; i++) {
            round[thread] = i;
            for (int spins = 0; round[1 - thread] < i && spins < 100'000; spins++) {
            }
            for (int attempt = 0; attempt < 4; attempt++)
                if (sources.attempt(static_cast<uint64_t>(i), kSecond) == MXG_CONFORMS)
                    admitted[static_cast<size_t>(i)]++;
        }
    });
    int over = 0;
    for (const auto& count : admitted)
        over += count > kBurst;
    EXPECT_EQ(over, 0) << "of " << kRounds << " prefixes";
}

}  // namespace
}  // namespace mxgate
