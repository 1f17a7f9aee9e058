/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The answer to a refused SYN, as a whole frame.
 *
 *   MXG_RESET        TCP RST+ACK that acknowledges the SYN and its data (RFC 9293 3.5.2)
 *   MXG_UNREACHABLE  ICMPv6 type 1 code 1 (RFC 4443 3.1), ICMP type 3 code 13 (RFC 1812 5.2.7.1),
 *                    quoting the packet up to the smallest MTU: 1280 bytes (RFC 4443 2.4(c)), or
 *                    576 (RFC 1812 4.3.2.3)
 *
 * It goes back the way the SYN came: MAC addresses swapped, VLAN tags kept, from the address that
 * the SYN was for. No IP options, no extension headers; at least 60 bytes, padded with zeros.
 *
 * Answers are limited for each core (RFC 4443 2.4(f)), so that a flood of forged SYNs makes no
 * flood of answers: beyond gate.replies the verdict stays and the packet is dropped in silence.
 *
 * Include after a platform; the caller has memory for one struct mxg_reply.
 */
#ifndef MXG_CORE_REPLY_H
#define MXG_CORE_REPLY_H

#include "dataplane/core/frame.h"
#include "dataplane/core/image.h"
#include "dataplane/core/rate.h"
#include "dataplane/core/replies.h"
#include "dataplane/core/sources.h"

#define MXG_ICMP_BYTES 8
#define MXG_QUOTE_IPV6 (1280 - sizeof(struct mxg_wire_ipv6) - MXG_ICMP_BYTES)
#define MXG_QUOTE_IPV4 (576 - sizeof(struct mxg_wire_ipv4) - MXG_ICMP_BYTES)
#define MXG_REPLY_TTL 64

#define MXG_ICMP 1u
#define MXG_ICMPV6 58u

MXG_INLINE const __u8 *mxg_reply_frame(const struct mxg_reply *reply)
{
    return reply->byte + reply->start;
}

MXG_INLINE void mxg_put16(__u8 *at, __u32 value)
{
    at[0] = (__u8)(value >> 8);
    at[1] = (__u8)value;
}

MXG_INLINE void mxg_put32(__u8 *at, __u32 value)
{
    mxg_put16(at, value >> 16);
    mxg_put16(at + 2, value);
}

/* Internet checksum (RFC 1071): `sum` of words as they lie in memory, to be stored as it is. */
MXG_INLINE __u16 mxg_checksum(__u64 sum)
{
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return (__u16)~sum;
}

/* Read as words only through this type, so that no compiler thinks them apart from the bytes. */
typedef __u32 __attribute__((may_alias)) mxg_reply_word;

/* Of the bytes `from` to `to`, multiples of 4. */
MXG_INLINE __u64 mxg_sum_bytes(const struct mxg_reply *reply, __u32 from, __u32 to)
{
    const mxg_reply_word *words = (const mxg_reply_word *)reply->byte;
    __u64 sum = 0;

    for (__u32 i = from / 4; i < to / 4 && i < MXG_REPLY_BYTES / 4; i++)
        sum += words[i];
    return sum;
}

/* One host, which an answer can reach or come from: RFC 4443 2.4(e), RFC 1122 3.2.2. A mapped
 * address (RFC 4291) in an IPv6 packet is no such host. */
MXG_INLINE int mxg_is_one_host(const struct mxg_address *address)
{
    __u32 top = (__u32)(address->hi >> 56);

    if (address->family == MXG_FAMILY_IPV4)
        return top != 0 && top != 127 && top < 224;
    return top != 0xff && (address->hi != 0 || (address->lo > 1 && address->lo >> 32 != 0xffff));
}

/* Whether the packet is a SYN that may have an answer at all. */
MXG_INLINE int mxg_may_answer(struct mxg_frame *frame, const struct mxg_packet *packet)
{
    __u8 macs[12];

    if (packet->kind != MXG_FRAME_TCP ||
        (packet->tcp_flags & (MXG_TCP_SYN | MXG_TCP_ACK)) != MXG_TCP_SYN)
        return 0;
    if (mxg_frame_copy(frame, 0, macs, sizeof(macs)) || ((macs[0] | macs[6]) & 1))
        return 0; /* to a group of hosts on the link, or from one */
    return mxg_is_one_host(&packet->source) && mxg_is_one_host(&packet->destination);
}

/* Ethernet header and tags. */
MXG_INLINE int mxg_reply_link(struct mxg_frame *frame, const struct mxg_packet *packet,
                              struct mxg_reply *reply)
{
    __u32 start = MXG_REPLY_IP - (__u32)packet->network;
    __u8 *to = reply->byte;

    asm volatile("" : "+r"(start)); /* for the verifier: the bound on what is used */
    if (start > MXG_REPLY_IP - MXG_ETHERNET_BYTES)
        return -1;
    reply->start = start;
    to += start;
    return mxg_frame_copy(frame, 6, to, 6) || mxg_frame_copy(frame, 0, to + 6, 6) ||
           mxg_frame_copy(frame, 12, to + 12, MXG_REPLY_IP - 12 - start);
}

/* The IPv4 header in front of `payload` bytes. */
MXG_INLINE int mxg_reply_ipv4(struct mxg_frame *frame, const struct mxg_packet *packet,
                              struct mxg_reply *reply, __u32 protocol, __u32 payload)
{
    struct mxg_wire_ipv4 *ip = (struct mxg_wire_ipv4 *)&reply->byte[MXG_REPLY_IP];
    __u16 checksum;

    ip->version_ihl = 0x45;
    mxg_put16(ip->total_length, (__u32)sizeof(*ip) + payload);
    ip->fragment[0] = 0x40; /* do not fragment: then the identification may be 0 (RFC 6864) */
    ip->ttl = MXG_REPLY_TTL;
    ip->protocol = (__u8)protocol;
    if (mxg_frame_copy(frame, packet->network + 16, ip->source, 4) ||
        mxg_frame_copy(frame, packet->network + 12, ip->destination, 4))
        return -1;
    checksum = mxg_checksum(mxg_sum_bytes(reply, MXG_REPLY_IP, MXG_REPLY_IP + sizeof(*ip)));
    __builtin_memcpy(ip->checksum, &checksum, sizeof(checksum));
    return 0;
}

MXG_INLINE int mxg_reply_ipv6(struct mxg_frame *frame, const struct mxg_packet *packet,
                              struct mxg_reply *reply, __u32 protocol, __u32 payload)
{
    __u8 *ip = &reply->byte[MXG_REPLY_IP];

    ip[0] = 0x60;
    mxg_put16(ip + 4, payload);
    ip[6] = (__u8)protocol;
    ip[7] = MXG_REPLY_TTL;
    return mxg_frame_copy(frame, packet->network + 24, ip + 8, 16) ||
           mxg_frame_copy(frame, packet->network + 8, ip + 24, 16);
}

/* Of the IP header written; the addresses are the `addresses` bytes before the payload. */
MXG_INLINE __u64 mxg_pseudo_header(const struct mxg_reply *reply, __u32 at, __u32 addresses,
                                   __u32 protocol, __u32 payload)
{
    return mxg_sum_bytes(reply, at - addresses, at) + __builtin_bswap16((__u16)protocol) +
           __builtin_bswap16((__u16)payload);
}

/* The RST at byte `at`; `pseudo` is the sum of the pseudo-header. */
MXG_INLINE int mxg_reply_reset(struct mxg_frame *frame, const struct mxg_packet *packet,
                               struct mxg_reply *reply, __u32 at, __u64 pseudo)
{
    struct mxg_wire_tcp *tcp = (struct mxg_wire_tcp *)&reply->byte[at];
    __u32 data, acknowledged;
    __u16 checksum;

    if (mxg_frame_copy(frame, packet->transport, tcp, sizeof(*tcp)))
        return -1;
    data = packet->end - packet->transport - (tcp->data_offset >> 4) * 4u;
    acknowledged = mxg_be32(tcp->sequence) + data + 1;
    mxg_put16(tcp->source_port, packet->destination_port);
    mxg_put16(tcp->destination_port, packet->source_port);
    mxg_put32(tcp->sequence, 0);
    mxg_put32(tcp->acknowledgement, acknowledged);
    tcp->data_offset = sizeof(*tcp) / 4 << 4;
    tcp->flags = MXG_TCP_RST | MXG_TCP_ACK;
    mxg_put16(tcp->window, 0);
    mxg_put16(tcp->checksum, 0);
    mxg_put16(tcp->urgent, 0);
    checksum = mxg_checksum(pseudo + mxg_sum_bytes(reply, at, at + sizeof(*tcp)));
    __builtin_memcpy(tcp->checksum, &checksum, sizeof(checksum));
    return 0;
}

/* The ICMP message at byte `at`, type and code in `kind`, with `quote` bytes of the packet. */
MXG_INLINE int mxg_reply_icmp(struct mxg_frame *frame, const struct mxg_packet *packet,
                              struct mxg_reply *reply, __u32 at, __u32 kind, __u64 pseudo,
                              __u32 quote)
{
    __u8 *icmp = &reply->byte[at];
    __u32 end;
    __u16 checksum;

    asm volatile("" : "+r"(quote)); /* for the verifier: the bound on what is used */
    if (quote < sizeof(struct mxg_wire_ipv4) || quote > MXG_QUOTE_IPV6)
        return -1;
    end = at + MXG_ICMP_BYTES + quote;
    mxg_put16(icmp, kind);
    __builtin_memset(&reply->byte[end], 0, 4);
    if (mxg_frame_copy(frame, packet->network, icmp + MXG_ICMP_BYTES, quote))
        return -1;
    checksum = mxg_checksum(pseudo + mxg_sum_bytes(reply, at, end + 3));
    __builtin_memcpy(icmp + 2, &checksum, sizeof(checksum));
    return 0;
}

/* How much of the packet an ICMP message quotes. */
MXG_INLINE __u32 mxg_quote_bytes(const struct mxg_packet *packet)
{
    __u32 most =
        packet->source.family == MXG_FAMILY_IPV4 ? (__u32)MXG_QUOTE_IPV4 : (__u32)MXG_QUOTE_IPV6;
    __u32 whole = packet->end - packet->network;

    return whole < most ? whole : most;
}

MXG_INLINE int mxg_reply_over_ipv4(struct mxg_frame *frame, const struct mxg_packet *packet,
                                   __u8 verdict, struct mxg_reply *reply, __u32 payload)
{
    const __u32 at = MXG_REPLY_IP + sizeof(struct mxg_wire_ipv4);
    const __u32 protocol = verdict == MXG_RESET ? MXG_TCP : MXG_ICMP;

    if (mxg_reply_ipv4(frame, packet, reply, protocol, payload))
        return -1;
    if (verdict == MXG_RESET)
        return mxg_reply_reset(frame, packet, reply, at,
                               mxg_pseudo_header(reply, at, 8, protocol, payload));
    return mxg_reply_icmp(frame, packet, reply, at, 3 << 8 | 13, 0, payload - MXG_ICMP_BYTES);
}

MXG_INLINE int mxg_reply_over_ipv6(struct mxg_frame *frame, const struct mxg_packet *packet,
                                   __u8 verdict, struct mxg_reply *reply, __u32 payload)
{
    const __u32 at = MXG_REPLY_IP + sizeof(struct mxg_wire_ipv6);
    const __u32 protocol = verdict == MXG_RESET ? MXG_TCP : MXG_ICMPV6;
    __u64 pseudo;

    if (mxg_reply_ipv6(frame, packet, reply, protocol, payload))
        return -1;
    pseudo = mxg_pseudo_header(reply, at, 32, protocol, payload);
    if (verdict == MXG_RESET)
        return mxg_reply_reset(frame, packet, reply, at, pseudo);
    return mxg_reply_icmp(frame, packet, reply, at, 1 << 8 | 1, pseudo, payload - MXG_ICMP_BYTES);
}

/* Builds the answer to the SYN that mxg_parse_frame found in `frame`, where mxg_may_answer says so.
 * `verdict`: MXG_RESET or MXG_UNREACHABLE. 0, or -1 if the frame ends too early. */
MXG_INLINE int mxg_build_reply(struct mxg_frame *frame, const struct mxg_packet *packet,
                               __u8 verdict, struct mxg_reply *reply)
{
    const int ipv4 = packet->source.family == MXG_FAMILY_IPV4;
    const __u32 header = ipv4 ? sizeof(struct mxg_wire_ipv4) : sizeof(struct mxg_wire_ipv6);
    __u32 payload = verdict == MXG_RESET ? (__u32)sizeof(struct mxg_wire_tcp)
                                         : MXG_ICMP_BYTES + mxg_quote_bytes(packet);
    __u32 length = packet->network + header + payload;

    /* All that a RST and its padding take; of an ICMP message the headers. */
    __builtin_memset(reply->byte, 0, MXG_REPLY_IP + 64);
    reply->length = length < MXG_REPLY_LEAST ? MXG_REPLY_LEAST : length;
    if (mxg_reply_link(frame, packet, reply))
        return -1;
    if (ipv4)
        return mxg_reply_over_ipv4(frame, packet, verdict, reply, payload);
    return mxg_reply_over_ipv6(frame, packet, verdict, reply, payload);
}

/* Whether a SYN with `verdict` is answered, with the answer in *reply. The caller sends it and
 * counts what became of it: mxg_count_reply. */
MXG_INLINE enum mxg_reply_outcome mxg_answer(struct mxg_gate *gate, struct mxg_frame *frame,
                                             const struct mxg_packet *packet, __u8 verdict,
                                             struct mxg_replies *replies, struct mxg_reply *reply)
{
    const struct mxg_image_counts *limit =
        (const struct mxg_image_counts *)mxg_hot_line(&gate->table, 1);

    if (!limit || !mxg_may_answer(frame, packet))
        return MXG_REPLY_UNANSWERABLE;
    if (mxg_charge_rate(&replies->full_at_ns, limit->reply_interval_ns, limit->reply_tolerance_ns,
                        limit->reply_tolerance_ns + limit->reply_interval_ns,
                        mxg_now(gate)) != MXG_CHARGE_OK)
        return MXG_REPLY_SUPPRESSED;
    return mxg_build_reply(frame, packet, verdict, reply) ? MXG_REPLY_UNANSWERABLE
                                                          : MXG_REPLY_ANSWERED;
}

#endif
