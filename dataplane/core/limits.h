/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The limits of a class, applied to one connection attempt. In this order, the first that denies
 * ends it: retry waiting period; then for the source prefix and each of its parents open
 * connections, connection rate, SYN guard; then the connections of the whole class. Either all of
 * them are charged or none. Only a new attempt is weighed; a retransmitted SYN has the verdict of
 * the first one, except that one which the SYN guard refused is let past it when it comes again.
 *
 * The platform gives
 *   __u32 *mxg_class_connections(gate, class_id)   open in the whole class
 *   int mxg_is_of_connection(gate, packet)         0: to none that is open
 */
#ifndef MXG_CORE_LIMITS_H
#define MXG_CORE_LIMITS_H

#include "dataplane/core/levels.h"
#include "dataplane/core/retransmissions.h"

MXG_INLINE int mxg_has_limits(const struct mxg_class *class_of_service)
{
    return class_of_service->flags & MXG_CLASS_LIMITS;
}

/* Whether the source prefix must wait; an early retry may begin the period anew. A period that was
 * longer under another configuration is cut to that of this one. */
MXG_INLINE int mxg_must_wait(struct mxg_source *source, const struct mxg_attempt *attempt)
{
    const __u64 now = attempt->now_ns, wait = attempt->limits.retry_wait_ns;
    const __u64 until = mxg_load64(&source->wait_until_ns);

    if (wait == 0 || until <= now)
        return 0;
    if (until - now > wait + MXG_CLOCK_SLACK_NS || (attempt->limits.flags & MXG_CLASS_RETRY_EXTEND))
        mxg_store64(&source->wait_until_ns, now + wait);
    return 1;
}

/* Whether the whole class holds as many connections as it may. */
MXG_INLINE int mxg_class_is_full(struct mxg_gate *gate, const struct mxg_attempt *attempt)
{
    const __u32 total = attempt->limits.total_connections;
    const __u32 *open = total ? mxg_class_connections(gate, attempt->class_id) : 0;

    return open && mxg_load32(open) >= total;
}

/* Charges all that has a say, or nothing. */
MXG_INLINE enum mxg_reason mxg_charge_places(struct mxg_gate *gate, struct mxg_attempt *attempt,
                                             const __u32 places)
{
    enum mxg_reason reason = MXG_CONFORMS;
    __u32 i, charged = 0;

    if (attempt->place[0].way < MXG_WAYS)
        reason = mxg_charge_place(gate, attempt, 0);
    for (i = 1; i < places && reason == MXG_CONFORMS; i++) {
        charged = i;
        if (attempt->place[i].way < MXG_WAYS)
            reason = mxg_charge_place(gate, attempt, i);
    }
    if (reason == MXG_CONFORMS && mxg_class_is_full(gate, attempt)) {
        charged = places;
        reason = MXG_TOTAL;
    }
    if (reason != MXG_CONFORMS)
        for (i = 0; i < places; i++)
            if (i < charged && attempt->place[i].way < MXG_WAYS)
                mxg_refund_place(gate, attempt, i);
    return reason;
}

/* `places`: as of mxg_take_places. */
MXG_INLINE enum mxg_reason mxg_weigh_places(struct mxg_gate *gate, struct mxg_attempt *attempt,
                                            const __u32 places)
{
    enum mxg_reason reason;
    struct mxg_source *source;

    attempt->coarse = 0;
    reason = mxg_take_places(gate, attempt, places);
    if (reason != MXG_CONFORMS)
        return reason;
    source = mxg_source_at(gate, &attempt->place[0]);
    if (source && mxg_must_wait(source, attempt))
        reason = MXG_RETRY_WAIT;
    else
        reason = mxg_charge_places(gate, attempt, places);
    if (!source)
        return reason;
    (*(reason == MXG_CONFORMS ? &source->admitted
                              : &source->denied))++; /* for people: may miss one */
    if ((reason == MXG_RATE || reason == MXG_CONNECTIONS) && attempt->limits.retry_wait_ns)
        mxg_store64(&source->wait_until_ns, attempt->now_ns + attempt->limits.retry_wait_ns);
    return reason;
}

/* The reason of the verdict: MXG_CONFORMS, or why not. Most classes have no levels: compiled for
 * one place, the loops are gone. (In BPF the code twice is laid out so that the verifier of
 * Linux 6.1 takes a call for a back-edge.) */
MXG_INLINE enum mxg_reason mxg_weigh_attempt(struct mxg_gate *gate, struct mxg_attempt *attempt)
{
#ifndef __bpf__
    if (!attempt->limits.levels)
        return mxg_weigh_places(gate, attempt, 1);
#endif
    return mxg_weigh_places(gate, attempt, MXG_PLACES);
}

/* Established traffic: a frame conforms while the bucket, of one second's bytes, is not in debt,
 * and is then charged whole, so that no frame is too large. */
#define MXG_BYTES_BURST_NS 1000000000ULL

MXG_INLINE __u64 mxg_bytes_cost(const struct mxg_class *limits, __u64 bytes)
{
    return limits->byte_cost * bytes >> 20;
}

MXG_INLINE void mxg_shape(struct mxg_gate *gate, const struct mxg_packet *packet,
                          struct mxg_attempt *attempt, struct mxg_decision *decision)
{
    const __u64 most = MXG_BYTES_BURST_NS + mxg_bytes_cost(&attempt->limits, 0x10000);
    struct mxg_source *source;

    /* Anyone can forge it, so it must cost the sender nothing. */
    if (!mxg_is_of_connection(gate, packet))
        return;
    attempt->now_ns = decision->time_ns = mxg_now(gate);
    /* A sender with open connections has an entry; without one there is nothing to charge. */
    if (MXG_TAKE_PLACE(gate, attempt, 0) >= MXG_WAYS)
        return;
    source = mxg_source_at(gate, &attempt->place[0]);
    if (source && mxg_charge_rate(&source->bytes_full_at_ns,
                                  mxg_bytes_cost(&attempt->limits, packet->end & 0x3fffff),
                                  MXG_BYTES_BURST_NS, most, attempt->now_ns) == MXG_CHARGE_DENIED) {
        decision->verdict = MXG_DROP;
        decision->reason = MXG_BANDWIDTH;
    }
}

/* Out of line where the platform wants that. */
#ifndef MXG_SYN_HASH
#define MXG_SYN_HASH(gate, packet, attempt) \
    ((attempt)->hashes.syn ? (attempt)->hashes.syn : mxg_syn_hash(mxg_settings(gate).key, packet))
#endif

/* Sets verdict, reason and time of *decision. */
MXG_INLINE void mxg_limit_attempt(struct mxg_gate *gate, const struct mxg_packet *packet,
                                  struct mxg_attempt *attempt, struct mxg_decision *decision)
{
    const __u64 syn = MXG_SYN_HASH(gate, packet, attempt);
    struct mxg_seen_line *line =
        mxg_seen_at(gate, mxg_seen_number(syn, mxg_settings(gate).bucket_mask));
    __u64 seen;

    attempt->now_ns = decision->time_ns = mxg_now(gate);
    seen = line ? mxg_recall(line, syn, attempt->now_ns, &attempt->seen) : 0;
    attempt->known = seen && mxg_seen_reason(seen) == MXG_SYN_GUARD;
    if (seen && !attempt->known) {
        decision->verdict = (__u8)mxg_seen_verdict(seen);
        decision->reason = (__u8)mxg_seen_reason(seen);
        return;
    }
    decision->reason = (__u8)mxg_weigh_attempt(gate, attempt);
    decision->verdict = MXG_PASS;
    /* Who is to come again is never sent away. */
    if (decision->reason == MXG_SYN_GUARD || decision->reason == MXG_CONTENDED)
        decision->verdict = MXG_DROP;
    else if (decision->reason != MXG_CONFORMS)
        decision->verdict = attempt->limits.deny_verdict & 3;
    if (attempt->coarse && decision->reason != MXG_CONTENDED && decision->reason != MXG_SYN_GUARD)
        decision->reason = MXG_COARSE;
    /* Who met other cores may try again. */
    if (line && decision->reason != MXG_CONTENDED)
        mxg_remember(line, attempt->seen, syn, attempt->now_ns, attempt->class_id,
                     decision->verdict, decision->reason);
}

MXG_INLINE void mxg_limit(struct mxg_gate *gate, const struct mxg_packet *packet,
                          struct mxg_attempt *attempt, struct mxg_decision *decision)
{
    if (mxg_is_attempt(packet))
        mxg_limit_attempt(gate, packet, attempt, decision);
    else
        mxg_shape(gate, packet, attempt, decision);
}

#endif
