// SPDX-License-Identifier: BSD-2-Clause
// The frame parser of the reference.
#include "tests/reference/gate.h"

namespace mxgate::reference {
namespace {

struct RunsOut {
};

// Bytes from `at` on; reading past the end throws RunsOut.
class Reader
{
public:
    explicit Reader(const Bytes& bytes, size_t at = 0) : bytes_(bytes), at_(at) {}

    Number number(int bytes)
    {
        Number out = 0;
        for (int i = 0; i < bytes; i++) {
            if (at_ >= bytes_.size())
                throw RunsOut();
            out = out << 8 | bytes_[at_++];
        }
        return out;
    }
    uint8_t u8() { return static_cast<uint8_t>(number(1)); }
    uint16_t u16() { return static_cast<uint16_t>(number(2)); }
    void skip(size_t bytes) { at_ += bytes; }
    size_t at() const { return at_; }

private:
    const Bytes& bytes_;
    size_t at_;
};

enum : uint8_t { kHopByHop = 0, kTcp = 6, kRouting = 43, kFragment = 44, kAh = 51, kOptions = 60 };

bool is_extension(uint8_t next)
{
    return next == kHopByHop || next == kRouting || next == kFragment || next == kAh ||
           next == kOptions;
}

// `segment`: what the IP packet carries from the TCP header on.
void parse_tcp(const Bytes& segment, Parsed* out)
{
    out->kind = Kind::broken;
    Reader reader(segment);
    const uint16_t source_port = reader.u16();
    try {
        out->destination_port = reader.u16();
        out->source_port = source_port;
        out->kind = Kind::broken_with_port;
        out->sequence = static_cast<uint32_t>(reader.number(4));
        reader.skip(4);
        const size_t header_bytes = static_cast<size_t>(reader.u8() >> 4) * 4;
        const uint8_t flags = reader.u8();
        reader.number(6);  // window, checksum, urgent pointer
        const bool fin = flags & 1, syn = flags & 2, rst = flags & 4;
        if (header_bytes < 20 || header_bytes > segment.size() || (syn && (fin || rst)))
            return;
        out->flags = flags;
        out->segment = segment;
        out->kind = Kind::tcp;
    } catch (const RunsOut&) {
    }
}

void parse_tcp_or_broken(const Bytes& segment, Parsed* out)
{
    try {
        parse_tcp(segment, out);
    } catch (const RunsOut&) {
        out->kind = Kind::broken;
    }
}

void parse_ipv4(const Bytes& ip, Parsed* out)
{
    Reader reader(ip);
    const uint8_t first = reader.u8();
    reader.u8();  // type of service
    size_t total = reader.u16();
    reader.u16();  // identification
    const uint16_t fragment_offset = reader.u16() & 0x1fff;
    reader.u8();  // time to live
    const uint8_t protocol = reader.u8();
    reader.u16();  // checksum
    const Address source{4, reader.number(4)}, destination{4, reader.number(4)};
    if (first >> 4 != 4)
        return;
    out->source = source;
    out->destination = destination;
    if (protocol != kTcp)
        return;
    out->kind = Kind::broken;
    if (total == 0 && ip.size() > 65535)
        total = ip.size();
    const size_t header_bytes = static_cast<size_t>(first & 15) * 4;
    if (header_bytes < 20 || header_bytes > total || total > ip.size())
        return;
    if (fragment_offset == 1)
        return;
    if (fragment_offset > 1) {
        out->kind = Kind::later_fragment;
        return;
    }
    const auto begin = ip.begin();
    out->packet.assign(begin, begin + static_cast<long>(total));
    out->end = total;
    parse_tcp_or_broken(
        Bytes(begin + static_cast<long>(header_bytes), begin + static_cast<long>(total)), out);
}

size_t extension_bytes(uint8_t type, uint8_t length_field)
{
    if (type == kFragment)
        return 8;
    if (type == kAh)
        return (size_t{length_field} + 2) * 4;
    return (size_t{length_field} + 1) * 8;
}

// The chain of headers of a whole packet, `payload` being all that follows the fixed header.
void parse_chain(const Bytes& payload, uint8_t next, Parsed* out)
{
    size_t at = 0;
    for (int headers = 0; is_extension(next); headers++) {
        if (headers == 8)
            return;
        Reader reader(payload, at);
        const uint8_t following = reader.u8();
        const uint8_t length_field = reader.u8();
        const uint16_t fragment_offset = reader.u16() >> 3;
        reader.number(4);  // no extension header is shorter than 8 bytes
        if (next == kFragment && fragment_offset > 0) {
            out->kind = following == kTcp ? Kind::later_fragment : Kind::other;
            return;
        }
        at += extension_bytes(next, length_field);
        if (at > 512 || at > payload.size())
            return;
        next = following;
    }
    if (next == kTcp)
        parse_tcp_or_broken(Bytes(payload.begin() + static_cast<long>(at), payload.end()), out);
    else
        out->kind = Kind::other;
}

void parse_ipv6(const Bytes& ip, Parsed* out)
{
    Reader reader(ip);
    const uint8_t first = reader.u8();
    reader.number(3);  // class and flow label
    size_t length = reader.u16();
    const uint8_t next = reader.u8();
    reader.u8();  // hop limit
    const Address source{6, reader.number(16)}, destination{6, reader.number(16)};
    if (first >> 4 != 6)
        return;
    out->source = source;
    out->destination = destination;
    const size_t present = ip.size() - reader.at();
    if (length == 0 && next == kHopByHop)
        length = present;
    out->kind = Kind::broken;
    if (length > present) {
        // Where no header needs to be walked it can be said that this is not TCP.
        if (next != kTcp && !is_extension(next))
            out->kind = Kind::other;
        return;
    }
    const auto begin = ip.begin() + static_cast<long>(reader.at());
    out->packet.assign(ip.begin(), begin + static_cast<long>(length));
    out->end = reader.at() + length;
    try {
        parse_chain(Bytes(begin, begin + static_cast<long>(length)), next, out);
    } catch (const RunsOut&) {
        out->kind = Kind::broken;
    }
}

void parse_ethernet(const Bytes& frame, Parsed* out)
{
    Reader reader(frame, 12);
    uint16_t type = reader.u16();
    for (int tags = 0; tags < 2 && (type == 0x8100 || type == 0x88a8); tags++) {
        reader.u16();
        type = reader.u16();
    }
    out->link.assign(frame.begin(), frame.begin() + static_cast<long>(reader.at()));
    const Bytes ip(frame.begin() + static_cast<long>(reader.at()), frame.end());
    if (type == 0x0800)
        parse_ipv4(ip, out);
    else if (type == 0x86dd)
        parse_ipv6(ip, out);
    out->end += reader.at();
}

}  // namespace

Parsed parse(const Bytes& frame)
{
    Parsed out;
    try {
        parse_ethernet(frame, &out);
    } catch (const RunsOut&) {
        // No whole IP header: nothing to gate.
    }
    return out;
}

}  // namespace mxgate::reference
