// SPDX-License-Identifier: BSD-2-Clause
#include "control/plane/reconcile.h"

#include "dataplane/core/connections.h"
#include "dataplane/state/state_view.h"

namespace mxgate {
namespace {

constexpr uint32_t kClass = MXG_PLACES;  // in a key: the count of a whole class

}  // namespace

void Reconciler::count_place(mxg_gate& gate, mxg_attempt& attempt, uint32_t place)
{
    attempt.now_ns = gate.now_ns;
    if (mxg_take_place(&gate, &attempt, place) >= MXG_WAYS)
        return;  // no room: nor would it have been counted
    const mxg_prefix& p = attempt.prefix;
    Count& count = counts_[{place, p.address.hi, p.address.lo, p.address.family, p.length}];
    count.now = &mxg_source_at(&gate, &attempt.place[place])->open;
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

// Counts of which the host has no connection at all.
void Reconciler::find_stale(mxg_gate& gate)
{
    const uint32_t own = gate.sources.bucket_mask + 1;
    const uint32_t parents = mxg_parent_buckets(gate.sources.bucket_mask);
    for (uint32_t i = 0; i < mxg_all_buckets(gate.sources.bucket_mask); i++)
        for (mxg_source& source : gate.buckets[i].way)
            if (source.open != 0 && source.tag > MXG_TAG_BUSY) {
                const mxg_prefix p = prefix_of(source);
                const uint32_t place = i < own ? 0 : 1 + (i - own) / parents;
                counts_[{place, p.address.hi, p.address.lo, p.address.family, p.length}].now =
                    &source.open;
            }
    for (uint32_t i = 0; i < MXG_MAX_CLASSES; i++)
        if (gate.connections[i] != 0)
            counts_[{kClass, i, 0, 0, 0}].now = &gate.connections[i];
}

size_t Reconciler::compare(mxg_gate& gate, const std::vector<mxg_packet>& open)
{
    counts_.clear();
    gate.now_ns = monotonic_ns();
    for (const mxg_packet& packet : open)
        count(gate, packet);
    find_stale(gate);
    std::map<Key, int64_t> off;
    size_t mended = 0;
    for (const auto& [key, count] : counts_) {
        const int64_t difference = count.open - int64_t{mxg_load32(count.now)};
        if (difference == 0)
            continue;
        const auto before = off_.find(key);
        if (before == off_.end() || before->second != difference) {
            off[key] = difference;
            continue;
        }
        __atomic_fetch_add(count.now, static_cast<uint32_t>(difference), __ATOMIC_RELAXED);
        mended++;
    }
    off_ = std::move(off);
    return mended;
}

}  // namespace mxgate
