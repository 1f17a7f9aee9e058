/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The limits of a class, applied to one connection attempt. In this order, the first that denies
 * ends it: retry waiting period, connection rate. Only a new attempt is weighed and charged; a
 * retransmitted SYN has the verdict of the first one.
 */
#ifndef MXG_CORE_LIMITS_H
#define MXG_CORE_LIMITS_H

#include "dataplane/core/attempt.h"
#include "dataplane/core/retransmissions.h"
#include "dataplane/core/sources.h"
#include "dataplane/core/verdict.h"

MXG_INLINE int mxg_has_limits(const struct mxg_class *class_of_service)
{
    return class_of_service->flags & MXG_CLASS_RATE;
}

enum mxg_charge { MXG_CHARGE_OK, MXG_CHARGE_DENIED, MXG_CHARGE_CONTENDED };

/* Another core's clock, or a time read before an interrupt, is behind by less. */
#define MXG_CLOCK_SLACK_NS 1000000000ULL

/* GCRA (ITU-T I.371): one attempt at `now` against one per `interval`, `tolerance` early. A debt
 * made under a slower rate is cut to an empty bucket of this one. */
MXG_INLINE enum mxg_charge mxg_charge_rate(__u64 *full_at_ns, __u64 interval, __u64 tolerance,
                                           __u64 now)
{
    for (int i = 0; i < MXG_TRIES; i++) {
        __u64 old = mxg_load64(full_at_ns);
        __u64 from = old > now ? old : now;

        if (from - now > tolerance + interval + MXG_CLOCK_SLACK_NS)
            __sync_val_compare_and_swap(full_at_ns, old, now + tolerance + interval);
        if (from - now > tolerance)
            return MXG_CHARGE_DENIED;
        if (__sync_val_compare_and_swap(full_at_ns, old, from + interval) == old)
            return MXG_CHARGE_OK;
    }
    return MXG_CHARGE_CONTENDED;
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

/* The reason of the verdict: MXG_CONFORMS, or why not. */
MXG_INLINE enum mxg_reason mxg_weigh_attempt(struct mxg_gate *gate, struct mxg_attempt *attempt)
{
    const struct mxg_source_settings settings = mxg_settings(gate);
    const struct mxg_class *limits = &attempt->limits;
    struct mxg_bucket *bucket =
        mxg_source_bucket(gate, mxg_bucket_number(attempt->hash, settings.bucket_mask));
    struct mxg_source *source;
    enum mxg_charge charge;
    int waits;

    if (!bucket)
        return MXG_CONTENDED;
    source = mxg_take_source(bucket, &attempt->source,
                             mxg_source_tag(attempt->hash, &attempt->source), attempt->now_ns);
    if (!source)
        return MXG_CONTENDED;
    waits = mxg_must_wait(source, attempt);
    charge = waits ? MXG_CHARGE_DENIED
                   : mxg_charge_rate(&source->full_at_ns, limits->interval_ns, limits->tolerance_ns,
                                     attempt->now_ns);
    if (charge == MXG_CHARGE_OK) {
        __sync_fetch_and_add(&source->admitted, 1);
        return MXG_CONFORMS;
    }
    __sync_fetch_and_add(&source->denied, 1);
    if (charge == MXG_CHARGE_CONTENDED)
        return MXG_CONTENDED;
    if (waits)
        return MXG_RETRY_WAIT;
    if (limits->retry_wait_ns)
        mxg_store64(&source->wait_until_ns, attempt->now_ns + limits->retry_wait_ns);
    return MXG_RATE;
}

/* Sets verdict, reason and time of *decision. */
MXG_INLINE void mxg_limit(struct mxg_gate *gate, const struct mxg_packet *packet,
                          struct mxg_attempt *attempt, struct mxg_decision *decision)
{
    const struct mxg_source_settings settings = mxg_settings(gate);
    const __u64 syn = mxg_syn_hash(settings.key, packet);
    struct mxg_seen_line *line = mxg_seen_at(gate, mxg_bucket_number(syn, settings.bucket_mask));
    __u64 seen;

    attempt->now_ns = decision->time_ns = mxg_now(gate);
    seen = line ? mxg_recall(line, syn, attempt->now_ns) : 0;
    if (seen) {
        decision->verdict = (__u8)(seen >> 8 & 3);
        decision->reason = (__u8)seen;
        return;
    }
    if (!attempt->hash)
        attempt->hash = mxg_prefix_hash(settings.key, &attempt->source);
    decision->reason = (__u8)mxg_weigh_attempt(gate, attempt);
    decision->verdict = MXG_PASS;
    if (decision->reason != MXG_CONFORMS)
        decision->verdict = attempt->limits.deny_verdict & 3;
    /* Who met other cores may try again. */
    if (line && decision->reason != MXG_CONTENDED)
        mxg_remember(line, syn, attempt->now_ns, decision->verdict, decision->reason);
}

#endif
