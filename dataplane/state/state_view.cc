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
    return mxg_all_buckets(settings.bucket_mask) * sizeof(mxg_bucket);
}

uint64_t seen_bytes(const mxg_source_settings& settings)
{
    return (mxg_seen_mask(settings.bucket_mask) + uint64_t{1}) * sizeof(mxg_seen_line);
}

uint64_t state_bytes(uint64_t capacity)
{
    const uint32_t buckets = buckets_for(capacity);
    const mxg_source_settings settings{{}, buckets - 1, 0};
    return source_bytes(settings) + seen_bytes(settings);
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

mxg_prefix prefix_of(const mxg_source& source)
{
    return {{source.hi, source.lo, source.tag >> 8 & 3, 0}, source.tag & 0xff};
}

namespace {

bool holds_more(const mxg_source& a, const mxg_source& b)
{
    return a.open > b.open;
}

// Counts the entries in use of buckets `from` to `to`, which may lie on both sides of the first one
// of the parents.
void add_used(SourceFill& fill, const mxg_bucket* buckets, uint64_t from, uint64_t to)
{
    for (uint64_t i = from; i < to; i++)
        for (const mxg_source& source : buckets[i].way)
            (i * MXG_WAYS < fill.capacity ? fill.used : fill.parents_used) += source.tag != 0;
}

SourceFill empty_fill(const mxg_source_settings& settings)
{
    SourceFill out;
    out.capacity = (settings.bucket_mask + uint64_t{1}) * MXG_WAYS;
    out.parent_capacity = mxg_all_buckets(settings.bucket_mask) * MXG_WAYS - out.capacity;
    return out;
}

void add_half_open(std::vector<uint32_t>& of_classes, const mxg_seen_line* lines, uint64_t from,
                   uint64_t to, uint64_t now_ns)
{
    for (uint64_t i = from; i < to; i++)
        for (const mxg_seen& seen : lines[i].way)
            if (const uint64_t info = mxg_load64(&seen.info); mxg_is_half_open(info, now_ns))
                of_classes[mxg_seen_class(info)]++;
}

// `used` was counted in `counted` entries of `all`.
uint64_t scaled(uint64_t used, uint64_t counted, uint64_t all)
{
    return counted > 0 ? used * (all / counted) + used * (all % counted) / counted : 0;
}

}  // namespace

SourceFill source_fill(const mxg_bucket* buckets, const mxg_source_settings& settings)
{
    SourceFill fill = empty_fill(settings);
    add_used(fill, buckets, 0, mxg_all_buckets(settings.bucket_mask));
    return fill;
}

uint64_t visit_sources(const mxg_bucket* buckets, const mxg_source_settings& settings,
                       uint64_t from, const VisitSource& visit)
{
    const uint64_t count = settings.bucket_mask + uint64_t{1};
    const uint64_t end = std::min(from + SourceSweep::kStep, count);
    for (uint64_t i = from; i < end; i++)
        for (const mxg_source& source : buckets[i].way) {
            const mxg_source copy = source;
            if (copy.tag > MXG_TAG_BUSY)
                visit(prefix_of(copy), copy.full_at_ns);
        }
    return end < count ? end : 0;
}

void SourceSweep::step(const mxg_bucket* buckets, const mxg_source_settings& settings)
{
    const uint64_t count = mxg_all_buckets(settings.bucket_mask);
    const uint64_t end = std::min(next_ + kStep, count);
    if (next_ == 0)
        current_ = empty_fill(settings);
    add_used(current_, buckets, next_, end);
    for (uint64_t i = next_; i < std::min(end, settings.bucket_mask + uint64_t{1}); i++)
        for (const mxg_source& source : buckets[i].way)
            if (source.open > 0 && source.tag > MXG_TAG_BUSY)
                add_holder(source);
    next_ = end;
    if (next_ < count)
        return;
    last_ = current_;
    next_ = 0;
    std::sort_heap(rising_.begin(), rising_.end(), holds_more);
    holders_ = std::move(rising_);
    rising_.clear();
}

void SourceSweep::add_holder(const mxg_source& source)
{
    if (rising_.size() == kHolders) {
        if (source.open <= rising_.front().open)
            return;
        std::pop_heap(rising_.begin(), rising_.end(), holds_more);
        rising_.pop_back();
    }
    rising_.push_back(source);
    std::push_heap(rising_.begin(), rising_.end(), holds_more);
}

SourceFill SourceSweep::fill(const mxg_source_settings& settings) const
{
    if (last_)
        return *last_;
    SourceFill out = empty_fill(settings);
    const uint64_t entries = next_ * MXG_WAYS, own = std::min(entries, out.capacity);
    out.used = scaled(current_.used, own, out.capacity);
    out.parents_used = scaled(current_.parents_used, entries - own, out.parent_capacity);
    return out;
}

std::vector<uint32_t> half_open(const mxg_seen_line* lines, const mxg_source_settings& settings,
                                uint64_t now_ns)
{
    std::vector<uint32_t> out(MXG_MAX_CLASSES);
    add_half_open(out, lines, 0, mxg_seen_mask(settings.bucket_mask) + uint64_t{1}, now_ns);
    return out;
}

void HalfOpenSweep::step(const mxg_seen_line* lines, const mxg_source_settings& settings,
                         uint64_t now_ns)
{
    const uint64_t count = mxg_seen_mask(settings.bucket_mask) + uint64_t{1};
    const uint64_t end = std::min(next_ + kStep, count);
    add_half_open(current_, lines, next_, end, now_ns);
    next_ = end % count;
    if (next_ != 0)
        return;
    last_ = std::move(current_);
    current_.assign(MXG_MAX_CLASSES, 0);
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
