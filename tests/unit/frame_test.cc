// SPDX-License-Identifier: BSD-2-Clause
// Each rule of the frame parser, for the core and for the reference alike.
#include "tests/frames/frame.h"

#include <gtest/gtest.h>

#include "tests/frames/model.h"
#include "tests/reference/gate.h"

namespace mxgate {
namespace {

using frames::Bytes;
using frames::Frame;
using namespace frames;

struct Case {
    const char* name;
    Bytes frame;
    mxg_frame_kind kind;
    uint16_t port = 0;  // destination, where the kind says that it is known
};

void PrintTo(const Case& c, std::ostream* out)
{
    *out << c.name;
}

class FrameRules : public ::testing::TestWithParam<Case>
{
};

reference::Kind in_words(mxg_frame_kind kind)
{
    switch (kind) {
        case MXG_FRAME_BROKEN:
            return reference::Kind::broken;
        case MXG_FRAME_BROKEN_AT_PORT:
            return reference::Kind::broken_with_port;
        case MXG_FRAME_LATER_FRAGMENT:
            return reference::Kind::later_fragment;
        case MXG_FRAME_TCP:
            return reference::Kind::tcp;
        default:
            return reference::Kind::other;
    }
}

TEST_P(FrameRules, CoreAndReference)
{
    const Case& c = GetParam();
    const mxg_packet packet = frames::parse(c.frame);
    EXPECT_EQ(packet.kind, c.kind);
    const reference::Parsed parsed = reference::parse(c.frame);
    EXPECT_EQ(parsed.kind, in_words(c.kind));
    EXPECT_EQ(parsed.source.has_value(), c.kind != MXG_FRAME_NOT_IP);
    if (c.kind == MXG_FRAME_TCP || c.kind == MXG_FRAME_BROKEN_AT_PORT) {
        EXPECT_EQ(packet.destination_port, c.port);
        EXPECT_EQ(parsed.destination_port, c.port);
        EXPECT_EQ(packet.source_port, 40000);
    }
    if (c.kind != MXG_FRAME_NOT_IP) {
        EXPECT_EQ(reference::from(packet.source), *parsed.source);
        EXPECT_EQ(reference::from(packet.destination), *parsed.destination);
    }
}

Frame six()
{
    return Frame().ip("2001:db8::1", "2001:db8:2::25");
}

Frame four()
{
    return Frame().ip("198.51.100.7", "192.0.2.25");
}

std::vector<Case> ethernet_cases()
{
    return {
        {"Ipv6", six().tcp(kSyn).bytes(), MXG_FRAME_TCP, 25},
        {"Ipv4", four().tcp(kSyn).bytes(), MXG_FRAME_TCP, 25},
        {"Arp", Frame().set(12, 2, 0x0806).data(28).bytes(), MXG_FRAME_NOT_IP},
        {"EthernetOnly", Frame().bytes(), MXG_FRAME_NOT_IP},
        {"ThirteenBytes", Frame().cut(13).bytes(), MXG_FRAME_NOT_IP},
        {"NoBytes", Frame().cut(0).bytes(), MXG_FRAME_NOT_IP},
        {"OneTag", Frame().vlan().ip("::2", "::3").tcp(kSyn).bytes(), MXG_FRAME_TCP, 25},
        {"TwoTags", Frame().vlan(0x88a8).vlan().ip("192.0.2.1", "192.0.2.2").tcp(kSyn).bytes(),
         MXG_FRAME_TCP, 25},
        {"ThreeTags", Frame().vlan(0x88a8).vlan().vlan().ip("::2", "::3").tcp(kSyn).bytes(),
         MXG_FRAME_NOT_IP},
        {"ForeignTag", Frame().vlan(0x9100).ip("::2", "::3").tcp(kSyn).bytes(), MXG_FRAME_NOT_IP},
        {"CutInTag", Frame().vlan().ip("::2", "::3").tcp(kSyn).cut(17).bytes(), MXG_FRAME_NOT_IP},
    };
}

std::vector<Case> ipv4_cases()
{
    Bytes wrong_type = six().tcp(kSyn).bytes();
    put(wrong_type, 12, 2, 0x0800);
    return {
        {"VersionSix", wrong_type, MXG_FRAME_NOT_IP},
        {"CutInHeader", four().tcp(kSyn).cut(14 + 19).bytes(), MXG_FRAME_NOT_IP},
        {"HeaderOnly", four().tcp(kSyn).cut(14 + 20).bytes(), MXG_FRAME_BROKEN},
        {"Options", four().ip_options(40).tcp(kSyn).bytes(), MXG_FRAME_TCP, 25},
        {"HeaderTooShort", four().set(0, 1, 0x44).tcp(kSyn).bytes(), MXG_FRAME_BROKEN},
        {"HeaderBeyondTotal", four().set(0, 1, 0x4f).set(2, 2, 59).tcp(kSyn).data(40).bytes(),
         MXG_FRAME_BROKEN},
        {"TotalBeyondFrame", four().set(2, 2, 41).tcp(kSyn).bytes(), MXG_FRAME_BROKEN},
        {"TotalZero", four().set(2, 2, 0).tcp(kSyn).bytes(), MXG_FRAME_BROKEN},
        {"BigTcp", four().set(2, 2, 0).tcp(kAck).data(66000).bytes(), MXG_FRAME_TCP, 25},
        {"TotalZeroAt64K", four().set(2, 2, 0).tcp(kAck).data(65535 - 40).bytes(),
         MXG_FRAME_BROKEN},
        {"Padding", four().tcp(kSyn).trailer(6).bytes(), MXG_FRAME_TCP, 25},
        {"TcpInPadding", four().set(2, 2, 20).tcp(kSyn).bytes(), MXG_FRAME_BROKEN},
        {"Udp", four().udp().bytes(), MXG_FRAME_NOT_TCP},
        {"BrokenUdp", four().set(0, 1, 0x44).udp().bytes(), MXG_FRAME_NOT_TCP},
        {"FirstFragment", four().fragment(0, true).tcp(kSyn).bytes(), MXG_FRAME_TCP, 25},
        {"FirstFragmentTiny", four().fragment(0, true).tcp(kSyn).cut(14 + 28).bytes(),
         MXG_FRAME_BROKEN},
        {"FirstFragmentEightBytes",
         four().set(2, 2, 28).set(6, 2, 0x2000).tcp(kSyn).cut(14 + 28).bytes(),
         MXG_FRAME_BROKEN_AT_PORT, 25},
        {"FragmentAtOne", four().fragment(1, false).protocol(6).data(16).bytes(), MXG_FRAME_BROKEN},
        {"FragmentAtTwo", four().fragment(2, true).protocol(6).data(16).bytes(),
         MXG_FRAME_LATER_FRAGMENT},
        {"FragmentOfUdp", four().fragment(1, false).protocol(17).data(16).bytes(),
         MXG_FRAME_NOT_TCP},
        {"DoNotFragment", four().set(6, 2, 0x4000).tcp(kSyn).bytes(), MXG_FRAME_TCP, 25},
    };
}

std::vector<Case> tcp_cases()
{
    return {
        {"NothingOfTcp", six().protocol(6).bytes(), MXG_FRAME_BROKEN},
        {"ThreeBytes", six().protocol(6).data(3).bytes(), MXG_FRAME_BROKEN},
        {"FourBytes", six().set(4, 2, 4).tcp(kSyn).cut(14 + 44).bytes(), MXG_FRAME_BROKEN_AT_PORT,
         25},
        {"FourBytesOtherPort", six().set(4, 2, 4).tcp(kSyn, 80).cut(14 + 44).bytes(),
         MXG_FRAME_BROKEN_AT_PORT, 80},
        {"NineteenBytes", six().set(4, 2, 19).tcp(kSyn).bytes(), MXG_FRAME_BROKEN_AT_PORT, 25},
        {"Options", six().tcp(kSyn).tcp_options(40).bytes(), MXG_FRAME_TCP, 25},
        {"OptionsCut", six().set(4, 2, 59).tcp(kSyn).tcp_options(40).bytes(),
         MXG_FRAME_BROKEN_AT_PORT, 25},
        {"OffsetTooSmall", six().tcp(kSyn).set(12, 1, 0x40).bytes(), MXG_FRAME_BROKEN_AT_PORT, 25},
        {"OffsetBeyond", six().tcp(kSyn).set(12, 1, 0x60).bytes(), MXG_FRAME_BROKEN_AT_PORT, 25},
        {"SynFin", six().tcp(kSyn | kFin).bytes(), MXG_FRAME_BROKEN_AT_PORT, 25},
        {"SynRst", six().tcp(kSyn | kRst).bytes(), MXG_FRAME_BROKEN_AT_PORT, 25},
        {"SynAckFin", four().tcp(kSyn | kAck | kFin).bytes(), MXG_FRAME_BROKEN_AT_PORT, 25},
        {"FinRst", six().tcp(kFin | kRst).bytes(), MXG_FRAME_TCP, 25},
        {"NoFlags", six().tcp(0).bytes(), MXG_FRAME_TCP, 25},
        {"SynWithData", six().tcp(kSyn | kEce | kCwr).data(100).bytes(), MXG_FRAME_TCP, 25},
    };
}

Frame chain_of(int headers, size_t bytes)
{
    Frame frame = six();
    for (int i = 0; i < headers; i++)
        frame.extension(kDestinationOptions, bytes);
    return frame;
}

std::vector<Case> ipv6_cases()
{
    Bytes wrong_type = four().tcp(kSyn).data(40).bytes();
    put(wrong_type, 12, 2, 0x86dd);
    return {
        {"VersionFour", wrong_type, MXG_FRAME_NOT_IP},
        {"CutInHeader", six().tcp(kSyn).cut(14 + 39).bytes(), MXG_FRAME_NOT_IP},
        {"HeaderOnlyTcp", six().tcp(kSyn).cut(14 + 40).bytes(), MXG_FRAME_BROKEN},
        {"HeaderOnlyUdp", six().udp().cut(14 + 40).bytes(), MXG_FRAME_NOT_TCP},
        {"Udp", six().udp().bytes(), MXG_FRAME_NOT_TCP},
        {"NoNextHeader", six().bytes(), MXG_FRAME_NOT_TCP},
        {"Esp", six().protocol(50).data(20).bytes(), MXG_FRAME_NOT_TCP},
        {"PayloadBeyondFrame", six().set(4, 2, 21).tcp(kSyn).bytes(), MXG_FRAME_BROKEN},
        {"PayloadBeyondFrameUdp", six().set(4, 2, 99).udp().bytes(), MXG_FRAME_NOT_TCP},
        {"PayloadBeyondFrameChain", six().set(4, 2, 99).extension(kRouting).udp().bytes(),
         MXG_FRAME_BROKEN},
        {"PayloadZero", six().set(4, 2, 0).tcp(kSyn).bytes(), MXG_FRAME_BROKEN},
        {"Jumbogram", six().set(4, 2, 0).extension(kHopByHop).tcp(kAck).data(70000).bytes(),
         MXG_FRAME_TCP, 25},
        {"PayloadZeroRouting", six().set(4, 2, 0).extension(kRouting).tcp(kAck).bytes(),
         MXG_FRAME_BROKEN},
        {"EveryExtension",
         six()
             .extension(kHopByHop)
             .extension(kRouting, 24)
             .extension(kDestinationOptions, 16)
             .extension(kAuthentication, 12)
             .fragment(0, false)
             .tcp(kSyn)
             .bytes(),
         MXG_FRAME_TCP, 25},
        {"EightHeaders", chain_of(8, 8).tcp(kSyn).bytes(), MXG_FRAME_TCP, 25},
        {"NineHeaders", chain_of(9, 8).tcp(kSyn).bytes(), MXG_FRAME_BROKEN},
        {"EightHeadersUdp", chain_of(8, 8).udp().bytes(), MXG_FRAME_NOT_TCP},
        {"NineHeadersUdp", chain_of(9, 8).udp().bytes(), MXG_FRAME_BROKEN},
        {"Chain512", chain_of(8, 64).tcp(kSyn).bytes(), MXG_FRAME_TCP, 25},
        {"Chain520", chain_of(7, 64).extension(kRouting, 72).tcp(kSyn).bytes(), MXG_FRAME_BROKEN},
        {"ExtensionBeyondPacket", six().extension(kRouting).set(1, 1, 3).tcp(kSyn).bytes(),
         MXG_FRAME_BROKEN},
        {"ExtensionBeyondPacketUdp", six().extension(kRouting).set(1, 1, 3).udp().bytes(),
         MXG_FRAME_BROKEN},
        {"ExtensionCut", six().set(4, 2, 7).extension(kRouting).udp().bytes(), MXG_FRAME_BROKEN},
        {"ChainFillsPacket", six().extension(kRouting).protocol(6).bytes(), MXG_FRAME_BROKEN},
        {"SecondHopByHop", six().extension(kRouting).extension(kHopByHop).tcp(kSyn).bytes(),
         MXG_FRAME_TCP, 25},
    };
}

std::vector<Case> ipv6_fragment_cases()
{
    return {
        {"Atomic", six().fragment(0, false).tcp(kSyn).bytes(), MXG_FRAME_TCP, 25},
        {"First", six().fragment(0, true).tcp(kSyn).bytes(), MXG_FRAME_TCP, 25},
        {"FirstWithoutPorts", six().fragment(0, true).protocol(6).bytes(), MXG_FRAME_BROKEN},
        {"FirstWithoutFlags", six().set(4, 2, 16).fragment(0, true).tcp(kSyn).bytes(),
         MXG_FRAME_BROKEN_AT_PORT, 25},
        {"FirstChainGoesOn",
         six()
             .fragment(0, true)
             .extension(kDestinationOptions)
             .set(1, 1, 1)
             .tcp(kSyn)
             .cut(80)
             .bytes(),
         MXG_FRAME_BROKEN},
        {"LaterTcp", six().fragment(1, false).protocol(6).data(8).bytes(),
         MXG_FRAME_LATER_FRAGMENT},
        {"LaterUdp", six().fragment(1, false).protocol(17).data(8).bytes(), MXG_FRAME_NOT_TCP},
        {"LaterOptions", six().fragment(1, false).extension(kDestinationOptions).tcp(kSyn).bytes(),
         MXG_FRAME_NOT_TCP},
        {"LaterBehindRouting", six().extension(kRouting).fragment(9, true).protocol(6).bytes(),
         MXG_FRAME_LATER_FRAGMENT},
        {"HeaderCut", six().set(4, 2, 4).fragment(1, false).protocol(6).bytes(), MXG_FRAME_BROKEN},
        {"ReservedBits", six().fragment(0, false).set(2, 2, 6).tcp(kSyn).bytes(), MXG_FRAME_TCP,
         25},
    };
}

const auto kName = [](const ::testing::TestParamInfo<Case>& info) {
    return std::string(info.param.name);
};
INSTANTIATE_TEST_SUITE_P(Ethernet, FrameRules, ::testing::ValuesIn(ethernet_cases()), kName);
INSTANTIATE_TEST_SUITE_P(Ipv4, FrameRules, ::testing::ValuesIn(ipv4_cases()), kName);
INSTANTIATE_TEST_SUITE_P(Ipv6, FrameRules, ::testing::ValuesIn(ipv6_cases()), kName);
INSTANTIATE_TEST_SUITE_P(Fragment, FrameRules, ::testing::ValuesIn(ipv6_fragment_cases()), kName);
INSTANTIATE_TEST_SUITE_P(Tcp, FrameRules, ::testing::ValuesIn(tcp_cases()), kName);

// Every frame of every case, cut at every length: the core and the reference agree.
TEST(FrameCut, AtEveryByte)
{
    for (const auto& cases :
         {ethernet_cases(), ipv4_cases(), ipv6_cases(), ipv6_fragment_cases(), tcp_cases()})
        for (const Case& c : cases)
            for (size_t bytes = 0; bytes <= std::min<size_t>(c.frame.size(), 700); bytes++) {
                const Bytes frame(c.frame.begin(), c.frame.begin() + static_cast<long>(bytes));
                const mxg_packet packet = frames::parse(frame);
                const reference::Parsed parsed = reference::parse(frame);
                ASSERT_EQ(in_words(static_cast<mxg_frame_kind>(packet.kind)), parsed.kind)
                    << c.name << " cut to " << bytes;
                ASSERT_EQ(packet.source_port, parsed.source_port) << c.name << " cut to " << bytes;
            }
}

}  // namespace
}  // namespace mxgate
