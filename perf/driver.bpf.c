/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Gives a test run another source address in every round: BPF_PROG_TEST_RUN repeats one frame, so
 * this program writes the next source into it and jumps to the program under test, unchanged. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "perf/xdp_shared.h"

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1); /* set by the loader: a power of two */
    __type(key, __u32);
    __type(value, struct perf_source);
} perf_sources SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u32);
} perf_under_test SEC(".maps");

const volatile __u32 perf_source_mask;
__u32 perf_next;

SEC("xdp.frags")
int perf_driver(struct xdp_md* ctx)
{
    __u8 *data = (__u8*)(long)ctx->data, *end = (__u8*)(long)ctx->data_end;
    __u32 index = perf_next++ & perf_source_mask;
    struct perf_source* source = bpf_map_lookup_elem(&perf_sources, &index);

    if (!source || data + 14 + 40 > end)
        return XDP_ABORTED;
    __builtin_memcpy(data + 14 + 8, source, sizeof(*source));
    bpf_tail_call(ctx, &perf_under_test, 0);
    return XDP_ABORTED;
}

char program_license[] SEC("license") = "Dual BSD/GPL";
