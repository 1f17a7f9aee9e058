// SPDX-License-Identifier: BSD-2-Clause
#include "control/net/address_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace mxgate {
namespace {

// The value of a hexadecimal digit, 16 for any other character.
constexpr std::array<uint8_t, 256> kHex = [] {
    std::array<uint8_t, 256> table{};
    table.fill(16);
    for (uint8_t i = 0; i < 10; i++)
        table['0' + i] = i;
    for (uint8_t i = 0; i < 6; i++)
        table['a' + i] = table['A' + i] = static_cast<uint8_t>(10 + i);
    return table;
}();

// Dotted quad from `at` to `end`; no leading zeros, because some readers take them as octal.
bool parse_ipv4(const char* at, const char* end, uint32_t& out)
{
    uint32_t value = 0;
    for (int octet = 0; octet < 4; octet++) {
        if (octet > 0 && (at == end || *at++ != '.'))
            return false;
        uint32_t number = 0;
        const char* first = at;
        while (at != end && *at >= '0' && *at <= '9' && at - first < 4)
            number = number * 10 + static_cast<uint32_t>(*at++ - '0');
        const auto digits = at - first;
        if (digits == 0 || digits > 3 || number > 255 || (digits > 1 && *first == '0'))
            return false;
        value = value << 8 | number;
    }
    out = value;
    return at == end;
}

constexpr size_t kNoGap = 9;

bool parse_ipv6(const char* at, const char* end, mxg_address& out)
{
    std::array<uint16_t, 8> groups{};
    size_t count = 0;
    size_t gap = kNoGap;  // how many groups stand before `::`
    if (end - at >= 2 && at[0] == ':' && at[1] == ':') {
        gap = 0;
        at += 2;
    }
    bool more = at != end || gap == kNoGap;  // a group must follow
    while (more) {
        if (count == 8)
            return false;
        const char* first = at;
        uint32_t value = 0;
        while (at != end && at - first < 4 && kHex[static_cast<uint8_t>(*at)] < 16)
            value = value << 4 | kHex[static_cast<uint8_t>(*at++)];
        if (at == first)
            return false;
        if (at != end && *at == '.') {
            uint32_t ipv4 = 0;
            if (count > 6 || !parse_ipv4(first, end, ipv4))
                return false;
            groups[count++] = static_cast<uint16_t>(ipv4 >> 16);
            groups[count++] = static_cast<uint16_t>(ipv4);
            break;
        }
        groups[count++] = static_cast<uint16_t>(value);
        if (at == end)
            break;
        if (*at++ != ':')
            return false;
        if (at != end && *at == ':') {
            if (gap != kNoGap)
                return false;
            gap = count;
            more = ++at != end;
        }
    }
    if (gap == kNoGap ? count != 8 : count == 8)
        return false;
    const size_t zeros = 8 - count;
    uint64_t half[2] = {0, 0};
    for (size_t i = 0; i < count; i++) {
        const size_t position = i < gap ? i : i + zeros;
        half[position / 4] |= static_cast<uint64_t>(groups[i]) << (48 - 16 * (position % 4));
    }
    out = {half[0], half[1], MXG_FAMILY_IPV6, 0};
    return true;
}

char* write_ipv4(char* to, uint32_t value)
{
    for (int shift = 24; shift >= 0; shift -= 8) {
        to = std::to_chars(to, to + 3, value >> shift & 0xff).ptr;
        if (shift > 0)
            *to++ = '.';
    }
    return to;
}

// Where the longest run of two or more zero groups starts, and its length (0 if there is none).
std::pair<int, int> longest_zero_run(const std::array<uint32_t, 8>& groups)
{
    std::pair<int, int> best{0, 0};
    for (int i = 0; i < 8; i++) {
        int length = 0;
        while (i + length < 8 && groups[static_cast<size_t>(i + length)] == 0)
            length++;
        if (length >= 2 && length > best.second)
            best = {i, length};
        i += length;
    }
    return best;
}

char* write_ipv6(char* to, const mxg_address& address)
{
    if (address.hi == 0 && address.lo >> 32 == 0xffff) {
        to = std::copy_n("::ffff:", 7, to);
        return write_ipv4(to, static_cast<uint32_t>(address.lo));
    }
    std::array<uint32_t, 8> groups{};
    for (size_t i = 0; i < 8; i++)
        groups[i] = (i < 4 ? address.hi : address.lo) >> (48 - 16 * (i % 4)) & 0xffff;
    const auto [start, length] = longest_zero_run(groups);
    for (int i = 0; i < 8; i++) {
        if (length > 0 && i == start) {
            *to++ = ':';
            *to++ = ':';
            i += length - 1;
            continue;
        }
        if (i > 0 && !(length > 0 && i == start + length))
            *to++ = ':';
        to = std::to_chars(to, to + 4, groups[static_cast<size_t>(i)], 16).ptr;
    }
    return to;
}

constexpr size_t kMaxText = 48;  // the longest is 39 characters, and "/128"

char* write_address(char* to, const mxg_address& address)
{
    return address.family == MXG_FAMILY_IPV4
               ? write_ipv4(to, static_cast<uint32_t>(address.hi >> 32))
               : write_ipv6(to, address);
}

}  // namespace

std::optional<mxg_address> parse_address(std::string_view text)
{
    const char* begin = text.data();
    const char* end = begin + text.size();
    // Within the first five characters an IPv6 address has a colon and an IPv4 address a dot.
    for (const char* at = begin; at != end && at - begin < 5; at++) {
        if (*at == ':') {
            mxg_address address{};
            if (parse_ipv6(begin, end, address))
                return address;
            return std::nullopt;
        }
        if (*at == '.') {
            uint32_t value = 0;
            if (parse_ipv4(begin, end, value))
                return mxg_address{static_cast<uint64_t>(value) << 32, 0, MXG_FAMILY_IPV4, 0};
            return std::nullopt;
        }
    }
    return std::nullopt;
}

std::optional<ParsedPrefix> parse_prefix(std::string_view text)
{
    const size_t slash = text.find('/');
    const auto address = parse_address(text.substr(0, slash));
    if (!address)
        return std::nullopt;
    uint32_t length = mxg_family_bits(address->family);
    if (slash != std::string_view::npos) {
        const std::string_view digits = text.substr(slash + 1);
        if (digits.empty() || digits.size() > 3 || (digits.size() > 1 && digits[0] == '0'))
            return std::nullopt;
        uint32_t value = 0;
        for (const char c : digits) {
            if (c < '0' || c > '9')
                return std::nullopt;
            value = value * 10 + static_cast<uint32_t>(c - '0');
        }
        if (value > length)
            return std::nullopt;
        length = value;
    }
    ParsedPrefix parsed{};
    parsed.prefix = {mxg_cut(*address, length), length};
    parsed.host_bits_set = !mxg_same_address(parsed.prefix.address, *address);
    return parsed;
}

std::string to_string(const mxg_address& address)
{
    char buffer[kMaxText];
    return {buffer, write_address(buffer, address)};
}

std::string to_string(const mxg_prefix& prefix)
{
    char buffer[kMaxText];
    char* end = write_address(buffer, prefix.address);
    *end++ = '/';
    end = std::to_chars(end, buffer + kMaxText, prefix.length).ptr;
    return {buffer, end};
}

}  // namespace mxgate
