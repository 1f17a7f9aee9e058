/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The policy table image: one flat array of 64-byte lines, immutable, position-independent.
 *
 * Everything a decision reads that is not state is in it: services, classes, policies, and the
 * map from address to policy. So one atomic swap of the image changes all of it together.
 *
 *   line 0                 mxg_image_header
 *   line 1                 mxg_image_counts (for verification, and the limit on answers)
 *   line 2, 3              mxg_tree of IPv4, of IPv6
 *   header.services ..     mxg_service, one a line
 *   header.classes ..      mxg_class, one a line; then the ceilings of their parent levels
 *   header.embeddings ..   mxg_embedding, one a line
 *   header.policies ..     mxg_policy, 8 a line
 *   header.codes ..        mxg_code, 8 a line
 *   header.slots ..        mxg_slot, 8 a line
 *   trees                  inner lines and leaves
 *
 * The map is a static B+-tree over the starts of intervals of the top 64 address bits: inner
 * lines hold 8 separators, so 9 children; child numbers are computed, not stored. A leaf holds
 * 6 starts, each with a code. A code says what holds inside the aligned block (prefix) that
 * begins at the start, and what holds after it up to the next start: so a prefix alone in its
 * surroundings costs one entry, 10 bytes, whatever the distribution of prefixes. Prefixes longer
 * than /64 hang off a code with MXG_CODE_LONG through a slot: the low half of the one prefix, or
 * a small tree of the same shape over the low 64 bits.
 */
#ifndef MXG_CORE_IMAGE_H
#define MXG_CORE_IMAGE_H

#include "dataplane/core/address.h"
#include "dataplane/core/verdict.h"

#define MXG_IMAGE_MAGIC 0x31656c6261546d78ULL /* "xmTable1" */
#define MXG_SCHEMA 5u /* of image, source table, counters and samples together */

#define MXG_LINE_BYTES 64
#define MXG_INNER_KEYS 8
#define MXG_FANOUT (MXG_INNER_KEYS + 1)
#define MXG_LEAF_ENTRIES 6
#define MXG_MAX_DEPTH 9          /* inner levels: 9^9 leaves and more than 2 G entries */
#define MXG_MAX_LINES (1u << 27) /* 8 GiB: line numbers times 64 stay in 33 bits */

#define MXG_MAX_SERVICE_ADDRESSES 64
#define MXG_MAX_PORT_RANGES 7
#define MXG_MAX_EMBEDDINGS 32

struct mxg_line {
    __u64 word[8];
};

/* The unit in which BPF holds lines. The first page must hold header, trees, services, classes and
 * embeddings; policies, codes and the top of the trees come next, because every look-up reads them.
 */
#define MXG_PAGE_LINES 1024
struct mxg_page {
    struct mxg_line line[MXG_PAGE_LINES];
};

/* header.flags */
#define MXG_FLAG_MONITOR 1u        /* gate.mode: monitor */
#define MXG_FLAG_PASS_FRAGMENTS 2u /* gate.fragments: pass */
#define MXG_FLAG_NO_TABLE 4u       /* services only, no feeds yet: reason no-table */
#define MXG_FLAG_NO_TABLE_DROP 8u  /* gate.without_table: drop */
#define MXG_FLAG_BANDWIDTH 16u     /* some class limits established traffic */

struct mxg_image_header {
    __u64 magic;
    __u32 schema;
    __u32 lines; /* of the whole image */
    __u64 generation;
    __u64 checksum; /* over all lines, this field read as 0 (mxg_image_checksum) */
    __u32 flags;
    __u32 services, classes, policies, codes, slots; /* first lines */
    __u32 service_count;
    __u16 embeddings, embedding_count; /* first line, and how many */
};

struct mxg_image_counts {
    __u32 classes, policies, codes, slots, feeds, reserved32;
    __u64 prefixes;  /* feed entries and length entries that went in */
    __u64 intervals; /* starts in the trees, both families */
    /* gate.replies, GCRA: each core answers once every so often, (burst - 1) intervals early. */
    __u64 reply_interval_ns;
    __u64 reply_tolerance_ns;
    __u64 reserved;
};

#define MXG_TREE_IPV4_LINE 2
#define MXG_TREE_IPV6_LINE 3

/* level[0] is the root's line; level[depth] the first leaf.
 *
 * A large tree has a table of starts over the keys from `start_base` on, 2^start_shift keys a
 * start: the deepest node that holds all of those keys, so that a search skips the levels above it,
 * and a key in empty space is at its leaf at once. The last start, start_last, is the root, for
 * all other keys. Where many leaves are below one start, it gives a part of its own in place of a
 * node: 2^bits starts over its keys, none of which leads to another part. So the first part is
 * small, and stays in the cache whatever keys are asked for.
 *
 * Starts are 32 bits, 16 a line: level << 28 | number of the node in its level, or
 * MXG_START_PART << 28 | bits << 24 | lines between `starts` and the part. */
struct mxg_tree {
    __u32 level[MXG_MAX_DEPTH + 1]; /* in front: mxg_level_line reads 16 words */
    __u32 depth;                    /* inner levels, 0..MXG_MAX_DEPTH */
    __u32 starts;                   /* first line of the table, 0: there is none */
    __u32 start_shift;
    __u32 start_last;
    __u64 start_base;
};
#define MXG_START_LEVEL_SHIFT 28
#define MXG_START_PART 15u /* in place of a level */
#define MXG_START_BITS_SHIFT 24
#define MXG_MAX_PART_BITS 15

struct mxg_leaf {
    __u64 start[MXG_LEAF_ENTRIES]; /* ascending; the last entry is repeated to fill the leaf */
    __u16 code[MXG_LEAF_ENTRIES];  /* index of a mxg_code, or MXG_CODE_LONG | index */
    __u32 first_slot;              /* of this leaf's LONG codes, in order */
};
#define MXG_CODE_LONG 0x8000u
#define MXG_MAX_CODES 0x8000u

enum mxg_code_kind {
    MXG_CODE_BLOCK = 0, /* inside 2^shift from the start: `in`, else `out` */
    MXG_CODE_ONE = 1,   /* in this /64: the slot's low half begins 2^shift: `in`, rest `mid` */
    MXG_CODE_TREE = 2,  /* in this /64: the slot's tree over the low half */
};

struct mxg_code {
    __u16 in, mid, out; /* indices of policies */
    __u8 shift;         /* 0..63 */
    __u8 kind;          /* enum mxg_code_kind */
};

/* For MXG_CODE_ONE the low 64 bits; for MXG_CODE_TREE a line number: of the leaf itself where
 * MXG_SLOT_LEAF is set, of a mxg_tree otherwise. */
struct mxg_slot {
    __u64 value;
};
#define MXG_SLOT_LEAF (1ULL << 63)

#define MXG_POLICY_DEFAULT_CLASS 1u /* no feed lists the address */
#define MXG_POLICY_SHARED 2u        /* by several end sites: never bad by learning alone */
#define MXG_MAX_SHARE 16            /* mxg_policy.share */

struct mxg_policy {
    __u8 class_id;
    __u8 length; /* end-site prefix length of the family, bits */
    __u16 feed;  /* or MXG_NO_FEED */
    __u8 flags;
    __u8 share; /* limits are 2^share times those of the class (shared.h) */
    __u8 reserved[2];
};

enum mxg_action {
    MXG_ACTION_PASS = 0,
    MXG_ACTION_LIMIT = 1,
    MXG_ACTION_DROP = 2,
    MXG_ACTION_RESET = 3,
    MXG_ACTION_UNREACHABLE = 4,
};

#define MXG_LEVELS 3 /* parents of a source prefix that may have ceilings of their own */

/* What one prefix may do: a source prefix, or a parent of source prefixes. */
struct mxg_ceiling {
    __u64 interval_ns;       /* GCRA: one attempt every so often; 0: no limit */
    __u64 guard_interval_ns; /* GCRA: one SYN that completes no handshake so often; 0: no limit */
    __u32 burst, guard_burst;
    __u32 connections; /* open at the same time; 0: no limit */
    __u32 length;      /* of a parent, bits; 0: there is no such level */
};

#define MXG_CLASS_MONITOR 1u      /* classes.X.mode: monitor */
#define MXG_CLASS_LIMITS 2u       /* has limits of attempts */
#define MXG_CLASS_RETRY_EXTEND 4u /* an early retry begins the waiting period anew */
#define MXG_CLASS_HANDSHAKE                                              \
    8u /* the rate is charged when a handshake completes, not at the SYN \
        */

struct mxg_class {
    __u8 action;             /* enum mxg_action */
    __u8 deny_verdict;       /* enum mxg_verdict of a denial by a limit */
    __u16 flags;             /* MXG_CLASS_* */
    __u32 strictness;        /* of two classes for one source the larger wins */
    __u64 retry_wait_ns;     /* how long a denial lasts; 0: it does not */
    __u64 byte_cost;         /* of established traffic, in 2^-20 ns a byte; 0: no limit */
    __u32 total_connections; /* open at the same time in the whole class; 0: no limit */
    __u32 levels;            /* line of the ceilings of parents, see below; 0: there are none */
    struct mxg_ceiling own;  /* of a source prefix */
};

/* Ceilings of parents: two lines for IPv6, two for IPv4, the longest prefix first. */
#define MXG_CEILINGS 4 /* in two lines */
#define MXG_LEVEL_LINES 4

struct mxg_service {
    __u64 hi, lo; /* the protected prefix */
    __u64 hi_mask, lo_mask;
    struct {
        __u16 first, last; /* destination ports, host order, inclusive; unused: 1, 0 */
    } range[MXG_MAX_PORT_RANGES];
    __u8 family;
    __u8 host; /* 1: a single address */
    __u16 reserved;
};

/* Ways to carry an IPv4 address in an IPv6 address. Of all but the first both are looked up. */
enum mxg_embedded_kind {
    MXG_EMBEDDED_NONE = 0,
    MXG_EMBEDDED_MAPPED,
    MXG_EMBEDDED_6TO4,
    MXG_EMBEDDED_TEREDO,
    MXG_EMBEDDED_NAT64,
    MXG_EMBEDDED_6RD,
    MXG_EMBEDDED_ISATAP,
    MXG_EMBEDDED_KINDS
};

/* Addresses with `hi`, `lo` where the masks are set carry an IPv4 address: the upper 32 bits of
 * hi << hi_left >> hi_right, those in hi_bits, and of lo likewise; of their union the bits in
 * `flip` inverted. Shifts: 0..63. */
struct mxg_embedding {
    __u64 hi, lo;
    __u64 hi_mask, lo_mask;
    __u32 hi_bits, lo_bits;
    __u32 flip;
    __u8 hi_left, hi_right, lo_left, lo_right;
    __u64 kind; /* enum mxg_embedded_kind */
    __u64 reserved[1];
};

#define MXG_LINE_SIZED(type) \
    _Static_assert(sizeof(struct type) == MXG_LINE_BYTES, #type " is one line")
#ifdef __cplusplus
#define _Static_assert static_assert
#endif
MXG_LINE_SIZED(mxg_line);
MXG_LINE_SIZED(mxg_image_header);
MXG_LINE_SIZED(mxg_image_counts);
MXG_LINE_SIZED(mxg_tree);
MXG_LINE_SIZED(mxg_leaf);
MXG_LINE_SIZED(mxg_class);
_Static_assert(sizeof(struct mxg_ceiling) == 32 && MXG_LEVELS < MXG_CEILINGS, "two a line");
MXG_LINE_SIZED(mxg_service);
MXG_LINE_SIZED(mxg_embedding);
_Static_assert(sizeof(struct mxg_code) == 8 && sizeof(struct mxg_slot) == 8 &&
                   sizeof(struct mxg_policy) == 8,
               "eight a line");

#endif
