/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* SipHash of many inputs, user space only: with AVX-512 or AVX2 side by side, else one by one. The
 * hashes are those of hash.h. */
#ifndef MXG_CORE_HASH_BURST_H
#define MXG_CORE_HASH_BURST_H

#include "dataplane/core/burst_wide.h"
#include "dataplane/core/hash.h"

#define MXG_LOT 16 /* inputs: at least two vectors, because each round waits for the one before */

/* word[i][n]: the i'th word of input n. */
struct mxg_hash_words {
    __u64 word[MXG_MAX_HASH_WORDS][MXG_LOT] __attribute__((aligned(64)));
};

#ifdef MXG_WIDE
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push /* as in burst_wide.h */
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

struct mxg_wide_sip {
    __m512i v0, v1, v2, v3;
};

MXG_WIDE_INLINE void mxg_wide_sip_round(struct mxg_wide_sip *s)
{
    s->v0 = _mm512_add_epi64(s->v0, s->v1);
    s->v1 = _mm512_xor_si512(_mm512_rol_epi64(s->v1, 13), s->v0);
    s->v0 = _mm512_rol_epi64(s->v0, 32);
    s->v2 = _mm512_add_epi64(s->v2, s->v3);
    s->v3 = _mm512_xor_si512(_mm512_rol_epi64(s->v3, 16), s->v2);
    s->v0 = _mm512_add_epi64(s->v0, s->v3);
    s->v3 = _mm512_xor_si512(_mm512_rol_epi64(s->v3, 21), s->v0);
    s->v2 = _mm512_add_epi64(s->v2, s->v1);
    s->v1 = _mm512_xor_si512(_mm512_rol_epi64(s->v1, 17), s->v2);
    s->v2 = _mm512_rol_epi64(s->v2, 32);
}

MXG_WIDE static inline void mxg_hash_wide(const __u64 *key, const struct mxg_hash_words *in,
                                          __u32 words, __u64 bytes, __u64 *out)
{
    const struct mxg_sip start = mxg_sip_start(key);
    struct mxg_wide_sip s[2];

    for (__u32 half = 0; half < 2; half++) {
        s[half].v0 = _mm512_set1_epi64((long long)start.v0);
        s[half].v1 = _mm512_set1_epi64((long long)start.v1);
        s[half].v2 = _mm512_set1_epi64((long long)start.v2);
        s[half].v3 = _mm512_set1_epi64((long long)start.v3);
    }
    for (__u32 i = 0; i < words; i++) {
        const __m512i length = _mm512_set1_epi64(i + 1 == words ? (long long)(bytes << 56) : 0);

        for (__u32 half = 0; half < 2; half++) {
            const __m512i word = _mm512_or_si512(_mm512_load_si512(in->word[i] + 8 * half), length);

            s[half].v3 = _mm512_xor_si512(s[half].v3, word);
            mxg_wide_sip_round(&s[half]);
            s[half].v0 = _mm512_xor_si512(s[half].v0, word);
        }
    }
    for (__u32 half = 0; half < 2; half++)
        s[half].v2 = _mm512_xor_si512(s[half].v2, _mm512_set1_epi64(0xff));
    for (__u32 i = 0; i < 3; i++)
        for (__u32 half = 0; half < 2; half++)
            mxg_wide_sip_round(&s[half]);
    for (__u32 half = 0; half < 2; half++)
        _mm512_storeu_si512(out + 8 * half,
                            _mm512_xor_si512(_mm512_xor_si512(s[half].v0, s[half].v1),
                                             _mm512_xor_si512(s[half].v2, s[half].v3)));
}

#define MXG_AVX2_TARGET __attribute__((target("avx2")))
#define MXG_AVX2_ROTATE(x, bits) \
    _mm256_or_si256(_mm256_slli_epi64(x, bits), _mm256_srli_epi64(x, 64 - (bits)))

struct mxg_avx2_sip {
    __m256i v0, v1, v2, v3;
};

MXG_INLINE MXG_AVX2_TARGET void mxg_avx2_sip_round(struct mxg_avx2_sip *s)
{
    const __m256i by_16 = _mm256_setr_epi8(6, 7, 0, 1, 2, 3, 4, 5, 14, 15, 8, 9, 10, 11, 12, 13, 6,
                                           7, 0, 1, 2, 3, 4, 5, 14, 15, 8, 9, 10, 11, 12, 13);

    s->v0 = _mm256_add_epi64(s->v0, s->v1);
    s->v1 = _mm256_xor_si256(MXG_AVX2_ROTATE(s->v1, 13), s->v0);
    s->v0 = _mm256_shuffle_epi32(s->v0, 0xb1); /* by 32 */
    s->v2 = _mm256_add_epi64(s->v2, s->v3);
    s->v3 = _mm256_xor_si256(_mm256_shuffle_epi8(s->v3, by_16), s->v2);
    s->v0 = _mm256_add_epi64(s->v0, s->v3);
    s->v3 = _mm256_xor_si256(MXG_AVX2_ROTATE(s->v3, 21), s->v0);
    s->v2 = _mm256_add_epi64(s->v2, s->v1);
    s->v1 = _mm256_xor_si256(MXG_AVX2_ROTATE(s->v1, 17), s->v2);
    s->v2 = _mm256_shuffle_epi32(s->v2, 0xb1);
}

/* Eight inputs from `first` on: there are registers for two vectors, not for four. */
MXG_INLINE MXG_AVX2_TARGET void mxg_avx2_sip_eight(const struct mxg_sip *start,
                                                   const struct mxg_hash_words *in, __u32 first,
                                                   __u32 words, __u64 bytes, __u64 *out)
{
    struct mxg_avx2_sip s[2];

    for (__u32 half = 0; half < 2; half++) {
        s[half].v0 = _mm256_set1_epi64x((long long)start->v0);
        s[half].v1 = _mm256_set1_epi64x((long long)start->v1);
        s[half].v2 = _mm256_set1_epi64x((long long)start->v2);
        s[half].v3 = _mm256_set1_epi64x((long long)start->v3);
    }
    for (__u32 i = 0; i < words; i++) {
        const __m256i length = _mm256_set1_epi64x(i + 1 == words ? (long long)(bytes << 56) : 0);

        for (__u32 half = 0; half < 2; half++) {
            const __u64 *from = in->word[i] + first + 4 * half;
            const __m256i word = _mm256_or_si256(_mm256_load_si256((const __m256i *)from), length);

            s[half].v3 = _mm256_xor_si256(s[half].v3, word);
            mxg_avx2_sip_round(&s[half]);
            s[half].v0 = _mm256_xor_si256(s[half].v0, word);
        }
    }
    for (__u32 half = 0; half < 2; half++)
        s[half].v2 = _mm256_xor_si256(s[half].v2, _mm256_set1_epi64x(0xff));
    for (__u32 i = 0; i < 3; i++)
        for (__u32 half = 0; half < 2; half++)
            mxg_avx2_sip_round(&s[half]);
    for (__u32 half = 0; half < 2; half++)
        _mm256_storeu_si256((__m256i *)(out + first + 4 * half),
                            _mm256_xor_si256(_mm256_xor_si256(s[half].v0, s[half].v1),
                                             _mm256_xor_si256(s[half].v2, s[half].v3)));
}

MXG_AVX2_TARGET static inline void mxg_hash_avx2(const __u64 *key, const struct mxg_hash_words *in,
                                                 __u32 words, __u64 bytes, __u32 count, __u64 *out)
{
    const struct mxg_sip start = mxg_sip_start(key);

    for (__u32 first = 0; first < count; first += 8)
        mxg_avx2_sip_eight(&start, in, first, words, bytes, out);
}

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
#endif

/* out[n]: mxg_sip_words of input n, for n < count <= MXG_LOT; those beyond are undefined. `vectors`
 * as for mxg_lookup_burst_with. */
static inline void mxg_hash_lot(const __u64 *key, const struct mxg_hash_words *in, __u32 words,
                                __u64 bytes, __u32 count, __u64 *out, enum mxg_vectors vectors)
{
#ifdef MXG_WIDE
    if (vectors == MXG_AVX512)
        return mxg_hash_wide(key, in, words, bytes, out);
    if (vectors == MXG_AVX2)
        return mxg_hash_avx2(key, in, words, bytes, count, out);
#else
    (void)vectors;
#endif
    for (__u32 n = 0; n < count; n++)
        out[n] = mxg_sip_words(key, &in->word[0][n], MXG_LOT, words, bytes);
}

#endif
