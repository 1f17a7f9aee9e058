/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What frames in both directions say of open connections (RFC 9293), see flow_table.h.
 *
 * A flow is made by the SYN-ACK of the service, so that forged SYNs take no room; it is open once
 * the sender acknowledges that SYN-ACK or the service sends data, and over with the FINs of both
 * sides, a RST, or when nothing was seen of it for too long. The sender alone is not to be believed
 * of an end: a RST or FIN that the service would not take changes nothing there. So its FIN counts
 * when the service has acknowledged it, and its RST at once only where it is at the exact number
 * with no data under way, else when the service stays silent after it (RFC 5961 3.2).
 * Data of the service shows that a connection is open whatever was said before. What is left to a
 * sender: a RST with a wrong checksum hides its connection until the service sends again.
 *
 * Include after native.h.
 */
#ifndef MXG_CORE_FLOWS_H
#define MXG_CORE_FLOWS_H

#include "dataplane/core/connections.h"
#include "dataplane/core/flow_table.h"

/* From one phase to another; 0: it was in another one. */
static inline int mxg_flow_turn(struct mxg_flow *flow, __u32 from, __u32 to)
{
    return __sync_bool_compare_and_swap(&flow->phase, from, to);
}

/* From `phase` to FREE or OVER; nothing if another core was faster. */
static inline void mxg_leave_flow(struct mxg_gate *gate, struct mxg_flow *flow, __u32 phase,
                                  __u32 to)
{
    if (!mxg_flow_turn(flow, phase, MXG_FLOW_BUSY))
        return;
    if (phase == MXG_FLOW_OPEN)
        mxg_connection_closed(gate, &flow->connection);
    mxg_flow_turn(flow, MXG_FLOW_BUSY, to);
}

static inline void mxg_end_flow(struct mxg_gate *gate, struct mxg_flow *flow, __u32 phase)
{
    mxg_leave_flow(gate, flow, phase, MXG_FLOW_FREE);
}

/* An open connection is over, by what was said. */
static inline void mxg_flow_is_over(struct mxg_gate *gate, struct mxg_flow *flow, __u64 remember_ns)
{
    flow->until_ns = gate->now_ns + remember_ns;
    mxg_leave_flow(gate, flow, MXG_FLOW_OPEN, MXG_FLOW_OVER);
}

/* A way for a new flow, BUSY: free, or the first to end of those that are over, then of those whose
 * handshake is not complete; or 0. */
static inline struct mxg_flow *mxg_take_flow(const struct mxg_flows *flows, __u64 tuple)
{
    struct mxg_flow_line *line = mxg_flow_line_of(flows, tuple);
    struct mxg_flow *oldest = 0;
    __u32 was = 0;

    for (int i = 0; i < MXG_FLOW_WAYS; i++) {
        struct mxg_flow *flow = &line->way[i];
        const __u32 phase = mxg_flow_phase_of(flow);

        if (phase == MXG_FLOW_FREE && mxg_flow_turn(flow, MXG_FLOW_FREE, MXG_FLOW_BUSY))
            return flow;
        if ((phase == MXG_FLOW_ANSWERED || phase == MXG_FLOW_OVER) &&
            (!oldest || phase > was || (phase == was && flow->until_ns < oldest->until_ns))) {
            oldest = flow;
            was = phase;
        }
    }
    return oldest && mxg_flow_turn(oldest, was, MXG_FLOW_BUSY) ? oldest : 0;
}

/* 1: another core has the flow, for the other direction. */
static inline int mxg_flow_is_busy(const struct mxg_flows *flows, __u64 tuple)
{
    const struct mxg_flow_line *line = mxg_flow_line_of(flows, tuple);

    for (int i = 0; i < MXG_FLOW_WAYS; i++)
        if (line->way[i].tuple == tuple && mxg_flow_phase_of(&line->way[i]) == MXG_FLOW_BUSY)
            return 1;
    return 0;
}

/* A flow of the service's making; 0: no room, or another core has it. */
static inline struct mxg_flow *mxg_new_flow(struct mxg_gate *gate, struct mxg_flows *flows,
                                            __u64 tuple, const struct mxg_packet *packet,
                                            enum mxg_flow_began began)
{
    struct mxg_flow *flow;

    if (mxg_flow_is_busy(flows, tuple))
        return 0;
    flow = mxg_take_flow(flows, tuple);
    if (!flow) {
        flows->full++;
        return 0;
    }
    flow->tuple = tuple;
    flow->until_ns = gate->now_ns + MXG_FLOW_ANSWERED_NS;
    flow->service_sequence = packet->sequence;
    flow->service_ack = flow->sender_next = packet->acknowledgement;
    flow->sender_fin = flow->service_fin = flow->sender_reset = 0;
    flow->began = (__u8)began;
    if (began == MXG_FLOW_BY_SERVICE)
        flow->until_ns = gate->now_ns + MXG_FLOW_IDLE_NS;
    mxg_flow_turn(flow, MXG_FLOW_BUSY,
                  began == MXG_FLOW_BY_SERVICE ? MXG_FLOW_OVER : MXG_FLOW_ANSWERED);
    return flow;
}

/* The SYN-ACK of a service, or the SYN of a connection that its host begins. */
static inline void mxg_flow_begins(struct mxg_gate *gate, struct mxg_flows *flows, __u64 tuple,
                                   const struct mxg_packet *packet, enum mxg_flow_began began)
{
    struct mxg_flow *flow = mxg_find_flow(flows, tuple);

    if (flow && flow->service_sequence == packet->sequence &&
        flow->service_ack == packet->acknowledgement && flow->began == began)
        return; /* again */
    if (flow)
        mxg_end_flow(gate, flow, mxg_flow_phase_of(flow));
    mxg_new_flow(gate, flows, tuple, packet, began);
}

/* The handshake is complete; 1: it counts now. `packet`: as from the sender. */
static inline int mxg_flow_opens(struct mxg_gate *gate, struct mxg_flow *flow,
                                 const struct mxg_packet *packet)
{
    struct mxg_packet syn = *packet;

    if (!mxg_flow_turn(flow, MXG_FLOW_ANSWERED, MXG_FLOW_BUSY))
        return 0;
    if (mxg_handshake_done(gate, &packet->source, flow->began == MXG_FLOW_UNSEEN,
                           &flow->connection)) {
        mxg_flow_turn(flow, MXG_FLOW_BUSY, MXG_FLOW_FREE);
        return 0;
    }
    syn.sequence = flow->service_ack - 1;
    mxg_syn_completed(gate, &syn);
    mxg_flow_turn(flow, MXG_FLOW_BUSY, MXG_FLOW_OPEN);
    return 1;
}

/* The service has acknowledged the sender's FIN, and so all before it. */
static inline int mxg_sender_is_done(const struct mxg_flow *flow)
{
    return flow->sender_fin && flow->service_ack == flow->sender_next;
}

/* A frame of an open flow, from either side. */
static inline void mxg_flow_goes_on(struct mxg_gate *gate, struct mxg_flow *flow)
{
    const int sender = mxg_sender_is_done(flow);

    if (sender && flow->service_fin)
        mxg_flow_is_over(gate, flow, MXG_FLOW_OVER_NS);
    else
        flow->until_ns =
            gate->now_ns + (sender || flow->service_fin || flow->sender_reset ? MXG_FLOW_CLOSING_NS
                                                                              : MXG_FLOW_IDLE_NS);
}

/* What the frame takes of the sequence numbers. */
static inline __u32 mxg_sequence_bytes(const struct mxg_packet *packet)
{
    return packet->end - packet->transport - packet->header + !!(packet->tcp_flags & MXG_TCP_FIN);
}

/* After its FIN a sender's RST has the number of the FIN or the next one: both are taken. */
static inline void mxg_sender_resets(struct mxg_gate *gate, struct mxg_flow *flow,
                                     const struct mxg_packet *packet)
{
    const __u32 before_end = flow->sender_next - packet->sequence;
    const int exact = before_end <= flow->sender_fin;

    if (!exact && packet->sequence - flow->service_ack >= MXG_FLOW_WINDOW)
        return;
    if (exact && (flow->sender_fin || packet->sequence == flow->service_ack)) {
        mxg_flow_is_over(gate, flow, MXG_FLOW_RESET_NS);
        return;
    }
    flow->sender_reset = 1;
    mxg_flow_goes_on(gate, flow);
    if (exact)
        flow->until_ns = gate->now_ns + MXG_FLOW_RESET_NS;
}

static inline void mxg_flow_from_sender(struct mxg_gate *gate, struct mxg_flow *flow,
                                        const struct mxg_packet *packet)
{
    const __u32 next = packet->sequence + mxg_sequence_bytes(packet);

    if (mxg_flow_phase_of(flow) == MXG_FLOW_ANSWERED &&
        ((packet->tcp_flags & MXG_TCP_RST) || !(packet->tcp_flags & MXG_TCP_ACK) ||
         packet->acknowledgement != flow->service_sequence + 1 ||
         packet->sequence - flow->service_ack >= MXG_FLOW_WINDOW ||
         !mxg_flow_opens(gate, flow, packet)))
        return;
    if (mxg_flow_phase_of(flow) != MXG_FLOW_OPEN)
        return;
    if (packet->tcp_flags & MXG_TCP_RST) {
        mxg_sender_resets(gate, flow, packet);
        return;
    }
    if ((__s32)(next - flow->sender_next) > 0 &&
        (__s32)(packet->sequence - flow->sender_next) <= 0) {
        flow->sender_next = next;
        flow->sender_reset = 0;
        flow->sender_fin = !!(packet->tcp_flags & MXG_TCP_FIN);
    }
    mxg_flow_goes_on(gate, flow);
}

/* `turned`: the frame as from the sender. */
static inline void mxg_flow_from_service(struct mxg_gate *gate, struct mxg_flow *flow,
                                         const struct mxg_packet *packet,
                                         const struct mxg_packet *turned)
{
    if (packet->tcp_flags & MXG_TCP_RST) {
        mxg_end_flow(gate, flow, mxg_flow_phase_of(flow));
        return;
    }
    if (flow->began == MXG_FLOW_BY_SERVICE) {
        flow->service_fin |= !!(packet->tcp_flags & MXG_TCP_FIN);
        flow->until_ns = gate->now_ns + (flow->service_fin ? MXG_FLOW_OVER_NS : MXG_FLOW_IDLE_NS);
        return;
    }
    if (mxg_flow_phase_of(flow) == MXG_FLOW_ANSWERED && mxg_sequence_bytes(packet) > 0)
        mxg_flow_opens(gate, flow, turned);
    if (mxg_flow_phase_of(flow) != MXG_FLOW_OPEN)
        return;
    if (packet->tcp_flags & MXG_TCP_ACK)
        flow->service_ack = packet->acknowledgement;
    if ((__s32)(flow->service_ack - flow->sender_next) > 0)
        flow->sender_next = flow->service_ack;
    if (packet->tcp_flags & MXG_TCP_FIN)
        flow->service_fin = 1;
    mxg_flow_goes_on(gate, flow);
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
    /* What is beyond a bandwidth passes in monitor mode. */
    if (decision->reason == MXG_ESTABLISHED || decision->reason == MXG_BANDWIDTH) {
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
    if (packet->tcp_flags & MXG_TCP_SYN)
        return mxg_flow_begins(
            gate, flows, tuple, packet,
            packet->tcp_flags & MXG_TCP_ACK ? MXG_FLOW_BY_SENDER : MXG_FLOW_BY_SERVICE);
    flow = mxg_find_flow(flows, tuple);
    if (flow && mxg_flow_phase_of(flow) == MXG_FLOW_OVER && gate->now_ns >= flow->until_ns) {
        mxg_end_flow(gate, flow, MXG_FLOW_OVER);
        flow = 0;
    }
    /* Data shows a connection that is not known: from before the gate, or one that seemed over. */
    if (!flow && mxg_sequence_bytes(packet) > 0 &&
        !(packet->tcp_flags & (MXG_TCP_FIN | MXG_TCP_RST | MXG_TCP_SYN)))
        flow = mxg_new_flow(gate, flows, tuple, packet, MXG_FLOW_UNSEEN);
    if (flow)
        mxg_flow_from_service(gate, flow, packet, &turned);
}

/* Ends what has been silent too long, in the next `count` lines. */
static inline void mxg_sweep_flows(struct mxg_gate *gate, struct mxg_flows *flows, __u32 count)
{
    for (; count > 0; count--) {
        struct mxg_flow_line *line = &flows->lines[flows->swept++ & flows->mask];

        for (int i = 0; i < MXG_FLOW_WAYS; i++) {
            struct mxg_flow *flow = &line->way[i];
            const __u32 phase = mxg_flow_phase_of(flow);

            if (phase >= MXG_FLOW_ANSWERED && (__s64)(gate->now_ns - flow->until_ns) >= 0)
                mxg_end_flow(gate, flow, phase);
        }
    }
}

/* For captures, whose time leaps: all lines, where a second has passed since *swept_ns. */
static inline void mxg_sweep_captured_flows(struct mxg_gate *gate, struct mxg_flows *flows,
                                            __u64 *swept_ns)
{
    if (gate->now_ns - *swept_ns < 1000000000ULL)
        return;
    *swept_ns = gate->now_ns;
    mxg_sweep_flows(gate, flows, flows->mask + 1);
}

/* After a process was killed, before another one goes on: what it left half done is undone, and
 * every count of open connections is that of the flows. */
static inline void mxg_recover(struct mxg_gate *gate, const struct mxg_flows *flows)
{
    const __u64 buckets = mxg_all_buckets(gate->sources.bucket_mask);

    for (__u64 i = 0; i < buckets; i++)
        for (int way = 0; way < MXG_WAYS; way++) {
            struct mxg_source *source = &gate->buckets[i].way[way];

            if (source->tag == MXG_TAG_BUSY)
                source->tag = 0;
            if (source->open != 0)
                source->open = 0;
        }
    for (__u32 i = 0; i < MXG_MAX_CLASSES; i++)
        gate->connections[i] = 0;
    for (__u32 i = 0; i <= flows->mask; i++)
        for (int way = 0; way < MXG_FLOW_WAYS; way++) {
            struct mxg_flow *flow = &flows->lines[i].way[way];

            if (flow->phase == MXG_FLOW_BUSY)
                flow->phase = MXG_FLOW_FREE;
            else if (flow->phase == MXG_FLOW_OPEN)
                mxg_connection_counts(gate, &flow->connection, 1);
        }
}

#endif
