/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the frame parser says of a frame. */
#ifndef MXG_CORE_PACKET_H
#define MXG_CORE_PACKET_H

#include "dataplane/core/address.h"

enum mxg_frame_kind {
    MXG_FRAME_NOT_IP = 0, /* no IPv4 or IPv6 destination could be read */
    MXG_FRAME_NOT_TCP,
    MXG_FRAME_BROKEN,         /* malformed before the destination port could be read */
    MXG_FRAME_BROKEN_AT_PORT, /* malformed, destination port known */
    MXG_FRAME_LATER_FRAGMENT, /* TCP, not the first fragment: no port */
    MXG_FRAME_TCP,
};

struct mxg_packet {
    struct mxg_address source;
    struct mxg_address destination;
    __u16 source_port;      /* host order */
    __u16 destination_port; /* host order; for BROKEN_AT_PORT and TCP */
    __u32 sequence;         /* of the TCP header, host order, as is the next */
    __u32 acknowledgement;
    __u8 tcp_flags;
    __u8 kind;       /* enum mxg_frame_kind */
    __u16 transport; /* where in the frame the TCP header begins, for TCP */
    __u32 end;       /* and where the IP packet ends */
    __u8 network;    /* where the IP header begins, for IPv4 and IPv6 */
    __u8 header;     /* bytes of the TCP header, for TCP */
};

#define MXG_TCP_FIN 0x01
#define MXG_TCP_SYN 0x02
#define MXG_TCP_RST 0x04
#define MXG_TCP_ACK 0x10

/* A connection attempt: SYN without ACK. */
MXG_INLINE int mxg_is_attempt(const struct mxg_packet *packet)
{
    return (packet->tcp_flags & (MXG_TCP_SYN | MXG_TCP_ACK)) == MXG_TCP_SYN;
}

#endif
