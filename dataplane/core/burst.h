/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Look-up in the policy table for a burst of addresses, user space only.
 *
 * All addresses of a burst step down the tree together: so the cache misses of a burst overlap,
 * where one look-up alone waits for each of its own. burst_wide.h does the same with AVX-512.
 *
 * The answers are those of mxg_lookup on an image that verify_image has passed; lines are not
 * checked again here. Include after native.h.
 */
#ifndef MXG_CORE_BURST_H
#define MXG_CORE_BURST_H

#include "dataplane/core/burst_wide.h"

/* From where each search begins down to the leaves. */
static inline void mxg_down_scalar(struct mxg_burst *burst)
{
    const struct mxg_tree *tree = burst->tree;
    const __u32 *starts = tree->starts ? (const __u32 *)&burst->table->lines[tree->starts] : 0;
    __u32 walking[MXG_BURST]; /* level * MXG_BURST + place, of those above the leaves */
    __u32 count = 0, left;

    for (__u32 i = 0; i < burst->count; i++) {
        __u32 level, start = 0;

        if (starts) {
            __u64 key = burst->addresses[i].hi;
            __u32 index = mxg_start_index(tree, key), more;

            start = starts[index];
            more = 0 - (start >> MXG_START_LEVEL_SHIFT == MXG_START_PART); /* not a branch */
            start = starts[index ^ ((index ^ mxg_part_index(tree, start, key)) & more)];
        }
        level = start >> MXG_START_LEVEL_SHIFT;
        burst->node[i] = (tree->level[level] + (start & ((1u << MXG_START_LEVEL_SHIFT) - 1))) * 8;
        __builtin_prefetch(mxg_node_at(burst, burst->node[i]));
        walking[count] = level * MXG_BURST + i;
        count += level < tree->depth;
    }
    for (; count != 0; count = left) {
        left = 0;
        for (__u32 i = 0; i < count; i++) {
            __u32 level = walking[i] / MXG_BURST, place = walking[i] % MXG_BURST;
            __u32 node = burst->node[place];
            __u32 child = mxg_child(mxg_node_at(burst, node), burst->addresses[place].hi);

            node = node * MXG_FANOUT + child * 8 + mxg_step_of(tree, level);
            burst->node[place] = node;
            __builtin_prefetch(mxg_node_at(burst, node));
            walking[left] = walking[i] + MXG_BURST;
            left += level + 1 < tree->depth;
        }
    }
}

/* The policies where the top half is enough. The other addresses, a bit for each. */
static inline __u64 mxg_lookup_scalar(struct mxg_burst *burst, const struct mxg_policy **out)
{
    const struct mxg_policy *policies = mxg_burst_policies(burst);
    const struct mxg_code *codes = mxg_burst_codes(burst);
    __u64 longs = 0;

    mxg_down_scalar(burst);
    for (__u32 i = 0; i < burst->count; i++) {
        const struct mxg_leaf *leaf = (const struct mxg_leaf *)mxg_node_at(burst, burst->node[i]);
        __u64 key = burst->addresses[i].hi;
        __u32 entry = mxg_entry(leaf, key);
        const struct mxg_code *code = &codes[leaf->code[entry] & ~MXG_CODE_LONG];
        __u32 is_long = code->kind != MXG_CODE_BLOCK;
        __u32 beyond = (leaf->start[entry] ^ key) >> (code->shift & 63) != 0;
        __u32 use_out = 0 - (beyond | is_long); /* a branch would be a guess */

        out[i] = &policies[code->in ^ ((code->in ^ code->out) & use_out)];
        longs |= (__u64)(is_long & (leaf->start[entry] == key)) << i;
    }
    return longs;
}

/* The slot of a LONG code. */
MXG_INLINE const struct mxg_slot *mxg_slot_at(const struct mxg_burst *burst,
                                              const struct mxg_leaf *leaf, __u32 entry)
{
    const struct mxg_slot *slots =
        (const struct mxg_slot *)&burst->table->lines[burst->header->slots];
    __u32 index = leaf->first_slot;

    for (__u32 i = 0; i < entry; i++)
        index += leaf->code[i] >> 15;
    return &slots[index];
}

/* Addresses whose /64 holds longer prefixes, a bit of `longs` for each: slot, line, answer, with
 * the misses of each of the three steps overlapped. */
static inline void mxg_finish_long(const struct mxg_burst *burst, __u64 longs,
                                   const struct mxg_policy **out)
{
    const struct mxg_table *table = burst->table;
    const struct mxg_policy *policies = mxg_burst_policies(burst);
    const struct mxg_slot *slot[MXG_BURST];
    __u8 place[MXG_BURST], entry[MXG_BURST];
    __u32 count = 0;

    for (; longs != 0; longs &= longs - 1) {
        __u32 at = (__u32)__builtin_ctzll(longs);
        const struct mxg_leaf *leaf = (const struct mxg_leaf *)mxg_node_at(burst, burst->node[at]);

        place[count] = (__u8)at;
        entry[count] = (__u8)mxg_entry(leaf, burst->addresses[at].hi);
        slot[count] = mxg_slot_at(burst, leaf, entry[count]);
        __builtin_prefetch(slot[count++]);
    }
    for (__u32 i = 0; i < count; i++) {
        __u32 line = (__u32)slot[i]->value; /* not one with MXG_CODE_ONE: a guess then */

        __builtin_prefetch(&table->lines[line < table->count ? line : 0]);
    }
    for (__u32 i = 0; i < count; i++) {
        const struct mxg_leaf *leaf =
            (const struct mxg_leaf *)mxg_node_at(burst, burst->node[place[i]]);
        const struct mxg_code *code =
            &mxg_burst_codes(burst)[leaf->code[entry[i]] & ~MXG_CODE_LONG];
        int policy = mxg_find_long(table, burst->header, leaf, code, entry[i],
                                   burst->addresses[place[i]].lo);

        out[place[i]] = policy < 0 ? 0 : &policies[policy];
    }
}

/* policies_out[i]: the policy of addresses[i], n <= MXG_BURST, all of the tree's family. */
static inline void mxg_lookup_family(const struct mxg_table *table,
                                     const struct mxg_image_header *header, __u32 root,
                                     const struct mxg_address *addresses, __u32 n,
                                     const struct mxg_policy **policies_out,
                                     enum mxg_vectors vectors)
{
    struct mxg_burst burst;
    __u64 longs;

    burst.table = table;
    burst.header = header;
    burst.tree = (const struct mxg_tree *)&table->lines[root];
    burst.addresses = addresses;
    burst.count = n;
#ifdef MXG_WIDE
    if (vectors == MXG_AVX512)
        longs = mxg_lookup_wide(&burst, policies_out);
    else
#else
    (void)vectors;
#endif
        longs = mxg_lookup_scalar(&burst, policies_out);
    if (longs != 0)
        mxg_finish_long(&burst, longs, policies_out);
}

/* Whether all addresses, 1 to MXG_BURST, are of one family. */
static inline int mxg_one_family(const struct mxg_address *addresses, __u32 n,
                                 enum mxg_vectors vectors)
{
    __u32 other = 0;

#ifdef MXG_WIDE
    if (vectors == MXG_AVX512)
        return mxg_wide_one_family(addresses, n);
#else
    (void)vectors;
#endif
    for (__u32 i = 1; i < n; i++)
        other |= addresses[i].family ^ addresses->family;
    return other == 0;
}

/* Both families in one burst: each by itself, in copies. */
static inline void mxg_lookup_mixed(const struct mxg_table *table,
                                    const struct mxg_image_header *header,
                                    const struct mxg_address *addresses, __u32 n,
                                    const struct mxg_policy **policies_out,
                                    enum mxg_vectors vectors)
{
    struct mxg_address sorted[MXG_BURST];
    const struct mxg_policy *out[MXG_BURST];
    __u8 from[MXG_BURST];
    __u32 ipv4 = 0, ipv6 = n; /* from both ends */

    for (__u32 i = 0; i < n; i++) {
        __u32 to = addresses[i].family == MXG_FAMILY_IPV4 ? ipv4++ : --ipv6;

        sorted[to] = addresses[i];
        from[to] = (__u8)i;
    }
    mxg_lookup_family(table, header, MXG_TREE_IPV4_LINE, sorted, ipv4, out, vectors);
    mxg_lookup_family(table, header, MXG_TREE_IPV6_LINE, sorted + ipv6, n - ipv6, out + ipv6,
                      vectors);
    for (__u32 i = 0; i < n; i++)
        policies_out[from[i]] = out[i];
}

/* policies_out[i]: the policy of addresses[i], for n <= MXG_BURST of either family. `vectors`: what
 * to use of mxg_vectors_here(). */
static inline void mxg_lookup_burst_with(const struct mxg_table *table,
                                         const struct mxg_image_header *header,
                                         const struct mxg_address *addresses, __u32 n,
                                         const struct mxg_policy **policies_out,
                                         enum mxg_vectors vectors)
{
    if (n > MXG_BURST)
        n = MXG_BURST;
    if (n == 0)
        return;
    if (mxg_one_family(addresses, n, vectors))
        mxg_lookup_family(table, header, mxg_root_of(addresses->family), addresses, n, policies_out,
                          vectors);
    else
        mxg_lookup_mixed(table, header, addresses, n, policies_out, vectors);
}

static inline void mxg_lookup_burst(const struct mxg_table *table,
                                    const struct mxg_image_header *header,
                                    const struct mxg_address *addresses, __u32 n,
                                    const struct mxg_policy **policies_out)
{
    mxg_lookup_burst_with(table, header, addresses, n, policies_out, mxg_vectors_here());
}

#endif
