// SPDX-License-Identifier: BSD-2-Clause
#include "control/gate/feed_attempt.h"

#include <fmt/format.h>

#include <utility>

#include "control/worker/apart.h"

namespace mxgate {

FeedAttempt::FeedAttempt(FeedKeeper& keeper, const Config& config, How how,
                         std::map<SourceKey, Delivery> deliveries)
    : keeper_(keeper), config_(config), how_(how), deliveries_(std::move(deliveries))
{
    for (Source& source : sources_of(config)) {
        const SourceKey key = source.key;
        sources_.emplace(key, std::move(source));
    }
}

FeedAttempt::~FeedAttempt()
{
    keeper_.take_back(std::move(deliveries_), held_);
}

ListVersions FeedAttempt::versions_of(const SourceKey& key, const Source& source) const
{
    ListVersions out;
    const SourceVersions& kept = keeper_.versions(key.lengths);
    if (const auto found = deliveries_.find(key);
        found != deliveries_.end() && source.fetch.is_fetched()) {
        const std::string& path = found->second.candidate.path();
        out.delivered = {path, found->second.copy.fetched,
                         !key.lengths && kept.choose(key.name, path).refused.has_value()};
    }
    out.now = keeper_.current(source);
    out.before = keeper_.last_good(source, out.now.path);
    out.is_newest = kept.is_newest(key.name, out.now.path);
    out.is_in_force = keeper_.is_in_force(key, out.now);
    return out;
}

CompileResult FeedAttempt::compile(uint64_t generation, const TableInfo* previous)
{
    CompileJob job;
    job.config = config_;
    job.generation = generation;
    if (previous != nullptr)
        job.previous = *previous;
    job.strict = how_.strict;
    job.force = how_.force;
    for (const auto& [key, source] : sources_)
        job.lists.emplace(key, versions_of(key, source));
    CompileAnswer answer = compile_apart(job);
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
    return std::exchange(deliveries_, {});
}

void FeedAttempt::accept()
{
    for (auto& [key, now] : now_) {
        std::optional<Delivery> delivery;
        if (used_.contains(key)) {
            delivery.emplace(std::move(deliveries_.at(key)));
            deliveries_.erase(key);
        }
        try {
            keeper_.accept(sources_.at(key), std::move(now), std::move(delivery));
        } catch (const std::exception& error) {
            keeper_.refuse(key, fmt::format("in force, but cannot be kept: {}", error.what()),
                           false);
        }
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
