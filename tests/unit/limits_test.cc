// SPDX-License-Identifier: BSD-2-Clause
// Limits at the source prefix and at its parents, for the core and the reference alike.
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "tests/frames/pair.h"

namespace mxgate {
namespace {

using frames::Frame;
using frames::kAck;
using frames::kSyn;
using frames::Pair;
using reference::PolicyCase;

constexpr uint64_t kSecond = 1'000'000'000;
constexpr const char* kMx = "2001:db8:2::25";

// A gate with these classes, of which `c` is the default; `feed` prefixes are of class `good`.
class Limits : public Pair
{
public:
    explicit Limits(const std::string& classes, const std::string& levels = "")
    {
        PolicyCase policy = PolicyCase::from_yaml(
            "gate:\n"
            "  plane: xdp\n"
            "  interfaces: [eth0]\n"
            "  services:\n"
            "    - {name: mx, addresses: [\"2001:db8:2::25\", 192.0.2.25], ports: [25]}\n" +
            (levels.empty() ? "" : "sources: {levels: " + levels + "}\n") +
            "classes:\n"
            "  good: {action: pass}\n" +
            classes + "default_class: c\n");
        policy.add(policy.add_feed("good", "good", 10), "2001:db8:600d::/48");
        start(std::move(policy));
    }

    std::string syn(const std::string& source, uint64_t now)
    {
        const bool six = source.find(':') != std::string::npos;
        return say(Frame().ip(source, six ? kMx : "192.0.2.25").tcp(kSyn), now);
    }
    // A data segment whose IP packet ends at `bytes` of its frame.
    std::string data(const std::string& source, size_t bytes, uint64_t now)
    {
        return say(Frame().ip(source, kMx).tcp(kAck).data(bytes - 74), now);
    }

    // Entries that are taken: of source prefixes, and of parents.
    std::pair<size_t, size_t> used()
    {
        const uint32_t mask = model().gate().sources.bucket_mask;
        std::pair<size_t, size_t> out;
        for (uint64_t i = 0; i < mxg_all_buckets(mask); i++)
            for (const mxg_source& source : model().gate().buckets[i].way)
                (i <= mask ? out.first : out.second) += source.tag != 0;
        return out;
    }
};

std::string in_slash56(int number)
{
    char text[64];
    std::snprintf(text, sizeof(text), "2001:db8:5:%x::1", 0xab00 + number);
    return text;
}

// 256 /64s of one /56, each under its own limit, are stopped by the /48 ceiling; other /48s are not
// touched, and neither is a class that has no ceiling there.
TEST(Levels, ManyPrefixesOfOneParent)
{
    Limits gate(
        "  c: {action: limit, rate: 60/min, charge: syn, burst: 2, levels: {ipv6: {48: {rate: "
        "24/min,"
        " burst: 40}}}}\n",
        "{ipv6: [48]}");
    int passed = 0;
    for (int i = 0; i < 256; i++) {
        const std::string said = gate.syn(in_slash56(i), kSecond);
        passed += said == "pass conforms";
        EXPECT_EQ(said, i < 40 ? "pass conforms" : "drop level-rate") << i;
    }
    EXPECT_EQ(passed, 40);
    EXPECT_EQ(gate.syn("2001:db8:6::1", kSecond), "pass conforms");
    EXPECT_EQ(gate.syn("2001:db8:600d::1", kSecond), "pass class");
    // One more every 2.5 s, at the very nanosecond.
    EXPECT_EQ(gate.syn(in_slash56(0), 3'500'000'000 - 1), "drop level-rate");
    EXPECT_EQ(gate.syn(in_slash56(0), 3'500'000'000), "pass conforms");
    EXPECT_EQ(gate.used().second, 2u);
}

// What a parent denies is not charged to the prefix, and what the prefix denies is not charged to
// the parent.
TEST(Levels, AllAreChargedOrNone)
{
    Limits gate(
        "  c: {action: limit, rate: 1/min, charge: syn, burst: 2, levels: {ipv6: {48: {rate: 1/s,"
        " burst: 3}, 32: {rate: 1/s, burst: 4}}}}\n",
        "{ipv6: [32, 48]}");
    EXPECT_EQ(gate.syn("2001:db8:5:1::1", kSecond), "pass conforms");
    EXPECT_EQ(gate.syn("2001:db8:5:1::2", kSecond), "pass conforms");
    for (int i = 0; i < 9; i++)
        EXPECT_EQ(gate.syn("2001:db8:5:1::3", kSecond), "drop rate");
    EXPECT_EQ(gate.syn("2001:db8:5:2::1", kSecond), "pass conforms");
    for (int i = 0; i < 9; i++)
        EXPECT_EQ(gate.syn("2001:db8:5:3::1", kSecond), "drop level-rate");
    EXPECT_EQ(gate.syn("2001:db8:6:3::1", kSecond), "pass conforms");
    EXPECT_EQ(gate.syn("2001:db8:6:3::1", kSecond), "drop level-rate");
    // A token of the /48 and one of the /32 are back: the /64 still has both of its own.
    EXPECT_EQ(gate.syn("2001:db8:5:3::1", 2 * kSecond), "pass conforms");
    EXPECT_EQ(gate.syn("2001:db8:5:3::1", 3 * kSecond), "pass conforms");
    EXPECT_EQ(gate.syn("2001:db8:5:3::1", 4 * kSecond), "drop rate");
}

// A bad /64 of a hosting /48 leaves its siblings as they are.
TEST(Levels, ABadPrefixLeavesItsSiblings)
{
    Limits gate(
        "  c: {action: limit, rate: 1/min, charge: syn, retry_wait: 600s, levels: {ipv6: {48: "
        "{rate:"
        " 100/s, burst: 100}}}}\n",
        "{ipv6: [48]}");
    EXPECT_EQ(gate.syn("2001:db8:5:bad::1", kSecond), "pass conforms");
    for (int i = 0; i < 10'000; i++)
        gate.syn("2001:db8:5:bad::1", 2 * kSecond);
    for (int i = 0; i < 99; i++)
        EXPECT_EQ(gate.syn(in_slash56(i), 2 * kSecond), "pass conforms") << i;
}

// A level that is no parent of the source prefix has no say.
TEST(Levels, OnlyParents)
{
    Limits gate(
        "  c: {action: limit, charge: syn, levels: {ipv4: {24: {rate: 1/min}}, ipv6: {64: {rate: "
        "1/min},"
        " 48: {rate: 1/min, burst: 2}}}}\n",
        "{ipv6: [64, 48], ipv4: [24]}");
    EXPECT_EQ(gate.syn("2001:db8:5:1::1", kSecond), "pass conforms");
    EXPECT_EQ(gate.syn("2001:db8:5:1::1", kSecond), "pass conforms");
    EXPECT_EQ(gate.syn("2001:db8:5:1::1", kSecond), "drop level-rate");
    EXPECT_EQ(gate.syn("198.51.100.1", kSecond), "pass conforms");
    EXPECT_EQ(gate.syn("198.51.100.2", kSecond), "drop level-rate");
    EXPECT_EQ(gate.syn("198.51.101.2", kSecond), "pass conforms");
}

// 1 M SYNs with interface identifiers of their own occupy one entry and are one sender.
TEST(Sender, OnePrefixIsOneEntry)
{
    Limits gate("  c: {action: limit, rate: 60/min, charge: syn, burst: 5}\n");
    int passed = 0;
    const mxg_packet syn = frames::parse(Frame().ip("2001:db8:5:1::", kMx).tcp(kSyn).bytes());
    for (uint64_t i = 0; i < 1'000'000; i++) {
        mxg_packet packet = syn;
        mxg_decision decision;
        packet.source.lo = i * 0x9e3779b97f4a7c15;
        packet.sequence = static_cast<uint32_t>(i);
        gate.model().gate().now_ns = kSecond;
        mxg_decide(&gate.model().gate(), &packet, &decision);
        passed += decision.verdict == MXG_PASS;
    }
    EXPECT_EQ(passed, 5);
    EXPECT_EQ(gate.used(), (std::pair<size_t, size_t>{1, 0}));
    for (uint32_t i = 0; i <= gate.model().gate().sources.bucket_mask; i++)
        for (const mxg_source& source : gate.model().gate().buckets[i].way)
            if (source.tag != 0) {
                EXPECT_EQ(source.admitted + source.denied, 1'000'000u);
            }
}

// 64 kB/s: a second's bytes at once, then as fast as they drain; from all addresses of the prefix
// together, and no other prefix is slowed.
TEST(Bandwidth, OfThePrefix)
{
    Limits gate("  c: {action: limit, bandwidth: 64kB/s}\n");
    uint64_t sent = 0, now = kSecond;
    int sender = 0;
    while (sent < 1'000'000) {
        const std::string said =
            gate.data("2001:db8:5:1::" + std::to_string(1 + sender % 4), 1514, now);
        if (said == "pass established") {
            sent += 1514;
            sender++;
            ASSERT_EQ(gate.data("2001:db8:5:2::1", 100, now), "pass established");
        } else {
            ASSERT_EQ(said, "drop bandwidth");
            now += kSecond / 1000;
        }
    }
    EXPECT_NEAR(static_cast<double>(now - kSecond) / 1e9, (1e6 - 64e3) / 64e3, 0.1);
    EXPECT_EQ(gate.syn("2001:db8:5:1::1", now), "pass conforms");
    EXPECT_EQ(gate.data("2001:db8:600d::1", 60'000, now), "pass established");
}

TEST(Bandwidth, AFrameConformsWhileNotInDebt)
{
    Limits gate("  c: {action: limit, bandwidth: 1kB/s}\n");
    EXPECT_EQ(gate.data("2001:db8:5:1::1", 1000, kSecond), "pass established");
    // Exactly empty is not in debt; a frame of 60 kB is then charged whole.
    EXPECT_EQ(gate.data("2001:db8:5:1::1", 60'000, kSecond), "pass established");
    EXPECT_EQ(gate.data("2001:db8:5:1::1", 100, kSecond), "drop bandwidth");
    EXPECT_EQ(gate.data("2001:db8:5:1::1", 100, 61 * kSecond - 1), "drop bandwidth");
    EXPECT_EQ(gate.data("2001:db8:5:1::1", 100, 61 * kSecond), "pass established");
}

// Five connections from five addresses: the sixth, from a sixth one, is refused until one is over.
TEST(Connections, OfThePrefix)
{
    Limits gate("  c: {action: limit, connections: 5}\n");
    std::vector<size_t> open;
    for (int i = 1; i <= 5; i++) {
        const std::string source = "2001:db8:5:1::" + std::to_string(i);
        EXPECT_EQ(gate.syn(source, kSecond), "pass conforms");
        open.push_back(gate.opened(source, kSecond));
    }
    EXPECT_EQ(gate.syn("2001:db8:5:1::6", kSecond), "drop connections");
    EXPECT_EQ(gate.syn("2001:db8:5:2::6", kSecond), "pass conforms");
    gate.closed(open[2]);
    EXPECT_EQ(gate.syn("2001:db8:5:1::6", kSecond), "pass conforms");
    gate.opened("2001:db8:5:1::6", kSecond);
    EXPECT_EQ(gate.syn("2001:db8:5:1::7", kSecond), "drop connections");
}

TEST(Connections, SynsDoNotCount)
{
    Limits gate("  c: {action: limit, connections: 1, total_connections: 1}\n");
    for (int i = 0; i < 1000; i++)
        EXPECT_EQ(gate.syn("2001:db8:5:1::1", kSecond), "pass conforms");
}

// Opened and closed in any order, the counts are exact: at the prefix, its parents and its class.
TEST(Connections, ExactAfterManyCycles)
{
    Limits gate(
        "  c: {action: limit, connections: 3, total_connections: 40, levels: {ipv6: {48:"
        " {connections: 6}}}}\n",
        "{ipv6: [48, 32]}");
    std::mt19937_64 random(5);
    std::vector<size_t> open;
    std::map<std::string, int> reasons;
    for (int i = 0; i < 40'000; i++) {
        if (!open.empty() && random() % 2 == 0) {
            const size_t at = random() % open.size();
            gate.closed(open[at]);
            open.erase(open.begin() + static_cast<long>(at));
        }
        char source[64];
        std::snprintf(source, sizeof(source), "2001:db8:%x:%x::%x",
                      static_cast<unsigned>(random() % 9), static_cast<unsigned>(random() % 3),
                      static_cast<unsigned>(random() % 99));
        const std::string said = gate.syn(source, kSecond);
        reasons[said]++;
        ASSERT_FALSE(::testing::Test::HasFailure()) << i;
        if (said == "pass conforms")
            open.push_back(gate.opened(source, kSecond));
    }
    for (const char* reason :
         {"pass conforms", "drop connections", "drop level-connections", "drop total-connections"})
        EXPECT_GT(reasons[reason], 100) << reason;
    for (const size_t connection : open)
        gate.closed(connection);
    const mxg_gate& state = gate.model().gate();
    for (uint64_t i = 0; i < mxg_all_buckets(state.sources.bucket_mask); i++)
        for (const mxg_source& source : state.buckets[i].way)
            EXPECT_EQ(source.open, 0u);
    for (int i = 0; i < MXG_MAX_CLASSES; i++)
        EXPECT_EQ(state.connections[i], 0u);
}

// Unknown senders that hold all slots of their class keep no good sender out.
TEST(Connections, OfTheClass)
{
    Limits gate("  c: {action: limit, total_connections: 2000}\n");
    for (int i = 0; i < 2000; i++)
        gate.opened("2001:db8:" + std::to_string(i) + "::1", kSecond);
    EXPECT_EQ(gate.syn("2001:db8:5:1::1", kSecond), "drop total-connections");
    EXPECT_EQ(gate.syn("2001:db8:600d::1", kSecond), "pass class");
}

// A SYN alone costs no token: the handshake does, and the bucket is never more than empty.
TEST(Handshake, ChargesTheRate)
{
    Limits gate(
        "  c: {action: limit, rate: 60/min, burst: 2, charge: handshake, retry_wait: 10s}\n");
    for (int i = 0; i < 1000; i++)
        EXPECT_EQ(gate.syn("2001:db8:5:1::1", kSecond), "pass conforms");
    for (int i = 0; i < 5; i++)
        gate.opened("2001:db8:5:1::1", kSecond);
    EXPECT_EQ(gate.syn("2001:db8:5:2::1", kSecond), "pass conforms");
    EXPECT_EQ(gate.syn("2001:db8:5:1::1", 2 * kSecond), "pass conforms");
    gate.opened("2001:db8:5:1::1", 2 * kSecond);
    EXPECT_EQ(gate.syn("2001:db8:5:1::1", 2 * kSecond), "drop rate");
    EXPECT_EQ(gate.syn("2001:db8:5:1::1", 12 * kSecond - 1), "drop retry-wait");
    EXPECT_EQ(gate.syn("2001:db8:5:1::1", 12 * kSecond), "pass conforms");
}

// The guard lets a burst of SYNs in that complete nothing; above it only what comes again. A
// completed handshake gives back what its SYN took.
TEST(SynGuard, AboveItOnlyRetransmissions)
{
    Limits gate(
        "  c: {action: limit, rate: 60/min, burst: 100, charge: handshake,"
        " syn_guard: {rate: 1/s, burst: 3}}\n");
    for (int i = 0; i < 3; i++)
        EXPECT_EQ(gate.syn("2001:db8:5:1::1", kSecond), "pass conforms");
    const Frame held = Frame().ip("2001:db8:5:1::2", kMx).tcp(kSyn);
    EXPECT_EQ(gate.say(held, kSecond), "drop syn-guard");
    EXPECT_EQ(gate.syn("2001:db8:5:1::1", kSecond), "drop syn-guard");
    EXPECT_EQ(gate.say(held, 2 * kSecond - 1), "pass conforms");
    EXPECT_EQ(gate.say(held, 4 * kSecond), "pass conforms");
    EXPECT_EQ(gate.syn("2001:db8:5:1::1", 2 * kSecond - 1), "drop syn-guard");
    gate.opened("2001:db8:5:1::2", 2 * kSecond - 1);
    EXPECT_EQ(gate.syn("2001:db8:5:1::1", 2 * kSecond - 1), "pass conforms");
    EXPECT_EQ(gate.syn("2001:db8:5:1::1", 2 * kSecond - 1), "drop syn-guard");
}

// Forged SYNs of a good sender's prefix, with random ports and numbers, at 1 M a second: neither
// its rate nor its waiting period changes, and each attempt of its own gets in, by its second SYN
// at the latest.
TEST(SynGuard, ForgedSynsStopNobody)
{
    Limits gate(
        "  c: {action: limit, rate: 6/min, burst: 3, charge: handshake, retry_wait: 600s,"
        " connections: 5, syn_guard: {rate: 10/s, burst: 20}}\n");
    mxg_gate& state = gate.model().gate();
    const mxg_packet forged = frames::parse(Frame().ip("2001:db8:5:1::1", kMx).tcp(kSyn).bytes());
    std::mt19937_64 random(9);
    uint64_t now = kSecond;
    const auto flood = [&](uint64_t until) {
        for (; now < until; now += 1000) {
            mxg_packet packet = forged;
            mxg_decision decision;
            packet.source.lo = random();
            packet.source_port = static_cast<uint16_t>(random());
            packet.sequence = static_cast<uint32_t>(random());
            state.now_ns = now;
            mxg_decide(&state, &packet, &decision);
            ASSERT_TRUE(decision.reason == MXG_SYN_GUARD || decision.reason == MXG_CONFORMS);
        }
    };
    for (int mail = 0; mail < 3; mail++) {
        flood(now + kSecond / 10);
        const auto own = Frame().ip("2001:db8:5:1::25", kMx).tcp(kSyn).bytes();
        const mxg_decision first = gate.model().decide(own, now);
        mxg_decision last = first;
        if (first.verdict != MXG_PASS) {
            EXPECT_EQ(first.reason, MXG_SYN_GUARD);
            flood(now + kSecond / 10);  // as many SYNs between as the table remembers at least
            last = gate.model().decide(own, now);
        }
        EXPECT_EQ(last.verdict, MXG_PASS) << "mail " << mail;
        gate.model().opened(reference::address("2001:db8:5:1::25"), now);
    }
    // Its three tokens are spent by its own three handshakes, no sooner and no later.
    EXPECT_EQ(gate.model().decide(Frame().ip("2001:db8:5:1::9", kMx).tcp(kSyn).bytes(), now).reason,
              MXG_RATE);
}

}  // namespace
}  // namespace mxgate
