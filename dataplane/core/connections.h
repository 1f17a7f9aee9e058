/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Open connections: what a plane calls when a handshake has been completed and when the connection
 * is over, however it learns of that (sockops, a connection table, a capture).
 */
#ifndef MXG_CORE_CONNECTIONS_H
#define MXG_CORE_CONNECTIONS_H

#include "dataplane/core/decide.h"

/* One more, or one less unless it is 0: a count that was lost must not wrap. */
MXG_INLINE void mxg_count(__u32 *count, int one)
{
    if (one > 0)
        __sync_fetch_and_add(count, 1);
    else if ((__s32)__sync_fetch_and_add(count, -1) <= 0)
        __sync_fetch_and_add(count, 1);
}

/* Where other cores are at the ways. In BPF what is missed is found by the daemon, and a loop
 * costs the verifier its every path. */
#ifdef __bpf__
#define MXG_OPEN_TRIES 1
#else
#define MXG_OPEN_TRIES MXG_TRIES
#endif

/* Counts the connection to one place; charges what the handshake is to be charged, and gives back
 * what the SYN guard took: it is for SYNs that complete no handshake. Its way, as mxg_take_way. */
MXG_INLINE __u32 mxg_open_at(struct mxg_gate *gate, struct mxg_attempt *attempt, __u32 place,
                             struct mxg_connection *connection)
{
    const struct mxg_ceiling *ceiling = &attempt->ceiling[place];
    const struct mxg_prefix *prefix = mxg_prefix_at(attempt, place);
    const __u32 way = MXG_TAKE_PLACE(gate, attempt, place);
    struct mxg_source *source;

    if (way == MXG_FULL && mxg_has_ceiling(ceiling))
        attempt->missing = *ceiling;
    source = way < MXG_WAYS ? mxg_source_at(gate, &attempt->place[place]) : 0;
    if (!source)
        return way;
    mxg_count(&source->open, 1);
    /* Now it cannot be evicted; it may have been before, or be about to. */
    if (mxg_load32(&source->tag) == MXG_TAG_BUSY || source->hi != prefix->address.hi ||
        source->lo != prefix->address.lo) {
        mxg_count(&source->open, -1);
        return MXG_CONTESTED;
    }
    connection->counted |= (__u8)(1u << place);
    mxg_stand_in(attempt, place);
    if (ceiling->interval_ns && (attempt->limits.flags & MXG_CLASS_HANDSHAKE))
        mxg_debit_rate(&source->full_at_ns, ceiling->interval_ns,
                       ceiling->interval_ns * ceiling->burst, attempt->now_ns);
    if (ceiling->guard_interval_ns)
        mxg_refund_rate(&source->guard_full_at_ns, ceiling->guard_interval_ns, attempt->now_ns);
    return way;
}

/* A handshake has been completed; `attempt` is what mxg_prepare_attempt made of its source. Fills
 * *connection, to be kept until the end of the connection. */
MXG_INLINE void mxg_connection_opened(struct mxg_gate *gate, struct mxg_attempt *attempt,
                                      struct mxg_connection *connection)
{
    __u32 *open = mxg_class_connections(gate, attempt->class_id);

    attempt->now_ns = mxg_now(gate);
    connection->hi = attempt->source.address.hi;
    connection->lo = attempt->source.address.lo;
    connection->family = (__u8)attempt->source.address.family;
    connection->class_id = (__u8)attempt->class_id;
    connection->counted = 0;
    mxg_nothing_is_missing(attempt);
    for (__u32 i = 0; i < MXG_PLACES; i++) {
        connection->length[i] =
            (__u8)(i == 0 ? attempt->source.length : attempt->ceiling[i].length);
        if (i > 0 && !mxg_has_parent(attempt, i))
            continue;
        for (int tries = 0; tries < MXG_OPEN_TRIES; tries++)
            if (mxg_open_at(gate, attempt, i, connection) != MXG_CONTESTED)
                break;
    }
    if (open)
        mxg_count(open, 1);
}

/* And its SYN is half-open no longer; `packet`: its addresses, ports and sequence number. */
MXG_INLINE void mxg_syn_completed(struct mxg_gate *gate, const struct mxg_packet *packet)
{
    const struct mxg_source_settings settings = mxg_settings(gate);
    const __u64 hash = mxg_syn_hash(settings.key, packet);
    struct mxg_seen_line *line = mxg_seen_at(gate, mxg_seen_number(hash, settings.bucket_mask));

    if (line)
        mxg_end_attempt(line, hash);
}

/* The first, from the source address: for a plane that has the whole gate at hand. `older`: the
 * handshake was before the gate's time, and is counted, not charged. 0, or -1: there is no table,
 * or it is damaged. */
MXG_INLINE int mxg_handshake_done(struct mxg_gate *gate, const struct mxg_address *source,
                                  int older, struct mxg_connection *connection)
{
    const struct mxg_image_header *header =
        (const struct mxg_image_header *)mxg_hot_line(&gate->table, 0);
    struct mxg_judgement judgement;
    struct mxg_attempt attempt;

    connection->counted = 0;
    if (!header || (header->flags & MXG_FLAG_NO_TABLE) ||
        mxg_judge(gate, header, source, &judgement) ||
        mxg_prepare_attempt(gate, &judgement, &attempt))
        return -1;
    if (older) {
        attempt.limits.flags &= (__u16)~MXG_CLASS_HANDSHAKE;
        for (__u32 i = 0; i < MXG_PLACES; i++)
            attempt.ceiling[i].guard_interval_ns = 0;
    }
    mxg_connection_opened(gate, &attempt, connection);
    return 0;
}

/* `one`: 1, or -1: where the connection was counted when it was opened. */
MXG_INLINE void mxg_connection_counts(struct mxg_gate *gate,
                                      const struct mxg_connection *connection, int one)
{
    const struct mxg_source_settings settings = mxg_settings(gate);
    __u32 *open = mxg_class_connections(gate, connection->class_id);

    for (__u32 i = 0; i < MXG_PLACES; i++) {
        struct mxg_prefix prefix = {{connection->hi, connection->lo, connection->family, 0},
                                    connection->length[i]};
        struct mxg_bucket *bucket;
        __u64 hash;
        __u32 way;

        if (!(connection->counted >> i & 1))
            continue;
        prefix.address = mxg_cut(prefix.address, prefix.length);
        hash = mxg_prefix_hash(settings.key, &prefix);
        bucket = mxg_source_bucket(gate, mxg_bucket_at(settings.bucket_mask, i, hash));
        way = bucket ? mxg_find_way(bucket, &prefix, mxg_source_tag(hash, &prefix)) : MXG_WAYS;
        if (way < MXG_WAYS)
            mxg_count(&bucket->way[way & (MXG_WAYS - 1)].open, one);
    }
    if (open)
        mxg_count(open, one);
}

/* The connection is over: once for each that was opened. */
MXG_INLINE void mxg_connection_closed(struct mxg_gate *gate, struct mxg_connection *connection)
{
    mxg_connection_counts(gate, connection, -1);
    connection->counted = 0;
}

#endif
