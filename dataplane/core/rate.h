/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* GCRA (ITU-T I.371) over a theoretical arrival time that all cores share: the time at which a
 * bucket of tokens is full again.
 */
#ifndef MXG_CORE_RATE_H
#define MXG_CORE_RATE_H

#include "dataplane/core/sources.h"

enum mxg_charge { MXG_CHARGE_OK, MXG_CHARGE_DENIED, MXG_CHARGE_CONTENDED };

/* Another core's clock, or a time read before an interrupt, is behind by less. */
#define MXG_CLOCK_SLACK_NS 1000000000ULL

/* Takes `cost` at `now` unless more than `tolerance` is missing already; cost 0 only asks. A debt
 * made under a slower rate is cut to an empty bucket of this one, which lacks `empty`. */
MXG_INLINE enum mxg_charge mxg_charge_rate(__u64 *full_at_ns, __u64 cost, __u64 tolerance,
                                           __u64 empty, __u64 now)
{
    for (int i = 0; i < MXG_TRIES; i++) {
        __u64 old = mxg_load64(full_at_ns);
        __u64 from = old > now ? old : now;

        if (from - now > empty + MXG_CLOCK_SLACK_NS)
            __sync_val_compare_and_swap(full_at_ns, old, now + empty);
        if (from - now > tolerance)
            return MXG_CHARGE_DENIED;
        if (cost == 0 || __sync_val_compare_and_swap(full_at_ns, old, from + cost) == old)
            return MXG_CHARGE_OK;
    }
    return MXG_CHARGE_CONTENDED;
}

/* Takes `cost` whatever is missing, but never more than the bucket holds. */
MXG_INLINE void mxg_debit_rate(__u64 *full_at_ns, __u64 cost, __u64 empty, __u64 now)
{
    for (int i = 0; i < MXG_TRIES; i++) {
        __u64 old = mxg_load64(full_at_ns);
        __u64 next = (old > now ? old : now) + cost;

        if (next > now + empty)
            next = now + empty;
        if (__sync_val_compare_and_swap(full_at_ns, old, next) == old)
            return;
    }
}

/* Gives back what was taken, but no more than is missing: the entry may be another sender's now. */
MXG_INLINE void mxg_refund_rate(__u64 *full_at_ns, __u64 cost, __u64 now)
{
    for (int i = 0; i < MXG_TRIES; i++) {
        const __u64 old = mxg_load64(full_at_ns);
        const __u64 next = old - now > cost ? old - cost : now;

        if (old <= now || __sync_val_compare_and_swap(full_at_ns, old, next) == old)
            return;
    }
}

#endif
