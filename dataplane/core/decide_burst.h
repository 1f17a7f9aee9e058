/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The decision on a burst of packets, user space only: mxg_decide of each, in order and at one
 * time, with the misses of table and source states overlapped. Include after native.h.
 */
#ifndef MXG_CORE_DECIDE_BURST_H
#define MXG_CORE_DECIDE_BURST_H

#include "dataplane/core/burst.h"
#include "dataplane/core/decide.h"
#include "dataplane/core/hash_burst.h"

/* For perf/plane_stages.cc, which measures them: 2 screen, 3 look up, 4 judge, 5 ask. */
#ifndef MXG_STAGE_IS_OVER
#define MXG_STAGE_IS_OVER(stage)
#endif

/* Each stage has the registers for itself. */
#define MXG_STAGE __attribute__((noinline))

/* What is left of a burst for the policies, by places in it. */
struct mxg_attempts {
    __u32 count;
    __u8 place[MXG_BURST];
    struct mxg_address view[MXG_BURST]; /* canonical source */
    __u32 kind[MXG_BURST];              /* enum mxg_embedded_kind of the source */
    const struct mxg_policy *policy[MXG_BURST];
    struct mxg_judgement judgement[MXG_BURST];
    struct mxg_hashes hashes[MXG_BURST];
    struct mxg_hash_words words; /* of what is hashed at the moment */
};

/* The class of attempt `i`; not 0: a damaged image. */
static inline int mxg_judge_attempt(struct mxg_gate *gate, const struct mxg_image_header *header,
                                    struct mxg_attempts *attempts, __u32 i,
                                    const struct mxg_address *source)
{
    struct mxg_judgement *judgement = &attempts->judgement[i];

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
    return 0;
}

/* Whether mxg_act will touch the state of the source prefix. */
static inline int mxg_needs_state(const struct mxg_class *class_of_service,
                                  const struct mxg_packet *packet)
{
    if (!class_of_service)
        return 0;
    return mxg_is_attempt(packet) ? mxg_has_limits(class_of_service)
                                  : class_of_service->byte_cost != 0;
}

static inline __u32 mxg_end_of_lot(const struct mxg_attempts *attempts, __u32 first)
{
    return attempts->count - first < MXG_LOT ? attempts->count : first + MXG_LOT;
}

/* The line of a source that is likeliest to be its own. */
static inline struct mxg_source *mxg_likely_way(struct mxg_gate *gate, __u64 hash, __u32 tag)
{
    struct mxg_bucket *bucket =
        mxg_source_bucket(gate, mxg_bucket_number(hash, mxg_settings(gate).bucket_mask));

    return &bucket->way[mxg_way(tag, 0)];
}

/* The hashes of a lot of attempts, from `first` on; their lines, the likely one of each source and
 * that of the SYNs seen, are asked for, and come while the next lot is worked on. */
static inline MXG_STAGE void mxg_ask_for_states(struct mxg_gate *gate,
                                                const struct mxg_packet *packets,
                                                struct mxg_attempts *attempts, __u32 first,
                                                enum mxg_vectors vectors)
{
    const struct mxg_source_settings settings = mxg_settings(gate);
    const __u32 end = mxg_end_of_lot(attempts, first);
    struct mxg_hash_words *words = &attempts->words;
    __u64 source[MXG_LOT], syn[MXG_LOT];
    __u8 of[MXG_LOT];
    __u32 count = 0;

    for (__u32 i = first; i < end; i++) {
        const struct mxg_judgement *judgement = &attempts->judgement[i];

        attempts->hashes[i].source = attempts->hashes[i].syn = 0;
        if (!mxg_needs_state(judgement->class_of_service, &packets[attempts->place[i]]))
            continue;
        mxg_prefix_words(&judgement->source, &words->word[0][count], MXG_LOT);
        of[count++] = (__u8)i;
    }
    mxg_hash_lot(settings.key, words, MXG_PREFIX_WORDS, MXG_PREFIX_BYTES, count, source, vectors);
    for (__u32 n = 0; n < count; n++) {
        const struct mxg_packet *packet = &packets[attempts->place[of[n]]];
        const __u32 tag = mxg_source_tag(source[n], &attempts->judgement[of[n]].source);

        attempts->hashes[of[n]].source = source[n];
        __builtin_prefetch(mxg_likely_way(gate, source[n], tag), 1);
        mxg_tuple_words(packet, packet->sequence, &words->word[0][n], MXG_LOT);
    }
    mxg_hash_lot(settings.key, words, MXG_TUPLE_WORDS, MXG_TUPLE_BYTES, count, syn, vectors);
    for (__u32 n = 0; n < count; n++) {
        attempts->hashes[of[n]].syn = syn[n];
        if (mxg_is_attempt(&packets[attempts->place[of[n]]]))
            __builtin_prefetch(mxg_seen_at(gate, mxg_seen_number(syn[n], settings.bucket_mask)), 1);
    }
}

/* Where the likely line is another source's, asks for its other ways: without a branch,
 * which nobody could foretell; what is here already is asked for at no cost. */
static inline MXG_STAGE void mxg_ask_for_ways(struct mxg_gate *gate,
                                              const struct mxg_attempts *attempts)
{
    for (__u32 i = 0; i < attempts->count; i++) {
        const __u64 hash = attempts->hashes[i].source;
        const __u32 tag = mxg_source_tag(hash, &attempts->judgement[i].source);
        const struct mxg_source *way = mxg_likely_way(gate, hash, tag);
        const struct mxg_source *bucket = way - mxg_way(tag, 0);
        const __u32 other = (__u32) - (hash != 0 && mxg_load32(&way->tag) != tag);

        for (__u32 n = 1; n < MXG_NEAR; n++)
            __builtin_prefetch(&bucket[mxg_way(tag, n & other)], 1);
    }
}

/* Some packets of a burst: bit i is packet i. */
typedef __u64 mxg_subset;
_Static_assert(MXG_BURST <= 64, "a bit for each packet of a burst");

static inline mxg_subset mxg_whole_burst(__u32 count)
{
    return count == 0 ? 0 : ~0ULL >> (64 - count);
}

/* The lowest of them, which is taken out. */
static inline __u32 mxg_take_next(mxg_subset *some)
{
    const __u32 place = (__u32)__builtin_ctzll(*some);

    *some &= *some - 1;
    return place;
}

/* The services, which user space has one after the other; 0: there is no table, or not all of it.
 */
static inline const struct mxg_service *mxg_services(const struct mxg_table *table, __u32 *count)
{
    const struct mxg_image_header *header = (const struct mxg_image_header *)mxg_hot_line(table, 0);

    if (!header || (__u64)header->services + header->service_count > table->count)
        return 0;
    *count = header->service_count;
    return (const struct mxg_service *)&table->lines[header->services];
}

/* Whether a packet goes to or comes from a protected address, by its addresses alone. Of any other
 * mxg_pass_by says all that is decided, and mxg_see_flow has nothing to see in it. */
static inline int mxg_concerns_service(const struct mxg_service *services, __u32 count,
                                       const struct mxg_packet *packet)
{
    for (__u32 i = 0; i < count; i++)
        if (services[i].family == packet->source.family &&
            (mxg_in_service(&services[i], &packet->destination) |
             mxg_in_service(&services[i], &packet->source)))
            return 1;
    return 0;
}

/* What needs no policy; the others go into *attempts. */
static inline MXG_STAGE void mxg_screen_burst(const struct mxg_gate *gate,
                                              const struct mxg_packet *packets, mxg_subset some,
                                              struct mxg_attempts *attempts,
                                              struct mxg_decision *decisions)
{
    const struct mxg_table table = gate->table;
    __u32 count = 0;

    while (some != 0) {
        const __u32 i = mxg_take_next(&some);

        if (mxg_screen(&table, &packets[i], &attempts->view[count], &attempts->kind[count],
                       &decisions[i]))
            attempts->place[count++] = (__u8)i;
    }
    attempts->count = count;
}

/* The classes of a lot. Whose class could not be read has none, and is done with. */
static inline MXG_STAGE void mxg_judge_lot(struct mxg_gate *gate,
                                           const struct mxg_image_header *header,
                                           const struct mxg_packet *packets,
                                           struct mxg_attempts *attempts, __u32 first,
                                           struct mxg_decision *decisions)
{
    const __u32 end = mxg_end_of_lot(attempts, first);

    for (__u32 i = first; i < end; i++) {
        const __u32 at = attempts->place[i];

        if (mxg_judge_attempt(gate, header, attempts, i, &packets[at].source)) {
            attempts->judgement[i].class_of_service = 0;
            mxg_set(&decisions[at], MXG_PASS, MXG_TABLE_FAULT);
        } else {
            mxg_name_sender(&attempts->judgement[i], &decisions[at]);
        }
    }
}

/* By itself, when all lines are there: a compare-and-swap waits for every line that is on its way.
 */
static inline MXG_STAGE void mxg_act_burst(struct mxg_gate *gate, const struct mxg_packet *packets,
                                           const struct mxg_attempts *attempts,
                                           struct mxg_decision *decisions)
{
    for (__u32 i = 0; i < attempts->count; i++)
        if (attempts->judgement[i].class_of_service)
            mxg_act(gate, &packets[attempts->place[i]], &attempts->judgement[i],
                    &attempts->hashes[i], &decisions[attempts->place[i]]);
}

/* decisions[i]: on packets[i], for `some` of a burst. */
static inline void mxg_decide_burst(struct mxg_gate *gate, const struct mxg_packet *packets,
                                    mxg_subset some, struct mxg_decision *decisions)
{
    const struct mxg_image_header *header =
        (const struct mxg_image_header *)mxg_hot_line(&gate->table, 0);
    const enum mxg_vectors vectors = mxg_vectors_here();
    struct mxg_attempts attempts;

    mxg_screen_burst(gate, packets, some, &attempts, decisions);
    MXG_STAGE_IS_OVER(2);
    if (attempts.count == 0)
        return;
    mxg_lookup_burst_with(&gate->table, header, attempts.view, attempts.count, attempts.policy,
                          vectors);
    MXG_STAGE_IS_OVER(3);
    for (__u32 first = 0; first < attempts.count; first += MXG_LOT) {
        mxg_judge_lot(gate, header, packets, &attempts, first, decisions);
        mxg_ask_for_states(gate, packets, &attempts, first, vectors);
    }
    MXG_STAGE_IS_OVER(4);
    mxg_ask_for_ways(gate, &attempts);
    MXG_STAGE_IS_OVER(5);
    mxg_act_burst(gate, packets, &attempts, decisions);
}

#endif
