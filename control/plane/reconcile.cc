// SPDX-License-Identifier: BSD-2-Clause
#include "control/plane/reconcile.h"

#include <algorithm>

#include "dataplane/core/connections.h"
#include "dataplane/state/state_view.h"

namespace mxgate {
namespace {

constexpr uint32_t kClass = MXG_PLACES;         // in a key: the count of a whole class
constexpr uint64_t kSearchedBuckets = 1 << 12;  // at once: 16 MiB
constexpr int kTimes = 3;

}  // namespace

void Reconciler::count_place(mxg_gate& gate, mxg_attempt& attempt, uint32_t place)
{
    attempt.now_ns = gate.now_ns;
    if (mxg_take_place(&gate, &attempt, place) >= MXG_WAYS)
        return;  // no room: nor would it have been counted
    const mxg_prefix& p = *mxg_prefix_at(&attempt, place);
    Count& count = counts_[{place, p.address.hi, p.address.lo, p.address.family, p.length}];
    count.source = mxg_source_at(&gate, &attempt.place[place]);
    count.now = &count.source->open;
    count.open++;
}

void Reconciler::count(mxg_gate& gate, const mxg_packet& packet)
{
    const auto* header = reinterpret_cast<const mxg_image_header*>(mxg_hot_line(&gate.table, 0));
    mxg_service_match match{};
    mxg_judgement judgement;
    mxg_attempt attempt;
    if (!header || (header->flags & MXG_FLAG_NO_TABLE) ||
        mxg_match_services(&gate.table, header, &packet, &match) || !match.port ||
        mxg_judge(&gate, header, &packet.source, &judgement) ||
        mxg_prepare_attempt(&gate, &judgement, &attempt))
        return;
    for (uint32_t place = 0; place < MXG_PLACES; place++)
        if (place == 0 || mxg_has_parent(&attempt, place))
            count_place(gate, attempt, place);
    Count& all = counts_[{kClass, judgement.class_id, 0, 0, 0}];
    all.now = mxg_class_connections(&gate, judgement.class_id);
    all.open++;
}

// Counts of which the host may have no connection at all.
void Reconciler::find_stale(mxg_gate& gate)
{
    const uint64_t own = gate.sources.bucket_mask + uint64_t{1};
    const uint64_t all = mxg_all_buckets(gate.sources.bucket_mask);
    const uint64_t parents = mxg_parent_buckets(gate.sources.bucket_mask);
    for (uint64_t n = 0; n < std::min(all, kSearchedBuckets); n++) {
        const uint64_t i = searched_++ % all;
        for (mxg_source& source : gate.buckets[i].way)
            if (source.open != 0 && source.tag > MXG_TAG_BUSY) {
                const mxg_prefix p = prefix_of(source);
                const auto place = static_cast<uint32_t>(i < own ? 0 : 1 + (i - own) / parents);
                Count& count =
                    counts_[{place, p.address.hi, p.address.lo, p.address.family, p.length}];
                count.source = &source;
                count.now = &source.open;
            }
    }
    for (const auto& [key, doubt] : off_)
        counts_.try_emplace(key, Count{doubt.count.now, doubt.count.source, 0});
    for (uint32_t i = 0; i < MXG_MAX_CLASSES; i++)
        if (gate.connections[i] != 0)
            counts_[{kClass, i, 0, 0, 0}].now = &gate.connections[i];
}

// Only where the count is still what it was, and still that of this prefix: an entry without
// connections may have been given to another one.
bool Reconciler::mend(const Key& key, const Count& count, uint32_t had)
{
    const auto is_of_key = [&] {
        return !count.source ||
               (count.source->hi == std::get<1>(key) && count.source->lo == std::get<2>(key));
    };
    const auto right = static_cast<uint32_t>(count.open);
    if (!is_of_key() || !__sync_bool_compare_and_swap(count.now, had, right))
        return false;
    if (is_of_key())
        return true;
    __sync_fetch_and_sub(count.now, right - had);
    return false;
}

size_t Reconciler::compare(mxg_gate& gate, const std::vector<mxg_packet>& open)
{
    counts_.clear();
    gate.now_ns = monotonic_ns();
    for (const mxg_packet& packet : open)
        count(gate, packet);
    find_stale(gate);
    std::map<Key, Doubt> off;
    size_t mended = 0;
    for (const auto& [key, count] : counts_) {
        const uint32_t had = mxg_load32(count.now);
        if (count.open == int64_t{had})
            continue;
        Doubt doubt{count, had, 1};
        const auto before = off_.find(key);
        if (before != off_.end() && before->second.had == had &&
            before->second.count.open == count.open)
            doubt.times = before->second.times + 1;
        if (doubt.times < kTimes)
            off[key] = doubt;
        else
            mended += mend(key, count, had);
    }
    off_ = std::move(off);
    return mended;
}

}  // namespace mxgate
