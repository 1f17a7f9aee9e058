// SPDX-License-Identifier: BSD-2-Clause
// A burst is decided as its packets one by one.
#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "dataplane/core/native.h"

#include "dataplane/core/decide_burst.h"
#include "tests/dpdk/dpdk.h"
#include "tests/frames/generator.h"
#include "tests/reference/random_policy.h"

namespace mxgate {
namespace {

using frames::Bytes;
using frames::Frame;
using frames::Model;
using reference::PolicyCase;

// One gate that decides one by one, one that decides bursts, and the reference.
class DecideBurst : public ::testing::Test
{
protected:
    void start(const PolicyCase& policy)
    {
        table_ = policy.compile();
        alone_.emplace(table_);
        together_.emplace(table_);
        reference_.emplace(policy.config, policy.reference());
    }

    void expect_equal(const std::vector<Bytes>& burst, uint64_t now_ns)
    {
        mxg_packet packet[MXG_BURST];
        mxg_decision decision[MXG_BURST];
        for (size_t i = 0; i < burst.size(); i++)
            packet[i] = frames::parse(burst[i]);
        together_->gate().now_ns = now_ns;
        mxg_decide_burst(&together_->gate(), packet,
                         mxg_whole_burst(static_cast<uint32_t>(burst.size())), decision);
        for (size_t i = 0; i < burst.size(); i++) {
            ASSERT_TRUE(same(decision[i], alone_->decide(burst[i], now_ns)))
                << "packet " << i << " of " << burst.size();
            const reference::Decision words = frames::in_words(decision[i], table_.info);
            const reference::Decision wanted = reference_->decide(burst[i], now_ns);
            ASSERT_EQ(words, wanted) << to_string(words) << "\nreference: " << to_string(wanted);
            seen_[decision[i].reason]++;
        }
        ASSERT_EQ(std::memcmp(together_->gate().buckets, alone_->gate().buckets,
                              sizeof(mxg_bucket) * (alone_->gate().sources.bucket_mask + 1)),
                  0)
            << "the states of the sources differ";
    }

    PolicyTable table_;
    std::optional<Model> alone_, together_;
    std::optional<reference::Gate> reference_;
    uint64_t seen_[MXG_REASONS] = {};
};

Bytes syn(const std::string& source)
{
    return Frame().ip(source, "2001:db8:2::25").tcp(frames::kSyn).bytes();
}

// Few sources that come again and again, 6to4 and mapped ones among them: see Generator.
TEST_F(DecideBurst, Generated)
{
    for (const uint64_t seed : {21, 22, 23}) {
        const PolicyCase policy = reference::random_gate(seed, "", reference::kMxServices,
                                                         ", burst: 3, deny_with: unreachable");
        start(policy);
        frames::Generator generator(policy.config, policy.reference().all_prefixes(), seed);
        std::mt19937_64 random(seed);
        for (int round = 0; round < 60; round++) {
            std::vector<Bytes> burst(1 + random() % MXG_BURST);
            for (Bytes& frame : burst)
                frame = generator.next();
            expect_equal(burst, 1000 * kSecond + static_cast<uint64_t>(round) * kSecond / 10);
            if (HasFatalFailure())
                return;
        }
    }
    for (const mxg_reason reason : {MXG_NOT_GATED, MXG_ESTABLISHED, MXG_CLASS, MXG_CONFORMS,
                                    MXG_MALFORMED, MXG_FRAGMENT, MXG_MARTIAN, MXG_RATE})
        EXPECT_GT(seen_[reason], 20u) << "reason " << reason;
}

TEST_F(DecideBurst, EverySize)
{
    const PolicyCase policy =
        reference::random_gate(24, "", reference::kAllServices, ", deny_with: reset");
    start(policy);
    frames::Generator generator(policy.config, policy.reference().all_prefixes(), 24);
    for (size_t size = 1; size <= MXG_BURST; size++) {
        std::vector<Bytes> burst(size);
        for (Bytes& frame : burst)
            frame = generator.next();
        expect_equal(burst, kSecond * size);
        if (HasFatalFailure())
            return;
    }
}

// The burst of tokens (10 of the class unknown) ends within a burst of packets.
TEST_F(DecideBurst, AttemptsOfOnePrefix)
{
    start(reference::plain_case());
    std::vector<Bytes> burst;
    for (int i = 0; i < MXG_BURST; i++)
        burst.push_back(syn("2001:db8:7::" + std::to_string(1 + i)));
    expect_equal(burst, kSecond);
    EXPECT_EQ(seen_[MXG_CONFORMS], 10u);
    EXPECT_EQ(seen_[MXG_RATE], MXG_BURST - 10u);
}

// One sender by its IPv4 address, mapped, and behind a 6to4 router: one state.
TEST_F(DecideBurst, OneSenderByThreeAddresses)
{
    start(reference::plain_case());
    std::vector<Bytes> burst;
    for (int i = 0; i < 7; i++) {
        burst.push_back(Frame().ip("198.51.100.7", "192.0.2.25").tcp(frames::kSyn).bytes());
        burst.push_back(syn("::ffff:198.51.100.7"));
        burst.push_back(syn("2002:c633:6407::" + std::to_string(1 + i)));
    }
    expect_equal(burst, kSecond);
    EXPECT_EQ(seen_[MXG_CONFORMS], 10u);
    EXPECT_EQ(seen_[MXG_RATE], 11u);
}

// Side by side and one by one, whole lots and parts of one.
TEST(HashLot, HashesOfEachInput)
{
    std::mt19937_64 random(25);
    const __u64 key[2] = {random(), random()};
    mxg_hash_words in;
    for (auto& word : in.word)
        for (__u64& of_input : word)
            of_input = random() >> 8;
    for (int vectors = MXG_SCALAR; vectors <= mxg_vectors_here(); vectors++)
        for (uint32_t words = 1; words <= MXG_MAX_HASH_WORDS; words++)
            for (uint32_t count = 1; count <= MXG_LOT; count++) {
                __u64 out[MXG_LOT] = {};
                mxg_hash_lot(key, &in, words, words * 8 - 1, count, out,
                             static_cast<mxg_vectors>(vectors));
                for (uint32_t n = 0; n < count; n++) {
                    mxg_sip sip = mxg_sip_start(key);
                    for (uint32_t i = 0; i + 1 < words; i++)
                        mxg_sip_word(&sip, in.word[i][n]);
                    ASSERT_EQ(out[n], mxg_sip_end(&sip, in.word[words - 1][n], words * 8 - 1));
                }
            }
}

TEST_F(DecideBurst, WithoutTable)
{
    start(reference::plain_case());
    together_->gate().table = {nullptr, 0};
    const mxg_packet packet = frames::parse(syn("2001:db8:7::1"));
    mxg_decision decision;
    mxg_decide_burst(&together_->gate(), &packet, 1, &decision);
    EXPECT_EQ(decision.verdict, MXG_PASS);
    EXPECT_EQ(decision.reason, MXG_NO_TABLE);
}

}  // namespace
}  // namespace mxgate
