// SPDX-License-Identifier: BSD-2-Clause
// Connections that are not a sender's making, or older than the gate; and what is charged where
// there is no room for a sender's own entry.
#include "tests/xdp/handshakes.h"

namespace mxgate {
namespace {

class WhoseConnectionTest : public HandshakesTest
{
protected:
    void gate(const std::string& limits, const std::string& more = {}, uint64_t capacity = 1 << 16)
    {
        start(reference::PolicyCase::from_yaml(
                  "gate:\n  plane: xdp\n  interfaces: [eth0]\n  services:\n"
                  "    - {name: mx, addresses: [\"2001:db8:2::25\"], ports: [\"1-65535\"]}\n" +
                  more + "classes: {c: {action: limit, " + limits + "}}\ndefault_class: c\n")
                  .compile(),
              capacity);
    }
};

// The service's host sends mail too.
TEST_F(WhoseConnectionTest, WhatTheHostBeginsIsNotTheSenders)
{
    const char* const peer = "2001:db8:5:1::1";
    gate("connections: 1, rate: 1/h, burst: 1");
    see(server(peer, kSyn, 100, 0), kSecond);
    see(client(peer, kSyn | kAck, 500, 101), kSecond);
    for (uint64_t minute = 0; minute < 60; minute += 10) {
        see(server(peer, kAck, 101, 501).data(10), (1 + 60 * minute) * kSecond);
        see(client(peer, kAck, 501, 111).data(10), (1 + 60 * minute) * kSecond);
    }
    EXPECT_EQ(shake("2001:db8:5:1::2", 1, 3600 * kSecond), MXG_CONFORMS);
    EXPECT_EQ(see(client("2001:db8:5:1::3", kSyn, 1, 0), 3600 * kSecond), MXG_CONNECTIONS);
}

// Their own handshakes were charged when they were made, or by no gate.
TEST_F(WhoseConnectionTest, OlderOnesAreCountedAndNotCharged)
{
    gate("connections: 4, rate: 1/h, burst: 3");
    for (const char* const old : {"2001:db8:5:1::1", "2001:db8:5:1::2", "2001:db8:5:1::3"})
        see(server(old, kAck, 7001, 2).data(10), kSecond);
    EXPECT_EQ(shake("2001:db8:5:1::4", 1, kSecond), MXG_CONFORMS);
    EXPECT_EQ(see(client("2001:db8:5:1::5", kSyn, 1, 0), kSecond), MXG_CONNECTIONS);
}

// Siblings with open connections hold all entries that the last one may have: the parent stands in
// for it, and is charged its handshakes.
TEST_F(WhoseConnectionTest, WhoHasNoRoomIsChargedAtTheParent)
{
    gate("rate: 1/h, burst: 1", "sources: {levels: {ipv6: [48]}}\n", 1);
    mxg_reason reason = MXG_CONFORMS;
    int siblings = 0;
    while (reason == MXG_CONFORMS && ++siblings <= MXG_WAYS + 1)
        reason = shake("2001:db8:5:" + std::to_string(siblings) + "::1", 1, kSecond);
    EXPECT_GT(siblings, 4);
    ASSERT_EQ(reason, MXG_COARSE);  // it passes
    for (const auto& plane : planes_) {
        const std::string from = "2001:db8:5:" + std::to_string(siblings) + "::2";
        const mxg_decision again = plane->decide(client(from, kSyn, 1, 0).bytes(), kSecond);
        EXPECT_EQ(again.verdict, MXG_DROP);
        EXPECT_EQ(again.reason, MXG_COARSE);
    }
}

}  // namespace
}  // namespace mxgate
