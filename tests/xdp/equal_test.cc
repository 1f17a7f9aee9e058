// SPDX-License-Identifier: BSD-2-Clause
// Three that must say the same of every frame: the XDP program, the core compiled natively, and
// the reference.
#include "tests/frames/generator.h"
#include "tests/reference/random_policy.h"
#include "tests/xdp/plane.h"

namespace mxgate {
namespace {

using frames::Bytes;
using frames::Frame;
using frames::Generator;
using frames::in_words;
using frames::Model;
using reference::kAllServices;
using reference::kMxServices;
using reference::PolicyCase;
using reference::random_gate;

constexpr uint64_t kSecond = 1'000'000'000;
constexpr int kFrames = 120'000;

bool same(const mxg_decision& a, const mxg_decision& b)
{
    return std::memcmp(&a, &b, sizeof(a)) == 0;
}

std::string hex(const Bytes& bytes)
{
    static const char kDigits[] = "0123456789abcdef";
    std::string out;
    for (const uint8_t byte : bytes)
        out += {kDigits[byte >> 4], kDigits[byte & 15]};
    return out;
}

class Equal : public XdpTest
{
protected:
    void start(const PolicyCase& policy)
    {
        table_ = policy.compile();
        model_.emplace(table_);
        reference_.emplace(policy.config, policy.reference());
        plane().maps().publish(table_.plane);
    }

    void expect_equal(const Bytes& frame, uint64_t now)
    {
        const mxg_decision xdp = plane().decide(frame, now);
        const mxg_decision model = model_->decide(frame, now);
        const auto words = in_words(xdp, table_.info);
        const auto wanted = reference_->decide(frame, now);
        frames_++;
        reasons_[wanted.reason]++;
        by_hand_ += wanted.by_hand;
        embedded_ += wanted.family == 6 && wanted.source && wanted.source->first.family == 4;
        ASSERT_TRUE(same(xdp, model) && words == wanted)
            << "xdp:       " << to_string(words)
            << "\nmodel:     " << to_string(in_words(model, table_.info))
            << "\nreference: " << to_string(wanted) << "\n"
            << hex(frame);
        const bool passes = !wanted.enforced || wanted.verdict == MXG_PASS;
        const bool answers = wanted.verdict == MXG_RESET || wanted.verdict == MXG_UNREACHABLE;
        ASSERT_TRUE(passes ? plane().passed()
                           : plane().dropped() || (answers && plane().answered()));
    }

    // Something else is set by hand: nothing to begin with, and at times.
    void set_by_hand(const std::vector<reference::Gate::ByHand>& by_hand)
    {
        const std::vector<mxg_override> records = frames::records_of(by_hand, table_.info);
        plane().maps().put_overrides(records);
        model_->put_overrides(records);
        reference_->set_by_hand(by_hand);
    }

    void run_random(const PolicyCase& policy, uint64_t seed, uint64_t step)
    {
        start(policy);
        const auto prefixes = policy.reference().all_prefixes();
        Generator generator(policy.config, prefixes, seed);
        std::mt19937_64 random(seed);
        uint64_t now = 1000 * kSecond;
        for (int i = 0; i < kFrames; i++, now += step) {
            if (i % 20'000 == 10'000)
                set_by_hand(reference::random_by_hand(random, policy.config, prefixes, now));
            else if (i % 20'000 == 0)
                set_by_hand({});
            expect_equal(generator.next(), now);
            if (HasFatalFailure())
                return;
        }
        expect_conserved();
    }

    void expect_conserved()
    {
        std::vector<uint64_t> xdp(MXG_COUNTERS, 0);
        uint64_t sum = 0;
        for (const CounterValue& value : plane().maps().counters()) {
            xdp.at(value.index) = value.packets;
            sum += value.packets;
        }
        EXPECT_EQ(sum, frames_);
        EXPECT_EQ(plane().runs(), frames_);
        EXPECT_EQ(model_->counted(), frames_);
        EXPECT_EQ(xdp, model_->counters());
        // Every rule had its share.
        for (const mxg_reason reason : {MXG_NOT_GATED, MXG_ESTABLISHED, MXG_CLASS, MXG_CONFORMS,
                                        MXG_MALFORMED, MXG_FRAGMENT, MXG_MARTIAN, MXG_RATE})
            EXPECT_GT(reasons_[reason], 200u) << "reason " << reason;
        EXPECT_GT(by_hand_, 200u);
        EXPECT_EQ(reasons_[MXG_TABLE_FAULT] + reasons_[MXG_CONTENDED], 0u);
        EXPECT_GT(embedded_, 500u);
        EXPECT_GT(plane().maps().source_fill().used, 20u);
        EXPECT_EQ(plane().maps().source_fill().used, reference_->sources());
    }

    PolicyTable table_;
    std::optional<Model> model_;
    std::optional<reference::Gate> reference_;
    uint64_t frames_ = 0, embedded_ = 0;
    uint64_t reasons_[MXG_REASONS] = {};
    uint64_t by_hand_ = 0;
};

TEST_F(Equal, Enforce)
{
    run_random(
        random_gate(11, "", kMxServices, ", burst: 3, retry_wait: 5s, deny_with: unreachable"), 1,
        kSecond / 400);
    EXPECT_GT(reasons_[MXG_LEVEL_RATE], 20u);
}

TEST_F(Equal, MonitorOfTheGate)
{
    run_random(random_gate(12, "  mode: monitor\n", kMxServices, ", deny_with: reset"), 2,
               kSecond / 20);
}

TEST_F(Equal, FragmentsPassAndOneClassMonitored)
{
    run_random(
        random_gate(13, "  fragments: pass\n", kMxServices, ", mode: monitor, retry_wait: 1s"), 3,
        kSecond / 10'000);
}

TEST_F(Equal, EverythingIsProtected)
{
    run_random(random_gate(14, "", kAllServices,
                           ", burst: 2, retry_wait: 3s, retry_extend: true, deny_with: reset"),
               4, kSecond / 1000);
}

// 1 M SYNs with random interface identifiers in one /64 are one sender's and take one entry
// (AG-01).
TEST_F(Equal, AWholeSlash64IsOneSender)
{
    start(PolicyCase::from_yaml(
        "gate:\n  services:\n    - {name: mx, addresses: [\"2001:db8:2::25\"], ports: [25]}\n"
        "classes: {c: {action: limit, rate: 60/min, burst: 10, charge: syn}}\n"
        "default_class: c\n"));
    Bytes frame = Frame().ip("2001:db8:5:1::1", "2001:db8:2::25").tcp(frames::kSyn).bytes();
    std::mt19937_64 random(3);
    for (int i = 0; i < 1'000'000 && !HasFailure(); i++) {
        for (size_t at = 14 + 16; at < 14 + 24; at++)
            frame[at] = static_cast<uint8_t>(random() >> 7);
        const mxg_decision decision = plane().decide(frame, kSecond);
        ASSERT_EQ(decision.reason, i < 10 ? MXG_CONFORMS : MXG_RATE) << i;
        ASSERT_TRUE(same(decision, model_->decide(frame, kSecond)));
    }
    EXPECT_EQ(plane().maps().source_fill().used, 1u);
}

// Headers in the linear part, the rest in frags.
TEST_F(Equal, FramesOfManyPages)
{
    const PolicyCase policy = random_gate(15, "", kMxServices, "");
    start(policy);
    const char* const mx = "2001:db8:2::25";
    for (const size_t bytes : {3000, 3500, 4000, 4096, 8192, 30'000, 60'000}) {
        for (const uint8_t flags :
             {uint8_t{frames::kSyn}, uint8_t{frames::kAck}, uint8_t{frames::kSyn | frames::kFin}}) {
            expect_equal(Frame().ip("2001:db8:9::1", mx).tcp(flags).data(bytes).bytes(), kSecond);
            expect_equal(Frame().ip("203.0.113.7", "192.0.2.25").tcp(flags).data(bytes).bytes(),
                         kSecond);
        }
        Frame chain = Frame().vlan().vlan().ip("2001:db8:bad::1", mx);
        for (int i = 0; i < 8; i++)
            chain.extension(frames::kDestinationOptions, 64);
        expect_equal(chain.tcp(frames::kSyn).data(bytes).bytes(), kSecond);
        // Lengths that agree with the whole frame only, and that do not.
        expect_equal(Frame()
                         .ip("2001:db8:9::1", mx)
                         .set(4, 2, bytes + 21)
                         .tcp(frames::kAck)
                         .data(bytes)
                         .bytes(),
                     kSecond);
        expect_equal(Frame()
                         .ip("2001:db8:9::1", mx)
                         .set(4, 2, 0)
                         .extension(frames::kHopByHop)
                         .tcp(frames::kAck)
                         .data(bytes)
                         .bytes(),
                     kSecond);
    }
}

TEST_F(Equal, EveryShortLength)
{
    const PolicyCase policy = random_gate(16, "", kMxServices, "");
    start(policy);
    const Bytes whole = Frame()
                            .vlan()
                            .ip("2001:db8:9::1", "2001:db8:2::25")
                            .extension(frames::kRouting, 24)
                            .tcp(frames::kSyn)
                            .tcp_options(12)
                            .data(5)
                            .bytes();
    for (size_t bytes = 14; bytes <= whole.size(); bytes++)
        expect_equal(Bytes(whole.begin(), whole.begin() + static_cast<long>(bytes)), kSecond);
}

TEST_F(Equal, SamplesOfDenials)
{
    const PolicyCase policy = random_gate(17, "", kMxServices, "");
    start(policy);
    const Bytes denied =
        Frame().ip("2001:db8:bad::7", "2001:db8:2::25").tcp(frames::kSyn, 25, 12345).bytes();
    for (int i = 0; i < 3; i++)
        expect_equal(denied, kSecond + static_cast<uint64_t>(i));
    uint64_t samples = 0;
    plane().maps().drain_samples([&](const mxg_sample& sample) {
        EXPECT_EQ(to_string(reference::from(sample.source)), "2001:db8:bad::7");
        EXPECT_EQ(sample.decision.source_port, 12345);
        EXPECT_EQ(sample.time_ns, kSecond + samples++);
    });
    EXPECT_EQ(samples, 3u);
    EXPECT_EQ(plane().maps().samples_lost(), 0u);
    // A full ring loses and counts; the reader is never overtaken.
    for (int i = 0; i < 2 * MXG_RING_SAMPLES; i++)
        plane().decide(denied, kSecond);
    samples = 0;
    plane().maps().drain_samples([&](const mxg_sample&) { samples++; });
    EXPECT_EQ(samples + plane().maps().samples_lost(), 2u * MXG_RING_SAMPLES);
    EXPECT_GE(samples, uint64_t{MXG_RING_SAMPLES});
}

}  // namespace
}  // namespace mxgate
