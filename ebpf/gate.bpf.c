/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The XDP plane: the core's decision on each frame of the interface. */
#include "ebpf/platform.h"

#include <bpf/bpf_endian.h>

/* Functions of the core that are out of line: a frame of the stack for each, and the verifier looks
 * at a global function once, by itself. State is in maps, so that they need nothing of the gate. */
int take(struct mxg_attempt *attempt, __u32 place);
__u64 hash_syn(struct mxg_packet *packet);
int by_hand(struct mxg_address *view);
#define MXG_OVERRIDE_CLASS(gate, view) by_hand((struct mxg_address *)(view))
#define MXG_TAKE_PLACE(gate, attempt, place) (__u32) take(attempt, place)
#define MXG_SYN_HASH(gate, packet, attempt) hash_syn((struct mxg_packet *)(packet))
/* Limits come last: they are applied when the stack of the look-up is free again. */
#define MXG_LIMIT(gate, packet, attempt, decision) ((attempt)->pending = 1)

#include "dataplane/core/connections.h"
#include "dataplane/core/decide.h"
#include "dataplane/core/reply.h"
#include "dataplane/core/sample.h"

__attribute__((noinline)) int take(struct mxg_attempt *attempt, __u32 place)
{
    struct mxg_gate gate = {};

    if (!attempt || place >= MXG_PLACES)
        return MXG_CONTESTED;
    return (int)mxg_take_place(&gate, attempt, place);
}

__attribute__((noinline)) int by_hand(struct mxg_address *view)
{
    struct mxg_gate gate = {};

    return view ? mxg_override_class(&gate, view) : -1;
}

__attribute__((noinline)) __u64 hash_syn(struct mxg_packet *packet)
{
    const struct mxg_source_settings sources = settings.sources;

    return packet ? mxg_syn_hash(sources.key, packet) : 0;
}

static __always_inline void put_ipv6(__u32 *to, const struct mxg_address *address)
{
    to[0] = bpf_htonl((__u32)(address->hi >> 32));
    to[1] = bpf_htonl((__u32)address->hi);
    to[2] = bpf_htonl((__u32)(address->lo >> 32));
    to[3] = bpf_htonl((__u32)address->lo);
}

__attribute__((noinline)) int limit(struct mxg_work *work)
{
    struct mxg_gate gate = {};

    if (!work)
        return -1;
    mxg_limit(&gate, &work->packet, &work->attempt, &work->decision);
    return 0;
}

/* 0: the frame belongs to no connection of this host, though it has the service. */
__attribute__((noinline)) int is_of_connection(struct xdp_md *ctx, struct mxg_packet *packet)
{
    struct bpf_sock_tuple tuple;
    struct bpf_sock *socket;
    __u32 zero = 0, size, state;

    if (!packet)
        return 1;
    if (settings.replay) {
        struct mxg_replay_io *io = bpf_map_lookup_elem(&mxg_replay, &zero);

        return !io || io->of_connection;
    }
    __builtin_memset(&tuple, 0, sizeof(tuple));
    if (packet->source.family == MXG_FAMILY_IPV4) {
        tuple.ipv4.saddr = bpf_htonl((__u32)(packet->source.hi >> 32));
        tuple.ipv4.daddr = bpf_htonl((__u32)(packet->destination.hi >> 32));
        tuple.ipv4.sport = bpf_htons(packet->source_port);
        tuple.ipv4.dport = bpf_htons(packet->destination_port);
        size = sizeof(tuple.ipv4);
    } else {
        put_ipv6(tuple.ipv6.saddr, &packet->source);
        put_ipv6(tuple.ipv6.daddr, &packet->destination);
        tuple.ipv6.sport = bpf_htons(packet->source_port);
        tuple.ipv6.dport = bpf_htons(packet->destination_port);
        size = sizeof(tuple.ipv6);
    }
    socket = bpf_skc_lookup_tcp(ctx, &tuple, size, BPF_F_CURRENT_NETNS, 0);
    if (!socket) /* the service is on another host */
        return 1;
    state = socket->state;
    bpf_sk_release(socket);
    return state != BPF_TCP_LISTEN && state != BPF_TCP_SYN_RECV && state != BPF_TCP_NEW_SYN_RECV;
}

static __always_inline void count(void *map, __u32 index)
{
    __u64 *value = bpf_map_lookup_elem(map, &index);

    if (value)
        (*value)++;
}

static __always_inline void sample(const struct mxg_gate *gate, const struct mxg_packet *packet,
                                   const struct mxg_decision *decision)
{
    __u32 core = bpf_get_smp_processor_id();
    struct mxg_ring *ring = bpf_map_lookup_elem(&mxg_samples, &core);

    if (ring)
        mxg_take_sample(ring, &packet->source, decision, mxg_now(gate));
}

__attribute__((noinline)) int parse(struct xdp_md *ctx, struct mxg_packet *packet)
{
    struct mxg_frame frame = {ctx, (__u8 *)(long)ctx->data, (__u8 *)(long)ctx->data_end};

    if (!packet)
        return -1;
    mxg_parse_frame(&frame, packet);
    return 0;
}

/* The frame becomes the answer: its length by the tail or into the headroom, then its bytes. */
static __always_inline int become(struct xdp_md *ctx, const struct mxg_reply *reply)
{
    __u32 length = reply->length, start = reply->start;
    int more = (int)length - (int)bpf_xdp_get_buff_len(ctx);

    if (more < 0 && bpf_xdp_adjust_tail(ctx, more))
        return -1;
    if (more > 0 && bpf_xdp_adjust_head(ctx, -more))
        return -1;
    asm volatile("" : "+r"(length), "+r"(start)); /* for the verifier: what is checked is used */
    if (length < MXG_REPLY_LEAST || length > MXG_REPLY_MOST ||
        start > MXG_REPLY_IP - MXG_ETHERNET_BYTES)
        return -1;
    return bpf_xdp_store_bytes(ctx, 0, (void *)(reply->byte + start), length) ? -1 : 0;
}

/* A global function too, for a stack of its own. */
__attribute__((noinline)) int answer(struct xdp_md *ctx, struct mxg_packet *packet, __u32 verdict)
{
    struct mxg_frame frame = {ctx, 0, 0}; /* read by mxg_frame_copy alone */
    enum mxg_reply_outcome outcome;
    struct mxg_replies *replies;
    struct mxg_reply *reply;
    struct mxg_gate gate;
    __u32 zero = 0;

    gate.table.pages = bpf_map_lookup_elem(&mxg_table_slot, &zero);
    gate.table.hot = gate.table.pages ? bpf_map_lookup_elem(gate.table.pages, &zero) : 0;
    replies = bpf_map_lookup_elem(&mxg_replies, &zero);
    reply = bpf_map_lookup_elem(&mxg_scratch, &zero);
    if (!packet || !replies || !reply)
        return XDP_DROP;
    outcome = mxg_answer(&gate, &frame, packet, (__u8)verdict, replies, reply);
    if (outcome == MXG_REPLY_ANSWERED && become(ctx, reply))
        outcome = MXG_REPLY_UNANSWERABLE;
    mxg_count_reply(replies, outcome, verdict, packet->source.family);
    return outcome == MXG_REPLY_ANSWERED ? XDP_TX : XDP_DROP;
}

__attribute__((noinline)) int decide(struct mxg_work *work)
{
    struct mxg_gate gate;
    __u32 zero = 0;

    if (!work)
        return -1;
    gate.table.pages = bpf_map_lookup_elem(&mxg_table_slot, &zero);
    gate.table.hot = gate.table.pages ? bpf_map_lookup_elem(gate.table.pages, &zero) : 0;
    work->attempt.pending = 0;
    mxg_decide(&gate, &work->packet, &work->decision);
    return 0;
}

SEC("xdp.frags")
int mxgate(struct xdp_md *ctx)
{
    struct mxg_decision *decision;
    struct mxg_work *work;
    struct mxg_gate gate = {};
    __u32 zero = 0;

    work = bpf_map_lookup_elem(&mxg_work, &zero);
    if (!work) /* cannot be */
        return XDP_PASS;
    decision = &work->decision;
    __builtin_memset(&work->packet, 0, sizeof(work->packet));
    parse(ctx, &work->packet);
    decide(work);
    if (work->attempt.pending &&
        (mxg_is_attempt(&work->packet) || is_of_connection(ctx, &work->packet)))
        limit(work);

    if (settings.replay) {
        struct mxg_replay_io *io = bpf_map_lookup_elem(&mxg_replay, &zero);

        if (io)
            io->decision = *decision;
    }
    count(&mxg_counters, mxg_counter_index(decision));
    if (decision->feed <= MXG_MAX_FEEDS)
        count(&mxg_feeds, decision->feed * MXG_VERDICTS + decision->verdict);
    if (decision->verdict != MXG_PASS)
        sample(&gate, &work->packet, decision);
    switch (mxg_effect(decision)) {
        case MXG_PASS:
            return XDP_PASS;
        case MXG_DROP:
            return XDP_DROP;
    }
    return answer(ctx, &work->packet, decision->verdict);
}

#include "ebpf/sockets.h"

char program_license[] SEC("license") = "Dual BSD/GPL";
