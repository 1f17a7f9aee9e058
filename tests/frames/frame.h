// SPDX-License-Identifier: BSD-2-Clause
// Composes frames layer by layer. Lengths, types and next-header fields are right unless they are
// overridden with set(), which changes bytes of the layer added last.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/reference/policy_map.h"

namespace mxgate::frames {

using Bytes = std::vector<uint8_t>;

enum TcpFlags : uint8_t {
    kFin = 1,
    kSyn = 2,
    kRst = 4,
    kPush = 8,
    kAck = 16,
    kEce = 64,
    kCwr = 128
};
enum ExtensionType : uint8_t {
    kHopByHop = 0,
    kRouting = 43,
    kFragmentHeader = 44,
    kAuthentication = 51,
    kNoNext = 59,
    kDestinationOptions = 60,
};

class Frame
{
public:
    Frame();  // an Ethernet header

    Frame& vlan(uint16_t tpid = 0x8100);
    Frame& ipv4(const reference::Address& source, const reference::Address& destination);
    Frame& ipv6(const reference::Address& source, const reference::Address& destination);
    Frame& ip(const reference::Address& source, const reference::Address& destination);
    Frame& ip(const std::string& source, const std::string& destination);
    // `bytes` is what the header says it has, and has: a multiple of 8 (of 4 for AH).
    Frame& extension(uint8_t type, size_t bytes = 8);
    // In IPv6 a fragment header; in IPv4 the field of the header. `offset` in units of 8 bytes.
    Frame& fragment(uint16_t offset, bool more);
    Frame& ip_options(size_t bytes);  // IPv4, a multiple of 4
    // Each with a sequence number of its own: only the same bytes again are a retransmission.
    Frame& tcp(uint8_t flags, uint16_t destination_port = 25, uint16_t source_port = 40000);
    Frame& tcp_options(size_t bytes);  // a multiple of 4
    Frame& udp(uint16_t destination_port = 25, uint16_t source_port = 40000);
    Frame& protocol(uint8_t number);  // what follows is said to be this
    Frame& data(size_t bytes, uint8_t fill = 0x5a);

    // Overrides a field of the last layer: `value` big-endian in `width` bytes at `offset`.
    Frame& set(size_t offset, size_t width, uint64_t value);
    // The frame ends after so many bytes; lengths inside still say what they said.
    Frame& cut(size_t bytes);
    // So many bytes more behind the packet, which its lengths do not count.
    Frame& trailer(size_t bytes);

    Bytes bytes() const;

private:
    enum class Kind { ethernet, vlan, ipv4, ipv6, extension, payload };
    struct Override {
        size_t offset, width;
        uint64_t value;
    };
    struct Layer {
        Kind kind;
        uint16_t number;  // as the layer before it names it: ethertype, protocol
        Bytes bytes;
        std::vector<Override> overrides;
    };

    Layer& push(Kind kind, uint16_t number, size_t bytes);
    void complete(std::vector<Layer>& layers) const;

    std::vector<Layer> layers_;
    size_t cut_ = SIZE_MAX, trailer_ = 0;
};

void put(Bytes& bytes, size_t offset, size_t width, uint64_t value);

}  // namespace mxgate::frames
