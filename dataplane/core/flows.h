/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Open connections as they are seen from between the ends, user space only: for a plane that sees
 * both directions and no sockets (DPDK), and for captures.
 *
 * A flow is made by the SYN-ACK of the service, so that forged SYNs take no room; it is open once
 * the sender acknowledges that SYN-ACK (RFC 9293), and over with the FINs of both sides, a RST that
 * the service sent or would take, or when nothing was seen of it for too long. The table is a fixed
 * array of lines of four; where a line has four open flows a fifth is not counted.
 *
 * A sender can make its open connection look closed by a RST that is lost on the way to the
 * service; that is why RSTs of senders count only within the window that the service acknowledges.
 *
 * Include after native.h.
 */
#ifndef MXG_CORE_FLOWS_H
#define MXG_CORE_FLOWS_H

#include "dataplane/core/connections.h"

#define MXG_FLOW_WAYS 4
#define MXG_FLOW_ANSWERED_NS (75 * 1000000000ULL)    /* for the sender's ACK */
#define MXG_FLOW_IDLE_NS (15 * 60 * 1000000000ULL)   /* between frames; SMTP's own is 5 minutes */
#define MXG_FLOW_CLOSING_NS (2 * 60 * 1000000000ULL) /* from one FIN to the other */
#define MXG_FLOW_WINDOW (1u << 20)                   /* in which a RST counts */

enum mxg_flow_phase {
    MXG_FLOW_FREE = 0,
    MXG_FLOW_BUSY, /* one core is at it */
    MXG_FLOW_ANSWERED,
    MXG_FLOW_OPEN,
};

struct mxg_flow {
    __u64 tuple; /* keyed hash of addresses and ports */
    __u64 until_ns;
    __u32 phase;
    __u32 service_sequence; /* of its SYN */
    __u32 service_ack;      /* the last one it sent */
    __u16 sender_fin, service_fin;
    struct mxg_connection connection;
    __u64 reserved;
};

struct mxg_flow_line {
    struct mxg_flow way[MXG_FLOW_WAYS];
};

struct mxg_flows {
    struct mxg_flow_line *lines;
    __u32 mask;  /* lines - 1, a power of two - 1 */
    __u32 swept; /* next line to look at for flows whose time is over */
};

_Static_assert(sizeof(struct mxg_flow) == 64, "one cache line");

static inline struct mxg_flow_line *mxg_flow_line_of(const struct mxg_flows *flows, __u64 tuple)
{
    return &flows->lines[mxg_bucket_number(tuple, flows->mask)];
}

static inline __u32 mxg_flow_phase_of(const struct mxg_flow *flow)
{
    return __atomic_load_n(&flow->phase, __ATOMIC_ACQUIRE);
}

/* From one phase to another; 0: it was in another one. */
static inline int mxg_flow_turn(struct mxg_flow *flow, __u32 from, __u32 to)
{
    return __sync_bool_compare_and_swap(&flow->phase, from, to);
}

static inline struct mxg_flow *mxg_find_flow(const struct mxg_flows *flows, __u64 tuple)
{
    struct mxg_flow_line *line = mxg_flow_line_of(flows, tuple);

    for (int i = 0; i < MXG_FLOW_WAYS; i++)
        if (line->way[i].tuple == tuple && mxg_flow_phase_of(&line->way[i]) >= MXG_FLOW_ANSWERED)
            return &line->way[i];
    return 0;
}

/* Ends a flow that is in `phase`; nothing if another core was faster. */
static inline void mxg_end_flow(struct mxg_gate *gate, struct mxg_flow *flow, __u32 phase)
{
    if (!mxg_flow_turn(flow, phase, MXG_FLOW_BUSY))
        return;
    if (phase == MXG_FLOW_OPEN)
        mxg_connection_closed(gate, &flow->connection);
    mxg_flow_turn(flow, MXG_FLOW_BUSY, MXG_FLOW_FREE);
}

/* A way for a new flow, BUSY: free, or else of the handshake that waits longest; or 0. */
static inline struct mxg_flow *mxg_take_flow(const struct mxg_flows *flows, __u64 tuple)
{
    struct mxg_flow_line *line = mxg_flow_line_of(flows, tuple);
    struct mxg_flow *oldest = 0;

    for (int i = 0; i < MXG_FLOW_WAYS; i++) {
        struct mxg_flow *flow = &line->way[i];
        const __u32 phase = mxg_flow_phase_of(flow);

        if (phase == MXG_FLOW_FREE && mxg_flow_turn(flow, MXG_FLOW_FREE, MXG_FLOW_BUSY))
            return flow;
        if (phase == MXG_FLOW_ANSWERED && (!oldest || flow->until_ns < oldest->until_ns))
            oldest = flow;
    }
    return oldest && mxg_flow_turn(oldest, MXG_FLOW_ANSWERED, MXG_FLOW_BUSY) ? oldest : 0;
}

/* The SYN-ACK of a service. */
static inline void mxg_flow_answered(struct mxg_gate *gate, struct mxg_flows *flows, __u64 tuple,
                                     const struct mxg_packet *packet)
{
    struct mxg_flow *flow = mxg_find_flow(flows, tuple);

    if (flow && flow->service_sequence == packet->sequence &&
        flow->service_ack == packet->acknowledgement)
        return; /* again */
    if (flow)
        mxg_end_flow(gate, flow, mxg_flow_phase_of(flow));
    flow = mxg_take_flow(flows, tuple);
    if (!flow)
        return;
    flow->tuple = tuple;
    flow->until_ns = gate->now_ns + MXG_FLOW_ANSWERED_NS;
    flow->service_sequence = packet->sequence;
    flow->service_ack = packet->acknowledgement;
    flow->sender_fin = flow->service_fin = 0;
    mxg_flow_turn(flow, MXG_FLOW_BUSY, MXG_FLOW_ANSWERED);
}

/* A frame of an open flow, from either side. */
static inline void mxg_flow_goes_on(struct mxg_gate *gate, struct mxg_flow *flow, int reset)
{
    const int one = flow->sender_fin || flow->service_fin;

    if (reset || (flow->sender_fin && flow->service_fin))
        mxg_end_flow(gate, flow, MXG_FLOW_OPEN);
    else
        flow->until_ns = gate->now_ns + (one ? MXG_FLOW_CLOSING_NS : MXG_FLOW_IDLE_NS);
}

static inline void mxg_flow_from_sender(struct mxg_gate *gate, struct mxg_flow *flow,
                                        const struct mxg_packet *packet)
{
    const int reset = packet->tcp_flags & MXG_TCP_RST;

    if (mxg_flow_phase_of(flow) == MXG_FLOW_ANSWERED) {
        if (reset || !(packet->tcp_flags & MXG_TCP_ACK) ||
            packet->acknowledgement != flow->service_sequence + 1 ||
            packet->sequence != flow->service_ack ||
            !mxg_flow_turn(flow, MXG_FLOW_ANSWERED, MXG_FLOW_BUSY))
            return;
        if (mxg_handshake_done(gate, &packet->source, &flow->connection)) {
            mxg_flow_turn(flow, MXG_FLOW_BUSY, MXG_FLOW_FREE);
            return;
        }
        mxg_flow_turn(flow, MXG_FLOW_BUSY, MXG_FLOW_OPEN);
    }
    if (mxg_flow_phase_of(flow) != MXG_FLOW_OPEN)
        return;
    if (packet->tcp_flags & MXG_TCP_FIN)
        flow->sender_fin = 1;
    mxg_flow_goes_on(gate, flow, reset && packet->sequence - flow->service_ack < MXG_FLOW_WINDOW);
}

static inline void mxg_flow_from_service(struct mxg_gate *gate, struct mxg_flow *flow,
                                         const struct mxg_packet *packet)
{
    const __u32 phase = mxg_flow_phase_of(flow);

    if (phase == MXG_FLOW_ANSWERED && (packet->tcp_flags & MXG_TCP_RST))
        mxg_end_flow(gate, flow, MXG_FLOW_ANSWERED);
    if (phase != MXG_FLOW_OPEN)
        return;
    if (packet->tcp_flags & MXG_TCP_ACK)
        flow->service_ack = packet->acknowledgement;
    if (packet->tcp_flags & MXG_TCP_FIN)
        flow->service_fin = 1;
    mxg_flow_goes_on(gate, flow, packet->tcp_flags & MXG_TCP_RST);
}

/* The frame as the other side sees it: from the service to the sender. */
static inline struct mxg_packet mxg_turned_round(const struct mxg_packet *packet)
{
    struct mxg_packet out = *packet;

    out.source = packet->destination;
    out.destination = packet->source;
    out.source_port = packet->destination_port;
    out.destination_port = packet->source_port;
    return out;
}

/* 1: the source is a protected service, by its port too. */
static inline int mxg_is_from_service(struct mxg_gate *gate, const struct mxg_packet *packet)
{
    const struct mxg_table *table = &gate->table;
    const struct mxg_image_header *header = (const struct mxg_image_header *)mxg_hot_line(table, 0);

    for (__u32 i = 0; header && i < header->service_count; i++) {
        const struct mxg_service *service =
            (const struct mxg_service *)mxg_hot_line(table, header->services + i);

        if (service && mxg_in_service(service, &packet->source) &&
            mxg_in_ranges(service, packet->source_port))
            return 1;
    }
    return 0;
}

/* A frame that is passed on, in either direction; `decision` is what was said of it. */
static inline void mxg_see_flow(struct mxg_gate *gate, struct mxg_flows *flows,
                                const struct mxg_packet *packet,
                                const struct mxg_decision *decision)
{
    struct mxg_packet turned;
    struct mxg_flow *flow;
    __u64 tuple;

    if (packet->kind != MXG_FRAME_TCP)
        return;
    if (decision->reason == MXG_ESTABLISHED) {
        flow = mxg_find_flow(flows, mxg_tuple_hash(gate->sources.key, packet, 0));
        if (flow)
            mxg_flow_from_sender(gate, flow, packet);
        return;
    }
    if (decision->reason != MXG_NOT_GATED)
        return;
    if (!mxg_is_from_service(gate, packet))
        return;
    turned = mxg_turned_round(packet);
    tuple = mxg_tuple_hash(gate->sources.key, &turned, 0);
    if ((packet->tcp_flags & (MXG_TCP_SYN | MXG_TCP_ACK)) == (MXG_TCP_SYN | MXG_TCP_ACK))
        return mxg_flow_answered(gate, flows, tuple, packet);
    flow = mxg_find_flow(flows, tuple);
    if (flow)
        mxg_flow_from_service(gate, flow, packet);
}

/* Ends what has been silent too long, in the next `count` lines. An entry that a core left BUSY
 * (it was killed) goes too. */
static inline void mxg_sweep_flows(struct mxg_gate *gate, struct mxg_flows *flows, __u32 count)
{
    for (; count > 0; count--) {
        struct mxg_flow_line *line = &flows->lines[flows->swept++ & flows->mask];

        for (int i = 0; i < MXG_FLOW_WAYS; i++) {
            struct mxg_flow *flow = &line->way[i];
            const __u32 phase = mxg_flow_phase_of(flow);

            if (phase == MXG_FLOW_FREE || (__s64)(gate->now_ns - flow->until_ns) < 0)
                continue;
            if (phase != MXG_FLOW_BUSY)
                mxg_end_flow(gate, flow, phase);
            else if (gate->now_ns - flow->until_ns > MXG_FLOW_IDLE_NS)
                mxg_flow_turn(flow, MXG_FLOW_BUSY, MXG_FLOW_FREE);
        }
    }
}

#endif
