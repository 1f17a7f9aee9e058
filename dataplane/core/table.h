/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Look-up in the policy table image: address to policy.
 *
 * The platform gives
 *   const struct mxg_line *mxg_table_line(table, number)   0 where there is no such line
 *   const struct mxg_line *mxg_hot_line(table, number)     the same, of the first page only
 *
 * Search steps are branch-free: in BPF a comparison that decides an addition would become a
 * branch, which the CPU mispredicts and the verifier explores both ways.
 */
#ifndef MXG_CORE_TABLE_H
#define MXG_CORE_TABLE_H

#include "dataplane/core/address.h"
#include "dataplane/core/image.h"

/* Comparisons with a key whose mxg_against is at hand: 1 or 0. a - key borrows nothing if
 * a + ~key + 1 carries, and the carry is the top bit of half that sum. */
#ifdef __bpf__
MXG_INLINE __u64 mxg_against(__u64 key)
{
    key = ~key;
    __asm__("" : "+r"(key)); /* else the compiler moves the ~ into every comparison */
    return key;
}

MXG_INLINE __u64 mxg_reaches(__u64 a, __u64 against) /* a >= key */
{
    return ((a | against) - ((a ^ against) >> 1)) >> 63;
}

MXG_INLINE __u64 mxg_exceeds(__u64 a, __u64 against) /* a > key */
{
    return ((a & against) + ((a ^ against) >> 1)) >> 63;
}
#else
MXG_INLINE __u64 mxg_against(__u64 key)
{
    return key;
}

MXG_INLINE __u64 mxg_reaches(__u64 a, __u64 against)
{
    return a >= against;
}

MXG_INLINE __u64 mxg_exceeds(__u64 a, __u64 against)
{
    return a > against;
}
#endif

/* The child of an inner line that holds `key`: separators are the last keys of children. */
MXG_INLINE __u32 mxg_child(const struct mxg_line *inner, __u64 key)
{
    const __u64 against = mxg_against(key);
    __u64 child = MXG_INNER_KEYS;

#pragma GCC unroll 8
    for (int i = 0; i < MXG_INNER_KEYS; i++)
        child -= mxg_reaches(inner->word[i], against);
    return (__u32)child;
}

/* The entry of a leaf that holds `key`: the last start not above it, 0..5. */
MXG_INLINE __u32 mxg_entry(const struct mxg_leaf *leaf, __u64 key)
{
    const __u64 against = mxg_against(key);
    __u64 entry = MXG_LEAF_ENTRIES - 1;

#pragma GCC unroll 8
    for (int i = 1; i < MXG_LEAF_ENTRIES; i++)
        entry -= mxg_exceeds(leaf->start[i], against);
    return (__u32)entry;
}

/* Which start of a tree's table a key has; keys outside the table have the last one. */
MXG_INLINE __u32 mxg_start_index(const struct mxg_tree *tree, __u64 key)
{
    __u64 index = (key - tree->start_base) >> (tree->start_shift & 63);

    return index < tree->start_last ? (__u32)index : tree->start_last;
}

/* Which start, counted from the first part on, a key has in the part that `start` gives. */
MXG_INLINE __u32 mxg_part_index(const struct mxg_tree *tree, __u32 start, __u64 key)
{
    __u32 bits = start >> MXG_START_BITS_SHIFT & MXG_MAX_PART_BITS;
    __u64 index = (key - tree->start_base) >> ((tree->start_shift - bits) & 63);

    return (start & ((1u << MXG_START_BITS_SHIFT) - 1)) * 16 + ((__u32)index & ((1u << bits) - 1));
}

/* The first line of a level, 0..MXG_MAX_DEPTH. The mask is for the BPF verifier: the line of a tree
 * has 16 words, so no level that fits it leads out of it. */
MXG_INLINE __u32 mxg_level_line(const struct mxg_tree *tree, __u32 level)
{
    return ((const __u32 *)tree)[level & 15];
}

/* `line` is all that the loop leaves behind, so that its exits are one path to the verifier. */
MXG_INLINE const struct mxg_leaf *mxg_find_leaf(const struct mxg_table *table,
                                                const struct mxg_tree *tree, __u64 key)
{
    __u32 start = 0, node, line, level;

    if (tree->starts) {
        __u32 index = mxg_start_index(tree, key);
        const struct mxg_line *starts = mxg_table_line(table, tree->starts + index / 16);

        if (!starts)
            return 0;
        start = ((const __u32 *)starts)[index & 15];
        if (start >> MXG_START_LEVEL_SHIFT == MXG_START_PART) {
            index = mxg_part_index(tree, start, key);
            starts = mxg_table_line(table, tree->starts + index / 16);
            if (!starts)
                return 0;
            start = ((const __u32 *)starts)[index & 15];
        }
    }
    level = start >> MXG_START_LEVEL_SHIFT;
    node = start & ((1u << MXG_START_LEVEL_SHIFT) - 1);
    line = mxg_level_line(tree, level) + node;
    for (__u32 i = 0; i < MXG_MAX_DEPTH && level < tree->depth; i++) {
        const struct mxg_line *inner = mxg_table_line(table, line);

        if (!inner)
            return 0;
        node = node * MXG_FANOUT + mxg_child(inner, key);
        level++;
        line = mxg_level_line(tree, level) + node;
    }
    return (const struct mxg_leaf *)mxg_table_line(table, line);
}

/* Element `index` of an array of 8-byte records that begins at line `first`. */
MXG_INLINE const __u64 *mxg_record(const struct mxg_table *table, __u32 first, __u32 index)
{
    const struct mxg_line *line = mxg_table_line(table, first + index / 8);

    return line ? &line->word[index & 7] : 0;
}

/* What a leaf says of `key`; *entry is where it stands in the leaf. */
MXG_INLINE const struct mxg_code *mxg_leaf_code(const struct mxg_table *table, __u32 codes,
                                                const struct mxg_leaf *leaf, __u64 key,
                                                __u32 *entry)
{
    __u32 at = mxg_entry(leaf, key);

    if (at >= MXG_LEAF_ENTRIES) /* cannot be; the BPF verifier wants to see it */
        return 0;
    *entry = at;
    return (const struct mxg_code *)mxg_record(table, codes, leaf->code[at] & ~MXG_CODE_LONG);
}

/* Policy index for the low half of an address whose /64 has prefixes longer than /64. */
MXG_INLINE int mxg_find_long(const struct mxg_table *table, const struct mxg_image_header *header,
                             const struct mxg_leaf *leaf, const struct mxg_code *code, __u32 entry,
                             __u64 low)
{
    const struct mxg_slot *slot;
    const struct mxg_line *line;
    __u32 index = leaf->first_slot, i, at;

    for (i = 0; i < MXG_LEAF_ENTRIES; i++)
        index += i < entry && (leaf->code[i] & MXG_CODE_LONG);
    slot = (const struct mxg_slot *)mxg_record(table, header->slots, index);
    if (!slot)
        return -1;
    if (code->kind == MXG_CODE_ONE)
        return (slot->value ^ low) >> (code->shift & 63) ? code->mid : code->in;
    line = mxg_table_line(table, (__u32)slot->value);
    if (line && !(slot->value & MXG_SLOT_LEAF))
        line = (const struct mxg_line *)mxg_find_leaf(table, (const struct mxg_tree *)line, low);
    if (!line)
        return -1;
    leaf = (const struct mxg_leaf *)line;
    code = mxg_leaf_code(table, header->codes, leaf, low, &at);
    if (!code)
        return -1;
    return (leaf->start[at] ^ low) >> (code->shift & 63) ? code->out : code->in;
}

/* The line of a family's tree. */
MXG_INLINE __u32 mxg_root_of(__u32 family)
{
    return family == MXG_FAMILY_IPV4 ? MXG_TREE_IPV4_LINE : MXG_TREE_IPV6_LINE;
}

#ifndef MXG_CUSTOM_LOOKUP /* perf/lpm_peer.bpf.c puts another structure in its place */
/* Index of the policy for `address`, or -1 if the image is damaged. */
MXG_INLINE int mxg_find_policy(const struct mxg_table *table, const struct mxg_image_header *header,
                               const struct mxg_address *address)
{
    const struct mxg_tree *tree =
        (const struct mxg_tree *)mxg_hot_line(table, mxg_root_of(address->family));
    const struct mxg_leaf *leaf;
    const struct mxg_code *code;
    __u32 entry;

    if (!tree)
        return -1;
    leaf = mxg_find_leaf(table, tree, address->hi);
    if (!leaf)
        return -1;
    code = mxg_leaf_code(table, header->codes, leaf, address->hi, &entry);
    if (!code)
        return -1;
    if (code->kind == MXG_CODE_BLOCK)
        return (leaf->start[entry] ^ address->hi) >> (code->shift & 63) ? code->out : code->in;
    if (leaf->start[entry] != address->hi)
        return code->out;
    return mxg_find_long(table, header, leaf, code, entry, address->lo);
}

MXG_INLINE const struct mxg_policy *mxg_lookup(const struct mxg_table *table,
                                               const struct mxg_image_header *header,
                                               const struct mxg_address *address)
{
    int index = mxg_find_policy(table, header, address);

    return index < 0 ? 0
                     : (const struct mxg_policy *)mxg_record(table, header->policies, (__u32)index);
}
#endif

#endif
