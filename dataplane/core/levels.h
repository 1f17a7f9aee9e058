/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The entries of a source prefix and of its parents, and what each of them allows.
 *
 * A parent has ceilings of its own where its class says so. Where there is no room for an entry,
 * the next parent stands in for it: by its own ceilings, or by those of the entry that is missing,
 * then shared by all that it stands in for. So the table never fails open.
 */
#ifndef MXG_CORE_LEVELS_H
#define MXG_CORE_LEVELS_H

#include "dataplane/core/attempt.h"
#include "dataplane/core/rate.h"
#include "dataplane/core/sources.h"
#include "dataplane/core/verdict.h"

MXG_INLINE int mxg_has_ceiling(const struct mxg_ceiling *ceiling)
{
    return ceiling->interval_ns || ceiling->guard_interval_ns || ceiling->connections;
}

/* Whether there is such a parent: shorter than the source prefix. */
MXG_INLINE int mxg_has_parent(const struct mxg_attempt *attempt, __u32 place)
{
    const __u32 length = attempt->ceiling[place].length;

    return length > 0 && length < attempt->source.length;
}

/* The prefix of the place that was taken last. */
MXG_INLINE const struct mxg_prefix *mxg_prefix_at(const struct mxg_attempt *attempt, __u32 place)
{
    return place == 0 ? &attempt->source : &attempt->prefix;
}

/* Takes the entry of one place; its way, as mxg_take_way. */
MXG_INLINE __u32 mxg_take_place(struct mxg_gate *gate, struct mxg_attempt *attempt, __u32 place)
{
    const __u32 mask = mxg_settings(gate).bucket_mask;
    struct mxg_prefix *prefix = &attempt->source;
    __u32 number, way = MXG_CONTESTED, evicted = 0;
    struct mxg_bucket *bucket;
    __u64 hash = attempt->hashes.source;

    if (place > 0) {
        prefix = &attempt->prefix;
        *prefix = attempt->source;
        prefix->length = attempt->ceiling[place].length;
        prefix->address = mxg_cut(prefix->address, prefix->length);
    }
    if (place > 0 || !hash)
        hash = mxg_prefix_hash(mxg_settings(gate).key, prefix);
    number = mxg_bucket_at(mask, place, hash);
    bucket = mxg_source_bucket(gate, number);
    if (bucket)
        way = mxg_take_way(bucket, prefix, mxg_source_tag(hash, prefix), attempt->now_ns, &evicted);
    if (evicted)
        mxg_count_pressure(gate, MXG_EVICTED);
    if (way == MXG_FULL)
        mxg_count_pressure(gate, MXG_OVERFLOWED);
    attempt->place[place].bucket = number;
    attempt->place[place].way = way;
    return way;
}

/* Out of line where the platform wants that. */
#ifndef MXG_TAKE_PLACE
#define MXG_TAKE_PLACE(gate, attempt, place) mxg_take_place(gate, attempt, place)
#endif

/* The entry at a place, or 0. */
MXG_INLINE struct mxg_source *mxg_source_at(struct mxg_gate *gate, const struct mxg_place *place)
{
    struct mxg_bucket *bucket;

    if (place->way >= MXG_WAYS)
        return 0;
    bucket = mxg_source_bucket(gate, place->bucket);
    return bucket ? &bucket->way[place->way & (MXG_WAYS - 1)] : 0;
}

MXG_INLINE void mxg_nothing_is_missing(struct mxg_attempt *attempt)
{
    struct mxg_ceiling *missing = &attempt->missing;

    missing->interval_ns = missing->guard_interval_ns = missing->connections = 0;
}

/* A parent that stands in for what is missing and has no ceilings of its own has those. */
MXG_INLINE void mxg_stand_in(struct mxg_attempt *attempt, __u32 place)
{
    struct mxg_ceiling *ceiling = &attempt->ceiling[place];
    const __u32 length = ceiling->length;

    if (!mxg_has_ceiling(ceiling) && mxg_has_ceiling(&attempt->missing)) {
        *ceiling = attempt->missing;
        ceiling->length = length;
    }
    mxg_nothing_is_missing(attempt);
}

/* Takes all entries that have a say: MXG_CONFORMS, or MXG_CONTENDED, or MXG_COARSE: there was room
 * for none that could stand in. `places`: how many may have one, a constant; 1 or MXG_PLACES. */
MXG_INLINE enum mxg_reason mxg_take_places(struct mxg_gate *gate, struct mxg_attempt *attempt,
                                           const __u32 places)
{
    mxg_nothing_is_missing(attempt);
    for (__u32 i = 0; i < places; i++) {
        const struct mxg_ceiling *ceiling = &attempt->ceiling[i];
        __u32 way;

        attempt->place[i].way = MXG_WAYS;
        if (i > 0 && (!mxg_has_parent(attempt, i) ||
                      !(mxg_has_ceiling(&attempt->missing) || mxg_has_ceiling(ceiling))))
            continue;
        way = MXG_TAKE_PLACE(gate, attempt, i);
        if (way == MXG_CONTESTED)
            return MXG_CONTENDED;
        if (way == MXG_FULL) {
            attempt->coarse = 1;
            if (mxg_has_ceiling(ceiling))
                attempt->missing = *ceiling;
            continue;
        }
        mxg_stand_in(attempt, i);
    }
    return mxg_has_ceiling(&attempt->missing) ? MXG_COARSE : MXG_CONFORMS;
}

/* Charges the entry at a place, or only asks where the handshake is what is charged. */
MXG_INLINE enum mxg_reason mxg_charge_place(struct mxg_gate *gate,
                                            const struct mxg_attempt *attempt, __u32 place)
{
    const struct mxg_ceiling *ceiling = &attempt->ceiling[place];
    const __u64 interval = ceiling->interval_ns, guard = ceiling->guard_interval_ns;
    const __u64 cost = attempt->limits.flags & MXG_CLASS_HANDSHAKE ? 0 : interval;
    struct mxg_source *source = mxg_source_at(gate, &attempt->place[place]);
    enum mxg_charge charge = MXG_CHARGE_OK;

    if (!source)
        return MXG_CONTENDED;
    if (ceiling->connections && mxg_load32(&source->open) >= ceiling->connections)
        return place == 0 ? MXG_CONNECTIONS : MXG_LEVEL_CONNECTIONS;
    if (interval)
        charge = mxg_charge_rate(&source->full_at_ns, cost, interval * (ceiling->burst - 1),
                                 interval * ceiling->burst, attempt->now_ns);
    if (charge == MXG_CHARGE_CONTENDED)
        return MXG_CONTENDED;
    if (charge == MXG_CHARGE_DENIED)
        return place == 0 ? MXG_RATE : MXG_LEVEL_RATE;
    if (guard && !attempt->known)
        charge =
            mxg_charge_rate(&source->guard_full_at_ns, guard, guard * (ceiling->guard_burst - 1),
                            guard * ceiling->guard_burst, attempt->now_ns);
    if (charge == MXG_CHARGE_OK)
        return MXG_CONFORMS;
    mxg_refund_rate(&source->full_at_ns, cost, attempt->now_ns);
    return charge == MXG_CHARGE_DENIED ? MXG_SYN_GUARD : MXG_CONTENDED;
}

/* Takes back what mxg_charge_place charged. */
MXG_INLINE void mxg_refund_place(struct mxg_gate *gate, const struct mxg_attempt *attempt,
                                 __u32 place)
{
    const struct mxg_ceiling *ceiling = &attempt->ceiling[place];
    struct mxg_source *source = mxg_source_at(gate, &attempt->place[place]);

    if (!source)
        return;
    if (!(attempt->limits.flags & MXG_CLASS_HANDSHAKE))
        mxg_refund_rate(&source->full_at_ns, ceiling->interval_ns, attempt->now_ns);
    if (!attempt->known)
        mxg_refund_rate(&source->guard_full_at_ns, ceiling->guard_interval_ns, attempt->now_ns);
}

#endif
