/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Prefixes that many end sites share (CGN, DS-Lite, NAT64 egress): an attempt from there may use
 * 2^share times what the class allows a prefix, of rates, bursts, connections and bandwidth, in the
 * source prefix and in its parents. The total of the class and the waiting period stay.
 */
#ifndef MXG_CORE_SHARED_H
#define MXG_CORE_SHARED_H

#include "dataplane/core/attempt.h"

/* The time or cost of one, rounded up: never more than the rate. */
MXG_INLINE __u64 mxg_shared_cost(__u64 cost, __u32 share)
{
    return (cost + ((1ULL << share) - 1)) >> share;
}

MXG_INLINE __u32 mxg_shared_count(__u32 count, __u32 share)
{
    const __u64 shared = (__u64)count << share;

    return shared > ~0u ? ~0u : (__u32)shared;
}

MXG_INLINE void mxg_share_limits(struct mxg_attempt *attempt, __u32 share)
{
    share &= 31; /* for the BPF verifier; at most MXG_MAX_SHARE */
    attempt->limits.byte_cost = mxg_shared_cost(attempt->limits.byte_cost, share);
    for (int i = 0; i < MXG_PLACES; i++) {
        struct mxg_ceiling *ceiling = &attempt->ceiling[i];

        ceiling->interval_ns = mxg_shared_cost(ceiling->interval_ns, share);
        ceiling->guard_interval_ns = mxg_shared_cost(ceiling->guard_interval_ns, share);
        ceiling->burst = mxg_shared_count(ceiling->burst, share);
        ceiling->guard_burst = mxg_shared_count(ceiling->guard_burst, share);
        ceiling->connections = mxg_shared_count(ceiling->connections, share);
    }
}

#endif
