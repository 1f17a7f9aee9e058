// SPDX-License-Identifier: BSD-2-Clause
// The exception path of `topology: host`: a flood of SYNs leaves room for what keeps a host
// reachable.
#include <span>

#include "tests/dpdk/dpdk.h"

namespace mxgate {
namespace {

using frames::Bytes;
using frames::Frame;

class HostTest : public DpdkTest
{
protected:
    void SetUp() override { publish(table_, all_of("good", 1).plane); }

    RingPort wire_{"wire", pool(), 1, 256}, kernel_{"kernel", pool(), 1, 256};
    Worker worker_{
        0,
        {{wire_.id(), kernel_.id(), 0, true, true}, {kernel_.id(), wire_.id(), 0, false, false}},
        state_,
        table_};
};

Bytes attempt(int i)
{
    return Frame()
        .ip("2001:db8:7::" + std::to_string(1 + i), "2001:db8:2::25")
        .tcp(frames::kSyn)
        .bytes();
}

// Neighbour discovery, ping and path MTU (both ICMPv6), BGP, ARP, mail under way.
std::vector<Bytes> needed()
{
    return {
        Frame().ip("fe80::1", "ff02::1:ff00:25").protocol(58).data(32, 135).bytes(),
        Frame().ip("2001:db8:7::1", "2001:db8:2::25").protocol(58).data(64, 128).bytes(),
        Frame().ip("2001:db8:2::1", "2001:db8:2::25").tcp(frames::kSyn, 179).bytes(),
        Frame().set(12, 2, 0x0806).data(28).bytes(),
        Frame().ip("2001:db8:7::1", "2001:db8:2::25").tcp(frames::kAck).data(100).bytes(),
    };
}

TEST_F(HostTest, FullBurstsAreCapped)
{
    constexpr uint64_t kBursts = 50;
    const std::vector<Bytes> others = needed();
    uint64_t attempts = 0, capped = 0;
    for (uint64_t burst = 0; burst < kBursts; burst++) {
        std::vector<Bytes> expected = others;
        for (int i = 0; i < MXG_BURST; i++) {
            const size_t place = static_cast<size_t>(i) / 12;
            if (i % 12 == 3 && place < others.size())
                give(wire_, pool(), others[place]);
            else
                give(wire_, pool(), attempt(i));
        }
        EXPECT_EQ(worker_.poll(kSecond), unsigned{MXG_BURST});
        const std::vector<Bytes> sent = sent_to(kernel_);
        ASSERT_GE(sent.size(), others.size());
        // They come first, so that they have the room there is.
        EXPECT_EQ(std::vector<Bytes>(sent.begin(), sent.begin() + static_cast<long>(others.size())),
                  others);
        attempts += sent.size() - others.size();
        capped += MXG_BURST - sent.size();
    }
    EXPECT_EQ(attempts, kBursts * MXG_BURST / 4);
    EXPECT_EQ(port_counter(state_, PortCounter::exception_capped), capped);
    EXPECT_EQ(port_counter(state_, PortCounter::dropped), 0u);
    expect_conserved(state_, kBursts * MXG_BURST);
}

// As a flood of another port of the host is: it has a share of its own, beside the attempts'.
TEST_F(HostTest, AttemptsAtOtherPortsAreCappedToo)
{
    for (int i = 0; i < MXG_BURST; i++) {
        const std::string sender = "2001:db8:7::" + std::to_string(1 + i);
        const bool judged = i < MXG_BURST / 2;
        give(wire_, pool(),
             Frame().ip(sender, "2001:db8:2::25").tcp(frames::kSyn, judged ? 25 : 80).bytes());
    }
    EXPECT_EQ(worker_.poll(kSecond), unsigned{MXG_BURST});
    EXPECT_EQ(sent_to(kernel_).size(), size_t{2 * (MXG_BURST / 4)});
    EXPECT_EQ(port_counter(state_, PortCounter::exception_capped), MXG_BURST / 2u);
    EXPECT_EQ(port_counter(state_, PortCounter::dropped), 0u);
    expect_conserved(state_, MXG_BURST);
}

TEST_F(HostTest, OthersAreNot)
{
    std::vector<Bytes> given;
    for (int i = 0; i < MXG_BURST - 1; i++) {
        given.push_back(attempt(i));
        give(wire_, pool(), given.back());
    }
    worker_.poll(kSecond);
    EXPECT_EQ(sent_to(kernel_), given);
    EXPECT_EQ(port_counter(state_, PortCounter::exception_capped), 0u);
}

// What is for no service is sent on as it came, a whole burst of it, whatever the last one held.
TEST_F(HostTest, NothingIsLeftOfTheBurstBefore)
{
    for (int i = 0; i < MXG_BURST; i++)
        give(wire_, pool(), attempt(i));
    worker_.poll(kSecond);
    sent_to(kernel_);
    for (const int count : {MXG_BURST - 1, MXG_BURST}) {
        std::vector<Bytes> given;
        for (int i = 0; i < count; i++) {
            given.push_back(Frame().ip("2001:db8:7::1", "2001:db8:3::1").tcp(frames::kSyn).bytes());
            give(wire_, pool(), given.back());
        }
        worker_.poll(kSecond);
        EXPECT_EQ(sent_to(kernel_), given);
    }
    EXPECT_EQ(port_counter(state_, PortCounter::dropped), 0u);
    expect_conserved(state_, 3 * MXG_BURST - 1);
}

// A connection is known by the frames of both lanes, with others of either in the same poll.
TEST_F(HostTest, ConnectionsAreSeenOnBothLanes)
{
    constexpr uint8_t kFin = 1;
    const char *const sender = "2001:db8:7::1", *const mx = "2001:db8:2::25";
    const Bytes arp = Frame().set(12, 2, 0x0806).data(28).bytes();
    const auto segment = [](Frame frame, uint32_t sequence, uint32_t acknowledgement) {
        return frame.set(4, 4, sequence).set(8, 4, acknowledgement).bytes();
    };
    const auto in = [&](uint8_t flags, uint32_t sequence, uint32_t acknowledgement) {
        give(wire_, pool(), arp);
        give(wire_, pool(),
             segment(Frame().ip(sender, mx).tcp(flags, 25, 4000), sequence, acknowledgement));
    };
    const auto out = [&](uint8_t flags, uint32_t sequence, uint32_t acknowledgement) {
        give(kernel_, pool(),
             segment(Frame().ip(mx, sender).tcp(flags, 4000, 25), sequence, acknowledgement));
        give(kernel_, pool(), arp);
    };
    const auto open = [&] {
        worker_.poll(kSecond);
        sent_to(wire_);
        sent_to(kernel_);
        uint64_t sum = 0;
        for (const uint32_t count : std::span(state_.gate().connections, MXG_MAX_CLASSES))
            sum += count;
        return sum;
    };
    in(frames::kSyn, 1000, 0);
    out(frames::kSyn | frames::kAck, 5000, 1001);
    EXPECT_EQ(open(), 0u);
    in(frames::kAck, 1001, 5001);
    EXPECT_EQ(open(), 1u);
    in(frames::kAck | kFin, 1001, 5001);
    EXPECT_EQ(open(), 1u);
    out(frames::kAck | kFin, 5001, 1002);
    EXPECT_EQ(open(), 0u);
}

// What the host sends is its own: not judged, not counted as judged.
TEST_F(HostTest, TheHostsOwnPassesUnjudged)
{
    publish(table_, all_of("bad", 2).plane);
    std::vector<Bytes> given;
    for (int i = 0; i < MXG_BURST; i++) {
        given.push_back(attempt(i));
        give(kernel_, pool(), given.back());
    }
    worker_.poll(kSecond);
    EXPECT_EQ(sent_to(wire_), given);
    EXPECT_TRUE(state_.counters().empty());
    EXPECT_EQ(port_counter(state_, PortCounter::received), unsigned{MXG_BURST});
    EXPECT_EQ(port_counter(state_, PortCounter::sent), unsigned{MXG_BURST});
}

}  // namespace
}  // namespace mxgate
