// SPDX-License-Identifier: BSD-2-Clause
#include "control/table/embeddings.h"

namespace mxgate {
namespace {

constexpr uint64_t kUBits = 0xffULL << 56;  // bits 64 to 71

mxg_embedding under(const mxg_prefix& prefix, mxg_embedded_kind kind)
{
    mxg_embedding out{};
    out.hi = prefix.address.hi;
    out.lo = prefix.address.lo;
    out.hi_mask = mxg_mask64(prefix.length);
    out.lo_mask = prefix.length > 64 ? mxg_mask64(prefix.length - 64) : 0;
    out.kind = kind;
    return out;
}

// RFC 6052 2.2: the IPv4 address comes behind the prefix and leaves bits 64 to 71 out, which are
// zero; what is behind it does not count.
mxg_embedding nat64(const mxg_prefix& prefix)
{
    mxg_embedding out = under(prefix, MXG_EMBEDDED_NAT64);
    out.lo_mask |= kUBits;
    if (prefix.length == 96) {
        out.lo_left = 32;
        out.lo_bits = ~0u;
        return out;
    }
    const uint32_t in_hi = 64 - prefix.length;  // bits of the IPv4 address, 0 to 32
    out.hi_left = prefix.length & 63;
    out.hi_bits = static_cast<uint32_t>(mxg_mask64(in_hi) >> 32);
    out.lo_left = 8;
    out.lo_right = static_cast<uint8_t>(in_hi);
    out.lo_bits = ~out.hi_bits;
    return out;
}

// RFC 5969 4: behind the prefix the bits that the domain's addresses do not have in common.
mxg_embedding sixrd(const SixRdConfig& domain)
{
    mxg_embedding out = under(domain.prefix, MXG_EMBEDDED_6RD);
    out.hi_left = static_cast<uint8_t>(domain.prefix.length);
    out.hi_right = static_cast<uint8_t>(domain.ipv4.length);
    out.hi_bits = ~0u >> domain.ipv4.length;
    out.flip = static_cast<uint32_t>(domain.ipv4.address.hi >> 32);
    return out;
}

// RFC 5214 6.1: 0000:5efe or, for an address that is unique in the world, 0200:5efe.
mxg_embedding isatap(const mxg_prefix& prefix)
{
    mxg_embedding out = under(prefix, MXG_EMBEDDED_ISATAP);
    out.lo = 0x00005efeULL << 32;
    out.lo_mask = 0xfdffffffULL << 32;
    out.lo_left = 32;
    out.lo_bits = ~0u;
    return out;
}

}  // namespace

std::vector<mxg_embedding> embedding_records(const EmbeddedConfig& config)
{
    std::vector<mxg_embedding> out;
    for (const mxg_prefix& prefix : config.nat64)
        out.push_back(nat64(prefix));
    for (const SixRdConfig& domain : config.sixrd)
        out.push_back(sixrd(domain));
    for (const mxg_prefix& prefix : config.isatap)
        out.push_back(isatap(prefix));
    return out;
}

const char* embedded_kind_name(uint32_t kind)
{
    static constexpr const char* kNames[MXG_EMBEDDED_KINDS] = {
        nullptr, "IPv4-mapped", "6to4", "Teredo", "NAT64", "6rd", "ISATAP"};
    return kNames[kind];
}

}  // namespace mxgate
