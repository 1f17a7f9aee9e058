/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The platform functions of the core for BPF: maps, packet pointers, the kernel's clock. */
#ifndef MXG_EBPF_PLATFORM_H
#define MXG_EBPF_PLATFORM_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "dataplane/core/address.h"
#include "dataplane/core/image.h"
#include "dataplane/core/sources.h"
#include "ebpf/maps.h"

/* Headers end well below this; the verifier wants packet offsets bounded. */
#define MXG_MAX_OFFSET 1023

struct mxg_frame {
    struct xdp_md *ctx;
    __u8 *data;
    __u8 *data_end;
};

MXG_INLINE __u32 mxg_frame_length(const struct mxg_frame *frame)
{
    return (__u32)bpf_xdp_get_buff_len(frame->ctx);
}

/* From the linear part if it is there, else by copy out of the frags. */
MXG_INLINE int mxg_frame_load(const struct mxg_frame *frame, __u32 offset, void *to,
                              const __u32 size)
{
    __u64 at = offset;
    __u8 *from;

    if (at > MXG_MAX_OFFSET)
        return -1;
    asm volatile("%0 &= %1" : "+r"(at) : "i"(MXG_MAX_OFFSET));
    from = frame->data + at;
    if (from + size > frame->data_end)
        return bpf_xdp_load_bytes(frame->ctx, (__u32)at, to, size) ? -1 : 0;
    __builtin_memcpy(to, from, size);
    return 0;
}

/* One path for the verifier, where mxg_frame_load has two. */
MXG_INLINE int mxg_frame_copy(const struct mxg_frame *frame, __u32 offset, void *to,
                              const __u32 size)
{
    return bpf_xdp_load_bytes(frame->ctx, offset, to, size) ? -1 : 0;
}

struct mxg_table {
    void *pages;                /* the inner map: one generation for the whole packet */
    const struct mxg_page *hot; /* its first page, 0 if there is no table */
};

/* Of the first page only: one path for the verifier, where mxg_table_line has two. */
MXG_INLINE const struct mxg_line *mxg_hot_line(const struct mxg_table *table, __u32 number)
{
    const struct mxg_page *page = table->hot;

    if (!page || number >= MXG_PAGE_LINES)
        return 0;
    asm volatile("" : "+r"(page)); /* clang would move the addition before the check */
    return &page->line[number & (MXG_PAGE_LINES - 1)];
}

MXG_INLINE const struct mxg_line *mxg_table_line(const struct mxg_table *table, __u32 number)
{
    const struct mxg_page *page = table->hot;
    __u32 index = number / MXG_PAGE_LINES;

    if (!page)
        return 0;
    if (index != 0) {
        page = bpf_map_lookup_elem(table->pages, &index);
        if (!page)
            return 0;
    }
    asm volatile("" : "+r"(page)); /* as above */
    return &page->line[number & (MXG_PAGE_LINES - 1)];
}

struct mxg_gate {
    struct mxg_table table;
};

MXG_INLINE struct mxg_source_settings mxg_settings(const struct mxg_gate *gate)
{
    return settings.sources;
}

MXG_INLINE struct mxg_bucket *mxg_source_bucket(struct mxg_gate *gate, __u32 number)
{
    return bpf_map_lookup_elem(&mxg_sources, &number);
}

MXG_INLINE void mxg_count_pressure(struct mxg_gate *gate, enum mxg_pressure which)
{
    __u32 index = which;
    __u64 *count = bpf_map_lookup_elem(&mxg_pressure, &index);

    if (count)
        (*count)++; /* for people: sockets may interrupt each other, and miss one */
}

MXG_INLINE struct mxg_seen_line *mxg_seen_at(struct mxg_gate *gate, __u32 number)
{
    return bpf_map_lookup_elem(&mxg_seen, &number);
}

MXG_INLINE __u32 *mxg_class_connections(struct mxg_gate *gate, __u32 class_id)
{
    __u32 zero = 0;
    struct mxg_open_connections *open = bpf_map_lookup_elem(&mxg_connections, &zero);

    return open ? &open->of_class[class_id & (MXG_MAX_CLASSES - 1)] : 0;
}

/* It needs the context, so the program asks before it limits. */
MXG_INLINE int mxg_is_of_connection(const struct mxg_gate *gate, const struct mxg_packet *packet)
{
    (void)gate;
    (void)packet;
    return 1;
}

MXG_INLINE const struct mxg_overrides *mxg_overrides_of(const struct mxg_gate *gate)
{
    __u32 zero = 0;

    return bpf_map_lookup_elem(&mxg_by_hand, &zero);
}

/* Not the stack, which is too small. */
MXG_INLINE struct mxg_attempt *mxg_attempt_memory(struct mxg_gate *gate, struct mxg_attempt *local)
{
    __u32 zero = 0;
    struct mxg_work *work = bpf_map_lookup_elem(&mxg_work, &zero);

    return work ? &work->attempt : 0;
}

MXG_INLINE __u64 mxg_now(const struct mxg_gate *gate)
{
    if (settings.replay) {
        __u32 zero = 0;
        struct mxg_replay_io *io = bpf_map_lookup_elem(&mxg_replay, &zero);

        return io ? io->now_ns : 0;
    }
    return bpf_ktime_get_ns();
}

#endif
