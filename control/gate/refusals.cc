// SPDX-License-Identifier: BSD-2-Clause
#include "control/gate/refusals.h"

#include <algorithm>

#include "control/text/names.h"

namespace mxgate {

void Refusals::add(const mxg_sample& sample, int64_t offset_ns)
{
    const mxg_decision& d = sample.decision;
    const int64_t time_us = (static_cast<int64_t>(sample.time_ns) + offset_ns) / 1000;
    recent_.push_front({time_us, sample.source, d});
    added_++;
    if (recent_.size() > kMaxRecent)
        recent_.pop_back();

    mxg_prefix source = source_prefix(d);
    if (d.source_family == MXG_FAMILY_NONE)
        source = {sample.source, mxg_family_bits(sample.source.family)};
    const Key key{source.address.hi,
                  source.address.lo,
                  source.address.family,
                  source.length,
                  d.reason,
                  d.class_id,
                  d.feed};
    const auto found = index_.find(key);
    if (found != index_.end()) {
        by_age_.splice(by_age_.begin(), by_age_, found->second);
    } else {
        if (by_age_.size() >= kMaxSenders) {
            index_.erase(by_age_.back().first);
            by_age_.pop_back();
        }
        Refusal fresh;
        fresh.source = source;
        fresh.first_us = time_us;
        by_age_.emplace_front(key, fresh);
        index_[key] = by_age_.begin();
    }
    Refusal& refusal = by_age_.front().second;
    refusal.verdict = d.verdict;
    refusal.reason = d.reason;
    refusal.class_id = d.class_id;
    refusal.enforced = d.enforced;
    refusal.feed = d.feed;
    refusal.count++;
    refusal.last_us = time_us;
    refusal.last_address = sample.source;
    refusal.last_port = d.source_port;
}

std::vector<Refusal> Refusals::top(size_t limit) const
{
    std::vector<Refusal> out;
    for (const auto& entry : by_age_)
        out.push_back(entry.second);
    std::stable_sort(out.begin(), out.end(),
                     [](const Refusal& a, const Refusal& b) { return a.count > b.count; });
    if (out.size() > limit)
        out.resize(limit);
    return out;
}

Refusals::Since Refusals::since(uint64_t after, size_t limit) const
{
    Since out;
    const uint64_t fresh = added_ - std::min(after, added_);
    const size_t shown = std::min({static_cast<size_t>(fresh), recent_.size(), limit});
    out.verdicts.assign(recent_.rend() - static_cast<std::ptrdiff_t>(shown), recent_.rend());
    out.lost = fresh - shown;
    return out;
}

std::vector<RecentVerdict> Refusals::recent(const mxg_prefix& prefix, size_t limit) const
{
    std::vector<RecentVerdict> out;
    for (const RecentVerdict& verdict : recent_) {
        if (out.size() >= limit)
            break;
        const mxg_decision& d = verdict.decision;
        const bool by_source =
            d.source_family != MXG_FAMILY_NONE && mxg_contains(prefix, source_prefix(d).address);
        if (by_source || mxg_contains(prefix, verdict.source))
            out.push_back(verdict);
    }
    return out;
}

}  // namespace mxgate
