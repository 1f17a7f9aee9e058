/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The decision on a burst of packets, user space only: mxg_decide of each, in order and at one
 * time, with the misses of table and source states overlapped. Include after native.h.
 */
#ifndef MXG_CORE_DECIDE_BURST_H
#define MXG_CORE_DECIDE_BURST_H

#include "dataplane/core/burst.h"
#include "dataplane/core/decide.h"

/* The attempts of a burst, by their places in it. */
struct mxg_attempts {
    __u32 count;
    __u8 place[MXG_BURST];
    struct mxg_address view[MXG_BURST]; /* canonical source */
    __u32 kind[MXG_BURST];              /* enum mxg_embedded_kind of the source */
    const struct mxg_policy *policy[MXG_BURST];
    struct mxg_judgement judgement[MXG_BURST];
};

/* The class of attempt `i`, and its state's likeliest line on its way; not 0: a damaged image. */
static inline int mxg_judge_attempt(struct mxg_gate *gate, const struct mxg_image_header *header,
                                    struct mxg_attempts *attempts, __u32 i,
                                    const struct mxg_address *source)
{
    struct mxg_judgement *judgement = &attempts->judgement[i];
    struct mxg_bucket *state;

    __builtin_memset(judgement, 0, sizeof(*judgement));
    if (mxg_weigh(&gate->table, header, &attempts->view[i], attempts->policy[i], judgement))
        return -1;
    if (mxg_has_two_views(attempts->kind[i]) &&
        mxg_weigh(&gate->table, header, source, mxg_lookup(&gate->table, header, source),
                  judgement))
        return -1;
    mxg_apply_override(gate, header, &attempts->view[i], judgement);
    if (mxg_has_two_views(attempts->kind[i]))
        mxg_apply_override(gate, header, source, judgement);
    state = mxg_find_state(gate, judgement);
    if (state)
        __builtin_prefetch(
            &state->way[mxg_way(mxg_source_tag(judgement->hash, &judgement->source), 0)], 1);
    return 0;
}

/* decisions[i]: on packets[i], for n <= MXG_BURST. */
static inline void mxg_decide_burst(struct mxg_gate *gate, const struct mxg_packet *packets,
                                    __u32 n, struct mxg_decision *decisions)
{
    const struct mxg_image_header *header =
        (const struct mxg_image_header *)mxg_hot_line(&gate->table, 0);
    struct mxg_attempts attempts;

    attempts.count = 0;
    for (__u32 i = 0; i < n && i < MXG_BURST; i++) {
        if (!mxg_screen(&gate->table, &packets[i], &decisions[i]))
            continue;
        attempts.view[attempts.count] =
            mxg_canonical(&gate->table, header, &packets[i].source, &attempts.kind[attempts.count]);
        attempts.place[attempts.count++] = (__u8)i;
    }
    if (attempts.count == 0)
        return;
    mxg_lookup_burst(&gate->table, header, attempts.view, attempts.count, attempts.policy);
    for (__u32 i = 0; i < attempts.count; i++) {
        __u32 at = attempts.place[i];

        if (mxg_judge_attempt(gate, header, &attempts, i, &packets[at].source))
            mxg_set(&decisions[at], MXG_PASS, MXG_TABLE_FAULT);
        else
            mxg_name_sender(&attempts.judgement[i], &decisions[at]);
    }
    for (__u32 i = 0; i < attempts.count; i++)
        if (attempts.judgement[i].class_of_service)
            mxg_act(gate, &packets[attempts.place[i]], &attempts.judgement[i],
                    &decisions[attempts.place[i]]);
}

#endif
