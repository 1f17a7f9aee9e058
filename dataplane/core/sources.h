/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Source table: bounded state per source prefix, shared by all cores without locks.
 *
 * A fixed array of buckets of four entries, one cache line each; the bucket is chosen by a keyed
 * hash, so that nobody outside can aim at one. Entries are updated with compare-and-swap, a few
 * tries, then the safe answer. A full bucket gives up the entry that is furthest in credit: an
 * entry whose bucket of tokens is full again is worth nothing, so its eviction loses nothing,
 * and a flood of new prefixes evicts itself before it evicts a sender that is over its rate.
 *
 * The platform gives
 *   struct mxg_source_settings mxg_settings(gate)
 *   struct mxg_bucket *mxg_source_bucket(gate, number)
 *   __u64 mxg_now(gate)   nanoseconds, monotonic
 */
#ifndef MXG_CORE_SOURCES_H
#define MXG_CORE_SOURCES_H

#include "dataplane/core/address.h"
#include "dataplane/core/hash.h"

#define MXG_MAX_SOURCES (1ULL << 28) /* entries: 16 GiB */
#define MXG_WAYS 4
#define MXG_TRIES 4

/* tag: 0 free, MXG_TAG_BUSY while a core fills the entry, else bits of the hash, family, length. */
#define MXG_TAG_BUSY 1u

/* Times are of mxg_now. What lies in the past says nothing. */
struct mxg_source {
    __u32 tag;
    __u32 reserved32;
    __u64 hi, lo;        /* source prefix */
    __u64 full_at_ns;    /* GCRA's theoretical arrival time: when the bucket of tokens is full */
    __u64 wait_until_ns; /* attempts before this are denied */
    __u64 reserved[2];
    __u32 admitted, denied; /* attempts */
};

struct mxg_bucket {
    struct mxg_source way[MXG_WAYS];
};

/* Set once when a source table is made; lives and dies with it. */
struct mxg_source_settings {
    __u64 key[2];      /* of the hash */
    __u32 bucket_mask; /* number of buckets - 1, a power of two - 1 */
    __u32 reserved;
};

#ifdef __cplusplus
#define _Static_assert static_assert
#endif
_Static_assert(sizeof(struct mxg_source) == 64, "one cache line");

/* The tag of a prefix is mxg_source_tag of this. */
MXG_INLINE __u64 mxg_prefix_hash(const __u64 *key, const struct mxg_prefix *prefix)
{
    struct mxg_sip sip = mxg_sip_start(key);

    mxg_sip_word(&sip, prefix->address.hi);
    mxg_sip_word(&sip, prefix->address.lo);
    return mxg_sip_end(&sip, (__u64)prefix->address.family << 8 | prefix->length, 17);
}

MXG_INLINE __u32 mxg_source_tag(__u64 hash, const struct mxg_prefix *prefix)
{
    return (__u32)hash << 10 | (prefix->address.family & 3) << 8 | (prefix->length & 0xff);
}

MXG_INLINE __u32 mxg_bucket_number(__u64 hash, __u32 mask)
{
    return (__u32)(hash >> 32) & mask;
}

MXG_INLINE __u64 mxg_load64(const __u64 *at)
{
    return *(const volatile __u64 *)at;
}

MXG_INLINE void mxg_store64(__u64 *at, __u64 value)
{
    *(volatile __u64 *)at = value;
}

MXG_INLINE __u32 mxg_load32(const __u32 *at)
{
    return *(const volatile __u32 *)at;
}

MXG_INLINE void mxg_fill_source(struct mxg_source *source, const struct mxg_prefix *prefix,
                                __u64 now)
{
    source->hi = prefix->address.hi;
    source->lo = prefix->address.lo;
    source->full_at_ns = now; /* not 0: until it is charged a free entry is the better victim */
    source->wait_until_ns = 0;
    source->admitted = 0;
    source->denied = 0;
}

MXG_INLINE int mxg_is_source(const struct mxg_source *source, const struct mxg_prefix *prefix,
                             __u32 tag)
{
    return mxg_load32(&source->tag) == tag && source->hi == prefix->address.hi &&
           source->lo == prefix->address.lo;
}

/* The entry of `prefix`, or 0. Does not touch it. */
MXG_INLINE struct mxg_source *mxg_find_source(struct mxg_bucket *bucket,
                                              const struct mxg_prefix *prefix, __u32 tag)
{
    for (int i = 0; i < MXG_WAYS; i++)
        if (mxg_is_source(&bucket->way[i], prefix, tag))
            return &bucket->way[i];
    return 0;
}

/* Of the other entries, one that is of `prefix` too, or may become so. */
MXG_INLINE struct mxg_source *mxg_rival(struct mxg_bucket *bucket, const struct mxg_source *mine,
                                        const struct mxg_prefix *prefix, __u32 tag)
{
    for (int i = 0; i < MXG_WAYS; i++) {
        struct mxg_source *other = &bucket->way[i];

        if (other != mine &&
            (mxg_load32(&other->tag) == MXG_TAG_BUSY || mxg_is_source(other, prefix, tag)))
            return other;
    }
    return 0;
}

/* The entry of `prefix`, new if need be; 0 if other cores were at the bucket. */
MXG_INLINE struct mxg_source *mxg_take_source(struct mxg_bucket *bucket,
                                              const struct mxg_prefix *prefix, __u32 tag, __u64 now)
{
    struct mxg_source *source = mxg_find_source(bucket, prefix, tag), *victim = 0;
    __u64 least = ~0ULL, full_at;
    __u32 old = 0, seen;

    if (source)
        return source;
    for (int i = 0; i < MXG_WAYS; i++) {
        source = &bucket->way[i];
        seen = mxg_load32(&source->tag);
        full_at = seen == 0 ? 0 : mxg_load64(&source->full_at_ns);
        if (seen != MXG_TAG_BUSY && seen != tag && full_at < least) {
            least = full_at;
            victim = source;
            old = seen;
        }
    }
    /* Only what was seen is replaced: another core may have made the entry of `prefix` there. */
    if (!victim || __sync_val_compare_and_swap(&victim->tag, old, MXG_TAG_BUSY) != old)
        return 0;
    /* Or it is making it elsewhere: two entries would be twice the rate. */
    source = mxg_rival(bucket, victim, prefix, tag);
    if (source) {
        __sync_val_compare_and_swap(&victim->tag, MXG_TAG_BUSY, old);
        return mxg_is_source(source, prefix, tag) ? source : 0;
    }
    mxg_fill_source(victim, prefix, now);
    __sync_val_compare_and_swap(&victim->tag, MXG_TAG_BUSY, tag);
    return victim;
}

#endif
