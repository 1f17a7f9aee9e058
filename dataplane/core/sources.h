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

#define MXG_MAX_SOURCES (1ULL << 28) /* entries: 16 GiB */
#define MXG_WAYS 4
#define MXG_TRIES 4

/* tag: 0 free, MXG_TAG_BUSY while a core fills the entry, else a hash of the prefix | 1. */
#define MXG_TAG_BUSY 2ULL

struct mxg_source {
    __u64 tag;
    __u64 hi, lo;     /* source prefix */
    __u64 full_at_ns; /* GCRA's theoretical arrival time: when the bucket of tokens is full */
    __u64 first_seen_ns;
    __u64 last_seen_ns; /* last attempt that was admitted */
    __u32 admitted;     /* attempts */
    __u32 denied;
    __u8 family, length;
    __u8 reserved[6];
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

#define MXG_ROTATE(x, b) (((x) << (b)) | ((x) >> (64 - (b))))
#define MXG_SIPROUND             \
    do {                         \
        v0 += v1;                \
        v1 = MXG_ROTATE(v1, 13); \
        v1 ^= v0;                \
        v0 = MXG_ROTATE(v0, 32); \
        v2 += v3;                \
        v3 = MXG_ROTATE(v3, 16); \
        v3 ^= v2;                \
        v0 += v3;                \
        v3 = MXG_ROTATE(v3, 21); \
        v3 ^= v0;                \
        v2 += v1;                \
        v1 = MXG_ROTATE(v1, 17); \
        v1 ^= v2;                \
        v2 = MXG_ROTATE(v2, 32); \
    } while (0)

/* SipHash-1-3 (Aumasson and Bernstein 2012) of three words: the prefix, and its length. */
MXG_INLINE __u64 mxg_source_hash(const __u64 *key, __u64 hi, __u64 lo, __u64 kind)
{
    __u64 v0 = key[0] ^ 0x736f6d6570736575ULL, v1 = key[1] ^ 0x646f72616e646f6dULL;
    __u64 v2 = key[0] ^ 0x6c7967656e657261ULL, v3 = key[1] ^ 0x7465646279746573ULL;

    v3 ^= hi;
    MXG_SIPROUND;
    v0 ^= hi;
    v3 ^= lo;
    MXG_SIPROUND;
    v0 ^= lo;
    v3 ^= kind | 17ULL << 56;
    MXG_SIPROUND;
    v0 ^= kind | 17ULL << 56;
    v2 ^= 0xff;
    MXG_SIPROUND;
    MXG_SIPROUND;
    MXG_SIPROUND;
    return v0 ^ v1 ^ v2 ^ v3;
}

/* The tag of a prefix is its hash | 1. */
MXG_INLINE __u64 mxg_prefix_hash(const __u64 *key, const struct mxg_prefix *prefix)
{
    return mxg_source_hash(key, prefix->address.hi, prefix->address.lo,
                           (__u64)prefix->address.family << 8 | prefix->length);
}

MXG_INLINE __u32 mxg_bucket_number(__u64 hash, __u32 mask)
{
    return (__u32)(hash >> 32) & mask;
}

MXG_INLINE __u64 mxg_load64(const __u64 *at)
{
    return *(const volatile __u64 *)at;
}

MXG_INLINE void mxg_fill_source(struct mxg_source *source, const struct mxg_prefix *prefix,
                                __u64 now)
{
    source->hi = prefix->address.hi;
    source->lo = prefix->address.lo;
    source->full_at_ns = now; /* not 0: until it is charged a free entry is the better victim */
    source->first_seen_ns = now;
    source->last_seen_ns = 0;
    source->admitted = 0;
    source->denied = 0;
    source->family = (__u8)prefix->address.family;
    source->length = (__u8)prefix->length;
}

MXG_INLINE int mxg_is_source(const struct mxg_source *source, const struct mxg_prefix *prefix,
                             __u64 tag)
{
    return mxg_load64(&source->tag) == tag && source->hi == prefix->address.hi &&
           source->lo == prefix->address.lo && source->family == prefix->address.family &&
           source->length == prefix->length;
}

/* The entry of `prefix`, or 0. Does not touch it. */
MXG_INLINE struct mxg_source *mxg_find_source(struct mxg_bucket *bucket,
                                              const struct mxg_prefix *prefix, __u64 tag)
{
    for (int i = 0; i < MXG_WAYS; i++)
        if (mxg_is_source(&bucket->way[i], prefix, tag))
            return &bucket->way[i];
    return 0;
}

/* Of the other entries, one that is of `prefix` too, or may become so. */
MXG_INLINE struct mxg_source *mxg_rival(struct mxg_bucket *bucket, const struct mxg_source *mine,
                                        const struct mxg_prefix *prefix, __u64 tag)
{
    for (int i = 0; i < MXG_WAYS; i++) {
        struct mxg_source *other = &bucket->way[i];

        if (other != mine &&
            (mxg_load64(&other->tag) == MXG_TAG_BUSY || mxg_is_source(other, prefix, tag)))
            return other;
    }
    return 0;
}

/* The entry of `prefix`, new if need be; 0 if other cores were at the bucket. */
MXG_INLINE struct mxg_source *mxg_take_source(struct mxg_bucket *bucket,
                                              const struct mxg_prefix *prefix, __u64 tag, __u64 now)
{
    struct mxg_source *source = mxg_find_source(bucket, prefix, tag), *victim = 0;
    __u64 least = ~0ULL, old = 0, seen, full_at;

    if (source)
        return source;
    for (int i = 0; i < MXG_WAYS; i++) {
        source = &bucket->way[i];
        seen = mxg_load64(&source->tag);
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

enum mxg_charge { MXG_CHARGE_OK, MXG_CHARGE_DENIED, MXG_CHARGE_CONTENDED };

/* GCRA (ITU-T I.371): one attempt at `now` against one per `interval`, `tolerance` early. A debt
 * made under a slower rate is cut to an empty bucket of this one. */
MXG_INLINE enum mxg_charge mxg_charge_rate(__u64 *full_at_ns, __u64 interval, __u64 tolerance,
                                           __u64 now)
{
    for (int i = 0; i < MXG_TRIES; i++) {
        __u64 old = mxg_load64(full_at_ns);
        __u64 from = old > now ? old : now;

        if (from - now > tolerance + interval)
            __sync_val_compare_and_swap(full_at_ns, old, now + tolerance + interval);
        if (from - now > tolerance)
            return MXG_CHARGE_DENIED;
        if (__sync_val_compare_and_swap(full_at_ns, old, from + interval) == old)
            return MXG_CHARGE_OK;
    }
    return MXG_CHARGE_CONTENDED;
}

#endif
