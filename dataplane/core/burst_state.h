/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the two forms of the burst look-up share, burst.h and burst_wide.h. */
#ifndef MXG_CORE_BURST_STATE_H
#define MXG_CORE_BURST_STATE_H

#include "dataplane/core/table.h"

#define MXG_BURST 64

/* Where the addresses of a burst, all of one family, are in its tree. Nodes are given by the word
 * of the image at which they begin, line * 8: less than 2^30. */
struct mxg_burst {
    const struct mxg_table *table;
    const struct mxg_image_header *header;
    const struct mxg_tree *tree;
    const struct mxg_address *addresses;
    __u32 count;
    __u32 node[MXG_BURST] __attribute__((aligned(64)));
};

MXG_INLINE const struct mxg_line *mxg_node_at(const struct mxg_burst *burst, __u32 node)
{
    return (const struct mxg_line *)((const __u64 *)burst->table->lines + node);
}

MXG_INLINE const struct mxg_code *mxg_burst_codes(const struct mxg_burst *burst)
{
    return (const struct mxg_code *)&burst->table->lines[burst->header->codes];
}

MXG_INLINE const struct mxg_policy *mxg_burst_policies(const struct mxg_burst *burst)
{
    return (const struct mxg_policy *)&burst->table->lines[burst->header->policies];
}

/* What a step from a node of `level` adds to 9 times the node and 8 times the child: nodes count
 * from the first of their level. */
MXG_INLINE __u32 mxg_step_of(const struct mxg_tree *tree, __u32 level)
{
    return (tree->level[level + 1] - MXG_FANOUT * tree->level[level]) * 8;
}

#endif
