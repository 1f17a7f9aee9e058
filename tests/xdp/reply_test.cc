// SPDX-License-Identifier: BSD-2-Clause
// The answers that the program makes of refused SYNs, byte for byte those of the core, whatever the
// frame looks like; and the limit on them.
#include <sched.h>

#include "tests/frames/generator.h"
#include "tests/reference/random_policy.h"
#include "tests/xdp/plane.h"

namespace mxgate {
namespace {

using frames::Bytes;
using frames::Frame;
using namespace frames;

constexpr uint64_t kSecond = 1'000'000'000;
constexpr const char* kNoLimit = "  replies: {rate: 1000000000/s, burst: 1M}\n";

// Who is in no feed is reset; 2001:db8:fa7::/48 and 203.0.113.0/24 are unreachable.
reference::PolicyCase make_case(const std::string& gate, const std::string& rest = "")
{
    auto out = reference::PolicyCase::from_yaml(
        "gate:\n"
        "  plane: xdp\n"
        "  interfaces: [eth0]\n" +
        gate +
        "  services:\n"
        "    - {name: mx, addresses: [\"2001:db8:2::25\", 192.0.2.25], ports: [25]}\n"
        "    - {name: net, addresses: [\"2001:db8:77::/48\", 198.51.100.0/24], ports: [25]}\n"
        "classes:\n"
        "  rude: {action: reset" +
        rest +
        "}\n"
        "  far: {action: unreachable" +
        rest +
        "}\n"
        "default_class: rude\n");
    const size_t far = out.add_feed("far", "far", 1);
    out.add(far, "2001:db8:fa7::/48");
    out.add(far, "203.0.113.0/24");
    return out;
}

class Reply : public XdpTest
{
protected:
    void SetUp() override
    {
        // The limit is each core's own: stay on one.
        sched_getaffinity(0, sizeof(before_), &before_);
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(sched_getcpu(), &one);
        sched_setaffinity(0, sizeof(one), &one);
        XdpTest::SetUp();
    }
    void TearDown() override { sched_setaffinity(0, sizeof(before_), &before_); }

    // Answered as the core answers it.
    void expect_answer(const Bytes& syn, mxg_verdict verdict)
    {
        const auto expected = frames::answer(syn, verdict);
        const auto got = plane().answer(syn, kSecond);
        ASSERT_TRUE(expected);
        ASSERT_TRUE(got) << "verdict " << verdict << ", SYN of " << syn.size() << " bytes";
        ASSERT_EQ(*got, *expected) << "verdict " << verdict << ", SYN of " << syn.size();
    }

    uint64_t counted(mxg_reply_outcome outcome, mxg_verdict verdict, mxg_family family)
    {
        for (const CounterValue& value : plane().maps().reply_counters())
            if (value.index == mxg_reply_index(outcome, verdict, family))
                return value.packets;
        return 0;
    }

private:
    cpu_set_t before_;
};

Frame six(int tags, mxg_verdict verdict)
{
    Frame frame;
    for (int i = 0; i < tags; i++)
        frame.vlan(i == 0 && tags == 2 ? 0x88a8 : 0x8100);
    frame.ip(verdict == MXG_RESET ? "2001:db8:7::1" : "2001:db8:fa7::1", "2001:db8:2::25");
    return frame;
}

Frame four(int tags, mxg_verdict verdict)
{
    Frame frame;
    for (int i = 0; i < tags; i++)
        frame.vlan();
    frame.ip(verdict == MXG_RESET ? "192.88.1.1" : "203.0.113.7", "192.0.2.25");
    return frame;
}

// Shorter and longer than its SYN, and SYNs of one page and of several.
TEST_F(Reply, EveryShape)
{
    plane().maps().publish(make_case(kNoLimit).compile().plane);
    for (const mxg_verdict verdict : {MXG_RESET, MXG_UNREACHABLE})
        for (int tags = 0; tags <= 2; tags++)
            for (const size_t data : {0, 1, 3, 20, 500, 1171, 1172, 1173, 1460, 3500, 9000, 40000})
                for (const size_t options : {0, 4, 40}) {
                    expect_answer(
                        six(tags, verdict).tcp(kSyn).tcp_options(options).data(data).bytes(),
                        verdict);
                    expect_answer(four(tags, verdict)
                                      .ip_options(options)
                                      .tcp(kSyn | kEce | kCwr)
                                      .data(data)
                                      .trailer(options)
                                      .bytes(),
                                  verdict);
                    expect_answer(six(tags, verdict)
                                      .extension(kHopByHop, 16)
                                      .extension(kDestinationOptions, 8 + 8 * options)
                                      .fragment(0, true)
                                      .tcp(kSyn)
                                      .data(data)
                                      .bytes(),
                                  verdict);
                    if (HasFatalFailure())
                        return;
                }
}

TEST_F(Reply, Generated)
{
    const reference::PolicyCase policy = make_case(kNoLimit);
    const PolicyTable table = policy.compile();
    plane().maps().publish(table.plane);
    Model model(table);
    Generator generator(policy.config, policy.reference().all_prefixes(), 5);
    uint64_t answers = 0, silent = 0;
    for (int i = 0; i < 40'000; i++) {
        const Bytes frame = generator.next();
        const mxg_decision decision = model.decide(frame, kSecond);
        const auto verdict = static_cast<mxg_verdict>(decision.verdict);
        const auto got = plane().answer(frame, kSecond);
        if (verdict != MXG_RESET && verdict != MXG_UNREACHABLE) {
            ASSERT_FALSE(got);
            continue;
        }
        ASSERT_EQ(got, frames::answer(frame, verdict));
        ASSERT_TRUE(got || plane().dropped());
        answers += got.has_value();
        silent += !got;
    }
    uint64_t answered = 0, unanswerable = 0;
    for (const mxg_verdict verdict : {MXG_RESET, MXG_UNREACHABLE})
        for (const mxg_family family : {MXG_FAMILY_IPV4, MXG_FAMILY_IPV6}) {
            EXPECT_GT(counted(MXG_REPLY_ANSWERED, verdict, family), 100u);
            answered += counted(MXG_REPLY_ANSWERED, verdict, family);
            unanswerable += counted(MXG_REPLY_UNANSWERABLE, verdict, family);
            EXPECT_EQ(counted(MXG_REPLY_SUPPRESSED, verdict, family), 0u);
        }
    EXPECT_EQ(answered, answers);
    EXPECT_EQ(unanswerable, silent);
    EXPECT_GT(silent, 20u);
}

TEST_F(Reply, DenialsOfALimit)
{
    for (const mxg_verdict verdict : {MXG_RESET, MXG_UNREACHABLE}) {
        const std::string deny = verdict == MXG_RESET ? "reset" : "unreachable";
        auto policy = reference::PolicyCase::from_yaml(
            "gate:\n"
            "  services:\n"
            "    - {name: mx, addresses: [\"2001:db8:2::25\"], ports: [25]}\n"
            "classes:\n"
            "  some: {action: limit, rate: 1/min, charge: syn, burst: 2, deny_with: " +
            deny + "}\ndefault_class: some\n");
        plane().maps().publish(policy.compile().plane);
        for (int i = 0; i < 2; i++) {
            EXPECT_EQ(plane().decide(six(0, verdict).tcp(kSyn).bytes(), kSecond).verdict, MXG_PASS);
            EXPECT_TRUE(plane().passed());
        }
        const Bytes syn = six(0, verdict).tcp(kSyn).bytes();
        const mxg_decision denied = plane().decide(syn, kSecond);
        EXPECT_EQ(denied.verdict, verdict);
        EXPECT_EQ(denied.reason, MXG_RATE);
        expect_answer(syn, verdict);
    }
}

// 3 at once and one a second: what is beyond is dropped in silence, and its verdict stays.
TEST_F(Reply, LimitOfTheCore)
{
    plane().maps().publish(make_case("  replies: {rate: 1/s, burst: 3}\n").compile().plane);
    const Bytes syn = six(0, MXG_RESET).tcp(kSyn).bytes();
    const auto expect_at = [&](uint64_t now, bool answered) {
        EXPECT_EQ(plane().decide(syn, now).verdict, MXG_RESET);
        EXPECT_EQ(plane().answered(), answered);
        EXPECT_EQ(plane().dropped(), !answered);
    };
    for (int i = 0; i < 6; i++)
        expect_at(10 * kSecond, i < 3);
    expect_at(11 * kSecond - 1, false);
    expect_at(11 * kSecond, true);
    expect_at(11 * kSecond, false);
    EXPECT_EQ(counted(MXG_REPLY_ANSWERED, MXG_RESET, MXG_FAMILY_IPV6), 4u);
    EXPECT_EQ(counted(MXG_REPLY_SUPPRESSED, MXG_RESET, MXG_FAMILY_IPV6), 5u);
    uint64_t judged = 0;
    for (const CounterValue& value : plane().maps().counters())
        judged += value.packets;
    EXPECT_EQ(judged, 9u);
}

TEST_F(Reply, NoneInMonitorMode)
{
    const Bytes syn = six(0, MXG_RESET).tcp(kSyn).bytes();
    for (const reference::PolicyCase& policy :
         {make_case("  mode: monitor\n"), make_case("", ", mode: monitor")}) {
        plane().maps().publish(policy.compile().plane);
        const mxg_decision decision = plane().decide(syn, kSecond);
        EXPECT_EQ(decision.verdict, MXG_RESET);
        EXPECT_EQ(decision.enforced, 0);
        EXPECT_TRUE(plane().passed());
    }
    EXPECT_TRUE(plane().maps().reply_counters().empty());
}

}  // namespace
}  // namespace mxgate
