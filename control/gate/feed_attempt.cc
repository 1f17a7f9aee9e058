// SPDX-License-Identifier: BSD-2-Clause
#include "control/gate/feed_attempt.h"

#include <algorithm>
#include <utility>

#include "control/worker/apart.h"

namespace mxgate {
FeedAttempt::FeedAttempt(FeedKeeper& keeper, const Config& config, How how,
                         std::map<SourceKey, Delivery> deliveries)
    : keeper_(keeper), config_(config), how_(how), deliveries_(std::move(deliveries))
{
    for (Source& source : sources_of(config)) {
        const SourceKey key = source.key;
        if (!source.fetch.is_fetched())
            stamps_[key] = stamp_of(source.path);
        sources_.emplace(key, std::move(source));
    }
}

FeedAttempt::~FeedAttempt()
{
    keeper_.take_back(std::move(deliveries_), held_);
}

// What came for a list; not from where the list was before.
const Delivery* FeedAttempt::delivery_for(const Source& source) const
{
    const auto found = deliveries_.find(source.key);
    const bool fits =
        found != deliveries_.end() && found->second.copy.source == source.fetch.source();
    return fits ? &found->second : nullptr;
}

// What a list that stays is read from, empty: nothing. Not one of which no version was kept, or not
// the one in force: it is read as it is.
std::optional<std::string> FeedAttempt::stays(const Source& source) const
{
    if (how_.stay == Stay::none || source.fetch.is_fetched() || source.key == how_.but)
        return std::nullopt;
    if (keeper_.lists_nothing(source.key))
        return "";
    if (keeper_.is_unkept(source.key))
        return std::nullopt;
    const std::string kept = keeper_.last_good(source, "").path;
    return kept.empty() ? std::nullopt : std::optional(kept);
}

bool FeedAttempt::others_stay() const
{
    return std::all_of(sources_.begin(), sources_.end(), [&](const auto& known) {
        const Source& source = known.second;
        return source.fetch.is_fetched() || source.key == how_.but || stays(source);
    });
}

// Whether the version takes part: not before there is one, nor when it is too old. Where all stays,
// what had grown too old stays out though its source has it again.
bool FeedAttempt::counts(const Source& source, const InForce& now) const
{
    if (how_.stay != Stay::all || (!source.fetch.is_fetched() && !now.expired))
        return !now.path.empty() && !now.expired;
    return !now.path.empty() && !keeper_.lists_nothing(source.key);
}

ListVersions FeedAttempt::versions_of(const SourceKey& key, const Source& source) const
{
    ListVersions out;
    const SourceVersions& kept = keeper_.versions(key.lengths);
    if (const Delivery* delivery = delivery_for(source);
        delivery != nullptr && source.fetch.is_fetched()) {
        const std::string& path = delivery->candidate.path();
        out.delivered = {path, delivery->copy.fetched,
                         !key.lengths && kept.choose(key.name, path).refused.has_value()};
    }
    out.now = keeper_.current(source);
    out.counts = counts(source, out.now);
    out.stays = stays(source);
    out.before = keeper_.last_good(source, out.now.path);
    out.is_newest = kept.is_newest(key.name, out.now.path);
    out.is_in_force = keeper_.is_in_force(key, out.now);
    out.never_good = !how_.blind && !kept.knows(key.name);
    return out;
}

CompileResult FeedAttempt::compile(uint64_t generation, const TableInfo* previous,
                                   const FetchProgress& progress)
{
    CompileJob job;
    job.config = config_;
    job.generation = generation;
    if (previous != nullptr)
        job.previous = *previous;
    job.strict = how_.strict;
    job.force = how_.force;
    job.all_rejects = how_.all_rejects;
    for (const auto& [key, source] : sources_)
        job.lists.emplace(key, versions_of(key, source));
    CompileAnswer answer = compile_apart(job, progress);
    for (auto& [key, outcome] : answer.lists)
        take(key, std::move(outcome));
    return std::move(answer.result);
}

void FeedAttempt::take(const SourceKey& key, ListOutcome outcome)
{
    for (const ListOutcome::Refusal& refusal : outcome.refusals) {
        keeper_.refuse(key, refusal.why, refusal.of_delivery);
        if (refusal.hold)
            held_.insert(key);
        else if (refusal.of_delivery)
            deliveries_.erase(key);
    }
    if (outcome.used_delivery)
        used_.insert(key);
    if (outcome.now)
        now_[key] = std::move(*outcome.now);
}

std::set<SourceKey> FeedAttempt::used() const
{
    return used_;
}

std::map<SourceKey, Delivery> FeedAttempt::release()
{
    if (used_.empty())  // nobody came to read them
        return std::exchange(deliveries_, {});
    std::map<SourceKey, Delivery> out;
    for (const SourceKey& key : used_)
        out.insert(deliveries_.extract(key));
    return out;
}

void FeedAttempt::accept()
{
    for (auto& [key, now] : now_) {
        std::optional<Delivery> delivery;
        if (used_.contains(key)) {
            delivery.emplace(std::move(deliveries_.at(key)));
            deliveries_.erase(key);
        }
        const auto stamp = stamps_.find(key);
        keeper_.accept(sources_.at(key), std::move(now), std::move(delivery),
                       stamp == stamps_.end() ? std::nullopt : std::optional(stamp->second));
    }
}

void FeedAttempt::hold_back(const std::string& why)
{
    for (const SourceKey& key : used_) {
        held_.insert(key);
        keeper_.refuse(key, why, true);
    }
}

void FeedAttempt::refuse_delivered(const std::string& why)
{
    for (const auto& [key, delivery] : std::exchange(deliveries_, {}))
        keeper_.refuse(key, why, true);
}

}  // namespace mxgate
