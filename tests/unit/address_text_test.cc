// SPDX-License-Identifier: BSD-2-Clause
#include "control/net/address_text.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <random>

namespace mxgate {
namespace {

struct Bytes {
    uint8_t byte[16] = {};
};

Bytes to_bytes(const mxg_address& address)
{
    Bytes bytes;
    for (int i = 0; i < 16; i++)
        bytes.byte[i] =
            static_cast<uint8_t>((i < 8 ? address.hi : address.lo) >> (56 - 8 * (i % 8)));
    return bytes;
}

// What the C library makes of the text; it takes no prefixes, zones or spaces either.
std::optional<Bytes> reference_parse(const std::string& text, bool ipv4)
{
    Bytes bytes;
    if (text.find('\0') != std::string::npos ||
        inet_pton(ipv4 ? AF_INET : AF_INET6, text.c_str(), bytes.byte) != 1)
        return std::nullopt;
    return bytes;
}

void expect_agrees(const std::string& text)
{
    const auto ipv4 = reference_parse(text, true);
    const auto ipv6 = reference_parse(text, false);
    const auto own = parse_address(text);
    ASSERT_EQ(own.has_value(), ipv4 || ipv6) << text;
    if (!own)
        return;
    const Bytes want = ipv4 ? *ipv4 : *ipv6;
    const Bytes got = to_bytes(*own);
    EXPECT_EQ(own->family, ipv4 ? MXG_FAMILY_IPV4 : MXG_FAMILY_IPV6) << text;
    EXPECT_TRUE(std::equal(std::begin(want.byte), std::end(want.byte), got.byte)) << text;
    EXPECT_EQ(own->reserved, 0u);
}

TEST(AddressText, AgreesWithTheLibrary)
{
    for (const char* text : {"",
                             ":",
                             "::",
                             ":::",
                             "1",
                             "1:",
                             "::1",
                             "1::",
                             "1::2::3",
                             "1:2:3:4:5:6:7:8",
                             "1:2:3:4:5:6:7:8:9",
                             "1:2:3:4:5:6:7::",
                             "::2:3:4:5:6:7:8",
                             "1:2:3:4:5:6:7:8::",
                             "1::2:3:4:5:6:7:8",
                             ":1:2:3:4:5:6:7:8",
                             "1:2:3:4:5:6:7:",
                             "12345::",
                             "g::",
                             "::192.0.2.1",
                             "::ffff:192.0.2.1",
                             "1:2:3:4:5:6:192.0.2.1",
                             "1:2:3:4:5:6:7:192.0.2.1",
                             "::192.0.2.1:1",
                             "::192.0.2",
                             "::192.0.2.256",
                             "::1.2.3.4.5",
                             "192.0.2.1",
                             "0.0.0.0",
                             "255.255.255.255",
                             "256.0.0.1",
                             "01.2.3.4",
                             "1.2.3",
                             "1.2.3.",
                             "1.2.3.4.",
                             ".1.2.3",
                             "1..2.3",
                             "1.2.3.4 ",
                             " 1.2.3.4",
                             "1.2.3.0004",
                             "fe80::1%eth0",
                             "2001:DB8::A",
                             "2001:db8:::1",
                             "1.2.3.4:5",
                             "1:2.3.4.5",
                             "::1.2.3.4444",
                             "::abcd.1.2.3",
                             "a.b.c.d"})
        expect_agrees(text);
}

TEST(AddressText, AgreesWithTheLibraryOnRandomText)
{
    std::mt19937_64 random(1);
    const std::string alphabet = "0019aFf::::..%/ ";
    for (int i = 0; i < 300'000; i++) {
        std::string text;
        for (uint64_t left = random() % 20; left > 0; left--)
            text += alphabet[random() % alphabet.size()];
        expect_agrees(text);
    }
}

TEST(AddressText, RandomAddressesComeBack)
{
    std::mt19937_64 random(2);
    for (int i = 0; i < 200'000; i++) {
        mxg_address address{random(), random(), MXG_FAMILY_IPV6, 0};
        // Zero out groups so that runs of every place and length occur.
        for (unsigned group = 0; group < 8; group++)
            if (random() % 2)
                (group < 4 ? address.hi : address.lo) &= ~(0xffffULL << (48 - 16 * (group % 4)));
        const Bytes bytes = to_bytes(address);
        char want[INET6_ADDRSTRLEN];
        inet_ntop(AF_INET6, bytes.byte, want, sizeof want);
        const std::string got = to_string(address);
        // The library writes ::a.b.c.d for the long dead IPv4-compatible form; RFC 5952 does not.
        if (address.hi != 0 || address.lo >> 32 != 0) {
            ASSERT_EQ(got, want);
        }
        const auto back = parse_address(got);
        ASSERT_TRUE(back && mxg_same_address(*back, address)) << got;

        const mxg_address ipv4{address.hi & mxg_mask64(32), 0, MXG_FAMILY_IPV4, 0};
        const Bytes ipv4_bytes = to_bytes(ipv4);
        inet_ntop(AF_INET, ipv4_bytes.byte, want, sizeof want);
        ASSERT_EQ(to_string(ipv4), want);
        const auto ipv4_back = parse_address(want);
        ASSERT_TRUE(ipv4_back && mxg_same_address(*ipv4_back, ipv4)) << want;
    }
}

TEST(AddressText, Rfc5952)
{
    const std::pair<const char*, const char*> cases[] = {
        {"2001:0DB8:0:0:0:0:0:1", "2001:db8::1"},
        {"0:0:0:0:0:0:0:0", "::"},
        {"0:0:0:0:0:0:0:1", "::1"},
        {"1:0:0:0:0:0:0:0", "1::"},
        {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},  // one group is no run
        {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},           // the longest
        {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},     // the first of equals
        {"::ffff:c000:201", "::ffff:192.0.2.1"},
        {"::192.0.2.1", "::c000:201"},
        {"1:2:3:4:5:6:0:0", "1:2:3:4:5:6::"},
        {"0:0:3:4:5:6:7:8", "::3:4:5:6:7:8"},
    };
    for (const auto& [in, out] : cases)
        EXPECT_EQ(to_string(parse_address(in).value()), out);
}

TEST(AddressText, Prefixes)
{
    struct {
        const char* text;
        const char* out;  // "" where it must not parse
        bool host_bits_set;
    } cases[] = {
        {"192.0.2.1", "192.0.2.1/32", false},
        {"192.0.2.0/24", "192.0.2.0/24", false},
        {"192.0.2.1/24", "192.0.2.0/24", true},
        {"0.0.0.0/0", "0.0.0.0/0", false},
        {"192.0.2.1/0", "0.0.0.0/0", true},
        {"192.0.2.1/33", "", false},
        {"::/0", "::/0", false},
        {"2001:db8::1", "2001:db8::1/128", false},
        {"2001:db8::1/128", "2001:db8::1/128", false},
        {"2001:db8::1/64", "2001:db8::/64", true},
        {"2001:db8:0:1::/63", "2001:db8::/63", true},
        {"2001:db8::8000:0:0:1/65", "2001:db8:0:0:8000::/65", true},
        {"2001:db8::/129", "", false},
        {"2001:db8::/", "", false},
        {"2001:db8::/032", "", false},
        {"2001:db8::/+32", "", false},
        {"2001:db8::/32/32", "", false},
        {"2001:db8::/ 32", "", false},
        {"2001:db8::/4294967328", "", false},
        {"/32", "", false},
        {"", "", false},
    };
    for (const auto& c : cases) {
        const auto parsed = parse_prefix(c.text);
        EXPECT_EQ(parsed ? to_string(parsed->prefix) : "", c.out) << c.text;
        if (parsed) {
            EXPECT_EQ(parsed->host_bits_set, c.host_bits_set) << c.text;
        }
    }
}

}  // namespace
}  // namespace mxgate
