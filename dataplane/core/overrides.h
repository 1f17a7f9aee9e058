/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the operator set by hand: prefixes of any length with a class each and an end, consulted
 * before the policy table. Two sets in memory that control plane and data plane share: the control
 * plane writes the one that is not in use and then turns to it, so that no reader waits.
 *
 * A set holds buckets of four, found by a hash with a seed under which no bucket overflows; a
 * look-up asks once for each prefix length that occurs, the longest first.
 *
 * The platform gives
 *   const struct mxg_overrides *mxg_overrides_of(gate)   or 0
 *   __u64 mxg_now(gate)
 */
#ifndef MXG_CORE_OVERRIDES_H
#define MXG_CORE_OVERRIDES_H

#include "dataplane/core/address.h"

#define MXG_OVERRIDES 256        /* prefixes */
#define MXG_OVERRIDE_BUCKETS 256 /* of four */
#define MXG_OVERRIDE_LENGTHS 16  /* different ones, of a family */
#define MXG_FEED_BY_HAND 0xfffe  /* of a decision, in place of a feed */

struct mxg_override {
    __u64 hi, lo;
    __u64 until_ns; /* of mxg_now; ~0: without end */
    __u8 family;    /* 0: free */
    __u8 length;    /* bits */
    __u8 class_id;
    __u8 reserved[5];
};

struct mxg_override_set {
    __u64 seed;
    __u32 count; /* of overrides */
    __u32 reserved;
    __u8 lengths[2][MXG_OVERRIDE_LENGTHS]; /* of IPv6, of IPv4: each + 1, falling; 0: no more */
    struct mxg_override way[MXG_OVERRIDE_BUCKETS][4];
};

struct mxg_overrides {
    __u32 version; /* & 1: the set in use */
    __u32 reserved[15];
    struct mxg_override_set set[2];
};

MXG_INLINE __u32 mxg_override_bucket(__u64 seed, const struct mxg_address *address, __u32 length)
{
    __u64 mix = (address->hi ^ seed) * 0x9e3779b97f4a7c15ULL;

    mix = ((mix ^ mix >> 29) + address->lo + length) * 0xbf58476d1ce4e5b9ULL;
    return (__u32)(mix >> 40) & (MXG_OVERRIDE_BUCKETS - 1);
}

/* The override that `address` lies in, or 0. */
MXG_INLINE const struct mxg_override *mxg_find_override(const struct mxg_overrides *all,
                                                        const struct mxg_address *address)
{
    const struct mxg_override_set *set;
    const __u8 *lengths;

    set = &all->set[*(const volatile __u32 *)&all->version & 1];
    if (!set->count)
        return 0;
    lengths = set->lengths[address->family == MXG_FAMILY_IPV4];
    for (__u32 i = 0; i < MXG_OVERRIDE_LENGTHS && lengths[i]; i++) {
        const __u32 length = lengths[i] - 1u;
        const struct mxg_address prefix = mxg_cut(*address, length);
        const struct mxg_override *bucket =
            set->way[mxg_override_bucket(set->seed, &prefix, length)];

        for (int way = 0; way < 4; way++)
            if (bucket[way].hi == prefix.hi && bucket[way].lo == prefix.lo &&
                bucket[way].length == length && bucket[way].family == address->family)
                return &bucket[way];
    }
    return 0;
}

#endif
