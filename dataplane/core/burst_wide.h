/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The burst look-up with AVX-512; part of burst.h.
 *
 * Eight addresses at a time: their keys are compared with the whole lines of their nodes, the
 * outcomes are gathered as bits in one register, and the arithmetic on nodes is done on all eight.
 * The words of a line ascend, so the bits of a comparison are 0..01..1 and their number is that of
 * the highest. A node is asked for as soon as it is known; a whole round over the other addresses
 * then lies between the request and the use.
 */
#ifndef MXG_CORE_BURST_WIDE_H
#define MXG_CORE_BURST_WIDE_H

#include <stddef.h>

#include "dataplane/core/burst_state.h"

#if defined(__x86_64__)
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push /* g++ 12 takes its own _mm512_undefined for a mistake */
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>
#define MXG_WIDE __attribute__((target("avx512f,avx512bw,avx512cd,avx512dq,avx512vl,popcnt")))
#define MXG_WIDE_INLINE MXG_INLINE MXG_WIDE /* only into what is MXG_WIDE too */
#endif

/* What a burst is worked on with; each has what those before it have. */
enum mxg_vectors { MXG_SCALAR, MXG_AVX2, MXG_AVX512 };

/* The best that this CPU and kernel have. */
MXG_INLINE enum mxg_vectors mxg_vectors_here(void)
{
#ifdef MXG_WIDE
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("popcnt"))
        return MXG_AVX512;
    if (__builtin_cpu_supports("avx2"))
        return MXG_AVX2;
#endif
    return MXG_SCALAR;
}

#ifdef MXG_WIDE

/* The addresses that are above the leaves. Vectors of 8 are stored at `count`, so that the last 8
 * are never short; those beyond the count have line 0 as their node. */
struct mxg_walk {
    __u64 key[MXG_BURST + 8] __attribute__((aligned(64)));
    __u32 node[MXG_BURST + 8] __attribute__((aligned(64)));
    __u32 level[MXG_BURST + 8] __attribute__((aligned(64)));
    __u32 place[MXG_BURST + 8] __attribute__((aligned(64))); /* in the burst */
    __u32 count;
};

/* The top halves of 8 addresses, 24 bytes each; those beyond `count` are 0. */
MXG_WIDE_INLINE __m512i mxg_wide_keys(const struct mxg_address *addresses, __u32 count)
{
    const __u32 words = (1u << 3 * count) - 1;
    const __m512i a = _mm512_maskz_loadu_epi64((__mmask8)words, addresses);
    const __m512i b =
        _mm512_maskz_loadu_epi64((__mmask8)(words >> 8), (const __u64 *)addresses + 8);
    const __m512i c =
        _mm512_maskz_loadu_epi64((__mmask8)(words >> 16), (const __u64 *)addresses + 16);
    const __m512i first =
        _mm512_permutex2var_epi64(a, _mm512_setr_epi64(0, 3, 6, 8 + 1, 8 + 4, 8 + 7, 0, 0), b);

    return _mm512_permutex2var_epi64(first, _mm512_setr_epi64(0, 1, 2, 3, 4, 5, 8 + 2, 8 + 5), c);
}

/* Whether all addresses, 1 to MXG_BURST, are of one family. */
MXG_WIDE static inline int mxg_wide_one_family(const struct mxg_address *addresses, __u32 n)
{
    static const __mmask16 is_family[3] = {0x0410, 0x1041, 0x4104}; /* halves 4, 10, 16, .. */
    const __m512i first = _mm512_set1_epi32((int)addresses->family);
    __mmask16 other = 0;

    for (__u32 i = 0; i < n; i += 8) {
        const __u32 words = (1u << 3 * (n - i < 8 ? n - i : 8)) - 1;
        const __u64 *from = (const __u64 *)(addresses + i);

        for (__u32 part = 0; part < 3; part++)
            other |= _mm512_mask_cmpneq_epi32_mask(
                is_family[part],
                _mm512_mask_loadu_epi64(first, (__mmask8)(words >> 8 * part), from + 8 * part),
                first);
    }
    return other == 0;
}

/* mxg_part_index of 8 keys, counted from start_base. */
MXG_WIDE_INLINE __m512i mxg_wide_part_index(const struct mxg_tree *tree, __m256i starts,
                                            __m512i keys)
{
    const __m512i start = _mm512_cvtepu32_epi64(starts), one = _mm512_set1_epi64(1);
    const __m512i bits = _mm512_and_si512(_mm512_srli_epi64(start, MXG_START_BITS_SHIFT),
                                          _mm512_set1_epi64(MXG_MAX_PART_BITS));
    const __m512i shift = _mm512_sub_epi64(_mm512_set1_epi64(tree->start_shift), bits);
    const __m512i mask = _mm512_sub_epi64(_mm512_sllv_epi64(one, bits), one);
    const __m512i line =
        _mm512_and_si512(start, _mm512_set1_epi64((1 << MXG_START_BITS_SHIFT) - 1));

    return _mm512_add_epi64(_mm512_slli_epi64(line, 4),
                            _mm512_and_si512(_mm512_srlv_epi64(keys, shift), mask));
}

/* The starts of 8 keys; `other` for those that are not `valid`. */
MXG_WIDE_INLINE __m256i mxg_wide_starts(const struct mxg_burst *burst, __m512i keys, __mmask8 valid,
                                        __m256i other)
{
    const struct mxg_tree *tree = burst->tree;
    const int *starts = (const int *)&burst->table->lines[tree->starts];
    const __m128i shift = _mm_cvtsi32_si128((int)(tree->start_shift & 63));
    __m512i from_base, index;
    __m256i start;
    __mmask8 part;

    if (!tree->starts)
        return _mm256_mask_mov_epi32(other, valid, _mm256_setzero_si256());
    from_base = _mm512_sub_epi64(keys, _mm512_set1_epi64((long long)tree->start_base));
    index =
        _mm512_min_epu64(_mm512_srl_epi64(from_base, shift), _mm512_set1_epi64(tree->start_last));
    start = _mm512_mask_i64gather_epi32(other, valid, index, starts, 4);
    part = _mm256_cmpge_epu32_mask(
        start, _mm256_set1_epi32((int)(MXG_START_PART << MXG_START_LEVEL_SHIFT)));
    return _mm512_mask_i64gather_epi32(start, part, mxg_wide_part_index(tree, start, from_base),
                                       starts, 4);
}

/* Asks for 8 nodes. */
MXG_WIDE_INLINE void mxg_wide_ask(const __u64 *words, const __u32 *node)
{
    for (__u32 i = 0; i < 8; i++)
        __builtin_prefetch(words + node[i]);
}

/* Adds those of 8 addresses that are `above` the leaves. */
MXG_WIDE_INLINE void mxg_wide_add(struct mxg_walk *walk, __mmask8 above, __m512i key, __m256i node,
                                  __m256i level, __m256i place)
{
    const __u32 at = walk->count;

    _mm512_storeu_si512(walk->key + at, _mm512_maskz_compress_epi64(above, key));
    _mm256_storeu_si256((__m256i *)(walk->node + at), _mm256_maskz_compress_epi32(above, node));
    _mm256_storeu_si256((__m256i *)(walk->level + at), _mm256_maskz_compress_epi32(above, level));
    _mm256_storeu_si256((__m256i *)(walk->place + at), _mm256_maskz_compress_epi32(above, place));
    walk->count = at + (__u32)__builtin_popcount(above);
}

/* Closes a list: the last 8 may be fewer. */
MXG_WIDE_INLINE void mxg_wide_close(struct mxg_walk *walk)
{
    _mm256_storeu_si256((__m256i *)(walk->node + walk->count), _mm256_setzero_si256());
}

/* The first lines of 8 levels. */
MXG_WIDE_INLINE __m256i mxg_wide_of_level(__m512i of, __m256i level)
{
    return _mm512_castsi512_si256(_mm512_permutexvar_epi32(_mm512_castsi256_si512(level), of));
}

/* Where each search begins; who is above the leaves goes into `walk`. */
MXG_WIDE_INLINE void mxg_wide_begin(struct mxg_burst *burst, __u64 *keys, struct mxg_walk *walk)
{
    const struct mxg_tree *tree = burst->tree;
    const __u64 *words = (const __u64 *)burst->table->lines;
    const __m512i levels = _mm512_loadu_si512(tree);
    const __m256i depth = _mm256_set1_epi32((int)tree->depth);
    const __m256i first_leaf = _mm256_slli_epi32(depth, MXG_START_LEVEL_SHIFT);
    const __m256i number = _mm256_set1_epi32((1 << MXG_START_LEVEL_SHIFT) - 1);
    __m256i place = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);

    walk->count = 0;
    for (__u32 i = 0; i < burst->count; i += 8) {
        const __u32 count = burst->count - i < 8 ? burst->count - i : 8;
        const __mmask8 valid = (__mmask8)((1u << count) - 1);
        const __m512i key = mxg_wide_keys(burst->addresses + i, count);
        const __m256i start = mxg_wide_starts(burst, key, valid, first_leaf);
        const __m256i level = _mm256_srli_epi32(start, MXG_START_LEVEL_SHIFT);
        const __m256i line =
            _mm256_add_epi32(mxg_wide_of_level(levels, level), _mm256_and_si256(start, number));
        const __m256i node = _mm256_slli_epi32(line, 3);

        _mm512_store_si512(keys + i, key);
        _mm256_store_si256((__m256i *)(burst->node + i), node);
        mxg_wide_ask(words, burst->node + i);
        mxg_wide_add(walk, _mm256_cmplt_epu32_mask(level, depth), key, node, level, place);
        place = _mm256_add_epi32(place, _mm256_set1_epi32(8));
    }
    mxg_wide_close(walk);
}

/* How many separators of each of 8 nodes are below its key. */
MXG_WIDE_INLINE __m256i mxg_wide_children(const __u64 *words, const __u32 *node, const __u64 *key)
{
#define MXG_BELOW(i)                                             \
    _mm512_cmplt_epu64_mask(_mm512_loadu_si512(words + node[i]), \
                            _mm512_set1_epi64((long long)key[i]))
    const __mmask16 a = _mm512_kunpackb(MXG_BELOW(1), MXG_BELOW(0));
    const __mmask16 b = _mm512_kunpackb(MXG_BELOW(3), MXG_BELOW(2));
    const __mmask16 c = _mm512_kunpackb(MXG_BELOW(5), MXG_BELOW(4));
    const __mmask16 d = _mm512_kunpackb(MXG_BELOW(7), MXG_BELOW(6));
    const __mmask64 all = _mm512_kunpackd(_mm512_kunpackw(d, c), _mm512_kunpackw(b, a));
#undef MXG_BELOW
    const __m256i bits = _mm256_cvtepu8_epi32(_mm_cvtsi64_si128((long long)all));

    return _mm256_sub_epi32(_mm256_set1_epi32(32), _mm256_lzcnt_epi32(bits));
}

/* Down to the leaves, a level a round. Who arrives leaves the list, which closes up behind. */
MXG_WIDE_INLINE void mxg_wide_down(struct mxg_burst *burst, struct mxg_walk *walk)
{
    const struct mxg_tree *tree = burst->tree;
    const __u64 *words = (const __u64 *)burst->table->lines;
    const __m256i depth = _mm256_set1_epi32((int)tree->depth);
    __u32 step[16] = {0}, asked[8] __attribute__((aligned(32)));
    __m512i steps;

    for (__u32 level = 0; level < tree->depth; level++)
        step[level] = mxg_step_of(tree, level);
    steps = _mm512_loadu_si512(step);
    for (__u32 before = walk->count; before != 0; before = walk->count) {
        walk->count = 0;
        for (__u32 i = 0; i < before; i += 8) {
            const __mmask8 valid = (__mmask8)(before - i < 8 ? (1u << (before - i)) - 1 : 0xff);
            const __m512i key = _mm512_load_si512(walk->key + i);
            const __m256i node = _mm256_load_si256((const __m256i *)(walk->node + i));
            const __m256i level = _mm256_load_si256((const __m256i *)(walk->level + i));
            const __m256i place = _mm256_load_si256((const __m256i *)(walk->place + i));
            const __m256i child = mxg_wide_children(words, walk->node + i, walk->key + i);
            const __m256i eight = _mm256_slli_epi32(_mm256_add_epi32(node, child), 3);
            const __m256i next =
                _mm256_add_epi32(_mm256_add_epi32(node, eight), mxg_wide_of_level(steps, level));
            const __m256i below = _mm256_add_epi32(level, _mm256_set1_epi32(1));
            const __mmask8 above = _mm256_mask_cmplt_epu32_mask(valid, below, depth);
            const __mmask8 there = (__mmask8)(valid & ~above);

            _mm256_store_si256((__m256i *)asked, next);
            mxg_wide_ask(words, asked);
            _mm256_mask_i32scatter_epi32(burst->node, there, place, next, 4);
            mxg_wide_add(walk, above, key, next, below, place);
        }
        mxg_wide_close(walk);
    }
}

/* What mxg_lookup_scalar says of 8 addresses, from their leaves, keys, and bits of starts not above
 * the key. */
MXG_WIDE_INLINE __mmask8 mxg_wide_answers(const struct mxg_burst *burst, __m256i leaves,
                                          __m512i keys, __m128i reached, __mmask8 valid,
                                          const struct mxg_policy **out)
{
    const char *image = (const char *)burst->table->lines;
    const __m512i bits = _mm512_cvtepu8_epi64(reached);
    const __m512i entry =
        _mm512_maskz_sub_epi64(valid, _mm512_set1_epi64(63),
                               _mm512_lzcnt_epi64(_mm512_or_si512(bits, _mm512_set1_epi64(1))));
    const __m512i leaf = _mm512_cvtepu32_epi64(leaves); /* in words */
    const __m512i start = _mm512_i64gather_epi64(_mm512_add_epi64(leaf, entry), image, 8);
    /* In units of 2 bytes; the other 2 that are read are in the line still. */
    const __m256i number =
        _mm512_i64gather_epi32(_mm512_add_epi64(_mm512_slli_epi64(leaf, 2), entry),
                               image + offsetof(struct mxg_leaf, code), 2);
    const __m512i code = _mm512_i32gather_epi64(
        _mm256_and_si256(number, _mm256_set1_epi32(MXG_MAX_CODES - 1)), mxg_burst_codes(burst), 8);
    /* struct mxg_code: in, mid, out of 16 bits, shift and kind of 8. */
    const __m512i kind = _mm512_srli_epi64(code, 56);
    const __m512i shift = _mm512_and_si512(_mm512_srli_epi64(code, 48), _mm512_set1_epi64(63));
    const __m512i beyond = _mm512_srlv_epi64(_mm512_xor_si512(start, keys), shift);
    const __m512i not_in = _mm512_or_si512(beyond, kind);
    const __mmask8 use_out = _mm512_test_epi64_mask(not_in, not_in);
    const __m512i policy = _mm512_and_si512(_mm512_mask_srli_epi64(code, use_out, code, 32),
                                            _mm512_set1_epi64(0xffff));
    const __m512i base = _mm512_set1_epi64((long long)mxg_burst_policies(burst));

    _mm512_mask_storeu_epi64(out, valid, _mm512_add_epi64(base, _mm512_slli_epi64(policy, 3)));
    return _mm512_mask_cmpeq_epi64_mask(_mm512_mask_test_epi64_mask(valid, kind, kind), start,
                                        keys);
}

/* The policies where the top half is enough. The other addresses, a bit for each. */
MXG_WIDE static inline __u64 mxg_lookup_wide(struct mxg_burst *burst, const struct mxg_policy **out)
{
    const __u32 n = burst->count;
    const __u64 *words = (const __u64 *)burst->table->lines;
    __u64 keys[MXG_BURST] __attribute__((aligned(64)));
    __u8 reached[MXG_BURST] __attribute__((aligned(64)));
    struct mxg_walk walk;
    __u64 longs = 0;

    mxg_wide_begin(burst, keys, &walk);
    mxg_wide_down(burst, &walk);
    /* Entry 0 holds what no other start is at or below: five starts are compared. */
    for (__u32 i = 0; i < n; i++)
        reached[i] = _mm512_mask_cmple_epu64_mask(0x3e, _mm512_loadu_si512(words + burst->node[i]),
                                                  _mm512_set1_epi64((long long)keys[i]));
    for (__u32 i = 0; i < n; i += 8) {
        const __u32 count = n - i < 8 ? n - i : 8;
        const __mmask8 is_long = mxg_wide_answers(
            burst, _mm256_load_si256((const __m256i *)(burst->node + i)),
            _mm512_load_si512(keys + i), _mm_loadl_epi64((const __m128i *)(reached + i)),
            (__mmask8)((1u << count) - 1), out + i);

        longs |= (__u64)is_long << i;
    }
    return longs;
}

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
#endif
#endif
