/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One connection attempt and what it is weighed by. */
#ifndef MXG_CORE_ATTEMPT_H
#define MXG_CORE_ATTEMPT_H

#include "dataplane/core/image.h"

/* All that is to be known of an attempt; a copy, so that it may lie in memory that holds no
 * pointers (ebpf/gate.bpf.c). */
struct mxg_attempt {
    struct mxg_class limits;
    struct mxg_prefix source;
    __u64 hash; /* of the source prefix; 0: not known yet */
    __u64 now_ns;
};

#endif
