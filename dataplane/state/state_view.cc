// SPDX-License-Identifier: BSD-2-Clause
#include "dataplane/state/state_view.h"

#include <algorithm>
#include <bit>

#include "dataplane/core/retransmissions.h"
#include "dataplane/state/memory.h"

namespace mxgate {

uint32_t buckets_for(uint64_t capacity)
{
    if (capacity > MXG_MAX_SOURCES)
        throw PlaneError("sources.capacity is beyond 256 Mi");
    return static_cast<uint32_t>(
        std::bit_ceil((std::max<uint64_t>(capacity, 1) + MXG_WAYS - 1) / MXG_WAYS));
}

uint64_t source_bytes(const mxg_source_settings& settings)
{
    return mxg_all_buckets(settings.bucket_mask) * sizeof(mxg_bucket);
}

uint64_t state_bytes(uint64_t capacity)
{
    const uint32_t buckets = buckets_for(capacity);
    return mxg_all_buckets(buckets - 1) * sizeof(mxg_bucket) + buckets * sizeof(mxg_seen_line);
}

bool find_source(mxg_bucket* buckets, const mxg_source_settings& settings, const mxg_prefix& prefix,
                 mxg_source* out)
{
    const uint64_t hash = mxg_prefix_hash(settings.key, &prefix);
    mxg_bucket* bucket = &buckets[mxg_bucket_number(hash, settings.bucket_mask)];
    const uint32_t way = mxg_find_way(bucket, &prefix, mxg_source_tag(hash, &prefix));
    if (way < MXG_WAYS)
        *out = bucket->way[way];
    return way < MXG_WAYS;
}

SourceFill source_fill(const mxg_bucket* buckets, const mxg_source_settings& settings)
{
    SourceFill fill;
    const uint64_t count = static_cast<uint64_t>(settings.bucket_mask) + 1;
    fill.capacity = count * MXG_WAYS;
    fill.parent_capacity = mxg_all_buckets(settings.bucket_mask) * MXG_WAYS - fill.capacity;
    for (uint64_t i = 0; i < mxg_all_buckets(settings.bucket_mask); i++)
        for (const mxg_source& source : buckets[i].way)
            (i < count ? fill.used : fill.parents_used) += source.tag != 0;
    return fill;
}

void drain_rings(mxg_ring* rings, uint32_t count,
                 const std::function<void(const mxg_sample&)>& take)
{
    for (mxg_ring* ring = rings; ring < rings + count; ring++) {
        const uint64_t head = __atomic_load_n(&ring->head, __ATOMIC_ACQUIRE);
        uint64_t tail = ring->tail;
        if (head - tail > MXG_RING_SAMPLES)
            tail = head;  // not ours: start over
        for (; tail != head; tail++)
            take(ring->sample[tail & (MXG_RING_SAMPLES - 1)]);
        __atomic_store_n(&ring->tail, tail, __ATOMIC_RELEASE);
    }
}

uint64_t samples_lost(const mxg_ring* rings, uint32_t count)
{
    uint64_t lost = 0;
    for (uint32_t i = 0; i < count; i++)
        lost += rings[i].lost;
    return lost;
}

}  // namespace mxgate
