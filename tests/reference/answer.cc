// SPDX-License-Identifier: BSD-2-Clause
#include "tests/reference/answer.h"

#include <algorithm>

#include "tests/reference/policy_case.h"

namespace mxgate::reference {
namespace {

constexpr uint8_t kIcmp = 1, kTcp = 6, kIcmp6 = 58;
constexpr size_t kLeast = 60;  // an Ethernet frame without its check sequence

void append(Bytes& to, const Bytes& what)
{
    to.insert(to.end(), what.begin(), what.end());
}

void append(Bytes& to, Number value, int bytes)
{
    for (int i = bytes - 1; i >= 0; i--)
        to.push_back(static_cast<uint8_t>(value >> (8 * i)));
}

// The one's complement sum of 16-bit numbers (RFC 1071).
uint16_t sum(const Bytes& bytes)
{
    uint32_t total = 0;
    for (size_t i = 0; i < bytes.size(); i += 2) {
        total += static_cast<uint32_t>(bytes[i] << 8 | (i + 1 < bytes.size() ? bytes[i + 1] : 0));
        if (total > 0xffff)
            total -= 0xffff;
    }
    return static_cast<uint16_t>(total);
}

void set_checksum(Bytes& bytes, size_t at, uint16_t total)
{
    const auto checksum = static_cast<uint16_t>(~total);
    bytes[at] = static_cast<uint8_t>(checksum >> 8);
    bytes[at + 1] = static_cast<uint8_t>(checksum);
}

// RFC 9293 3.1, RFC 8200 8.1.
Bytes pseudo_header(const Address& from, const Address& to, uint8_t protocol, size_t bytes)
{
    Bytes out;
    append(out, from.value, from.width() / 8);
    append(out, to.value, to.width() / 8);
    append(out, bytes, 4);
    append(out, protocol, 4);
    return out;
}

uint32_t number(const Bytes& bytes, size_t at, size_t count)
{
    uint32_t out = 0;
    for (size_t i = 0; i < count; i++)
        out = out << 8 | bytes.at(at + i);
    return out;
}

Bytes reset(const Parsed& syn)
{
    const size_t header = static_cast<size_t>(syn.segment[12] >> 4) * 4;
    const size_t data = syn.segment.size() - header;
    Bytes out;
    append(out, syn.destination_port, 2);
    append(out, syn.source_port, 2);
    append(out, 0, 4);
    append(out, number(syn.segment, 4, 4) + static_cast<uint32_t>(data) + 1, 4);
    append(out, 0x5014, 2);  // five words, RST and ACK
    append(out, 0, 6);       // window, checksum, urgent pointer
    return out;
}

Bytes unreachable(const Parsed& syn, uint16_t kind, size_t most)
{
    Bytes out;
    append(out, kind, 2);
    append(out, 0, 6);
    const size_t quote = std::min(syn.packet.size(), most - out.size());
    append(out, Bytes(syn.packet.begin(), syn.packet.begin() + static_cast<long>(quote)));
    return out;
}

Bytes over_ipv4(const Parsed& syn, uint8_t protocol, const Bytes& payload)
{
    Bytes out;
    append(out, 0x4500, 2);
    append(out, 20 + payload.size(), 2);
    append(out, 0, 2);
    append(out, 0x4000, 2);  // do not fragment
    append(out, 64, 1);
    append(out, protocol, 1);
    append(out, 0, 2);
    append(out, syn.destination->value, 4);
    append(out, syn.source->value, 4);
    set_checksum(out, 10, sum(out));
    append(out, payload);
    return out;
}

Bytes over_ipv6(const Parsed& syn, uint8_t protocol, const Bytes& payload)
{
    Bytes out;
    append(out, 0x60000000, 4);
    append(out, payload.size(), 2);
    append(out, protocol, 1);
    append(out, 64, 1);
    append(out, syn.destination->value, 16);
    append(out, syn.source->value, 16);
    append(out, payload);
    return out;
}

// RFC 1122 3.2.2, RFC 4443 2.4(e).
bool one_host(const Address& address)
{
    const char* const ipv4[] = {"0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/4", "240.0.0.0/4"};
    const char* const ipv6[] = {"::/128", "::1/128", "::ffff:0:0/96", "ff00::/8"};
    for (const char* text : address.family == 4 ? ipv4 : ipv6)
        if (contains(prefix(text), address))
            return false;
    return true;
}

}  // namespace

std::optional<Bytes> answer(const Bytes& frame, mxg_verdict verdict)
{
    const Parsed syn = parse(frame);
    if (syn.kind != Kind::tcp || (syn.flags & 0x12) != 0x02 || !one_host(*syn.source) ||
        !one_host(*syn.destination) || (frame[0] & 1) || (frame[6] & 1))
        return std::nullopt;
    const bool four = syn.source->family == 4, with_tcp = verdict == MXG_RESET;
    const uint8_t protocol = with_tcp ? kTcp : four ? kIcmp : kIcmp6;
    Bytes payload = with_tcp ? reset(syn)
                    : four   ? unreachable(syn, 0x030d, 576 - 20)
                             : unreachable(syn, 0x0101, 1280 - 40);
    Bytes covered;
    if (protocol != kIcmp)
        covered = pseudo_header(*syn.destination, *syn.source, protocol, payload.size());
    append(covered, payload);
    set_checksum(payload, with_tcp ? 16 : 2, sum(covered));
    Bytes out(syn.link.begin() + 6, syn.link.begin() + 12);
    out.insert(out.end(), syn.link.begin(), syn.link.begin() + 6);
    out.insert(out.end(), syn.link.begin() + 12, syn.link.end());
    append(out, four ? over_ipv4(syn, protocol, payload) : over_ipv6(syn, protocol, payload));
    out.resize(std::max(out.size(), kLeast), 0);
    return out;
}

std::string wrong_with(const Bytes& frame)
{
    size_t at = 14;
    while (number(frame, at - 2, 2) == 0x8100 || number(frame, at - 2, 2) == 0x88a8)
        at += 4;
    const bool four = number(frame, at - 2, 2) == 0x0800;
    if (frame.at(at) >> 4 != (four ? 4 : 6))
        return "IP version";
    const size_t header = four ? 20 : 40;
    const size_t whole = four ? number(frame, at + 2, 2) : 40 + number(frame, at + 4, 2);
    if (at + whole > frame.size() || (at + whole < frame.size() && frame.size() != kLeast))
        return "length";
    for (size_t i = at + whole; i < frame.size(); i++)
        if (frame[i] != 0)
            return "padding";
    const auto begin = frame.begin() + static_cast<long>(at);
    const Bytes ip(begin, begin + static_cast<long>(header));
    const Bytes payload(begin + static_cast<long>(header), begin + static_cast<long>(whole));
    if (four && sum(ip) != 0xffff)
        return "IPv4 header checksum";
    const uint8_t protocol = ip[four ? 9 : 6];
    Bytes covered;
    if (protocol != kIcmp) {
        covered.assign(ip.begin() + (four ? 12 : 8), ip.end());  // the addresses
        append(covered, payload.size(), 4);
        append(covered, protocol, 4);
    }
    append(covered, payload);
    return sum(covered) == 0xffff ? "" : "checksum of protocol " + std::to_string(protocol);
}

}  // namespace mxgate::reference
