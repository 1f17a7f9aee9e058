// SPDX-License-Identifier: BSD-2-Clause
// SYNs that were admitted and do not complete: which of them count, and for how long.
#include <gtest/gtest.h>

#include "dataplane/state/state_view.h"
#include "tests/frames/pair.h"

namespace mxgate {
namespace {

using frames::Bytes;
using frames::Frame;
using frames::kSyn;

constexpr uint64_t kSecond = 1'000'000'000;
// An attempt may take so long, in units of 65536 ns of the clock.
constexpr uint64_t kWindow = 64 * kSecond / 65536 * 65536;

class HalfOpen : public ::testing::Test, protected frames::Pair
{
protected:
    HalfOpen()
    {
        reference::PolicyCase policy = reference::PolicyCase::from_yaml(
            "gate:\n  plane: xdp\n  interfaces: [eth0]\n  services:\n"
            "    - {name: mx, addresses: [\"2001:db8:2::25\"]}\n"
            "classes:\n"
            "  free: {action: pass}\n"
            "  bad: {action: limit, connections: 1, rate: 1/min, burst: 1, charge: syn}\n"
            "  c: {action: limit, rate: 60/min, burst: 100, syn_guard: {rate: 1/s, burst: 3}}\n"
            "default_class: c\n");
        policy.add(policy.add_feed("free", "free", 1), "2001:db8:f::/48");
        policy.add(policy.add_feed("bad", "bad", 1), "2001:db8:bad::/48");
        start(std::move(policy));
    }

    static Frame syn(const std::string& from)
    {
        return Frame().ip(from, "2001:db8:2::25").tcp(kSyn);
    }
    void complete(const Frame& syn, uint64_t now)
    {
        const mxg_packet packet = frames::parse(syn.bytes());
        model().gate().now_ns = now;
        mxg_syn_completed(&model().gate(), &packet);
    }
    // Of classes free, bad and c, counted at once and in parts.
    std::vector<uint32_t> counted(uint64_t now)
    {
        const mxg_gate& gate = model().gate();
        std::vector<uint32_t> out = half_open(gate.seen, gate.sources, now);
        HalfOpenSweep sweep;
        for (uint64_t i = 0; i <= mxg_seen_mask(gate.sources.bucket_mask);
             i += HalfOpenSweep::kStep)
            sweep.step(gate.seen, gate.sources, now);
        EXPECT_EQ(sweep.of_classes(), out);
        EXPECT_EQ(std::vector<uint32_t>(out.begin() + 3, out.end()),
                  std::vector<uint32_t>(MXG_MAX_CLASSES - 3));
        out.resize(3);
        return out;
    }
    using Counts = std::vector<uint32_t>;
};

TEST_F(HalfOpen, UntilTheHandshakeOrItsTimeIsOver)
{
    const Frame a = syn("2001:db8:5:1::1"), b = syn("2001:db8:5:2::1"), c = syn("2001:db8:5:3::1");
    for (const Frame& frame : {a, b, c, a, b})
        EXPECT_EQ(say(frame, kSecond), "pass conforms");
    EXPECT_EQ(counted(kSecond), (Counts{0, 0, 3}));
    complete(b, 2 * kSecond);
    EXPECT_EQ(counted(2 * kSecond), (Counts{0, 0, 2}));
    say(a, 3 * kSecond);  // again: from the first one on
    const uint64_t first = kSecond / 65536 * 65536;
    EXPECT_EQ(counted(first + kWindow - 1), (Counts{0, 0, 2}));
    EXPECT_EQ(counted(first + kWindow), (Counts{0, 0, 0}));
    // A handshake of a SYN that nobody remembers changes nothing.
    complete(syn("2001:db8:5:4::1"), 3 * kSecond);
    EXPECT_EQ(counted(3 * kSecond), (Counts{0, 0, 2}));
}

TEST_F(HalfOpen, OnlyWhatALimitAdmitted)
{
    EXPECT_EQ(say(syn("2001:db8:f::1"), kSecond), "pass class");
    EXPECT_EQ(say(syn("2001:db8:bad::1"), kSecond), "pass conforms");
    EXPECT_EQ(say(syn("2001:db8:bad::1"), kSecond), "drop rate");
    EXPECT_EQ(counted(kSecond), (Counts{0, 1, 0}));
    for (int i = 0; i < 3; i++)
        say(syn("2001:db8:5:1::1"), kSecond);
    const Frame held = syn("2001:db8:5:1::2");
    EXPECT_EQ(say(held, kSecond), "drop syn-guard");
    EXPECT_EQ(counted(kSecond), (Counts{0, 1, 3}));
    EXPECT_EQ(say(held, 2 * kSecond - 1), "pass conforms");
    EXPECT_EQ(counted(2 * kSecond), (Counts{0, 1, 4}));
}

// An attempt is over with its handshake: the same SYN again is weighed like any other.
TEST_F(HalfOpen, ACompletedSynIsAnAttemptOfItsOwnTheNextTime)
{
    const Frame again = syn("2001:db8:bad::1");
    EXPECT_EQ(say(again, kSecond), "pass conforms");
    EXPECT_EQ(say(again, kSecond), "pass conforms");
    complete(again, kSecond);
    EXPECT_EQ(model().decide(again.bytes(), kSecond).reason, MXG_RATE);
    EXPECT_EQ(model().decide(again.bytes(), kSecond + 60 * kSecond).reason, MXG_RATE);
    EXPECT_EQ(counted(kSecond), (Counts{0, 0, 0}));
}

}  // namespace
}  // namespace mxgate
