/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What mxgate-bench-xdp and its BPF programs agree on. */
#ifndef MXG_PERF_XDP_SHARED_H
#define MXG_PERF_XDP_SHARED_H

#include <linux/types.h>

/* Keys of LPM_TRIE: bits, then the address as on the wire. */
struct perf_lpm_ipv4 {
    __u32 bits;
    __u32 address;
};

struct perf_lpm_ipv6 {
    __u32 bits;
    __u32 address[4];
};

/* Source addresses, as on the wire. */
struct perf_source {
    __u64 half[2];
};

#endif
