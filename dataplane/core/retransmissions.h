/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* SYNs seen of late, so that a SYN and its retransmissions are one attempt with one verdict.
 *
 * A fixed array of lines of four records; the line is chosen by a keyed hash of addresses, ports
 * and initial sequence number. The oldest record of a line gives way, so a flood shortens how long
 * a SYN is remembered, and nothing else. `check` is the hash combined with `info`: a record that
 * two cores wrote at once fits neither of their SYNs.
 *
 * An attempt is over when its handshake is complete. A SYN that was admitted is half-open until
 * then, for as long as it is remembered and no longer than an attempt may take.
 *
 * The platform gives
 *   struct mxg_seen_line *mxg_seen_at(gate, number)   of as many lines as mxg_seen_mask has
 */
#ifndef MXG_CORE_RETRANSMISSIONS_H
#define MXG_CORE_RETRANSMISSIONS_H

#include "dataplane/core/hash.h"
#include "dataplane/core/packet.h"
#include "dataplane/core/sources.h"

#define MXG_SEEN_WAYS 4
#define MXG_SEEN_COPIES 12                    /* frames of one attempt: the first, and 11 more */
#define MXG_SEEN_WINDOW (64000000000LL >> 16) /* of 2^16 ns: how long an attempt may take */

struct mxg_seen {
    __u64 check;
    __u64 info; /* 0: free; time of the first SYN in 2^16 ns << 16 | done << 15 | copies << 11 |
                   class << 7 | verdict << 5 | reason */
};

struct mxg_seen_line {
    struct mxg_seen way[MXG_SEEN_WAYS];
};

#define MXG_SEEN_DONE (1u << 15) /* its handshake is complete */

#ifdef __cplusplus
#define _Static_assert static_assert
#endif
_Static_assert(sizeof(struct mxg_seen_line) == 64, "one cache line");
_Static_assert(MXG_REASONS <= 1 << 5 && MXG_MAX_CLASSES <= 1 << 4, "they fit into `info`");

/* Lines - 1, a power of two - 1: a record for each entry of the source table. */
MXG_INLINE __u32 mxg_seen_mask(__u32 bucket_mask)
{
    return (bucket_mask + 1) * (MXG_WAYS / MXG_SEEN_WAYS) - 1;
}

/* The line of a SYN. */
MXG_INLINE __u32 mxg_seen_number(__u64 hash, __u32 bucket_mask)
{
    return (__u32)(hash >> 32) & mxg_seen_mask(bucket_mask);
}

MXG_INLINE __u32 mxg_seen_copies(__u64 info)
{
    return info >> 11 & 15;
}

MXG_INLINE __u32 mxg_seen_class(__u64 info)
{
    return info >> 7 & (MXG_MAX_CLASSES - 1);
}

MXG_INLINE __u32 mxg_seen_verdict(__u64 info)
{
    return info >> 5 & 3;
}

MXG_INLINE __u32 mxg_seen_reason(__u64 info)
{
    return info & 31;
}

MXG_INLINE int mxg_is_recent(__u64 info, __u64 now)
{
    return (__s64)((now >> 16) - (info >> 16)) < MXG_SEEN_WINDOW;
}

MXG_INLINE int mxg_is_half_open(__u64 info, __u64 now)
{
    return info && !(info & MXG_SEEN_DONE) && mxg_seen_verdict(info) == MXG_PASS &&
           mxg_is_recent(info, now);
}

#define MXG_TUPLE_WORDS 6
#define MXG_TUPLE_BYTES 41

/* What addresses and ports, with `sequence`, are hashed from: words, `stride` apart. */
MXG_INLINE void mxg_tuple_words(const struct mxg_packet *packet, __u32 sequence, __u64 *word,
                                __u32 stride)
{
    word[0] = packet->source.hi;
    word[stride] = packet->source.lo;
    word[2 * stride] = packet->destination.hi;
    word[3 * stride] = packet->destination.lo;
    word[4 * stride] =
        (__u64)sequence << 32 | (__u32)packet->source_port << 16 | packet->destination_port;
    word[5 * stride] = packet->source.family;
}

MXG_INLINE __u64 mxg_tuple_hash(const __u64 *key, const struct mxg_packet *packet, __u32 sequence)
{
    __u64 word[MXG_TUPLE_WORDS];

    mxg_tuple_words(packet, sequence, word, 1);
    return mxg_sip_words(key, word, 1, MXG_TUPLE_WORDS, MXG_TUPLE_BYTES);
}

MXG_INLINE __u64 mxg_syn_hash(const __u64 *key, const struct mxg_packet *packet)
{
    return mxg_tuple_hash(key, packet, packet->sequence);
}

/* What was said of the SYN with this hash, as `info`; 0: it is a new attempt. *place: of its
 * record, old or to be, in the line. */
MXG_INLINE __u64 mxg_recall(struct mxg_seen_line *line, __u64 hash, __u64 now, __u32 *place)
{
    __u64 least = ~0ULL; /* the time of the oldest record, and in its lowest bits which it is */

    for (__u32 i = 0; i < MXG_SEEN_WAYS; i++) {
        struct mxg_seen *seen = &line->way[i];
        __u64 info = mxg_load64(&seen->info);

        if ((mxg_load64(&seen->check) ^ info) != hash || !info) {
            const __u64 age = (info & ~(__u64)(MXG_SEEN_WAYS - 1)) | i;

            least = age < least ? age : least;
            continue;
        }
        *place = i;
        if ((info & MXG_SEEN_DONE) || !mxg_is_recent(info, now) ||
            mxg_seen_copies(info) >= MXG_SEEN_COPIES)
            return 0;
        info += 1u << 11;
        mxg_store64(&seen->info, info);
        mxg_store64(&seen->check, hash ^ info);
        return info;
    }
    *place = least & (MXG_SEEN_WAYS - 1);
    return 0;
}

/* `place`: what mxg_recall gave. */
MXG_INLINE void mxg_remember(struct mxg_seen_line *line, __u32 place, __u64 hash, __u64 now,
                             __u32 class_id, __u32 verdict, __u32 reason)
{
    const __u64 info = now >> 16 << 16 | 1u << 11 | (class_id & (MXG_MAX_CLASSES - 1)) << 7 |
                       (verdict & 3) << 5 | (reason & 31);
    struct mxg_seen *seen = &line->way[place & (MXG_SEEN_WAYS - 1)];

    mxg_store64(&seen->info, info);
    mxg_store64(&seen->check, hash ^ info);
}

/* The handshake of the SYN with this hash is complete. */
MXG_INLINE void mxg_end_attempt(struct mxg_seen_line *line, __u64 hash)
{
    for (__u32 i = 0; i < MXG_SEEN_WAYS; i++) {
        struct mxg_seen *seen = &line->way[i];
        const __u64 info = mxg_load64(&seen->info);

        if (!info || (mxg_load64(&seen->check) ^ info) != hash)
            continue;
        mxg_store64(&seen->info, info | MXG_SEEN_DONE);
        mxg_store64(&seen->check, hash ^ (info | MXG_SEEN_DONE));
    }
}

#endif
