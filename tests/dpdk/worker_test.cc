// SPDX-License-Identifier: BSD-2-Clause
// Frames through real ports: judged as by the model and the reference, sent on as they came, and
// answered with the very bytes of the core's builder.
#include "dataplane/state/overrides.h"
#include "tests/dpdk/dpdk.h"
#include "tests/frames/generator.h"
#include "tests/reference/answer.h"
#include "tests/reference/random_policy.h"

namespace mxgate {
namespace {

using frames::Bytes;
using frames::Frame;
using frames::Model;
using reference::PolicyCase;

class WorkerTest : public DpdkTest
{
protected:
    void start(const PolicyCase& policy)
    {
        info_ = policy.compile();
        publish(table_, info_.plane);
        model_.emplace(info_);
        model_->without_connections();
        reference_.emplace(policy.config, policy.reference());
        reference_->without_connections();
    }

    void set_by_hand(const std::vector<reference::Gate::ByHand>& by_hand)
    {
        const std::vector<mxg_override> records = frames::records_of(by_hand, info_.info);
        put_overrides(&state_.state().overrides, records);
        model_->put_overrides(records);
        reference_->set_by_hand(by_hand);
    }

    // One burst in at `left_`, and what must come of it.
    void expect_burst(const std::vector<Bytes>& burst, uint64_t now_ns)
    {
        ASSERT_EQ(worker_.poll(now_ns), burst.size());
        received_ += burst.size();
        std::vector<Bytes> passed, answered;
        for (size_t i = 0; i < burst.size(); i++) {
            const mxg_decision decision = worker_.decision_on(static_cast<uint32_t>(i));
            expect_decision(burst[i], decision, now_ns);
            const auto effect = static_cast<mxg_verdict>(mxg_effect(&decision));
            if (effect == MXG_PASS)
                passed.push_back(burst[i]);
            if ((effect == MXG_RESET || effect == MXG_UNREACHABLE) &&
                model_->answer(burst[i], effect, now_ns) == MXG_REPLY_ANSWERED)
                answered.push_back(expected_answer(burst[i], effect));
        }
        ASSERT_EQ(sent_to(right_), passed);
        ASSERT_EQ(sent_to(left_), answered);
    }

    void expect_decision(const Bytes& frame, const mxg_decision& decision, uint64_t now_ns)
    {
        const reference::Decision wanted = reference_->decide(frame, now_ns);
        const reference::Decision words = frames::in_words(decision, info_.info);
        EXPECT_TRUE(same(decision, model_->decide(frame, now_ns)));
        EXPECT_EQ(words, wanted) << to_string(words) << "\nreference: " << to_string(wanted);
        reasons_[wanted.reason]++;
    }

    static Bytes expected_answer(const Bytes& frame, mxg_verdict verdict)
    {
        const auto core = frames::answer(frame, verdict), slow = reference::answer(frame, verdict);
        EXPECT_EQ(core, slow);
        return core.value_or(Bytes());
    }

    void run_random(const PolicyCase& policy, uint64_t seed, uint64_t step)
    {
        start(policy);
        const auto prefixes = policy.reference().all_prefixes();
        frames::Generator generator(policy.config, prefixes, seed);
        std::mt19937_64 random(seed);
        uint64_t now = 1000 * kSecond;
        for (int i = 0; received_ < 24'000 && !HasFailure(); i++) {
            if (i % 100 == 50)
                set_by_hand(reference::random_by_hand(random, policy.config, prefixes, now));
            std::vector<Bytes> burst(1 + random() % MXG_BURST);
            for (Bytes& frame : burst) {
                frame = generator.next();
                // Headers over several buffers, too.
                give(left_, pool(), frame, random() % 3 == 0 ? 8 + random() % 60 : SIZE_MAX);
            }
            expect_burst(burst, now);
            now += step * burst.size();
        }
        tell_of_flows(now);
        expect_counters();
        for (const mxg_reason reason : {MXG_NOT_GATED, MXG_ESTABLISHED, MXG_CLASS, MXG_CONFORMS,
                                        MXG_MALFORMED, MXG_FRAGMENT, MXG_MARTIAN, MXG_RATE})
            EXPECT_GT(reasons_[reason], 50u) << "reason " << reason;
    }

    // Frames that seem to be a service's data show connections: their senders are known too.
    void tell_of_flows(uint64_t now_ns)
    {
        const mxg_flows flows = state_.flows();
        for (uint32_t i = 0; i <= flows.mask; i++)
            for (const mxg_flow& flow : flows.lines[i].way)
                if (flow.phase == MXG_FLOW_OPEN)
                    reference_->opened(
                        reference::from(mxg_address{flow.connection.hi, flow.connection.lo,
                                                    flow.connection.family, 0}),
                        now_ns);
    }

    void expect_counters()
    {
        expect_conserved(state_, received_);
        EXPECT_EQ(packet_counters(state_), model_->counters());
        for (uint32_t i = 0; i < MXG_REPLY_COUNTERS; i++)
            EXPECT_EQ(state_.counters_of(0).replies.count[i], model_->replies().count[i]) << i;
        EXPECT_EQ(port_counter(state_, PortCounter::send_full), 0u);
        EXPECT_EQ(port_counter(state_, PortCounter::exception_capped), 0u);
        EXPECT_EQ(source_fill(state_.buckets(), state_.source_settings()).used,
                  reference_->sources());
    }

    uint64_t outcomes(mxg_reply_outcome outcome) const
    {
        uint64_t sum = 0;
        for (const CounterValue& value : state_.reply_counters())
            if (value.index / (3 * MXG_VERDICTS) == static_cast<uint32_t>(outcome))
                sum += value.packets;
        return sum;
    }

    RingPort left_{"left", pool(), 1, 256}, right_{"right", pool(), 1, 256};
    Worker worker_{0, {{left_.id(), right_.id(), 0, true, false}}, state_, table_};
    PolicyTable info_;
    std::optional<Model> model_;
    std::optional<reference::Gate> reference_;
    uint64_t received_ = 0;
    uint64_t reasons_[MXG_REASONS] = {};
};

// The policy with an answer in place of every silent refusal.
PolicyCase answering(PolicyCase policy, Action action)
{
    for (ClassConfig& c : policy.config.classes) {
        c.deny_with = action;
        if (c.action == Action::drop)
            c.action = action;
    }
    return policy;
}

TEST_F(WorkerTest, Drops)
{
    run_random(reference::random_gate(11, "", reference::kMxServices, ", burst: 3"), 1,
               kSecond / 100);
    EXPECT_TRUE(state_.reply_counters().empty());
    EXPECT_GT(port_counter(state_, PortCounter::dropped), 500u);
}

TEST_F(WorkerTest, Unreachables)
{
    const auto policy = reference::random_gate(11, "", reference::kMxServices, ", burst: 3");
    run_random(answering(policy, Action::unreachable), 2, kSecond / 100);
    EXPECT_GT(outcomes(MXG_REPLY_ANSWERED), 100u);
}

// And more denials than answers are allowed.
TEST_F(WorkerTest, Resets)
{
    const auto policy = reference::random_gate(14, "  replies: {rate: 5/s, burst: 3}\n",
                                               reference::kAllServices, ", burst: 2");
    run_random(answering(policy, Action::reset), 3, kSecond / 1000);
    EXPECT_GT(outcomes(MXG_REPLY_ANSWERED), 10u);
    EXPECT_GT(outcomes(MXG_REPLY_SUPPRESSED), 100u);
}

TEST_F(WorkerTest, MonitorSendsEverythingOn)
{
    run_random(reference::random_gate(12, "  mode: monitor\n", reference::kMxServices,
                                      ", deny_with: reset"),
               4, kSecond / 20);
    EXPECT_EQ(port_counter(state_, PortCounter::sent), received_);
}

// 9000 bytes and more in one buffer and in many, with the headers in any of them.
TEST_F(WorkerTest, Jumbo)
{
    start(reference::random_gate(15, "", reference::kMxServices, ""));
    const char* const mx = "2001:db8:2::25";
    for (const size_t bytes : {20, 1460, 3000, 8960, 9500, 40'000})
        for (const size_t segment : {size_t{1}, size_t{20}, size_t{54}, size_t{1500}, SIZE_MAX})
            for (const uint8_t flags : {frames::kSyn, frames::kAck}) {
                Frame chain = Frame().vlan(0x88a8).vlan().ip("2001:db8:bad::1", mx);
                for (int i = 0; i < 7; i++)
                    chain.extension(frames::kDestinationOptions, 64);
                const std::vector<Bytes> burst = {
                    Frame().ip("2001:db8:9::1", mx).tcp(flags).data(bytes).bytes(),
                    Frame().ip("203.0.113.7", "192.0.2.25").tcp(flags).data(bytes).bytes(),
                    chain.tcp(flags).data(bytes).bytes(),
                    Frame().ip("2001:db8:9::1", mx).udp(53).data(bytes).bytes(),
                };
                for (const Bytes& frame : burst)
                    give(left_, segment == SIZE_MAX ? large() : pool(), frame,
                         std::max(segment, bytes / 600 + 1));
                expect_burst(burst, kSecond);
                if (HasFailure())
                    return;
            }
    expect_conserved(state_, received_);
}

// Where no port has room the frame is lost, and counted.
TEST_F(WorkerTest, NoRoomToSend)
{
    publish(table_, all_of("good", 1).plane);
    RingPort narrow("narrow", pool(), 1, 16);
    Worker worker(1, {{left_.id(), narrow.id(), 0, true, false}}, state_, table_);
    const Bytes frame = Frame().ip("2001:db8:7::1", "2001:db8:2::25").tcp(frames::kSyn).bytes();
    for (int i = 0; i < 40; i++)
        give(left_, pool(), frame);
    EXPECT_EQ(worker.poll(kSecond), 40u);
    EXPECT_EQ(sent_to(narrow), std::vector<Bytes>(15, frame));
    EXPECT_EQ(port_counter(state_, PortCounter::sent), 15u);
    EXPECT_EQ(port_counter(state_, PortCounter::send_full), 25u);
    expect_conserved(state_, 40);
}

TEST_F(WorkerTest, AnswersThatFindNoRoom)
{
    const auto policy = PolicyCase::from_yaml(
        "gate:\n"
        "  services:\n"
        "    - {name: mx, addresses: [\"2001:db8:2::25\"], ports: [25]}\n"
        "classes:\n"
        "  rude: {action: reset}\n"
        "default_class: rude\n");
    publish(table_, policy.compile().plane);
    RingPort narrow("narrow", pool(), 1, 64);
    Worker worker(1, {{narrow.id(), right_.id(), 0, true, false}}, state_, table_);
    const Bytes frame = Frame().ip("2001:db8:7::1", "2001:db8:2::25").tcp(frames::kSyn).bytes();
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 50; i++)
            give(narrow, pool(), frame);
        EXPECT_EQ(worker.poll(kSecond), 50u);
    }
    EXPECT_EQ(sent_to(narrow).size(), 63u);
    EXPECT_EQ(port_counter(state_, PortCounter::answers_lost), 100u - 63u);
    EXPECT_EQ(port_counter(state_, PortCounter::dropped), 100u);
    expect_conserved(state_, 100);
}

// Both ways of a wire are judged alike, and what comes on one port goes out of the other.
TEST_F(WorkerTest, BothWays)
{
    publish(table_, all_of("bad", 1).plane);
    Worker worker(
        1, {{left_.id(), right_.id(), 0, true, false}, {right_.id(), left_.id(), 0, true, false}},
        state_, table_);
    const Bytes bad = Frame().ip("2001:db8:7::1", "2001:db8:2::25").tcp(frames::kSyn).bytes();
    const Bytes arp = Frame().set(12, 2, 0x0806).bytes();
    const Bytes answer =
        Frame().ip("2001:db8:2::25", "2001:db8:7::1").tcp(frames::kSyn | frames::kAck).bytes();
    for (const Bytes& frame : {bad, arp, bad})
        give(left_, pool(), frame);
    for (const Bytes& frame : {answer, bad, arp})
        give(right_, pool(), frame);
    EXPECT_EQ(worker.poll(kSecond), 6u);
    EXPECT_EQ(sent_to(right_), std::vector<Bytes>({arp}));
    EXPECT_EQ(sent_to(left_), std::vector<Bytes>({answer, arp}));
    expect_conserved(state_, 6);
}

// Anybody can send what looks like a service's frame: it is believed from its own side alone.
TEST_F(WorkerTest, AServiceIsBelievedFromItsSideOfTheWire)
{
    publish(table_, all_of("good", 1).plane);
    Worker worker(
        1, {{left_.id(), right_.id(), 0, true, false}, {right_.id(), left_.id(), 0, true, false}},
        state_, table_);
    const char *const sender = "2001:db8:7::1", *const mx = "2001:db8:2::25";
    const Bytes syn = Frame().ip(sender, mx).tcp(frames::kSyn).bytes();
    const Bytes data = Frame().ip(mx, sender).tcp(frames::kAck, 40000, 25).data(10).bytes();
    const auto open = [&](RingPort& from, const Bytes& frame) {
        give(from, pool(), frame);
        EXPECT_EQ(worker.poll(kSecond), 1u);
        sent_to(left_);
        sent_to(right_);
        uint64_t sum = 0;
        for (const uint32_t count : std::span(state_.gate().connections, MXG_MAX_CLASSES))
            sum += count;
        return sum;
    };
    EXPECT_EQ(open(right_, data), 0u) << "it is not known yet where services are";
    EXPECT_EQ(open(left_, syn), 0u);
    EXPECT_EQ(open(left_, data), 0u) << "not there, where the attempt came from";
    EXPECT_EQ(open(right_, data), 1u);
    // After a restart connections show it that are open still.
    const Bytes next = Frame().ip(sender, mx).tcp(frames::kAck).bytes();
    const Bytes reset = Frame().ip(mx, sender).tcp(frames::kRst, 40000, 25).bytes();
    state_.state().meta.inside = 0;
    EXPECT_EQ(open(right_, reset), 1u);
    EXPECT_EQ(open(left_, next), 1u);
    EXPECT_EQ(open(left_, reset), 1u);
    EXPECT_EQ(open(right_, reset), 0u);
}

// Without a table everything passes, and says so.
// 1 M SYNs with random interface identifiers in one /64 are one sender's and take one entry
// (AG-01).
TEST_F(WorkerTest, AWholeSlash64IsOneSender)
{
    start(PolicyCase::from_yaml(
        "gate:\n  services:\n    - {name: mx, addresses: [\"2001:db8:2::25\"], ports: [25]}\n"
        "classes: {c: {action: limit, rate: 60/min, burst: 10, charge: syn}}\n"
        "default_class: c\n"));
    Bytes frame = Frame().ip("2001:db8:5:1::1", "2001:db8:2::25").tcp(frames::kSyn).bytes();
    std::mt19937_64 random(3);
    for (int burst = 0; burst < 1'000'000 / MXG_BURST && !HasFailure(); burst++) {
        for (int i = 0; i < MXG_BURST; i++) {
            for (size_t at = 14 + 16; at < 14 + 24; at++)
                frame[at] = static_cast<uint8_t>(random() >> 7);
            give(left_, pool(), frame);
        }
        ASSERT_EQ(worker_.poll(kSecond), static_cast<uint32_t>(MXG_BURST));
        sent_to(right_);
        if (burst == 0) {  // later on others are remembered
            EXPECT_EQ(half_open(state_.seen(), state_.source_settings(), kSecond)[0], 10u);
        }
    }
    EXPECT_EQ(port_counter(state_, PortCounter::sent), 10u);
    EXPECT_EQ(source_fill(state_.buckets(), state_.source_settings()).used, 1u);
}

// Where every entry is another sender's, in debt or with open connections.
TEST_F(WorkerTest, PressureIsCounted)
{
    start(PolicyCase::from_yaml(
        "gate:\n  services:\n    - {name: mx, addresses: [\"2001:db8:2::25\"], ports: [25]}\n"
        "classes: {c: {action: limit, rate: 60/min, burst: 10, charge: syn}}\n"
        "default_class: c\n"));
    const auto everyone = [&](uint64_t full_at_ns, uint32_t open) {
        for (uint64_t i = 0; i < mxg_all_buckets(state_.source_settings().bucket_mask); i++)
            for (mxg_source& source : state_.buckets()[i].way) {
                source.tag = MXG_TAG_BUSY + 1;
                source.full_at_ns = full_at_ns;
                source.open = open;
            }
    };
    const auto expect_after = [&](const char* from, uint64_t evicted, uint64_t overflowed) {
        give(left_, pool(), Frame().ip(from, "2001:db8:2::25").tcp(frames::kSyn).bytes());
        worker_.poll(kSecond);
        sent_to(right_);
        EXPECT_EQ(state_.source_pressure().evicted, evicted) << from;
        EXPECT_EQ(state_.source_pressure().overflowed, overflowed) << from;
    };
    everyone(kSecond, 0);
    expect_after("2001:db8:7:1::1", 0, 0);
    everyone(kSecond + 1, 0);
    expect_after("2001:db8:7:2::1", 1, 0);
    expect_after("2001:db8:7:2::1", 1, 0);
    everyone(kSecond, 1);
    expect_after("2001:db8:7:3::1", 1, 1);
}

TEST_F(WorkerTest, NoTableYet)
{
    const std::vector<Bytes> burst = {
        Frame().ip("2001:db8:7::1", "2001:db8:2::25").tcp(frames::kSyn).bytes(),
        Frame().set(12, 2, 0x0806).bytes(),
        Frame().ip("192.0.2.1", "192.0.2.2").udp(53).bytes(),
        Frame().vlan().vlan().vlan().ip("2001:db8:7::1", "2001:db8:3::1").bytes(),
    };
    for (const Bytes& frame : burst)
        give(left_, pool(), frame);
    EXPECT_EQ(worker_.poll(kSecond), burst.size());
    for (uint32_t i = 0; i < burst.size(); i++)
        EXPECT_EQ(worker_.decision_on(i).reason, MXG_NO_TABLE) << i;
    EXPECT_EQ(sent_to(right_), burst);
    expect_conserved(state_, burst.size());
}

// As many addresses as there may be, and each is protected.
TEST_F(WorkerTest, EveryServiceCounts)
{
    std::string addresses;
    for (int i = 1; i <= MXG_MAX_SERVICE_ADDRESSES; i++)
        addresses += (i > 1 ? ", \"2001:db8:2::" : "\"2001:db8:2::") + std::to_string(i) + "\"";
    start(
        PolicyCase::from_yaml("gate:\n  services:\n    - {name: mx, addresses: [" + addresses +
                              "], ports: [25]}\nclasses: {c: {action: drop}}\ndefault_class: c\n"));
    std::vector<Bytes> burst;
    for (int i = 1; i <= MXG_MAX_SERVICE_ADDRESSES; i++)
        burst.push_back(Frame()
                            .ip("2001:db8:7::1", "2001:db8:2::" + std::to_string(i))
                            .tcp(frames::kSyn)
                            .bytes());
    for (const Bytes& frame : burst)
        give(left_, pool(), frame);
    worker_.poll(kSecond);
    EXPECT_EQ(sent_to(right_).size(), 0u);
    EXPECT_EQ(port_counter(state_, PortCounter::dropped), burst.size());
    expect_conserved(state_, burst.size());
}

// Denials are sampled with source and time; a full ring loses and counts.
TEST_F(WorkerTest, Samples)
{
    publish(table_, all_of("bad", 1).plane);
    const Bytes frame =
        Frame().ip("2001:db8:7::1", "2001:db8:2::25").tcp(frames::kSyn, 25, 12345).bytes();
    const uint64_t rounds = 2 * MXG_RING_SAMPLES / MXG_BURST;
    for (uint64_t round = 0; round < rounds; round++) {
        for (int i = 0; i < MXG_BURST; i++)
            give(left_, pool(), frame);
        worker_.poll(kSecond + round);
    }
    uint64_t samples = 0;
    drain_rings(state_.state().rings, kMaxWorkers, [&](const mxg_sample& sample) {
        EXPECT_EQ(to_string(reference::from(sample.source)), "2001:db8:7::1");
        EXPECT_EQ(sample.decision.source_port, 12345);
        EXPECT_EQ(sample.time_ns, kSecond + samples++ / MXG_BURST);
    });
    EXPECT_EQ(samples, uint64_t{MXG_RING_SAMPLES});
    EXPECT_EQ(samples_lost(state_.state().rings, kMaxWorkers), uint64_t{MXG_RING_SAMPLES});
}

}  // namespace
}  // namespace mxgate
