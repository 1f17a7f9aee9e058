/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Open connections as they are seen from between the ends, user space only: for a plane that sees
 * both directions and no sockets (DPDK), and for captures. This is the table; flows.h is what is
 * made of the frames.
 *
 * A fixed array of lines of four; where a line has four open flows a fifth is not counted.
 */
#ifndef MXG_CORE_FLOW_TABLE_H
#define MXG_CORE_FLOW_TABLE_H

#include "dataplane/core/attempt.h"
#include "dataplane/core/retransmissions.h"

#define MXG_FLOW_WAYS 4
#define MXG_FLOW_ANSWERED_NS (75 * 1000000000ULL)    /* for the sender's ACK */
#define MXG_FLOW_IDLE_NS (15 * 60 * 1000000000ULL)   /* between frames; SMTP's own is 5 minutes */
#define MXG_FLOW_CLOSING_NS (2 * 60 * 1000000000ULL) /* from one FIN to the other */
#define MXG_FLOW_RESET_NS 1000000000ULL              /* for what crosses a RST on the way */
#define MXG_FLOW_OVER_NS (60 * 1000000000ULL)        /* for what comes again after both FINs */
#define MXG_FLOW_WINDOW (1u << 20)                   /* in which a RST or an ACK counts */
#define MXG_FLOW_LEAST_LINES 1024                    /* 256 KiB */

enum mxg_flow_phase {
    MXG_FLOW_FREE = 0,
    MXG_FLOW_BUSY, /* one core is at it */
    MXG_FLOW_ANSWERED,
    MXG_FLOW_OPEN,
    MXG_FLOW_OVER, /* not counted; remembered, as data may still be on the way */
};

/* What was seen of its beginning. */
enum mxg_flow_began {
    MXG_FLOW_BY_SENDER = 0,
    MXG_FLOW_UNSEEN,     /* data: it is older than the gate, or than what the gate remembers */
    MXG_FLOW_BY_SERVICE, /* it is OVER from the start: not one that a sender has */
};

struct mxg_flow {
    __u64 tuple; /* keyed hash of addresses and ports */
    __u64 until_ns;
    __u32 phase;
    __u32 service_sequence; /* of its SYN */
    __u32 service_ack;      /* the last one it sent */
    __u32 sender_next;      /* after all that the sender sent without a gap */
    __u8 sender_fin, service_fin;
    __u8 sender_reset; /* and it sent nothing new since */
    __u8 began;        /* enum mxg_flow_began */
    struct mxg_connection connection;
};

struct mxg_flow_line {
    struct mxg_flow way[MXG_FLOW_WAYS];
};

struct mxg_flows {
    struct mxg_flow_line *lines;
    __u32 mask;  /* lines - 1, a power of two - 1 */
    __u32 swept; /* next line to look at for flows whose time is over */
    __u64 full;  /* connections that found no room: not counted */
};

_Static_assert(sizeof(struct mxg_flow) == 64, "one cache line");

/* Lines for a source table: a flow for each four sources, as most senders hold none. */
static inline __u32 mxg_flow_lines(__u32 bucket_mask)
{
    const __u32 lines = (bucket_mask + 1) * (MXG_WAYS / 4 / MXG_FLOW_WAYS);

    return lines > MXG_FLOW_LEAST_LINES ? lines : MXG_FLOW_LEAST_LINES;
}

static inline struct mxg_flow_line *mxg_flow_line_of(const struct mxg_flows *flows, __u64 tuple)
{
    return &flows->lines[mxg_bucket_number(tuple, flows->mask)];
}

static inline __u32 mxg_flow_phase_of(const struct mxg_flow *flow)
{
    return __atomic_load_n(&flow->phase, __ATOMIC_ACQUIRE);
}

static inline struct mxg_flow *mxg_find_flow(const struct mxg_flows *flows, __u64 tuple)
{
    struct mxg_flow_line *line = mxg_flow_line_of(flows, tuple);

    for (int i = 0; i < MXG_FLOW_WAYS; i++)
        if (line->way[i].tuple == tuple && mxg_flow_phase_of(&line->way[i]) >= MXG_FLOW_ANSWERED)
            return &line->way[i];
    return 0;
}

/* 1: the frame belongs to a connection that is counted as open. Anyone can forge one that does not.
 */
static inline int mxg_is_of_flow(const struct mxg_flows *flows, const __u64 *key,
                                 const struct mxg_packet *packet)
{
    const struct mxg_flow *flow = mxg_find_flow(flows, mxg_tuple_hash(key, packet, 0));

    return flow && mxg_flow_phase_of(flow) == MXG_FLOW_OPEN;
}

#endif
