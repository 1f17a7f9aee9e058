/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The XDP program as it is, with the kernel's LPM_TRIE in place of the table's tree: the same
 * parser, services, policies, classes, counters and samples. For comparison only. */
#include "ebpf/platform.h"

#include "perf/xdp_shared.h"

struct {
    __uint(type, BPF_MAP_TYPE_LPM_TRIE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, 1); /* set by the loader */
    __type(key, struct perf_lpm_ipv4);
    __type(value, __u32);
} perf_ipv4 SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_LPM_TRIE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, 1); /* set by the loader */
    __type(key, struct perf_lpm_ipv6);
    __type(value, __u32);
} perf_ipv6 SEC(".maps");

const volatile __u32 perf_default_policy;

MXG_INLINE __u32 perf_find_policy(const struct mxg_address* address)
{
    __u32* policy;

    if (address->family == MXG_FAMILY_IPV4) {
        struct perf_lpm_ipv4 key = {32, __builtin_bswap32((__u32)(address->hi >> 32))};

        policy = bpf_map_lookup_elem(&perf_ipv4, &key);
    } else {
        __u64 hi = __builtin_bswap64(address->hi), lo = __builtin_bswap64(address->lo);
        struct perf_lpm_ipv6 key = {128,
                                    {(__u32)hi, (__u32)(hi >> 32), (__u32)lo, (__u32)(lo >> 32)}};

        policy = bpf_map_lookup_elem(&perf_ipv6, &key);
    }
    return policy ? *policy : perf_default_policy;
}

#define MXG_CUSTOM_LOOKUP
MXG_INLINE const struct mxg_policy* mxg_lookup(const struct mxg_table* table,
                                               const struct mxg_image_header* header,
                                               const struct mxg_address* address)
{
    __u32 index = perf_find_policy(address);
    const struct mxg_line* line = mxg_table_line(table, header->policies + index / 8);

    if (!line)
        return 0;
    asm volatile("" : "+r"(line)); /* else clang adds before the check, which is not verifiable */
    return (const struct mxg_policy*)&line->word[index & 7];
}

#include "ebpf/gate.bpf.c"
