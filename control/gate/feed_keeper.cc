// SPDX-License-Identifier: BSD-2-Clause
#include "control/gate/feed_keeper.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <utility>

#include "control/config/open_file.h"
#include "control/fetch/schedule.h"
#include "control/worker/apart.h"

namespace mxgate {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr std::chrono::seconds kPolite{900};
constexpr uint64_t kSecond = 1'000'000'000;

bool same_bytes(const std::string& a, const std::string& b)
{
    std::error_code error;
    if (fs::file_size(a, error) != fs::file_size(b, error) || error)
        return false;
    std::ifstream one(a, std::ios::binary), other(b, std::ios::binary);
    return std::equal(std::istreambuf_iterator<char>(one), std::istreambuf_iterator<char>(),
                      std::istreambuf_iterator<char>(other));
}

SourceVersions::Damaged tell_damage(Events& events)
{
    return [&events](const std::string& name, const std::string& what) {
        events.add(EventKind::state_damaged, name, what);
    };
}

}  // namespace

int64_t seconds_now()
{
    return static_cast<int64_t>(std::time(nullptr));
}

FeedKeeper::FeedKeeper(const std::string& state_dir, Events& events)
    : started_(seconds_now()),
      events_(events),
      fetched_(state_dir + "/fetched/feeds"),
      fetched_lengths_(state_dir + "/fetched/lengths"),
      feeds_(state_dir + "/feeds", tell_damage(events)),
      lengths_(state_dir + "/lengths", tell_damage(events)),
      files_(state_dir + "/fetched/discovered", {fetch_prefixlen_file_apart, find_references_apart})
{
}

void FeedKeeper::follow(const Config& config)
{
    std::map<SourceKey, State> fresh;
    const std::lock_guard lock(mutex_);
    for (Source& source : sources_of(config)) {
        State state;
        const auto known = states_.find(source.key);
        const bool same_place = known != states_.end() &&
                                known->second.source.fetch.source() == source.fetch.source() &&
                                known->second.source.path == source.path;
        if (same_place)
            state = std::move(known->second);
        else if (const auto stored =
                     store(source.key.lengths).last_good(source.key.name, source.fetch.source());
                 source.fetch.is_fetched() && stored && stored->fetched <= seconds_now())
            state.next = stored->fetched + static_cast<int64_t>(source.fetch.refresh_ns / kSecond);
        const bool refresh_changed =
            same_place && state.source.fetch.refresh_ns != source.fetch.refresh_ns;
        const SourceKey key = source.key;
        state.source = std::move(source);
        if (refresh_changed && state.failures == 0)
            plan(state, std::chrono::seconds(0));
        fresh.emplace(key, std::move(state));
    }
    states_ = std::move(fresh);
}

std::pair<std::optional<Source>, int64_t> FeedKeeper::next_task()
{
    const int64_t now = seconds_now();
    int64_t earliest = std::numeric_limits<int64_t>::max();
    const std::lock_guard lock(mutex_);
    State* first = nullptr;
    bool wanted = false;  // of one that is busy for the moment
    for (auto& [key, state] : states_) {
        if (state.fetching || state.handed_out)
            wanted |= state.soon;
        if (!state.source.fetch.is_fetched() || state.fetching || state.handed_out ||
            !is_ready(state))
            continue;
        const std::chrono::seconds refresh(state.source.fetch.refresh_ns / kSecond);
        const int64_t next = state.soon || is_due(state.next, now, refresh) ? 0 : state.next;
        if (next < earliest) {
            earliest = next;
            first = &state;
        }
    }
    if (first == nullptr || earliest > now)
        return {std::nullopt, wanted ? std::min(earliest, now + 1) : earliest};
    first->fetching = true;
    first->soon = false;
    first->tried = now;
    Source task = first->source;
    task.by_hand = std::exchange(first->by_hand, false);
    return {std::move(task), now};
}

bool FeedKeeper::fetch(const Source& source, const std::atomic<bool>& cancel,
                       const FetchProgress& progress)
{
    const FeedStore& files = store(source.key.lengths);
    const std::string& name = source.key.name;
    FetchResult result;
    std::optional<Delivery> delivery;
    try {
        const auto lock = files.try_lock(name);
        const auto known = files.last_good(name, source.fetch.source());
        FeedStore::Candidate candidate = files.begin(name);
        if (lock && source.fetch.discovers())
            result = fetch_files(source, known ? known->path : "", candidate.fd(), cancel);
        else if (lock)
            result =
                fetch_apart(source.fetch, source.max_size, known ? known->validators : Validators{},
                            candidate.fd(), &cancel, progress);
        else
            result.error = "another process fetches it";
        const bool fresh = result.state == FetchResult::State::fresh;
        if (fresh && known && same_bytes(candidate.path(), known->path))
            result.state = FetchResult::State::unchanged;
        if (known && result.state == FetchResult::State::unchanged) {
            StoredCopy copy = *known;
            if (fresh)
                copy.validators = result.validators;
            files.confirm(name, copy, seconds_now());
            versions(source.key.lengths).confirm(name, copy.path, seconds_now());
        } else if (fresh) {
            StoredCopy copy{"", source.fetch.source(), result.validators, seconds_now()};
            delivery = Delivery{std::move(candidate), std::move(copy)};
        }
    } catch (const std::exception& error) {
        result.state = FetchResult::State::failed;
        result.error = error.what();
    }
    return finish(source, result, std::move(delivery));
}

bool FeedKeeper::finish(const Source& source, const FetchResult& result,
                        std::optional<Delivery> delivery)
{
    const SourceKey& key = source.key;
    const bool failed = result.state == FetchResult::State::failed;
    bool recovered = false, cancelled = failed && result.error == "cancelled";
    {
        const std::lock_guard lock(mutex_);
        const auto found = states_.find(key);
        if (found == states_.end() || !found->second.fetching ||
            found->second.source.fetch.source() != source.fetch.source())
            return false;  // no longer in the configuration, or elsewhere
        State& state = found->second;
        state.fetching = false;
        if (failed && !cancelled) {
            state.failures++;
            state.failed++;
            state.fetch_error = result.error;
            state.failed_last = true;
        } else if (!failed) {
            recovered = !state.fetch_error.empty();
            state.fetch_error.clear();
            state.failed_last = false;
        }
        if (result.state == FetchResult::State::unchanged) {
            state.failures = 0;
            // What it serves is what is in use; what was refused is gone from there.
            if (!state.now.rolled_back && !state.now.fallback)
                state.now.date = seconds_now();
            if (state.refused_delivery)
                state.refusal.clear();
            state.delivery.reset();
            state.held = false;
        }
        if (delivery) {
            state.delivery.emplace(std::move(*delivery));
            state.held = false;
        }
        plan(state, result.retry_after);
    }
    if (failed && !cancelled)
        events_.add(EventKind::feed_failed, key.name, result.error);
    if (recovered)
        events_.add(EventKind::feed_recovered, key.name, "fetched again");
    return result.state == FetchResult::State::fresh;
}

void FeedKeeper::plan(State& state, std::chrono::seconds retry_after) const
{
    FetchSchedule schedule;
    schedule.refresh = std::chrono::seconds(state.source.fetch.refresh_ns / kSecond);
    schedule.minimum = std::min(kPolite, schedule.refresh);
    state.next = seconds_now() +
                 wait_before_next(schedule, state.failures, retry_after, random_share()).count();
    if (state.again > 0 && state.failures == 0)
        state.next = std::min(state.next, state.again);
}

size_t FeedKeeper::fetch_soon(const std::string& name)
{
    size_t count = 0;
    const std::lock_guard lock(mutex_);
    for (auto& [key, state] : states_)
        if (state.source.fetch.is_fetched() && (name.empty() || key.name == name)) {
            state.soon = state.by_hand = true;
            count++;
        }
    return count;
}

// What stands in for a newer version cannot be found unchanged at its source, and so has no age: to
// let it expire would empty the list.
int64_t FeedKeeper::found_at_source(const State& state) const
{
    const bool counts =
        state.source.fetch.is_fetched() && !state.now.rolled_back && !state.now.fallback;
    return counts ? known_since(state.now.date) : 0;
}

// The clock was ahead, or is behind: all that is known is that it was there when this one started.
int64_t FeedKeeper::known_since(int64_t date) const
{
    return date > seconds_now() ? started_ : date;
}

bool FeedKeeper::is_too_old(const Source& source, const InForce& version) const
{
    return source.expire_ns && version.date > 0 && !version.rolled_back && !version.fallback &&
           seconds_now() - known_since(version.date) >
               static_cast<int64_t>(*source.expire_ns / kSecond);
}

InForce FeedKeeper::current(const Source& source) const
{
    const SourceVersions& kept = versions(source.key.lengths);
    const std::string& name = source.key.name;
    InForce out;
    if (!source.fetch.is_fetched()) {
        out.path = source.path;
        out.date = date_of(source.path);
    } else if (const auto stored =
                   store(source.key.lengths).last_good(name, source.fetch.source())) {
        out.path = stored->path;
        out.date = stored->fetched;
    } else {
        out = last_good(source, "");  // from where the list came before: better than none
        out.fallback = false;
        out.expired = is_too_old(source, out);
        return out;
    }
    const VersionChoice choice = kept.choose(name, out.path);
    out.rolled_back = choice.refused.has_value();
    if (out.rolled_back && choice.path != out.path) {
        out.path = choice.path;
        out.date = choice.version ? choice.version->date : 0;
    }
    out.expired = is_too_old(source, out);
    return out;
}

InForce FeedKeeper::last_good(const Source& source, const std::string& than) const
{
    const VersionChoice before = versions(source.key.lengths).last_good(source.key.name, than);
    InForce out;
    out.path = before.path;
    out.date = before.version ? before.version->date : 0;
    out.fallback = true;
    return out;
}

bool FeedKeeper::is_in_force(const SourceKey& key, const InForce& version) const
{
    const std::lock_guard lock(mutex_);
    const auto found = states_.find(key);
    return found != states_.end() && found->second.now.path == version.path &&
           found->second.now.date == version.date;
}

bool FeedKeeper::lists_nothing(const SourceKey& key) const
{
    const std::lock_guard lock(mutex_);
    const auto found = states_.find(key);
    return found != states_.end() && found->second.is_known &&
           (found->second.now.path.empty() || found->second.now.expired);
}

std::vector<SourceKey> FeedKeeper::changed_files() const
{
    std::vector<Source> same;  // as far as is known
    std::vector<SourceKey> out;
    {
        const std::lock_guard lock(mutex_);
        for (const auto& [key, state] : states_)
            if (!state.source.fetch.is_fetched()) {
                if (state.refusal.empty() && !state.now.expired)
                    same.push_back(state.source);
                else
                    out.push_back(key);
            }
    }
    for (const Source& source : same)
        if (!versions(source.key.lengths).is_newest(source.key.name, current(source).path))
            out.push_back(source.key);
    return out;
}

std::map<SourceKey, Delivery> FeedKeeper::hand_out(bool held)
{
    std::map<SourceKey, Delivery> out;
    const std::lock_guard lock(mutex_);
    for (auto& [key, state] : states_) {
        if (!state.delivery || state.fetching || (state.held && !held))
            continue;
        out.emplace(key, std::move(*state.delivery));
        state.delivery.reset();
        state.handed_out = true;
    }
    return out;
}

void FeedKeeper::take_back(std::map<SourceKey, Delivery> unused, const std::set<SourceKey>& hold)
{
    const std::lock_guard lock(mutex_);
    for (auto& [key, delivery] : unused) {
        const auto found = states_.find(key);
        if (found == states_.end() || found->second.source.fetch.source() != delivery.copy.source)
            continue;  // gone, or from where the list was before
        State& state = found->second;
        state.handed_out = false;
        state.held = hold.contains(key);
        state.delivery.emplace(std::move(delivery));
    }
}

// Why it is not kept; empty: it is, and the delivery is spent.
std::string FeedKeeper::keep(const Source& source, const InForce& now,
                             std::optional<Delivery>& delivery,
                             const std::optional<std::string>& stamp)
{
    const SourceKey& key = source.key;
    try {
        if (delivery)
            store(key.lengths).commit(key.name, delivery->candidate, delivery->copy);
        delivery.reset();
        if (!now.path.empty() && !now.expired)
            versions(key.lengths)
                .keep(key.name, now.path, now.path == source.path ? stamp : std::nullopt);
        return "";
    } catch (const std::exception& error) {
        return fmt::format("in force, but cannot be kept: {}", error.what());
    }
}

bool FeedKeeper::is_unkept(const SourceKey& key) const
{
    const std::lock_guard lock(mutex_);
    const auto found = states_.find(key);
    return found != states_.end() && !found->second.unkept.empty();
}

bool FeedKeeper::has_unkept() const
{
    const std::lock_guard lock(mutex_);
    return std::any_of(states_.begin(), states_.end(),
                       [](const auto& known) { return !known.second.unkept.empty(); });
}

void FeedKeeper::accept(const Source& source, InForce now, std::optional<Delivery> delivery,
                        const std::optional<std::string>& stamp)
{
    const SourceKey& key = source.key;
    const bool fetched = source.fetch.is_fetched();
    bool updated = delivery.has_value(), newly_expired = false, recovered = false;
    const std::string unkept = keep(source, now, delivery, stamp);
    bool newly_unkept = false;
    {
        const std::lock_guard lock(mutex_);
        const auto found = states_.find(key);
        if (found == states_.end())
            return;
        State& state = found->second;
        if (updated) {
            state.handed_out = state.held = false;
            state.failures = 0;
            plan(state, std::chrono::seconds(0));
            updated = state.unkept.empty();
            if (!unkept.empty())  // the next table is made from it again, and keeps it if it can
                state.delivery = std::move(delivery);
        } else {
            updated = state.now.path == now.path && state.now.date != now.date && !fetched;
        }
        newly_expired = now.expired && !state.now.expired;
        recovered = !state.refusal.empty() && !now.fallback && (updated || !state.refused_delivery);
        if (recovered)
            state.refusal.clear();
        recovered |=
            (state.now.expired && !now.expired) || (!state.unkept.empty() && unkept.empty());
        newly_unkept = !unkept.empty() && unkept != state.unkept;
        state.unkept = unkept;
        state.now = std::move(now);
        state.is_known = true;
    }
    if (newly_expired)
        events_.add(EventKind::feed_expired, key.name,
                    "the last good version is older than `expire` (or, with `stale: "
                    "default_class`, `stale_after`) allows: it counts no longer");
    if (newly_unkept)
        events_.add(EventKind::feed_unkept, key.name, unkept);
    if (recovered)
        events_.add(EventKind::feed_recovered, key.name, "a good version is in force");
    if (updated) {
        events_.add(EventKind::feed_updated, key.name, "a new version is in force");
        want_files_of(key);
    }
}

void FeedKeeper::presume(const Config& config,
                         const std::map<std::string, uint64_t>& entries_of_feeds)
{
    for (const Source& source : sources_of(config)) {
        InForce now = current(source);
        if (!source.fetch.is_fetched() &&
            !versions(source.key.lengths).is_newest(source.key.name, now.path))
            now = last_good(source, "");
        now.expired = false;
        const auto entries = entries_of_feeds.find(source.key.name);
        if (!source.key.lengths && entries != entries_of_feeds.end())
            now.entries = entries->second;
        const std::lock_guard lock(mutex_);
        states_[source.key].now = std::move(now);
    }
}

void FeedKeeper::refuse(const SourceKey& key, const std::string& why, bool of_delivery)
{
    bool is_there = versions(key.lengths).knows(key.name);
    {
        const std::lock_guard lock(mutex_);
        const auto found = states_.find(key);
        if (found == states_.end())
            return;
        State& state = found->second;
        if (of_delivery) {
            state.handed_out = false;
            state.failures++;  // soon again, but not too soon
            plan(state, std::chrono::seconds(0));
        } else if (state.refusal == why) {
            return;  // nothing new
        }
        is_there |= !state.now.path.empty();
        state.refusal = why;
        state.failed_last = false;
        state.refused_delivery = of_delivery;
    }
    events_.add(EventKind::feed_refused, key.name,
                why + (is_there ? "; the last good version stays" : "; it lists nothing"));
}

bool FeedKeeper::is_expiry_due() const
{
    const std::lock_guard lock(mutex_);
    return seconds_now() >= expire_after_ &&
           std::any_of(states_.begin(), states_.end(), [&](const auto& known) {
               const State& state = known.second;
               return !state.now.path.empty() &&
                      is_too_old(state.source, state.now) != state.now.expired;
           });
}

void FeedKeeper::put_expiry_off()
{
    const std::lock_guard lock(mutex_);
    expire_after_ = seconds_now() + kPolite.count();
}

}  // namespace mxgate
