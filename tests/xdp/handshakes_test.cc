// SPDX-License-Identifier: BSD-2-Clause
// Connections out of captured frames, for the model and for the XDP program.
#include "control/replay/handshakes.h"

#include <gtest/gtest.h>

#include "tests/frames/pair.h"
#include "tests/xdp/plane.h"

namespace mxgate
{
namespace
{

using namespace frames;

constexpr uint64_t kSecond = 1'000'000'000;
constexpr const char* kMx = "2001:db8:2::25";

class HandshakesTest : public XdpTest
{
protected:
    void SetUp() override
    {
        XdpTest::SetUp();
        if (IsSkipped() || HasFatalFailure())
            return;
        table_ = reference::PolicyCase::from_yaml(
                     "gate:\n  plane: xdp\n  interfaces: [eth0]\n  services:\n"
                     "    - {name: mx, addresses: [\"2001:db8:2::25\"]}\n"
                     "classes:\n"
                     "  c: {action: limit, rate: 60/min, burst: 2, charge: handshake,"
                     " connections: 1}\n"
                     "default_class: c\n")
                     .compile();
        planes_.push_back(make_model_plane(table_, 1024));
        planes_.push_back(make_xdp_plane(table_, 1024));
        for (const auto& plane : planes_)
            handshakes_.emplace_back(*plane);
    }

    // The reason for which both planes pass or drop the frame.
    mxg_reason see(const Frame& frame, uint64_t now)
    {
        const Bytes bytes = frame.bytes();
        mxg_reason out = MXG_REASONS;
        for (size_t i = 0; i < planes_.size(); i++) {
            const mxg_decision decision = planes_[i]->decide(bytes, now);
            if (mxg_effect(&decision) == MXG_PASS)
                handshakes_[i].see(parse(bytes), decision, now);
            EXPECT_TRUE(i == 0 || decision.reason == out);
            out = static_cast<mxg_reason>(decision.reason);
        }
        return out;
    }
    static Frame client(const std::string& from, uint8_t flags, uint32_t sequence, uint32_t ack)
    {
        return Frame().ip(from, kMx).tcp(flags).set(4, 4, sequence).set(8, 4, ack);
    }
    static Frame server(const std::string& to, uint8_t flags, uint32_t sequence, uint32_t ack)
    {
        return Frame().ip(kMx, to).tcp(flags, 40000, 25).set(4, 4, sequence).set(8, 4, ack);
    }
    mxg_reason shake(const std::string& from, uint32_t sequence, uint64_t now)
    {
        const mxg_reason reason = see(client(from, kSyn, sequence, 0), now);
        see(server(from, kSyn | kAck, 7000, sequence + 1), now);
        see(client(from, kAck, sequence + 1, 7001), now);
        return reason;
    }

    PolicyTable table_;
    std::vector<std::unique_ptr<ReplayPlane>> planes_;
    std::vector<Handshakes> handshakes_;
};

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

}  // namespace
}  // namespace mxgate
