/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* SipHash-1-3 (Aumasson and Bernstein 2012) of whole words: keyed, so that nobody outside can aim
 * at a place in a table. */
#ifndef MXG_CORE_HASH_H
#define MXG_CORE_HASH_H

#include "dataplane/core/address.h"

struct mxg_sip {
    __u64 v0, v1, v2, v3;
};

MXG_INLINE __u64 mxg_rotate(__u64 x, int bits)
{
    return x << bits | x >> (64 - bits);
}

MXG_INLINE void mxg_sip_round(struct mxg_sip *s)
{
    s->v0 += s->v1;
    s->v1 = mxg_rotate(s->v1, 13) ^ s->v0;
    s->v0 = mxg_rotate(s->v0, 32);
    s->v2 += s->v3;
    s->v3 = mxg_rotate(s->v3, 16) ^ s->v2;
    s->v0 += s->v3;
    s->v3 = mxg_rotate(s->v3, 21) ^ s->v0;
    s->v2 += s->v1;
    s->v1 = mxg_rotate(s->v1, 17) ^ s->v2;
    s->v2 = mxg_rotate(s->v2, 32);
}

MXG_INLINE struct mxg_sip mxg_sip_start(const __u64 *key)
{
    struct mxg_sip s = {key[0] ^ 0x736f6d6570736575ULL, key[1] ^ 0x646f72616e646f6dULL,
                        key[0] ^ 0x6c7967656e657261ULL, key[1] ^ 0x7465646279746573ULL};
    return s;
}

MXG_INLINE void mxg_sip_word(struct mxg_sip *s, __u64 word)
{
    s->v3 ^= word;
    mxg_sip_round(s);
    s->v0 ^= word;
}

/* `last`: the last word, of at most 7 bytes; `bytes`: of the whole input. */
MXG_INLINE __u64 mxg_sip_end(struct mxg_sip *s, __u64 last, __u64 bytes)
{
    mxg_sip_word(s, last | bytes << 56);
    s->v2 ^= 0xff;
    mxg_sip_round(s);
    mxg_sip_round(s);
    mxg_sip_round(s);
    return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

#define MXG_MAX_HASH_WORDS 6 /* that anything here is hashed from */

/* Of `words` words, each `stride` behind the one before; the last one is of at most 7 bytes. */
MXG_INLINE __u64 mxg_sip_words(const __u64 *key, const __u64 *word, __u32 stride, __u32 words,
                               __u64 bytes)
{
    struct mxg_sip sip = mxg_sip_start(key);

#pragma GCC unroll 6
    for (__u32 i = 0; i + 1 < words; i++)
        mxg_sip_word(&sip, word[i * stride]);
    return mxg_sip_end(&sip, word[(words - 1) * stride], bytes);
}

#endif
