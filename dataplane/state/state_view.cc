// SPDX-License-Identifier: BSD-2-Clause
#include "dataplane/state/state_view.h"

#include <algorithm>
#include <bit>
#include <ctime>

#include "dataplane/state/memory.h"

namespace mxgate {

uint64_t monotonic_ns()
{
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

uint32_t buckets_for(uint64_t capacity)
{
    if (capacity > MXG_MAX_SOURCES)
        throw PlaneError("sources.capacity is beyond 256 Mi");
    return static_cast<uint32_t>(
        std::bit_ceil((std::max<uint64_t>(capacity, 1) + MXG_WAYS - 1) / MXG_WAYS));
}

uint64_t source_bytes(const mxg_source_settings& settings)
{
    return (static_cast<uint64_t>(settings.bucket_mask) + 1) * sizeof(mxg_bucket);
}

bool find_source(mxg_bucket* buckets, const mxg_source_settings& settings, const mxg_prefix& prefix,
                 mxg_source* out)
{
    const uint64_t hash = mxg_prefix_hash(settings.key, &prefix);
    mxg_bucket* bucket = &buckets[mxg_bucket_number(hash, settings.bucket_mask)];
    const mxg_source* found = mxg_find_source(bucket, &prefix, hash | 1);
    if (found)
        *out = *found;
    return found != nullptr;
}

namespace {

uint64_t bucket_count(const mxg_source_settings& settings)
{
    return static_cast<uint64_t>(settings.bucket_mask) + 1;
}

uint64_t used_within(const mxg_bucket* begin, const mxg_bucket* end)
{
    uint64_t used = 0;
    for (const mxg_bucket* bucket = begin; bucket < end; bucket++)
        for (const mxg_source& source : bucket->way)
            used += source.tag != 0;
    return used;
}

}  // namespace

SourceFill source_fill(const mxg_bucket* buckets, const mxg_source_settings& settings)
{
    const uint64_t count = bucket_count(settings);
    return {count * MXG_WAYS, used_within(buckets, buckets + count)};
}

uint64_t visit_sources(const mxg_bucket* buckets, const mxg_source_settings& settings,
                       uint64_t from, const VisitSource& visit)
{
    const uint64_t count = bucket_count(settings);
    const uint64_t end = std::min(from + SourceSweep::kStep, count);
    for (uint64_t i = from; i < end; i++)
        for (const mxg_source& source : buckets[i].way) {
            const mxg_source copy = source;
            if (copy.tag > MXG_TAG_BUSY)
                visit({{copy.hi, copy.lo, copy.family, 0}, copy.length}, copy.full_at_ns);
        }
    return end < count ? end : 0;
}

void SourceSweep::step(const mxg_bucket* buckets, const mxg_source_settings& settings)
{
    const uint64_t count = bucket_count(settings), end = std::min(next_ + kStep, count);
    used_ += used_within(buckets + next_, buckets + end);
    next_ = end;
    if (next_ < count)
        return;
    last_ = used_;
    next_ = used_ = 0;
}

SourceFill SourceSweep::fill(const mxg_source_settings& settings) const
{
    const uint64_t count = bucket_count(settings);
    const uint64_t part = next_ > 0 ? used_ * (count / next_) + used_ * (count % next_) / next_ : 0;
    return {count * MXG_WAYS, last_.value_or(part)};
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
