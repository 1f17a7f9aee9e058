// SPDX-License-Identifier: BSD-2-Clause
#include "tests/reference/embedded.h"

#include <array>

namespace mxgate::reference {
namespace {

using Octets = std::array<uint8_t, 16>;

Octets octets(const Address& address)
{
    Octets out;
    for (size_t i = 0; i < 16; i++)
        out[i] = static_cast<uint8_t>(address.value >> (120 - 8 * i));
    return out;
}

Address from_octets(const Octets& from)
{
    Address out;
    for (const uint8_t octet : from)
        out.value = out.value << 8 | octet;
    return out;
}

// The picture of RFC 6052 2.2: which octets hold the IPv4 address.
std::array<size_t, 4> places(int prefix_length)
{
    switch (prefix_length) {
        case 32:
            return {4, 5, 6, 7};
        case 40:
            return {5, 6, 7, 9};
        case 48:
            return {6, 7, 9, 10};
        case 56:
            return {7, 9, 10, 11};
        case 64:
            return {9, 10, 11, 12};
        default:
            return {12, 13, 14, 15};
    }
}

Address ipv4_at(const Octets& from, const std::array<size_t, 4>& at, uint8_t mask = 0)
{
    Address out{4, 0};
    for (const size_t place : at)
        out.value = out.value << 8 | static_cast<uint8_t>(from[place] ^ mask);
    return out;
}

Address with_ipv4(Octets into, const std::array<size_t, 4>& at, const Address& ipv4,
                  uint8_t mask = 0)
{
    for (size_t i = 0; i < 4; i++)
        into[at[i]] = static_cast<uint8_t>(ipv4.value >> (24 - 8 * i)) ^ mask;
    return from_octets(into);
}

bool bit(const Address& address, int place)
{
    return (address.value >> (address.width() - 1 - place) & 1) != 0;
}

// The customer's address: first what all have in common, then the bits behind the 6rd prefix.
Address sixrd_inside(const Address& address, const Prefix& prefix, const Prefix& common)
{
    Address out{4, 0};
    for (int i = 0; i < 32; i++) {
        const bool one = i < common.length ? bit(common.first, i)
                                           : bit(address, prefix.length + i - common.length);
        out.value = out.value << 1 | one;
    }
    return out;
}

std::optional<Inside> known_inside(const Address& address, const Octets& o)
{
    const std::array<size_t, 4> last{12, 13, 14, 15};
    if (o[0] == 0x20 && o[1] == 0x02)
        return Inside{ipv4_at(o, {2, 3, 4, 5})};
    if (o[0] == 0x20 && o[1] == 0x01 && o[2] == 0 && o[3] == 0)
        return Inside{ipv4_at(o, last, 0xff)};
    if (address.value >> 32 == Number{0x64ff9b} << 64)
        return Inside{ipv4_at(o, last)};
    if (address.value >> 32 == 0xffff)
        return Inside{ipv4_at(o, last), false};
    return std::nullopt;
}

}  // namespace

std::optional<Inside> inside_of(const Address& address, const EmbeddedConfig& config)
{
    if (address.family != 6)
        return std::nullopt;
    const Octets o = octets(address);
    if (const auto known = known_inside(address, o))
        return known;
    for (const mxg_prefix& prefix : config.nat64)
        if (contains(from(prefix), address) && o[8] == 0)
            return Inside{ipv4_at(o, places(static_cast<int>(prefix.length)))};
    for (const SixRdConfig& domain : config.sixrd)
        if (contains(from(domain.prefix), address))
            return Inside{sixrd_inside(address, from(domain.prefix), from(domain.ipv4))};
    for (const mxg_prefix& prefix : config.isatap)
        if (contains(from(prefix), address) && (o[8] == 0 || o[8] == 2) && o[9] == 0 &&
            o[10] == 0x5e && o[11] == 0xfe)
            return Inside{ipv4_at(o, {12, 13, 14, 15})};
    return std::nullopt;
}

std::vector<Address> carriers_of(const Address& ipv4, const EmbeddedConfig& config, uint64_t rest)
{
    const Number fill = Number{rest} << 64 | rest;
    // `prefix`, then `fill`.
    const auto filled = [&](const Prefix& prefix) {
        return octets(
            {6, prefix.first.value | (fill & ~cut({6, ~Number{0}}, prefix.length).first.value)});
    };
    const std::array<size_t, 4> last{12, 13, 14, 15};
    std::vector<Address> out{
        with_ipv4(octets({6, Number{0xffff} << 32}), last, ipv4),
        with_ipv4(filled({{6, Number{0x2002} << 112}, 16}), {2, 3, 4, 5}, ipv4),
        with_ipv4(filled({{6, Number{0x2001} << 112}, 32}), last, ipv4, 0xff),
        with_ipv4(octets({6, Number{0x64ff9b} << 96}), last, ipv4)};
    for (const mxg_prefix& prefix : config.nat64) {
        Octets into = filled(from(prefix));
        into[8] = 0;
        out.push_back(with_ipv4(into, places(static_cast<int>(prefix.length)), ipv4));
    }
    for (const SixRdConfig& domain : config.sixrd) {
        const Prefix prefix = from(domain.prefix), common = from(domain.ipv4);
        Address at = from_octets(filled(prefix));
        for (int i = common.length; i < 32; i++) {
            const int place = prefix.length + i - common.length;
            const Number here = Number{1} << (127 - place);
            at.value = bit(ipv4, i) ? at.value | here : at.value & ~here;
        }
        out.push_back(at);
    }
    for (const mxg_prefix& prefix : config.isatap) {
        Octets into = filled(from(prefix));
        into[8] = rest & 1 ? 2 : 0;
        into[9] = 0;
        into[10] = 0x5e;
        into[11] = 0xfe;
        out.push_back(with_ipv4(into, last, ipv4));
    }
    return out;
}

}  // namespace mxgate::reference
