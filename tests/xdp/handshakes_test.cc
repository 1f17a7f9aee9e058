// SPDX-License-Identifier: BSD-2-Clause
// Connections as the frames of both sides tell of them.
#include "tests/xdp/handshakes.h"

#include <fmt/format.h>

#include <map>
#include <random>

#include "dataplane/core/flow_table.h"

namespace mxgate {
namespace {

TEST_F(HandshakesTest, OpenUntilBothFinsOrReset)
{
    EXPECT_EQ(shake("2001:db8:5:1::1", 1, kSecond), MXG_CONFORMS);
    EXPECT_EQ(see(client("2001:db8:5:1::2", kSyn, 99, 0), kSecond), MXG_CONNECTIONS);
    see(client("2001:db8:5:1::1", kFin | kAck, 2, 7001), kSecond);
    EXPECT_EQ(see(client("2001:db8:5:1::2", kSyn, 100, 0), kSecond), MXG_CONNECTIONS);
    see(server("2001:db8:5:1::1", kFin | kAck, 7001, 3), kSecond);
    EXPECT_EQ(shake("2001:db8:5:1::2", 101, kSecond), MXG_CONFORMS);
    see(server("2001:db8:5:1::2", kRst, 7001, 0), kSecond);
    // Two handshakes have spent the burst.
    EXPECT_EQ(see(client("2001:db8:5:1::3", kSyn, 1, 0), kSecond), MXG_RATE);
    EXPECT_EQ(see(client("2001:db8:5:1::3", kSyn, 2, 0), 2 * kSecond), MXG_CONFORMS);
}

// Who says its SYN again after its connection is over makes another attempt.
TEST_F(HandshakesTest, AnAttemptIsOverWithItsHandshake)
{
    const char* const from = "2001:db8:5:1::1";
    const Frame syn = client(from, kSyn, 1, 0);
    for (const mxg_reason reason : {MXG_CONFORMS, MXG_CONFORMS, MXG_RATE}) {
        EXPECT_EQ(see(syn, kSecond), reason);
        EXPECT_EQ(see(syn, kSecond), reason);
        see(server(from, kSyn | kAck, 7000, 2), kSecond);
        see(client(from, kAck, 2, 7001), kSecond);
        see(server(from, kRst, 7001, 0), kSecond);
    }
}

TEST_F(HandshakesTest, OnlyWhatIsAcknowledged)
{
    const char* const from = "2001:db8:5:1::1";
    see(client(from, kSyn, 1, 0), kSecond);
    see(client(from, kAck, 2, 7001), kSecond);          // nobody answered yet
    see(server(from, kSyn | kAck, 7000, 55), kSecond);  // to another SYN
    see(client(from, kAck, 2, 7001), kSecond);
    EXPECT_EQ(see(client(from, kSyn, 9, 0), kSecond), MXG_CONFORMS);
    see(server(from, kSyn | kAck, 7000, 10), kSecond);
    see(client(from, kAck, 10, 7002), kSecond);  // of another SYN-ACK
    EXPECT_EQ(see(client(from, kSyn, 11, 0), kSecond), MXG_CONFORMS);
}

// A sender that goes silent is forgotten after 15 minutes, after 2 where one side has said FIN.
TEST_F(HandshakesTest, SilenceEndsAConnection)
{
    constexpr uint64_t kMinute = 60 * kSecond;
    const auto again = [this](uint64_t now) {
        return see(client("2001:db8:5:1::2", kSyn, static_cast<uint32_t>(now >> 20), 0), now);
    };
    shake("2001:db8:5:1::1", 1, kSecond);
    see(client("2001:db8:5:1::1", kAck, 2, 7001), 10 * kMinute);
    EXPECT_EQ(again(25 * kMinute - kSecond), MXG_CONNECTIONS);
    EXPECT_EQ(again(25 * kMinute + kSecond), MXG_CONFORMS);
    shake("2001:db8:5:1::3", 1, 30 * kMinute);
    see(server("2001:db8:5:1::3", kFin | kAck, 7001, 2), 31 * kMinute);
    EXPECT_EQ(again(33 * kMinute - kSecond), MXG_CONNECTIONS);
    EXPECT_EQ(again(33 * kMinute + kSecond), MXG_CONFORMS);
}

// RFC 5961: a RST that the service would not take says nothing.
TEST_F(HandshakesTest, ResetsOutsideOfTheWindowAreNotBelieved)
{
    const char* const from = "2001:db8:5:1::1";
    shake(from, 1, kSecond);
    see(client(from, kRst, 0x90000000, 0), kSecond);
    EXPECT_EQ(see(client("2001:db8:5:1::2", kSyn, 77, 0), kSecond), MXG_CONNECTIONS);
    see(server(from, kAck, 7001, 500), kSecond);
    see(client(from, kRst, 499, 0), kSecond);
    EXPECT_EQ(see(client("2001:db8:5:1::2", kSyn, 78, 0), kSecond), MXG_CONNECTIONS);
    see(client(from, kRst, 500, 0), kSecond);
    EXPECT_EQ(see(client("2001:db8:5:1::2", kSyn, 79, 0), kSecond), MXG_CONFORMS);
}

// What a sender's own TCP would never send hides no connection.
TEST_F(HandshakesTest, NoSenderHidesItsConnection)
{
    const char* const from = "2001:db8:5:1::1";
    uint32_t other = 500;
    const auto another = [&](uint64_t now) {
        return see(client("2001:db8:5:1::2", kSyn, ++other, 0), now);
    };
    // Complete for the service, which takes what is in its window, though not to the letter.
    see(client(from, kSyn, 1, 0), kSecond);
    see(server(from, kSyn | kAck, 7000, 2), kSecond);
    see(client(from, kAck, 4, 7001), kSecond);
    EXPECT_EQ(another(kSecond), MXG_CONNECTIONS);
    // A RST, a FIN beyond what the service has: it answers the one, and ignores the other.
    see(client(from, kRst, 1000, 0), kSecond);
    see(server(from, kAck, 7001, 2), kSecond);
    see(client(from, kFin | kAck, 2000, 7001), kSecond);
    see(server(from, kFin | kAck, 7001, 2), kSecond);
    EXPECT_EQ(another(kSecond), MXG_CONNECTIONS);
    // Data on the way, of which the gate cannot know whether it came; the answer to a RST says no.
    see(client(from, kAck, 2, 7001).data(10), kSecond);
    see(client(from, kRst, 12, 0), kSecond);
    see(server(from, kAck, 7002, 2), kSecond);
    for (int i = 0; i < 3; i++)
        EXPECT_EQ(another(3 * kSecond), MXG_CONNECTIONS);
}

// The banner opens what no acknowledgement did, and shows a connection that seemed to be over.
TEST_F(HandshakesTest, DataOfTheServiceShowsAConnection)
{
    const char* const from = "2001:db8:5:1::1";
    see(client(from, kSyn, 1, 0), kSecond);
    see(server(from, kSyn | kAck, 7000, 2), kSecond);
    see(client(from, kAck, 2, 7005), kSecond);
    EXPECT_EQ(see(client("2001:db8:5:1::2", kSyn, 77, 0), kSecond), MXG_CONFORMS);
    see(server(from, kAck, 7001, 2).data(30), kSecond);
    EXPECT_EQ(see(client("2001:db8:5:1::2", kSyn, 78, 0), kSecond), MXG_CONNECTIONS);
    see(client(from, kRst, 2, 0), kSecond);
    EXPECT_EQ(see(client("2001:db8:5:1::2", kSyn, 79, 0), kSecond), MXG_CONFORMS);
    see(server(from, kAck, 7031, 2).data(30), 60 * kSecond);
    EXPECT_EQ(see(client("2001:db8:5:1::2", kSyn, 80, 0), 60 * kSecond), MXG_CONNECTIONS);
}

// Anyone can forge the frames of a sender, but not those of its connection.
TEST_F(HandshakesTest, ForgedDataCostsNoBandwidth)
{
    start(reference::PolicyCase::from_yaml(
              "gate:\n  plane: xdp\n  interfaces: [eth0]\n  services:\n"
              "    - {name: mx, addresses: [\"2001:db8:2::25\"]}\n"
              "classes: {c: {action: limit, bandwidth: 1kB/s}}\ndefault_class: c\n")
              .compile());
    const auto data = [&](const char* from) {
        return see(client(from, kAck, 2, 7001).data(900), kSecond);
    };
    shake("2001:db8:5:1::1", 1, kSecond);
    for (int i = 0; i < 100; i++)
        EXPECT_EQ(data("2001:db8:5:1::2"), MXG_ESTABLISHED);
    EXPECT_EQ(data("2001:db8:5:1::1"), MXG_ESTABLISHED);
    EXPECT_EQ(data("2001:db8:5:1::1"), MXG_ESTABLISHED);
    EXPECT_EQ(data("2001:db8:5:1::1"), MXG_BANDWIDTH);
}

// 10,000 connections of one prefix, five at a time, each from an address of its own, with frames
// lost before the gate (never seen) and behind it (seen again): a sixth is refused at any moment.
TEST_F(HandshakesTest, CountIsExactUnderLoss)
{
    start(reference::PolicyCase::from_yaml(
              "gate:\n  plane: xdp\n  interfaces: [eth0]\n  services:\n"
              "    - {name: mx, addresses: [\"2001:db8:2::25\"]}\n"
              "classes: {c: {action: limit, connections: 5}}\ndefault_class: c\n")
              .compile());
    std::mt19937 random(7);
    uint32_t next = 0;
    const auto address = [](uint32_t i) {
        return fmt::format("2001:db8:5:1::{:x}:{:x}", i >> 8, i & 255);
    };
    // Seen once, or twice. What the gate never saw comes again too.
    const auto send = [&](const Frame& frame) {
        mxg_reason out = see(frame, kSecond);
        if (random() % 5 == 0)
            see(frame, kSecond);
        return out;
    };
    std::vector<uint32_t> open;
    for (int cycle = 0; cycle < 10'000 && !HasFailure(); cycle++) {
        while (open.size() < 5) {
            const std::string from = address(++next);
            ASSERT_EQ(send(client(from, kSyn, next, 0)), MXG_CONFORMS);
            send(server(from, kSyn | kAck, 7000, next + 1));
            if (random() % 5 != 0)  // else the acknowledgement is lost, and the first data comes
                send(client(from, kAck, next + 1, 7001));
            send(client(from, kAck, next + 1, 7001).data(10));
            open.push_back(next);
        }
        next++;
        EXPECT_EQ(see(client(address(next), kSyn, next, 0), kSecond), MXG_CONNECTIONS);
        const size_t which = random() % open.size();
        const uint32_t one = open[which];
        open.erase(open.begin() + static_cast<long>(which));
        switch (random() % 3) {
            case 0:
                send(client(address(one), kFin | kAck, one + 11, 7001));
                send(server(address(one), kFin | kAck, 7001, one + 12));
                send(client(address(one), kAck, one + 12, 7002));
                break;
            case 1:
                send(server(address(one), kRst | kAck, 7001, one + 11));
                break;
            default:
                send(server(address(one), kAck, 7001, one + 11));
                send(client(address(one), kRst, one + 11, 0));
        }
    }
}

// A frame of one of three senders of a /48, and what is said of it.
struct Step {
    enum { syn, shake, again, data } what;  // again: the first SYN once more
    char sender;
    uint64_t now;
    mxg_reason wanted;
};
struct Boundary {
    const char* limits;
    std::vector<Step> steps;
};

// At the last nanosecond, and at the first one after it; with the last of a number, and with one
// more.
const Boundary kBoundaries[] = {
    {"rate: 60/min, burst: 2, charge: syn",
     {{Step::syn, 'a', kSecond, MXG_CONFORMS},
      {Step::syn, 'a', kSecond, MXG_CONFORMS},
      {Step::syn, 'a', 2 * kSecond - 1, MXG_RATE},
      {Step::syn, 'a', 2 * kSecond, MXG_CONFORMS}}},
    {"rate: 60/min, burst: 2",
     {{Step::shake, 'a', kSecond, MXG_CONFORMS},
      {Step::shake, 'a', kSecond, MXG_CONFORMS},
      {Step::syn, 'a', 2 * kSecond - 1, MXG_RATE},
      {Step::syn, 'a', 2 * kSecond, MXG_CONFORMS}}},
    {"rate: 60/min, burst: 1, charge: syn, retry_wait: 10s",
     {{Step::syn, 'a', kSecond, MXG_CONFORMS},
      {Step::syn, 'a', kSecond, MXG_RATE},
      {Step::syn, 'a', 11 * kSecond - 1, MXG_RETRY_WAIT},
      {Step::syn, 'a', 11 * kSecond, MXG_CONFORMS}}},
    {"connections: 2",
     {{Step::shake, 'a', kSecond, MXG_CONFORMS},
      {Step::shake, 'a', kSecond, MXG_CONFORMS},
      {Step::syn, 'a', kSecond, MXG_CONNECTIONS},
      {Step::syn, 'b', kSecond, MXG_CONFORMS}}},
    {"total_connections: 2",
     {{Step::shake, 'a', kSecond, MXG_CONFORMS},
      {Step::shake, 'b', kSecond, MXG_CONFORMS},
      {Step::syn, 'c', kSecond, MXG_TOTAL}}},
    {"charge: syn, levels: {ipv6: {48: {rate: 60/min, burst: 2}}}",
     {{Step::syn, 'a', kSecond, MXG_CONFORMS},
      {Step::syn, 'b', kSecond, MXG_CONFORMS},
      {Step::syn, 'c', 2 * kSecond - 1, MXG_LEVEL_RATE},
      {Step::syn, 'c', 2 * kSecond, MXG_CONFORMS}}},
    {"levels: {ipv6: {48: {connections: 2}}}",
     {{Step::shake, 'a', kSecond, MXG_CONFORMS},
      {Step::shake, 'b', kSecond, MXG_CONFORMS},
      {Step::syn, 'c', kSecond, MXG_LEVEL_CONNECTIONS}}},
    {"syn_guard: {rate: 1/s, burst: 2}",
     {{Step::syn, 'a', kSecond, MXG_CONFORMS},
      {Step::syn, 'a', kSecond, MXG_CONFORMS},
      {Step::syn, 'a', 2 * kSecond - 1, MXG_SYN_GUARD},
      {Step::syn, 'a', 2 * kSecond, MXG_CONFORMS}}},
    // 1074 bytes are 74 more than a second's.
    {"bandwidth: 1kB/s",
     {{Step::shake, 'a', kSecond, MXG_CONFORMS},
      {Step::data, 'a', kSecond, MXG_ESTABLISHED},
      {Step::data, 'a', kSecond + 73'999'999, MXG_BANDWIDTH},
      {Step::data, 'a', kSecond + 74'000'000, MXG_ESTABLISHED}}},
    // A retransmission, and an attempt of its own: 64 s in units of 65536 ns.
    {"rate: 1/10min, burst: 1, charge: syn",
     {{Step::again, 'a', 65536, MXG_CONFORMS},
      {Step::again, 'a', 65536 * (64 * kSecond / 65536 + 1) - 1, MXG_CONFORMS},
      {Step::again, 'a', 65536 * (64 * kSecond / 65536 + 1), MXG_RATE}}},
};

TEST_F(HandshakesTest, EveryLimitAtItsBoundary)
{
    for (const auto& [limits, steps] : kBoundaries) {
        SCOPED_TRACE(limits);
        start(reference::PolicyCase::from_yaml(
                  fmt::format("gate:\n  plane: xdp\n  interfaces: [eth0]\n  services:\n"
                              "    - {{name: mx, addresses: [\"2001:db8:2::25\"]}}\n"
                              "sources: {{levels: {{ipv6: [48]}}}}\n"
                              "classes: {{c: {{action: limit, {}}}}}\ndefault_class: c\n",
                              limits))
                  .compile());
        uint32_t number = 100;
        for (const Step& step : steps) {
            number += step.what != Step::data;  // that is of the connection opened last
            const std::string from = fmt::format("2001:db8:5:{}::{:x}", step.sender, number);
            const Frame again = client("2001:db8:5:a::1", kSyn, 1, 0);
            const mxg_reason said =
                step.what == Step::shake ? shake(from, number, step.now)
                : step.what == Step::syn ? see(client(from, kSyn, number, 0), step.now)
                : step.what == Step::again
                    ? see(again, step.now)
                    : see(client(from, kAck, number + 1, 7001).data(1000), step.now);
            EXPECT_EQ(said, step.wanted) << "at " << step.now;
        }
    }
}

// 256 /64s of one /56, each under its own limit, are stopped by the ceiling of their /48.
TEST_F(HandshakesTest, ParentsStopManySmallSenders)
{
    start(reference::PolicyCase::from_yaml(
              "gate:\n  plane: xdp\n  interfaces: [eth0]\n  services:\n"
              "    - {name: mx, addresses: [\"2001:db8:2::25\"]}\n"
              "sources: {levels: {ipv6: [56, 48], ipv4: [24]}}\n"
              "classes: {c: {action: limit, charge: syn, rate: 1/min, burst: 2,\n"
              "              levels: {ipv6: {48: {rate: 1/min, burst: 100}}}}}\n"
              "default_class: c\n")
              .compile());
    std::map<mxg_reason, int> said;
    for (uint32_t i = 0; i < 256; i++)
        said[see(client(fmt::format("2001:db8:5:12{:02x}::1", i), kSyn, i, 0), kSecond)]++;
    EXPECT_EQ(said[MXG_CONFORMS], 100);
    EXPECT_EQ(said[MXG_LEVEL_RATE], 156);
    EXPECT_EQ(see(client("2001:db8:6:1200::1", kSyn, 1, 0), kSecond), MXG_CONFORMS);
}

// A bad /64 in a hosting /48 leaves its siblings' class as it is.
TEST_F(HandshakesTest, SiblingsOfABadPrefixKeepTheirClass)
{
    auto policy = reference::PolicyCase::from_yaml(
        "gate:\n  plane: xdp\n  interfaces: [eth0]\n  services:\n"
        "    - {name: mx, addresses: [\"2001:db8:2::25\"]}\n"
        "classes:\n  c: {action: limit, connections: 5}\n  bad: {action: drop}\n"
        "default_class: c\n");
    policy.add(policy.add_feed("list", "bad", 0), "2001:db8:5:1200::/64");
    start(policy.compile());
    EXPECT_EQ(see(client("2001:db8:5:1200::1", kSyn, 1, 0), kSecond), MXG_CLASS);
    for (uint32_t i = 1; i < 256; i++)
        EXPECT_EQ(see(client(fmt::format("2001:db8:5:12{:02x}::1", i), kSyn, i, 0), kSecond),
                  MXG_CONFORMS);
}

// 64 times as many senders as the table holds: who was refused, and who has a connection, is known
// still; the others have come and gone.
TEST_F(HandshakesTest, ManyMoreSendersThanTheTableHolds)
{
    constexpr uint32_t kCapacity = 1 << 9;
    start(reference::PolicyCase::from_yaml(
              "gate:\n  plane: xdp\n  interfaces: [eth0]\n  services:\n"
              "    - {name: mx, addresses: [\"2001:db8:2::25\"]}\n"
              "classes: {c: {action: limit, rate: 1/s, burst: 1, charge: syn, retry_wait: 1h,\n"
              "              connections: 1}}\n"
              "default_class: c\n")
              .compile(),
          kCapacity);
    EXPECT_EQ(see(client("2001:db8:bad::1", kSyn, 1, 0), kSecond), MXG_CONFORMS);
    EXPECT_EQ(see(client("2001:db8:bad::2", kSyn, 2, 0), kSecond), MXG_RATE);
    EXPECT_EQ(shake("2001:db8:600d::1", 1, kSecond), MXG_CONFORMS);
    uint64_t now = kSecond;
    for (uint32_t i = 0; i < 64 * kCapacity && !HasFailure(); i++) {
        now += 2 * kSecond / kCapacity;  // half of the table has a token to get back
        EXPECT_EQ(see(client(fmt::format("2001:db8:{:x}:{:x}::1", 0x1000 + (i >> 16), i & 0xffff),
                             kSyn, i, 0),
                      now),
                  MXG_CONFORMS);
    }
    EXPECT_EQ(see(client("2001:db8:bad::3", kSyn, 3, 0), now), MXG_RETRY_WAIT);
    EXPECT_EQ(see(client("2001:db8:600d::2", kSyn, 2, 0), now), MXG_CONNECTIONS);
    EXPECT_EQ(see(client("2001:db8:1000::2", kSyn, 3, 0), now), MXG_CONFORMS);
}

// Senders that hold all of their class's connections leave those of another class theirs.
TEST_F(HandshakesTest, AClassFullOfConnectionsIsNoOtherOnes)
{
    auto policy = reference::PolicyCase::from_yaml(
        "gate:\n  plane: xdp\n  interfaces: [eth0]\n  services:\n"
        "    - {name: mx, addresses: [\"2001:db8:2::25\"]}\n"
        "classes:\n  good: {action: limit, connections: 5}\n"
        "  c: {action: limit, total_connections: 200}\n"
        "default_class: c\n");
    policy.add(policy.add_feed("list", "good", 0), "2001:db8:600d::/48");
    start(policy.compile());
    for (uint32_t i = 0; i < 200; i++)
        EXPECT_EQ(shake(fmt::format("2001:db8:5:{:x}::1", i), i, kSecond), MXG_CONFORMS);
    EXPECT_EQ(see(client("2001:db8:6::1", kSyn, 1, 0), kSecond), MXG_TOTAL);
    EXPECT_EQ(shake("2001:db8:600d::1", 1, kSecond), MXG_CONFORMS);
}

}  // namespace
}  // namespace mxgate
