/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Source table: bounded state per source prefix, shared by all cores without locks.
 *
 * A fixed array of buckets of 64 entries, one cache line each. A keyed hash chooses the bucket and
 * a way in it, so that nobody outside can aim at one; an entry lies there or in one of the three
 * ways behind (the first follow the last). Ways to which several hashes lead level out what chance
 * does: in a table half full of senders that take turns, one in forty has no entry of its own when
 * it comes again; with buckets of four that each hash has to itself it is one in seven. Each parent
 * level has a table of its own behind that of the source prefixes, an eighth of its size. Entries
 * are updated with compare-and-swap, a few tries, then the safe answer.
 *
 * Where all four ways are taken, the entry that is furthest in credit goes: an entry whose bucket
 * of tokens is full again is worth nothing, so its eviction loses nothing, and a flood of new
 * prefixes evicts itself first. An entry with open connections never goes. One that carries a
 * penalty does not either, except that of one /32 (IPv4: /24) only the first entry of the four is
 * protected, and not all four are: nobody can fill the table with penalties. Where none can go, the
 * caller turns to the parent prefix.
 *
 * The platform gives
 *   struct mxg_source_settings mxg_settings(gate)
 *   struct mxg_bucket *mxg_source_bucket(gate, number)
 *   void mxg_count_pressure(gate, enum mxg_pressure)
 *   __u64 mxg_now(gate)   nanoseconds, monotonic
 */
#ifndef MXG_CORE_SOURCES_H
#define MXG_CORE_SOURCES_H

#include "dataplane/core/address.h"
#include "dataplane/core/hash.h"
#include "dataplane/core/image.h"

#define MXG_MAX_SOURCES (1ULL << 28) /* entries: 16 GiB */
#define MXG_WAYS 64                  /* of a bucket: 4 KiB */
#define MXG_NEAR 4                   /* ways that an entry may have */
#define MXG_TRIES 4

/* tag: 0 free, MXG_TAG_BUSY while a core fills the entry, else bits of the hash, family, length. */
#define MXG_TAG_BUSY 1u

/* Times are of mxg_now. What lies in the past says nothing. */
struct mxg_source {
    __u32 tag;
    __u32 open;             /* connections */
    __u64 hi, lo;           /* source prefix */
    __u64 full_at_ns;       /* GCRA's theoretical arrival time: when the bucket of tokens is full */
    __u64 guard_full_at_ns; /* the same of the SYN guard */
    __u64 bytes_full_at_ns; /* and of established traffic */
    __u64 wait_until_ns;    /* attempts before this are denied */
    __u32 admitted, denied; /* attempts */
};

struct mxg_bucket {
    struct mxg_source way[MXG_WAYS];
};

/* Set once when a source table is made; lives and dies with it. */
struct mxg_source_settings {
    __u64 key[2];      /* of the hash */
    __u32 bucket_mask; /* buckets of source prefixes - 1, a power of two - 1 */
    __u32 reserved;
};

#ifdef __cplusplus
#define _Static_assert static_assert
#endif
_Static_assert(sizeof(struct mxg_source) == 64, "one cache line");

/* What a table does that is too small for its senders. */
enum mxg_pressure {
    MXG_EVICTED,    /* an entry was lost that was not worth nothing yet */
    MXG_OVERFLOWED, /* there was no room for an entry: the parent stands in */
    MXG_PRESSURES
};

#define MXG_PREFIX_WORDS 3
#define MXG_PREFIX_BYTES 17

/* What a prefix is hashed from: words, `stride` apart. */
MXG_INLINE void mxg_prefix_words(const struct mxg_prefix *prefix, __u64 *word, __u32 stride)
{
    word[0] = prefix->address.hi;
    word[stride] = prefix->address.lo;
    word[2 * stride] = (__u64)prefix->address.family << 8 | prefix->length;
}

/* The tag of a prefix is mxg_source_tag of this. */
MXG_INLINE __u64 mxg_prefix_hash(const __u64 *key, const struct mxg_prefix *prefix)
{
    __u64 word[MXG_PREFIX_WORDS];

    mxg_prefix_words(prefix, word, 1);
    return mxg_sip_words(key, word, 1, MXG_PREFIX_WORDS, MXG_PREFIX_BYTES);
}

MXG_INLINE __u32 mxg_source_tag(__u64 hash, const struct mxg_prefix *prefix)
{
    return (__u32)hash << 10 | (prefix->address.family & 3) << 8 | (prefix->length & 0xff);
}

MXG_INLINE __u32 mxg_bucket_number(__u64 hash, __u32 mask)
{
    return (__u32)(hash >> 32) & mask;
}

/* Buckets of one level of parents, a power of two. */
MXG_INLINE __u32 mxg_parent_buckets(__u32 bucket_mask)
{
    return (bucket_mask >> 3) + 1;
}

/* Of the whole array. */
MXG_INLINE __u64 mxg_all_buckets(__u32 bucket_mask)
{
    return (__u64)bucket_mask + 1 + (__u64)MXG_LEVELS * mxg_parent_buckets(bucket_mask);
}

/* `place`: 0 the source prefix, 1..MXG_LEVELS its parents. */
MXG_INLINE __u32 mxg_bucket_at(__u32 bucket_mask, __u32 place, __u64 hash)
{
    const __u32 parents = mxg_parent_buckets(bucket_mask);

    if (place == 0)
        return mxg_bucket_number(hash, bucket_mask);
    return bucket_mask + 1 + (place - 1) * parents + mxg_bucket_number(hash, parents - 1);
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
    source->guard_full_at_ns = 0;
    source->bytes_full_at_ns = 0;
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

/* The `i`th way to try for a tag. In most cases its entry is in the first, so that one line of the
 * bucket is touched. */
MXG_INLINE __u32 mxg_way(__u32 tag, __u32 i)
{
    return ((tag >> 10) + i) & (MXG_WAYS - 1);
}

/* Which way of the bucket `prefix` has; MXG_WAYS: none. Does not touch it. */
MXG_INLINE __u32 mxg_find_way(const struct mxg_bucket *bucket, const struct mxg_prefix *prefix,
                              __u32 tag)
{
    for (__u32 i = 0; i < MXG_NEAR; i++)
        if (mxg_is_source(&bucket->way[mxg_way(tag, i)], prefix, tag))
            return mxg_way(tag, i);
    return MXG_WAYS;
}

/* Of the other ways to try, one that is of `prefix` too, or may become so. */
MXG_INLINE __u32 mxg_rival(const struct mxg_bucket *bucket, __u32 mine,
                           const struct mxg_prefix *prefix, __u32 tag)
{
    for (__u32 i = 0; i < MXG_NEAR; i++) {
        const __u32 way = mxg_way(tag, i);

        if (way != mine && (mxg_load32(&bucket->way[way].tag) == MXG_TAG_BUSY ||
                            mxg_is_source(&bucket->way[way], prefix, tag)))
            return way;
    }
    return MXG_WAYS;
}

/* 1: `time` is still to come; times are less than 2^63 ns apart. */
MXG_INLINE __u32 mxg_is_to_come(__u64 time, __u64 now)
{
    return (__u32)((now - time) >> 63);
}

/* 1: it was denied and is not yet what it was before, or must wait. Without branches, as all of
 * what says which ways are protected: the BPF verifier walks each path through it. */
MXG_INLINE __u32 mxg_is_penalised(const struct mxg_source *source, __u64 now)
{
    const __u32 denied = 1 - (__u32)mxg_is_zero(mxg_load32(&source->denied));

    return mxg_is_to_come(mxg_load64(&source->wait_until_ns), now) |
           (denied & mxg_is_to_come(mxg_load64(&source->full_at_ns), now));
}

/* 1: both lie in one /32, or IPv4 /24. Halves of tags name the family. */
MXG_INLINE __u32 mxg_share_a_parent(const struct mxg_source *a, const struct mxg_source *b)
{
    const __u64 family = a->tag >> 8 & 3;
    const __u64 shift = 32 + 8 * mxg_is_zero(family ^ MXG_FAMILY_IPV4);

    return (__u32)mxg_is_zero((family ^ (b->tag >> 8 & 3)) | (a->hi ^ b->hi) >> shift);
}

/* Which of the ways to try may not be evicted, as bits. */
MXG_INLINE __u32 mxg_protected_ways(const struct mxg_bucket *bucket, __u32 tag, __u64 now)
{
    __u32 open = 0, penalised = 0, protected_ways;

    for (__u32 i = 0; i < MXG_NEAR; i++) {
        const struct mxg_source *source = &bucket->way[mxg_way(tag, i)];

        open |= (1 - (__u32)mxg_is_zero(mxg_load32(&source->open))) << i;
        penalised |= mxg_is_penalised(source, now) << i;
    }
    protected_ways = penalised;
    for (__u32 i = 1; i < MXG_NEAR; i++)
        for (__u32 j = 0; j < i; j++)
            protected_ways &=
                ~((penalised >> j & 1 &
                   mxg_share_a_parent(&bucket->way[mxg_way(tag, i)], &bucket->way[mxg_way(tag, j)]))
                  << i);
    protected_ways &= (__u32)mxg_is_zero(protected_ways ^ ((1u << MXG_NEAR) - 1)) - 1;
    return protected_ways | open;
}

#define MXG_FULL (MXG_WAYS + 1)      /* no entry may be evicted */
#define MXG_CONTESTED (MXG_WAYS + 2) /* other cores were at its ways */

/* The way to evict: free, or furthest in credit; or MXG_FULL or MXG_CONTESTED. */
MXG_INLINE __u32 mxg_find_victim(const struct mxg_bucket *bucket, __u32 tag, __u64 now, __u32 *old)
{
    const __u32 protected_ways = mxg_protected_ways(bucket, tag, now);
    __u32 victim = MXG_FULL;
    __u64 least = ~0ULL;

    for (__u32 i = 0; i < MXG_NEAR; i++) {
        const __u32 way = mxg_way(tag, i);
        const struct mxg_source *source = &bucket->way[way];
        const __u32 seen = mxg_load32(&source->tag);
        const __u64 full_at = seen == 0 ? 0 : mxg_load64(&source->full_at_ns);

        if (seen == MXG_TAG_BUSY || seen == tag) {
            if (victim == MXG_FULL)
                victim = MXG_CONTESTED;
        } else if (full_at < least && (seen == 0 || !(protected_ways >> i & 1))) {
            least = full_at;
            victim = way;
            *old = seen;
        }
    }
    return victim;
}

/* 1: to forget it is to forget a debt or a penalty. */
MXG_INLINE __u32 mxg_is_in_debt(const struct mxg_source *source, __u64 now)
{
    return mxg_load64(&source->full_at_ns) > now || mxg_load64(&source->guard_full_at_ns) > now ||
           mxg_load64(&source->bytes_full_at_ns) > now || mxg_load64(&source->wait_until_ns) > now;
}

/* A way for `prefix`, which has none; MXG_FULL or MXG_CONTESTED if there is none to be had. Sets
 * *evicted to 1 where that cost a debt. */
MXG_SELDOM __u32 mxg_make_way(struct mxg_bucket *bucket, const struct mxg_prefix *prefix, __u32 tag,
                              __u64 now, __u32 *evicted)
{
    __u32 old = 0, rival, way;
    struct mxg_source *victim;

    way = mxg_find_victim(bucket, tag, now, &old);
    if (way >= MXG_WAYS)
        return way;
    victim = &bucket->way[way];
    /* Only what was seen is replaced: another core may have made the entry of `prefix` there. */
    if (__sync_val_compare_and_swap(&victim->tag, old, MXG_TAG_BUSY) != old)
        return MXG_CONTESTED;
    /* Another core may have counted a connection to it, and then has not seen the BUSY. */
    if (old != 0 && mxg_load32(&victim->open)) {
        __sync_val_compare_and_swap(&victim->tag, MXG_TAG_BUSY, old);
        return MXG_CONTESTED;
    }
    /* Or it is making it elsewhere: two entries would be twice the rate. */
    rival = mxg_rival(bucket, way, prefix, tag);
    if (rival < MXG_WAYS) {
        __sync_val_compare_and_swap(&victim->tag, MXG_TAG_BUSY, old);
        return mxg_is_source(&bucket->way[rival], prefix, tag) ? rival : MXG_CONTESTED;
    }
    *evicted = old != 0 && mxg_is_in_debt(victim, now);
    mxg_fill_source(victim, prefix, now);
    if (old == 0) /* else it is 0, but for a core that is about to take its count back */
        victim->open = 0;
    __sync_val_compare_and_swap(&victim->tag, MXG_TAG_BUSY, tag);
    return way;
}

/* The way of `prefix`, new if need be; MXG_FULL or MXG_CONTESTED if there is none. */
MXG_INLINE __u32 mxg_take_way(struct mxg_bucket *bucket, const struct mxg_prefix *prefix, __u32 tag,
                              __u64 now, __u32 *evicted)
{
    const __u32 way = mxg_find_way(bucket, prefix, tag);

    return way < MXG_WAYS ? way : mxg_make_way(bucket, prefix, tag, now, evicted);
}

#endif
