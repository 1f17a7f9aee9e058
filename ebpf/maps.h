/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The maps of the XDP plane. All but mxg_replay and mxg_scratch are pinned and outlive the daemon.
 */
#ifndef MXG_EBPF_MAPS_H
#define MXG_EBPF_MAPS_H

#include "dataplane/core/image.h"
#include "dataplane/core/attempt.h"
#include "dataplane/core/overrides.h"
#include "dataplane/core/replies.h"
#include "dataplane/core/retransmissions.h"
#include "dataplane/core/sample.h"
#include "ebpf/shared.h"

/* The image in force. Its pages are elements, so that a table of any size fits the same program:
 * an inner array may differ in max_entries (BPF_F_INNER_MAP), not in value size. */
struct mxg_lines {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_INNER_MAP | BPF_F_MMAPABLE);
    __uint(max_entries, 1);
    __uint(key_size, sizeof(__u32));
    __uint(value_size, sizeof(struct mxg_page));
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
    __uint(max_entries, 1);
    __type(key, __u32);
    __array(values, struct mxg_lines);
} mxg_table_slot SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1); /* set by the loader */
    __type(key, __u32);
    __type(value, struct mxg_bucket);
} mxg_sources SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1); /* set by the loader: mxg_seen_mask + 1 */
    __type(key, __u32);
    __type(value, struct mxg_seen_line);
} mxg_seen SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct mxg_open_connections);
} mxg_connections SEC(".maps");

/* What a stack is too small for; each core is at one packet at a time. Of the program alone, never
 * pinned. */
struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct mxg_work);
} mxg_work SEC(".maps");

/* The connections that are counted, with their sockets. */
struct {
    __uint(type, BPF_MAP_TYPE_SK_STORAGE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, int);
    __type(value, struct mxg_socket);
} mxg_sockets SEC(".maps");

/* What the operator set by hand. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct mxg_overrides);
} mxg_by_hand SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, MXG_COUNTERS);
    __type(key, __u32);
    __type(value, __u64);
} mxg_counters SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, MXG_FEED_COUNTERS);
    __type(key, __u32);
    __type(value, __u64);
} mxg_feeds SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, MXG_PRESSURES);
    __type(key, __u32);
    __type(value, __u64);
} mxg_pressure SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1); /* set by the loader: one ring per possible CPU */
    __type(key, __u32);
    __type(value, struct mxg_ring);
} mxg_samples SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct mxg_replies);
} mxg_replies SEC(".maps");

/* Where an answer is put together: a stack is too small. Of the program alone, never pinned. */
struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct mxg_reply);
} mxg_scratch SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct mxg_pinned_meta);
} mxg_meta SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct mxg_replay_io);
} mxg_replay SEC(".maps");

const volatile struct mxg_program_settings settings;

#endif
