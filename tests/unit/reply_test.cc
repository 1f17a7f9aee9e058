// SPDX-License-Identifier: BSD-2-Clause
// The answers to refused SYNs: byte for byte those of the reference, and right to a receiver.
#include "dataplane/core/native.h"

#include <gtest/gtest.h>

#include "dataplane/core/reply.h"
#include "tests/frames/generator.h"
#include "tests/frames/model.h"
#include "tests/reference/answer.h"
#include "tests/reference/random_policy.h"

namespace mxgate {
namespace {

using frames::Bytes;
using frames::Frame;
using frames::Model;
using namespace frames;

constexpr mxg_verdict kAnswering[] = {MXG_RESET, MXG_UNREACHABLE};
constexpr uint64_t kSecond = 1'000'000'000;

Frame six()
{
    return Frame().ip("2001:db8:7::1", "2001:db8:2::25");
}

Frame four()
{
    return Frame().ip("198.51.100.7", "192.0.2.25");
}

uint32_t number(const Bytes& bytes, size_t at, size_t count)
{
    uint32_t out = 0;
    for (size_t i = 0; i < count; i++)
        out = out << 8 | bytes.at(at + i);
    return out;
}

// Equal to the reference; true if there is an answer.
bool expect_equal(const Bytes& syn, mxg_verdict verdict)
{
    const auto core = frames::answer(syn, verdict), expected = reference::answer(syn, verdict);
    EXPECT_EQ(core.has_value(), expected.has_value());
    if (!core || !expected)
        return false;
    EXPECT_EQ(*core, *expected) << "verdict " << verdict << ", SYN of " << syn.size() << " bytes";
    EXPECT_EQ(reference::wrong_with(*core), "");
    return true;
}

void expect_answers(const Bytes& syn)
{
    for (const mxg_verdict verdict : kAnswering)
        EXPECT_TRUE(expect_equal(syn, verdict));
}

void expect_none(const Bytes& frame)
{
    for (const mxg_verdict verdict : kAnswering)
        EXPECT_FALSE(expect_equal(frame, verdict));
}

TEST(Reply, EveryShape)
{
    const auto with_tags = [](int tags) {
        Frame frame;
        for (int i = 0; i < tags; i++)
            frame.vlan(i == 0 && tags == 2 ? 0x88a8 : 0x8100).set(0, 2, 0x2064u + i);
        return frame;
    };
    for (int tags = 0; tags <= 2; tags++)
        for (const size_t data :
             {0, 1, 2, 3, 5, 8, 100, 491, 492, 493, 1171, 1172, 1173, 1400, 9000})
            for (const size_t options : {0, 4, 20, 40}) {
                Frame plain6 = with_tags(tags).ip("2001:db8:7::1", "2001:db8:2::25");
                expect_answers(plain6.tcp(kSyn).tcp_options(options).data(data).bytes());
                Frame chain = with_tags(tags).ip("2001:db8:7::1", "2001:db8:2::25");
                chain.extension(kHopByHop).extension(kAuthentication, 12).fragment(0, true);
                expect_answers(chain.tcp(kSyn | kEce | kCwr).data(data).bytes());
                Frame plain4 = with_tags(tags).ip("198.51.100.7", "192.0.2.25");
                expect_answers(plain4.ip_options(options).tcp(kSyn).data(data).trailer(7).bytes());
            }
}

TEST(Reply, ResetInWords)
{
    const auto out =
        frames::answer(six().tcp(kSyn, 25, 4711).set(4, 4, 0x01020304).data(3).bytes(), MXG_RESET);
    ASSERT_TRUE(out);
    const Bytes expected = {
        2,    0,    0,    0,    0,    2,    2, 0,  0, 0, 0, 1, 0x86, 0xdd,  // back to sender
        0x60, 0,    0,    0,    0,    20,   6, 64,                          // hop limit
        0x20, 0x01, 0x0d, 0xb8, 0,    2,    0, 0,  0, 0, 0, 0, 0,    0,    0,
        0x25, 0x20, 0x01, 0x0d, 0xb8, 0,    7, 0,  0, 0, 0, 0, 0,    0,    0,
        0,    1,    0,    25,   0x12, 0x67, 0, 0,  0, 0, 1, 2, 3,    8,  // 0x01020304, SYN, 3 bytes
        0x50, 0x14, 0,    0,    0xff, 0xff, 0, 0};
    Bytes without_checksum = *out;
    put(without_checksum, 14 + 40 + 16, 2, 0xffff);
    EXPECT_EQ(without_checksum, expected);
    EXPECT_EQ(reference::wrong_with(*out), "");
}

TEST(Reply, SequenceNumberWraps)
{
    for (const uint32_t sequence : {0xffffffffu, 0xfffffffeu, 0u, 0x7fffffffu}) {
        const Bytes syn = four().tcp(kSyn).set(4, 4, sequence).data(1).bytes();
        const auto out = frames::answer(syn, MXG_RESET);
        ASSERT_TRUE(out);
        EXPECT_EQ(number(*out, 14 + 20 + 8, 4), sequence + 2);
        expect_answers(syn);
    }
}

// The smallest MTUs, and not a byte less of the quote than fits.
TEST(Reply, QuoteFillsTheSmallestMtu)
{
    const auto six_out = frames::answer(six().tcp(kSyn).data(3000).bytes(), MXG_UNREACHABLE);
    const auto four_out = frames::answer(four().tcp(kSyn).data(3000).bytes(), MXG_UNREACHABLE);
    EXPECT_EQ(six_out->size(), 14u + 1280);
    EXPECT_EQ(four_out->size(), 14u + 576);
    const auto tagged = frames::answer(
        Frame().vlan(0x88a8).vlan().ip("2001:db8::1", "2001:db8::2").tcp(kSyn).data(3000).bytes(),
        MXG_UNREACHABLE);
    EXPECT_EQ(tagged->size(), static_cast<size_t>(MXG_REPLY_MOST));
}

TEST(Reply, OnlyToASyn)
{
    expect_none(six().tcp(kAck).bytes());
    expect_none(six().tcp(kSyn | kAck).bytes());
    expect_none(six().tcp(kRst).bytes());
    expect_none(six().tcp(kSyn | kFin).bytes());
    expect_none(six().tcp(kSyn).set(12, 1, 0x40).bytes());
    expect_none(six().udp().bytes());
    expect_none(four().fragment(3, true).protocol(6).data(40).bytes());
    expect_none(four().tcp(kSyn).cut(40).bytes());
    expect_none(Frame().set(12, 2, 0x0806).data(28).bytes());
}

TEST(Reply, NeverToOrFromManyHosts)
{
    expect_answers(six().tcp(kSyn).bytes());
    for (const size_t mac : {0, 6}) {  // destination and source on the link
        Bytes group = six().tcp(kSyn).bytes();
        group[mac] = 0x33;
        expect_none(group);
        Bytes everybody = four().tcp(kSyn).bytes();
        std::fill_n(everybody.begin() + static_cast<long>(mac), 6, uint8_t{0xff});
        expect_none(everybody);
    }
    for (const char* address : {"ff02::1", "ff0e::25", "::", "::1", "::ffff:198.51.100.7"}) {
        expect_none(Frame().ip(address, "2001:db8:2::25").tcp(kSyn).bytes());
        expect_none(Frame().ip("2001:db8:2::25", address).tcp(kSyn).bytes());
    }
    for (const char* address : {"0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.1", "239.1.2.3",
                                "240.0.0.1", "255.255.255.255"}) {
        expect_none(Frame().ip(address, "192.0.2.25").tcp(kSyn).bytes());
        expect_none(Frame().ip("192.0.2.25", address).tcp(kSyn).bytes());
    }
    expect_answers(Frame().ip("fe80::1", "fe80::2").tcp(kSyn).bytes());
    expect_answers(Frame().ip("223.255.255.255", "1.0.0.0").tcp(kSyn).bytes());
}

TEST(Reply, Generated)
{
    uint64_t answered = 0;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        const reference::PolicyCase policy = reference::random_case(seed, 50);
        Generator generator(policy.config, policy.reference().all_prefixes(), seed);
        for (int i = 0; i < 3000; i++) {
            const Bytes frame = generator.next();
            for (const mxg_verdict verdict : kAnswering)
                answered += expect_equal(frame, verdict);
            if (HasFailure())
                return;
        }
    }
    EXPECT_GT(answered, 10000u);
}

// 1000/s with a burst of 100, unless it is written otherwise.
TEST(Reply, LimitOfTheCore)
{
    Model model(reference::plain_case().compile());
    const Bytes syn6 = six().tcp(kSyn).bytes(), syn4 = four().tcp(kSyn).bytes();
    for (int i = 0; i < 100; i++)
        EXPECT_EQ(model.answer(i % 2 ? syn6 : syn4, MXG_RESET, kSecond), MXG_REPLY_ANSWERED);
    EXPECT_EQ(model.answer(syn6, MXG_UNREACHABLE, kSecond), MXG_REPLY_SUPPRESSED);
    EXPECT_EQ(model.answer(syn4, MXG_RESET, kSecond + 999'999), MXG_REPLY_SUPPRESSED);
    // What cannot be answered takes no token.
    const Bytes never = Frame().ip("2001:db8:7::1", "ff02::1").tcp(kSyn).bytes();
    EXPECT_EQ(model.answer(never, MXG_RESET, kSecond + 1'000'000), MXG_REPLY_UNANSWERABLE);
    EXPECT_EQ(model.answer(syn4, MXG_RESET, kSecond + 1'000'000), MXG_REPLY_ANSWERED);
    EXPECT_EQ(model.answer(syn4, MXG_RESET, kSecond + 1'000'000), MXG_REPLY_SUPPRESSED);
    int answered = 0;
    for (uint64_t now = 2 * kSecond; now < 12 * kSecond; now += 200'000)  // 5000/s
        answered += model.answer(syn6, MXG_UNREACHABLE, now) == MXG_REPLY_ANSWERED;
    EXPECT_EQ(answered, 10 * 1000 + 99);
    const auto count = [&](mxg_reply_outcome outcome, mxg_verdict verdict, mxg_family family) {
        return model.replies().count[mxg_reply_index(outcome, verdict, family)];
    };
    EXPECT_EQ(count(MXG_REPLY_ANSWERED, MXG_RESET, MXG_FAMILY_IPV4), 51u);
    EXPECT_EQ(count(MXG_REPLY_ANSWERED, MXG_RESET, MXG_FAMILY_IPV6), 50u);
    EXPECT_EQ(count(MXG_REPLY_SUPPRESSED, MXG_RESET, MXG_FAMILY_IPV4), 2u);
    EXPECT_EQ(count(MXG_REPLY_SUPPRESSED, MXG_UNREACHABLE, MXG_FAMILY_IPV6), 50000u - 10099 + 1);
    EXPECT_EQ(count(MXG_REPLY_UNANSWERABLE, MXG_RESET, MXG_FAMILY_IPV6), 1u);
}

}  // namespace
}  // namespace mxgate
