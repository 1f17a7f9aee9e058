/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The XDP plane: the core's decision on each frame of the interface. */
#include "ebpf/platform.h"

#include "dataplane/core/limits.h"

/* A global function: the verifier looks at it once, by itself, and not again for each path that
 * leads to it. */
__attribute__((noinline)) int limit(struct mxg_packet *packet, struct mxg_attempt *attempt,
                                    struct mxg_decision *decision)
{
    struct mxg_gate gate = {}; /* state is in maps, and it needs no table */

    if (!packet || !attempt || !decision)
        return -1;
    mxg_limit(&gate, packet, attempt, decision);
    return 0;
}
#define MXG_LIMIT(gate, packet, attempt, decision) \
    limit((struct mxg_packet *)(packet), attempt, decision)

#include "dataplane/core/decide.h"
#include "dataplane/core/sample.h"

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

/* A global function, likewise. */
__attribute__((noinline)) int parse(struct xdp_md *ctx, struct mxg_packet *packet)
{
    struct mxg_frame frame = {ctx, (__u8 *)(long)ctx->data, (__u8 *)(long)ctx->data_end};

    if (!packet)
        return -1;
    mxg_parse_frame(&frame, packet);
    return 0;
}

SEC("xdp.frags")
int mxgate(struct xdp_md *ctx)
{
    struct mxg_decision decision;
    struct mxg_packet packet = {};
    struct mxg_gate gate;
    __u32 zero = 0;

    gate.table.pages = bpf_map_lookup_elem(&mxg_table_slot, &zero);
    gate.table.hot = gate.table.pages ? bpf_map_lookup_elem(gate.table.pages, &zero) : 0;
    parse(ctx, &packet);
    mxg_decide(&gate, &packet, &decision);

    if (settings.replay) {
        struct mxg_replay_io *io = bpf_map_lookup_elem(&mxg_replay, &zero);

        if (io)
            io->decision = decision;
    }
    count(&mxg_counters, mxg_counter_index(&decision));
    if (decision.feed <= MXG_MAX_FEEDS)
        count(&mxg_feeds, decision.feed * MXG_VERDICTS + decision.verdict);
    if (decision.verdict != MXG_PASS)
        sample(&gate, &packet, &decision);
    return mxg_effect(&decision) == MXG_PASS ? XDP_PASS : XDP_DROP;
}

char program_license[] SEC("license") = "Dual BSD/GPL";
