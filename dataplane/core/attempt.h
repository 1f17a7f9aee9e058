/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One connection attempt and what it is weighed by; one open connection. */
#ifndef MXG_CORE_ATTEMPT_H
#define MXG_CORE_ATTEMPT_H

#include "dataplane/core/image.h"

#define MXG_PLACES (MXG_LEVELS + 1) /* the source prefix, then its parents, the nearest first */

/* Where an entry of the source table is. */
struct mxg_place {
    __u32 bucket;
    __u32 way; /* MXG_WAYS: nowhere */
};

/* Keyed hashes of a packet; 0: not known yet. */
struct mxg_hashes {
    __u64 source; /* of the source prefix: mxg_prefix_hash */
    __u64 syn;    /* mxg_syn_hash */
};

/* All that is to be known of an attempt; a copy, so that it may lie in memory that holds no
 * pointers (ebpf/gate.bpf.c). */
struct mxg_attempt {
    struct mxg_class limits;
    struct mxg_ceiling ceiling[MXG_PLACES];
    struct mxg_ceiling missing; /* of an entry for which there was no room */
    struct mxg_place place[MXG_PLACES];
    struct mxg_prefix source;
    struct mxg_prefix prefix; /* of the parent at hand */
    __u32 class_id;
    struct mxg_hashes hashes;
    __u32 seen; /* the place of its SYN in the line of SYNs seen */
    __u64 now_ns;
    __u32 coarse;  /* 1: there was no entry for the source prefix, a parent stands in for it */
    __u32 pending; /* 1: the platform is still to apply the limits (MXG_LIMIT) */
    __u32 known;   /* 1: this SYN was refused by the SYN guard before */
};

/* What an open connection was counted to, so that its end is counted there too. */
struct mxg_connection {
    __u64 hi, lo; /* source prefix */
    __u8 family, class_id;
    __u8 counted; /* bit i: to place i */
    __u8 reserved;
    __u8 length[MXG_PLACES]; /* of the source prefix and its parents, bits */
};

#endif
