/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The platform functions of the core for user space: plain memory, the clock as data. */
#ifndef MXG_CORE_NATIVE_H
#define MXG_CORE_NATIVE_H

#include <string.h>

#include "dataplane/core/address.h"
#include "dataplane/core/attempt.h"
#include "dataplane/core/flow_table.h"
#include "dataplane/core/image.h"
#include "dataplane/core/overrides.h"
#include "dataplane/core/retransmissions.h"
#include "dataplane/core/sources.h"

struct mxg_frame {
    const __u8 *data;
    __u32 length; /* bytes at `data`, all headers among them */
    __u32 beyond; /* further bytes of the frame, elsewhere */
};

MXG_INLINE __u32 mxg_frame_length(const struct mxg_frame *frame)
{
    return frame->length + frame->beyond;
}

MXG_INLINE int mxg_frame_load(const struct mxg_frame *frame, __u32 offset, void *to, __u32 size)
{
    if (offset > frame->length || size > frame->length - offset)
        return -1;
    memcpy(to, frame->data + offset, size);
    return 0;
}

MXG_INLINE int mxg_frame_copy(const struct mxg_frame *frame, __u32 offset, void *to, __u32 size)
{
    return mxg_frame_load(frame, offset, to, size);
}

struct mxg_table {
    const struct mxg_line *lines;
    __u32 count;
};

MXG_INLINE const struct mxg_line *mxg_table_line(const struct mxg_table *table, __u32 number)
{
    return number < table->count ? &table->lines[number] : 0;
}

MXG_INLINE const struct mxg_line *mxg_hot_line(const struct mxg_table *table, __u32 number)
{
    return mxg_table_line(table, number);
}

struct mxg_gate {
    struct mxg_table table;
    struct mxg_source_settings sources;
    struct mxg_bucket *buckets; /* mxg_all_buckets of them */
    struct mxg_seen_line *seen; /* mxg_seen_mask + 1; or 0: every SYN is an attempt */
    __u32 *connections;         /* open, of each class: MXG_MAX_CLASSES; or 0: not known */
    const struct mxg_overrides *overrides; /* or 0: none */
    const struct mxg_flows *flows;         /* or 0: open connections are not known one by one */
    __u64 *pressure;                       /* MXG_PRESSURES counters; or 0: not counted */
    __u64 now_ns;
};

MXG_INLINE const struct mxg_overrides *mxg_overrides_of(const struct mxg_gate *gate)
{
    return gate->overrides;
}

MXG_INLINE struct mxg_source_settings mxg_settings(const struct mxg_gate *gate)
{
    return gate->sources;
}

MXG_INLINE struct mxg_bucket *mxg_source_bucket(struct mxg_gate *gate, __u32 number)
{
    return &gate->buckets[number];
}

MXG_INLINE void mxg_count_pressure(struct mxg_gate *gate, enum mxg_pressure which)
{
    if (gate->pressure)
        gate->pressure[which]++;
}

MXG_INLINE struct mxg_seen_line *mxg_seen_at(struct mxg_gate *gate, __u32 number)
{
    return gate->seen ? &gate->seen[number & mxg_seen_mask(gate->sources.bucket_mask)] : 0;
}

MXG_INLINE __u32 *mxg_class_connections(struct mxg_gate *gate, __u32 class_id)
{
    return gate->connections ? &gate->connections[class_id & (MXG_MAX_CLASSES - 1)] : 0;
}

MXG_INLINE int mxg_is_of_connection(const struct mxg_gate *gate, const struct mxg_packet *packet)
{
    return !gate->flows || mxg_is_of_flow(gate->flows, gate->sources.key, packet);
}

MXG_INLINE struct mxg_attempt *mxg_attempt_memory(struct mxg_gate *gate, struct mxg_attempt *local)
{
    (void)gate;
    return local;
}

MXG_INLINE __u64 mxg_now(const struct mxg_gate *gate)
{
    return gate->now_ns;
}

#endif
