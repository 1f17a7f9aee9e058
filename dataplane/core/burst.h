/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Look-up in the policy table for a burst of addresses, user space only.
 *
 * All addresses of a burst step down the tree together, level by level, and each asks for its
 * next line before the first of them needs it: so the cache misses of a burst overlap, where one
 * look-up alone waits for each of its own. With AVX-512 a line's separators are one comparison.
 *
 * The answers are those of mxg_lookup on an image that verify_image has passed; lines are not
 * checked again here. Include after native.h.
 */
#ifndef MXG_CORE_BURST_H
#define MXG_CORE_BURST_H

#include "dataplane/core/table.h"

#if defined(__x86_64__)
#include <immintrin.h>
#define MXG_WIDE __attribute__((target("avx512f,popcnt")))
#endif

#define MXG_BURST 64

/* What is under way for the addresses of one family of a burst. */
struct mxg_burst {
    __u32 count;
    __u32 node[MXG_BURST]; /* within its level */
    __u64 key[MXG_BURST];
    __u8 entry[MXG_BURST]; /* within its leaf */
    __u8 from[MXG_BURST];  /* place in the caller's burst */
};

/* The two things that differ between CPUs: from a level to the next, and into the leaves. */
struct mxg_burst_steps {
    void (*down)(struct mxg_burst *burst, const struct mxg_line *level,
                 const struct mxg_line *next);
    void (*entries)(struct mxg_burst *burst, const struct mxg_line *leaves);
};

static inline void mxg_down_scalar(struct mxg_burst *burst, const struct mxg_line *level,
                                   const struct mxg_line *next)
{
    for (__u32 i = 0; i < burst->count; i++) {
        __u32 node = burst->node[i];

        node = node * MXG_FANOUT + mxg_child(level + node, burst->key[i]);
        burst->node[i] = node;
        __builtin_prefetch(next + node);
    }
}

static inline void mxg_entries_scalar(struct mxg_burst *burst, const struct mxg_line *leaves)
{
    const struct mxg_leaf *leaf = (const struct mxg_leaf *)leaves;

    for (__u32 i = 0; i < burst->count; i++)
        burst->entry[i] = (__u8)mxg_entry(leaf + burst->node[i], burst->key[i]);
}

#ifdef MXG_WIDE
MXG_WIDE static inline __u32 mxg_child_wide(const struct mxg_line *inner, __u64 key)
{
    return (__u32)__builtin_popcount(
        _mm512_cmplt_epu64_mask(_mm512_loadu_si512(inner), _mm512_set1_epi64((long long)key)));
}

/* Entry 0 holds what no other start is at or below: five starts are compared. */
MXG_WIDE static inline __u32 mxg_entry_wide(const struct mxg_line *leaf, __u64 key)
{
    return (__u32)__builtin_popcount(_mm512_mask_cmple_epu64_mask(
        0x3e, _mm512_loadu_si512(leaf), _mm512_set1_epi64((long long)key)));
}

MXG_WIDE static inline void mxg_down_wide(struct mxg_burst *burst, const struct mxg_line *level,
                                          const struct mxg_line *next)
{
    for (__u32 i = 0; i < burst->count; i++) {
        __u32 node = burst->node[i];

        node = node * MXG_FANOUT + mxg_child_wide(level + node, burst->key[i]);
        burst->node[i] = node;
        __builtin_prefetch(next + node);
    }
}

MXG_WIDE static inline void mxg_entries_wide(struct mxg_burst *burst, const struct mxg_line *leaves)
{
    for (__u32 i = 0; i < burst->count; i++)
        burst->entry[i] = (__u8)mxg_entry_wide(leaves + burst->node[i], burst->key[i]);
}
#endif

/* Whether this CPU and kernel have what the wide steps need. */
MXG_INLINE int mxg_burst_is_wide(void)
{
#ifdef MXG_WIDE
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("popcnt");
#else
    return 0;
#endif
}

MXG_INLINE struct mxg_burst_steps mxg_steps(int wide)
{
    struct mxg_burst_steps steps = {mxg_down_scalar, mxg_entries_scalar};

#ifdef MXG_WIDE
    if (wide) {
        steps.down = mxg_down_wide;
        steps.entries = mxg_entries_wide;
    }
#endif
    return steps;
}

/* The code of `entry` of a leaf. */
MXG_INLINE const struct mxg_code *mxg_code_at(const struct mxg_table *table,
                                              const struct mxg_image_header *header,
                                              const struct mxg_leaf *leaf, __u32 entry)
{
    const struct mxg_code *codes = (const struct mxg_code *)&table->lines[header->codes];

    return &codes[leaf->code[entry] & ~MXG_CODE_LONG];
}

/* Whether the answer for `key` takes the low half too. */
MXG_INLINE int mxg_is_long(const struct mxg_leaf *leaf, const struct mxg_code *code, __u32 entry,
                           __u64 key)
{
    return code->kind != MXG_CODE_BLOCK && leaf->start[entry] == key;
}

/* The policy where the top half is enough. */
MXG_INLINE __u32 mxg_short_policy(const struct mxg_leaf *leaf, const struct mxg_code *code,
                                  __u32 entry, __u64 key)
{
    __u32 beyond = (leaf->start[entry] ^ key) >> (code->shift & 63) != 0;
    __u32 use_out = 0 - (beyond | (code->kind != MXG_CODE_BLOCK)); /* a branch would be a guess */

    return code->in ^ ((code->in ^ code->out) & use_out);
}

/* The slot of a LONG code. */
MXG_INLINE const struct mxg_slot *mxg_slot_at(const struct mxg_table *table,
                                              const struct mxg_image_header *header,
                                              const struct mxg_leaf *leaf, __u32 entry)
{
    const struct mxg_slot *slots = (const struct mxg_slot *)&table->lines[header->slots];
    __u32 index = leaf->first_slot;

    for (__u32 i = 0; i < entry; i++)
        index += leaf->code[i] >> 15;
    return &slots[index];
}

/* Addresses whose /64 holds longer prefixes, `place` in the burst: slot, line, answer, with the
 * misses of each of the three steps overlapped. */
static inline void mxg_finish_long(const struct mxg_table *table,
                                   const struct mxg_image_header *header,
                                   const struct mxg_address *addresses,
                                   const struct mxg_leaf *leaves, const struct mxg_burst *burst,
                                   const __u8 *place, __u32 count, const struct mxg_policy **out)
{
    const struct mxg_policy *policies = (const struct mxg_policy *)&table->lines[header->policies];
    const struct mxg_slot *slot[MXG_BURST];

    for (__u32 i = 0; i < count; i++) {
        slot[i] =
            mxg_slot_at(table, header, leaves + burst->node[place[i]], burst->entry[place[i]]);
        __builtin_prefetch(slot[i]);
    }
    for (__u32 i = 0; i < count; i++) {
        __u32 line = (__u32)slot[i]->value; /* not one with MXG_CODE_ONE: a guess then */

        __builtin_prefetch(&table->lines[line < table->count ? line : 0]);
    }
    for (__u32 i = 0; i < count; i++) {
        const struct mxg_leaf *leaf = leaves + burst->node[place[i]];
        __u32 entry = burst->entry[place[i]], to = burst->from[place[i]];
        const struct mxg_code *code = mxg_code_at(table, header, leaf, entry);
        int policy = mxg_find_long(table, header, leaf, code, entry, addresses[to].lo);

        out[to] = policy < 0 ? 0 : &policies[policy];
    }
}

/* Where in the tree each address begins: the starts' misses overlap too. Orders the burst by the
 * level they begin at; begun[l] of them are under way at level l. */
static inline void mxg_begin_burst(const struct mxg_table *table, const struct mxg_tree *tree,
                                   struct mxg_burst *burst, __u32 *begun)
{
    const __u32 *starts = (const __u32 *)&table->lines[tree->starts];
    const struct mxg_burst given = *burst;
    __u32 start[MXG_BURST], place[MXG_MAX_DEPTH + 2] = {0};

    for (__u32 i = 0; i < given.count; i++) {
        start[i] = mxg_start_index(tree, given.key[i]);
        __builtin_prefetch(&starts[start[i]]);
    }
    for (__u32 i = 0; i < given.count; i++) {
        start[i] = starts[start[i]];
        place[(start[i] >> MXG_START_LEVEL_SHIFT) + 1]++;
    }
    for (__u32 l = 0; l <= MXG_MAX_DEPTH; l++) {
        place[l + 1] += place[l];
        begun[l] = place[l + 1];
    }
    for (__u32 i = 0; i < given.count; i++) {
        __u32 level = start[i] >> MXG_START_LEVEL_SHIFT, to = place[level]++;

        burst->key[to] = given.key[i];
        burst->from[to] = given.from[i];
        burst->node[to] = start[i] & ((1u << MXG_START_LEVEL_SHIFT) - 1);
        __builtin_prefetch(&table->lines[tree->level[level] + burst->node[to]]);
    }
}

/* Down one family's tree and out of its leaves. */
static inline void mxg_run_burst(const struct mxg_table *table,
                                 const struct mxg_image_header *header,
                                 const struct mxg_address *addresses, const struct mxg_tree *tree,
                                 const struct mxg_burst_steps *steps, struct mxg_burst *burst,
                                 const struct mxg_policy **out)
{
    const struct mxg_policy *policies = (const struct mxg_policy *)&table->lines[header->policies];
    const struct mxg_line *level = &table->lines[tree->level[0]];
    const __u32 whole = burst->count;
    const struct mxg_leaf *leaves;
    __u32 begun[MXG_MAX_DEPTH + 1];
    __u8 place[MXG_BURST];
    __u32 longs = 0;

    for (__u32 i = 0; i <= MXG_MAX_DEPTH; i++)
        begun[i] = whole;
    if (tree->starts)
        mxg_begin_burst(table, tree, burst, begun);
    for (__u32 i = 0; i < tree->depth; i++) {
        const struct mxg_line *next = &table->lines[tree->level[i + 1]];

        burst->count = begun[i];
        steps->down(burst, level, next);
        level = next;
    }
    burst->count = whole;
    steps->entries(burst, level);
    leaves = (const struct mxg_leaf *)level;
    for (__u32 i = 0; i < burst->count; i++) {
        const struct mxg_leaf *leaf = leaves + burst->node[i];
        __u32 entry = burst->entry[i];
        const struct mxg_code *code = mxg_code_at(table, header, leaf, entry);

        out[burst->from[i]] = &policies[mxg_short_policy(leaf, code, entry, burst->key[i])];
        place[longs] = (__u8)i;
        longs += (__u32)mxg_is_long(leaf, code, entry, burst->key[i]);
    }
    if (longs != 0)
        mxg_finish_long(table, header, addresses, leaves, burst, place, longs, out);
}

/* policies_out[i]: the policy of addresses[i], for n <= MXG_BURST of either family. */
static inline void mxg_lookup_burst_with(const struct mxg_table *table,
                                         const struct mxg_image_header *header,
                                         const struct mxg_address *addresses, __u32 n,
                                         const struct mxg_policy **policies_out, int wide)
{
    const struct mxg_burst_steps steps = mxg_steps(wide);
    const struct mxg_tree *tree[2] = {
        (const struct mxg_tree *)&table->lines[MXG_TREE_IPV4_LINE],
        (const struct mxg_tree *)&table->lines[MXG_TREE_IPV6_LINE],
    };
    struct mxg_burst burst[2];

    burst[0].count = burst[1].count = 0;
    for (__u32 i = 0; i < n && i < MXG_BURST; i++) {
        __u32 which = addresses[i].family != MXG_FAMILY_IPV4;
        struct mxg_burst *to = &burst[which];
        __u32 at = to->count++;

        to->key[at] = addresses[i].hi;
        to->node[at] = 0;
        to->from[at] = (__u8)i;
    }
    for (int which = 0; which < 2; which++)
        if (burst[which].count != 0)
            mxg_run_burst(table, header, addresses, tree[which], &steps, &burst[which],
                          policies_out);
}

static inline void mxg_lookup_burst(const struct mxg_table *table,
                                    const struct mxg_image_header *header,
                                    const struct mxg_address *addresses, __u32 n,
                                    const struct mxg_policy **policies_out)
{
    mxg_lookup_burst_with(table, header, addresses, n, policies_out, mxg_burst_is_wide());
}

#endif
