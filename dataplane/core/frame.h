/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Frame parser: Ethernet (two VLAN tags), IPv4 with options, IPv6 with its header chain, TCP.
 *
 * The platform gives two functions (see native.h and ebpf/platform.h):
 *   int mxg_frame_load(frame, offset, void *to, size)   0, or -1 beyond the frame's end
 *   int mxg_frame_copy(frame, offset, void *to, size)   the same, where speed does not matter
 *   __u32 mxg_frame_length(frame)                       bytes of the whole frame
 *
 * RFC 8200 (IPv6), RFC 791, RFC 9293 (TCP); RFC 7112 and RFC 1858/3128 for fragments.
 */
#ifndef MXG_CORE_FRAME_H
#define MXG_CORE_FRAME_H

#include "dataplane/core/address.h"
#include "dataplane/core/packet.h"

/* Protocol and next-header numbers (IANA). */
#define MXG_HOP_BY_HOP 0u
#define MXG_TCP 6u
#define MXG_ROUTING 43u
#define MXG_FRAGMENT_HEADER 44u
#define MXG_AUTHENTICATION 51u
#define MXG_DESTINATION_OPTIONS 60u

#define MXG_ETHERNET_BYTES 14
#define MXG_MAX_EXTENSIONS 8        /* headers of an IPv6 chain */
#define MXG_MAX_EXTENSION_BYTES 512 /* and their bytes */

/* Wire shapes, as loaded: multi-byte fields are big-endian. */
struct mxg_wire_ipv4 {
    __u8 version_ihl, tos;
    __u8 total_length[2];
    __u8 id[2];
    __u8 fragment[2];
    __u8 ttl, protocol;
    __u8 checksum[2];
    __u8 source[4], destination[4];
};

struct mxg_wire_ipv6 {
    __u8 version_class, flow[3];
    __u8 payload_length[2];
    __u8 next_header, hop_limit;
    __u64 source[2], destination[2];
};

struct mxg_wire_tcp {
    __u8 source_port[2], destination_port[2];
    __u8 sequence[4], acknowledgement[4];
    __u8 data_offset, flags;
    __u8 window[2], checksum[2], urgent[2];
};

/* One header at a time, in one place: a BPF stack is 512 bytes. */
union mxg_wire {
    struct mxg_wire_ipv4 ipv4;
    struct mxg_wire_ipv6 ipv6;
    struct mxg_wire_tcp tcp;
    __u8 bytes[4];
};

MXG_INLINE __u32 mxg_be16(const __u8 *at)
{
    __u16 wire;

    __builtin_memcpy(&wire, at, sizeof(wire));
    return __builtin_bswap16(wire);
}

MXG_INLINE __u32 mxg_be32(const __u8 *at)
{
    __u32 wire;

    __builtin_memcpy(&wire, at, sizeof(wire));
    return __builtin_bswap32(wire);
}

/* Field by field: a copy of the whole would wait until what was just written is in the cache. */
MXG_INLINE void mxg_take_ipv4(struct mxg_address *address, __u32 host_order)
{
    address->hi = (__u64)host_order << 32;
    address->lo = 0;
    address->family = MXG_FAMILY_IPV4;
}

MXG_INLINE void mxg_take_ipv6(struct mxg_address *address, const __u64 *wire)
{
    address->hi = __builtin_bswap64(wire[0]);
    address->lo = __builtin_bswap64(wire[1]);
    address->family = MXG_FAMILY_IPV6;
}

MXG_INLINE struct mxg_address mxg_ipv4_address(__u32 host_order)
{
    struct mxg_address address = {0, 0, 0, 0};

    mxg_take_ipv4(&address, host_order);
    return address;
}

MXG_INLINE struct mxg_address mxg_ipv6_address(const __u64 *wire)
{
    struct mxg_address address = {0, 0, 0, 0};

    mxg_take_ipv6(&address, wire);
    return address;
}

/* TCP at `offset`; the IP packet ends at `end`. */
MXG_INLINE void mxg_parse_tcp(struct mxg_frame *frame, struct mxg_packet *packet,
                              union mxg_wire *wire, __u32 offset, __u32 end)
{
    struct mxg_wire_tcp *tcp = &wire->tcp;
    __u32 header;
    int whole = offset + sizeof(*tcp) <= end && !mxg_frame_load(frame, offset, tcp, sizeof(*tcp));

    packet->kind = MXG_FRAME_BROKEN;
    if (!whole && (offset + 4 > end || mxg_frame_load(frame, offset, tcp, 4)))
        return;
    packet->source_port = (__u16)mxg_be16(tcp->source_port);
    packet->destination_port = (__u16)mxg_be16(tcp->destination_port);
    packet->kind = MXG_FRAME_BROKEN_AT_PORT;
    if (!whole)
        return;
    header = (tcp->data_offset >> 4) * 4u;
    packet->tcp_flags = tcp->flags;
    packet->sequence = mxg_be32(tcp->sequence);
    packet->acknowledgement = mxg_be32(tcp->acknowledgement);
    packet->end = end;
    packet->header = (__u8)header;
    if (header < sizeof(*tcp) || offset + header > end)
        return;
    if ((tcp->flags & MXG_TCP_SYN) && (tcp->flags & (MXG_TCP_FIN | MXG_TCP_RST)))
        return;
    packet->transport = (__u16)offset;
    packet->kind = MXG_FRAME_TCP;
}

/* Where the IP packet that claims `claimed` bytes from `offset` ends, 0 if the frame is shorter. */
MXG_INLINE __u32 mxg_packet_end(struct mxg_frame *frame, __u32 offset, __u32 claimed)
{
    return offset + claimed <= mxg_frame_length(frame) ? offset + claimed : 0;
}

/* Takes the header at `offset` into *wire and its addresses out of it; 0: there is none. */
MXG_INLINE int mxg_load_ipv4(struct mxg_frame *frame, struct mxg_packet *packet,
                             union mxg_wire *wire, __u32 offset)
{
    const struct mxg_wire_ipv4 *ip = &wire->ipv4;

    if (mxg_frame_load(frame, offset, &wire->ipv4, sizeof(*ip)) || ip->version_ihl >> 4 != 4)
        return 0;
    mxg_take_ipv4(&packet->source, mxg_be32(ip->source));
    mxg_take_ipv4(&packet->destination, mxg_be32(ip->destination));
    return 1;
}

MXG_INLINE int mxg_load_ipv6(struct mxg_frame *frame, struct mxg_packet *packet,
                             union mxg_wire *wire, __u32 offset)
{
    const struct mxg_wire_ipv6 *ip = &wire->ipv6;

    if (mxg_frame_load(frame, offset, &wire->ipv6, sizeof(*ip)) || ip->version_class >> 4 != 6)
        return 0;
    mxg_take_ipv6(&packet->source, ip->source);
    mxg_take_ipv6(&packet->destination, ip->destination);
    return 1;
}

MXG_INLINE void mxg_parse_ipv4(struct mxg_frame *frame, struct mxg_packet *packet,
                               union mxg_wire *wire, __u32 offset)
{
    const struct mxg_wire_ipv4 *ip = &wire->ipv4;
    __u32 header, total, fragment, end;

    packet->kind = MXG_FRAME_NOT_TCP;
    if (ip->protocol != MXG_TCP)
        return;
    packet->kind = MXG_FRAME_BROKEN;
    header = (ip->version_ihl & 15) * 4u;
    total = mxg_be16(ip->total_length);
    /* A merged packet of over 64 KiB (BIG TCP) says 0 and ends with its frame. */
    if (total == 0 && mxg_frame_length(frame) > offset + 0xffff)
        total = mxg_frame_length(frame) - offset;
    end = mxg_packet_end(frame, offset, total);
    if (header < sizeof(*ip) || total < header || end == 0)
        return;
    fragment = mxg_be16(ip->fragment) & 0x1fff;
    if (fragment > 0) {
        /* One unit of 8 bytes in: it would overwrite the flags of a first fragment (RFC 3128). */
        packet->kind = fragment == 1 ? MXG_FRAME_BROKEN : MXG_FRAME_LATER_FRAGMENT;
        return;
    }
    mxg_parse_tcp(frame, packet, wire, offset + header, end);
}

/* Headers that are walked over, as bits. */
#define MXG_EXTENSIONS                                                            \
    (1ULL << MXG_HOP_BY_HOP | 1ULL << MXG_ROUTING | 1ULL << MXG_FRAGMENT_HEADER | \
     1ULL << MXG_AUTHENTICATION | 1ULL << MXG_DESTINATION_OPTIONS)

/* Bytes of the extension header `type` whose length field is `field`; branch-free. */
MXG_INLINE __u32 mxg_extension_bytes(__u32 type, __u32 field)
{
    __u32 fragment = (__u32)mxg_is_zero(type ^ MXG_FRAGMENT_HEADER);
    __u32 authentication = (__u32)mxg_is_zero(type ^ MXG_AUTHENTICATION);
    __u32 other = 1 - fragment - authentication;

    return fragment * 8 + authentication * ((field + 2) * 4) + other * ((field + 1) * 8);
}

/* Walks the header chain from `next`, at `offset`, up to TCP or to what cannot lead to TCP.
 * `end` is 0 where the packet claims more bytes than the frame has. */
MXG_INLINE void mxg_walk_chain(struct mxg_frame *frame, struct mxg_packet *packet,
                               union mxg_wire *wire, __u32 offset, __u32 end, __u32 next)
{
    const __u32 start = offset;
    const __u8 *head = wire->bytes;
    int i;

    for (i = 0; i < MXG_MAX_EXTENSIONS && next < 64 && (MXG_EXTENSIONS >> next & 1); i++) {
        if (offset + 8 > end || mxg_frame_copy(frame, offset, wire->bytes, 4))
            return;
        if (next == MXG_FRAGMENT_HEADER && mxg_be16(head + 2) >> 3) {
            packet->kind = head[0] == MXG_TCP ? MXG_FRAME_LATER_FRAGMENT : MXG_FRAME_NOT_TCP;
            return;
        }
        offset += mxg_extension_bytes(next, head[1]);
        next = head[0];
        if (offset - start > MXG_MAX_EXTENSION_BYTES || offset > end)
            return;
    }
    if (next == MXG_TCP) {
        if (end != 0)
            mxg_parse_tcp(frame, packet, wire, offset, end);
    } else if (next >= 64 || !(MXG_EXTENSIONS >> next & 1)) {
        packet->kind = MXG_FRAME_NOT_TCP;
    }
}

MXG_INLINE void mxg_parse_ipv6(struct mxg_frame *frame, struct mxg_packet *packet,
                               union mxg_wire *wire, __u32 offset)
{
    const struct mxg_wire_ipv6 *ip = &wire->ipv6;
    __u32 payload, end, next;

    packet->kind = MXG_FRAME_BROKEN;
    offset += sizeof(*ip);
    payload = mxg_be16(ip->payload_length);
    next = ip->next_header;
    /* A jumbogram (RFC 2675) says 0, has a hop-by-hop header and ends with its frame. */
    if (payload == 0 && next == MXG_HOP_BY_HOP)
        end = mxg_frame_length(frame);
    else
        end = mxg_packet_end(frame, offset, payload);
    mxg_walk_chain(frame, packet, wire, offset, end, next);
}

/* Down to the addresses. The caller zeroes *packet, and *wire goes on to mxg_parse_transport;
 * 0: not IP. */
MXG_INLINE int mxg_parse_network(struct mxg_frame *frame, struct mxg_packet *packet,
                                 union mxg_wire *wire)
{
    __u32 offset = MXG_ETHERNET_BYTES, type;
    int tags;

    packet->kind = MXG_FRAME_NOT_IP;
    for (tags = 0; tags < 3; tags++) {
        if (mxg_frame_load(frame, offset - 2, wire->bytes, 2))
            return 0;
        type = mxg_be16(wire->bytes);
        if (type != 0x8100 && type != 0x88a8)
            break;
        offset += 4;
    }
    packet->network = (__u8)offset;
    if (type == 0x0800)
        return mxg_load_ipv4(frame, packet, wire, offset);
    if (type == 0x86dd)
        return mxg_load_ipv6(frame, packet, wire, offset);
    return 0;
}

/* From there to the end of the headers. */
MXG_INLINE void mxg_parse_transport(struct mxg_frame *frame, struct mxg_packet *packet,
                                    union mxg_wire *wire)
{
    if (packet->source.family == MXG_FAMILY_IPV4)
        mxg_parse_ipv4(frame, packet, wire, packet->network);
    else
        mxg_parse_ipv6(frame, packet, wire, packet->network);
}

/* *packet is zeroed by the caller. */
MXG_INLINE void mxg_parse_frame(struct mxg_frame *frame, struct mxg_packet *packet)
{
    union mxg_wire wire;

    if (mxg_parse_network(frame, packet, &wire))
        mxg_parse_transport(frame, packet, &wire);
}

#endif
