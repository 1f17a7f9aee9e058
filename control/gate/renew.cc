// SPDX-License-Identifier: BSD-2-Clause
// How a gate comes to new tables while it works, and what it refuses.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "control/gate/gate.h"
#include "control/net/address_text.h"
#include "control/table/table_diff.h"
#include "control/text/json.h"
#include "control/text/names.h"
#include "control/worker/apart.h"

namespace mxgate {
namespace {

using nlohmann::json;

constexpr uint64_t kSecondNs = 1'000'000'000;
constexpr uint64_t kDayNs = 86400 * kSecondNs;
constexpr size_t kMaxSenders = 50'000;  // places in the source table are random: a fair sample
constexpr size_t kShown = 5;

std::string first_of(const std::vector<mxg_prefix>& prefixes)
{
    std::string out;
    for (size_t i = 0; i < std::min(prefixes.size(), kShown); i++)
        out += (i > 0 ? ", " : "") + to_string(prefixes[i]);
    return out + (prefixes.size() > kShown ? ", …" : "");
}

}  // namespace

std::vector<std::string> local_files(const Config& config)
{
    std::vector<std::string> out;
    for (const Source& source : sources_of(config))
        if (!source.path.empty() && source.path != "-")
            out.push_back(source.path);
    for (const FeedConfig& feed : config.feeds)
        if (!feed.asns.empty())
            out.push_back(feed.asns);
    for (const std::string& path : {config.trust_store, config.crls})
        if (!path.empty())
            out.push_back(path);
    return out;
}

void Gate::fail(const std::string& what, const std::string& error, bool once)
{
    const std::lock_guard lock(mutex_);
    if (once && last_error_ == error)
        return;
    failed_reloads_++;
    last_error_ = error;
    events_.add(
        EventKind::table_refused, "",
        fmt::format("{}, generation {} stays in force:\n{}", what, table_.info.generation, error));
}

json Gate::renew(FeedAttempt& attempt, const Config& fresh, bool force, bool only_deliveries)
{
    CompileResult compiled = attempt.compile(newest_generation() + 1, &table_.info);
    log_feeds(compiled);
    const std::string errors = errors_of(compiled.diagnostics);
    if (!compiled.table)
        throw GateError(errors);
    if (only_deliveries && attempt.used().empty())
        return {};  // none of them is fit to be used: nothing is new
    if (!force)
        check_blast_radius(table_, *compiled.table, fresh.gate.blast_radius);
    json restart;
    {
        const std::lock_guard lock(mutex_);
        publish(std::move(*compiled.table));
        if (attempt.is_whole()) {
            last_error_.clear();
            again_ = false;
        }
        restart = take_config(fresh);
    }
    keep_as_last_good();
    keeper_.follow(fresh);
    attempt.accept();
    return {{"generation", table_.info.generation}, {"needs_restart", restart}};
}

std::vector<mxg_prefix> Gate::senders_seen()
{
    std::vector<mxg_prefix> out;
    const uint64_t now = monotonic_ns();
    uint64_t next = 0;
    do {
        const std::lock_guard lock(mutex_);  // for one part of the source table at a time
        next = plane_->visit_sources(next, [&](const mxg_prefix& prefix, uint64_t active_ns) {
            if (active_ns + kDayNs > now && out.size() < kMaxSenders)
                out.push_back(prefix);
        });
    } while (next != 0 && out.size() < kMaxSenders);
    return out;
}

void Gate::check_blast_radius(const PolicyTable& before, const PolicyTable& after,
                              const BlastRadius& allowed)
{
    if (before.info.generation == 0)  // not made of any feed
        return;
    const NewlyDenied newly = newly_denied(before, after, senders_seen());
    const auto limit = static_cast<double>(newly.senders) * allowed.share;
    std::string why;
    if (newly.denied.size() >= allowed.senders && static_cast<double>(newly.denied.size()) > limit)
        why = fmt::format("would newly deny {} of {} senders seen in the last day ({})",
                          newly.denied.size(), newly.senders, first_of(newly.denied));
    else if (!allowed.good && !newly.good_denied.empty())
        why = fmt::format("would newly deny {} that pass as of now ({})", newly.good_denied.size(),
                          first_of(newly.good_denied));
    if (!why.empty())
        throw DeniesTooMuch("the new table " + why +
                            "; if that is meant, `mxgate reload --force` takes it");
}

// The table is as old as the oldest of its lists that are fetched; without those, as its compile.
bool Gate::is_stale() const
{
    const auto& after_ns = config_.gate.stale_after_ns;
    if (!after_ns || table_.info.created == 0)
        return false;
    const int64_t confirmed = keeper_.confirmed();
    const int64_t age = seconds_now() - (confirmed > 0 ? confirmed : table_.info.created);
    return age > static_cast<int64_t>(*after_ns / kSecondNs);
}

void Gate::look_at_age()
{
    const bool stale = is_stale();
    if (std::exchange(was_stale_, stale) == stale)
        return;
    if (!stale) {
        events_.add(EventKind::table_fresh, "", "no longer older than gate.stale_after");
        return;
    }
    const auto after = static_cast<int64_t>(*config_.gate.stale_after_ns / kSecondNs);
    const std::string lists = keeper_.confirmed_before(seconds_now() - after);
    const bool stays = lists.empty() || config_.gate.stale_counts;
    events_.add(
        EventKind::table_stale, "",
        fmt::format("older than gate.stale_after ({}): {}", lists.empty() ? "its compile" : lists,
                    stays ? "it stays in use"
                          : "a feed so old counts no longer, but for its own `expire`"));
}

// False: it would deny too much, with what came a list in force can no longer be read as it must
// be, or the process that read the versions that came died twice. One alone that is to blame
// (`stay`) is held back or refused for that; else what came is given back.
bool Gate::try_update(std::map<SourceKey, Delivery>& deliveries, bool files_changed,
                      FeedAttempt::Stay stay, std::optional<SourceKey> but)
{
    const Config config = config_;
    FeedAttempt attempt(keeper_, config,
                        {false, false, stay, std::move(but), !has_names(table_.info)},
                        std::exchange(deliveries, {}));
    for (bool died = false;; died = true) {
        try {
            renew(attempt, config, false, !files_changed);
            return true;
        } catch (const GateError& error) {
            if (attempt.used().empty())
                throw;
            if (stay == FeedAttempt::Stay::all)
                attempt.hold_back(error.what());
            else
                deliveries = attempt.release();
            return false;
        } catch (const WorkerError& error) {
            if (died && attempt.delivered() == 0)
                throw;
            if (died && stay == FeedAttempt::Stay::all)
                attempt.refuse_delivered(error.what());
            else if (died)
                deliveries = attempt.release();
            if (died)
                return false;
            spdlog::warn("{}; once more", error.what());
        }
    }
}

bool Gate::update_feeds(bool files_changed)
{
    using Stay = FeedAttempt::Stay;
    const std::lock_guard one(publishing_);
    std::map<SourceKey, Delivery> deliveries = keeper_.hand_out(false), alone;
    if (deliveries.empty() && !files_changed)
        return true;  // a reload took them
    try {
        if (try_update(deliveries, files_changed, Stay::none))
            return is_kept();
        // Each must answer for itself alone, not for the others, for files, or for what grew old.
        while (!deliveries.empty()) {
            alone.insert(deliveries.extract(deliveries.begin()));
            try_update(alone, false, Stay::all);
        }
        if (files_changed)
            try_update(alone, true, Stay::none);
        return is_kept();
    } catch (const std::exception& error) {
        keeper_.take_back(std::move(deliveries), {});
        fail("feeds changed, but there is no new table", error.what(), true);
        const bool died = dynamic_cast<const WorkerError*>(&error) != nullptr;
        again_ = died || (files_changed ? !update_each_file() : again_);
        let_expire();
        return !again_ && is_kept();
    }
}

bool Gate::try_again()
{
    {
        const std::lock_guard one(publishing_);
        if (!again_ && !keeper_.has_unkept()) {
            keep_as_last_good();
            return unkept_.empty();
        }
    }
    return update_feeds(true);
}

// Each local list answers for what it has now alone, with the others as they are in force. False:
// the process that reads lists died.
bool Gate::update_each_file()
{
    for (const SourceKey& key : keeper_.changed_files()) {
        try {
            std::map<SourceKey, Delivery> none;
            try_update(none, true, FeedAttempt::Stay::all, key);
        } catch (const WorkerError&) {
            return false;
        } catch (const std::exception& error) {
            keeper_.refuse(key, error.what(), false);
        }
    }
    return true;
}

// Where files are to blame, time goes on all the same.
void Gate::let_expire()
{
    if (!keeper_.is_expiry_due())
        return;
    try {
        std::map<SourceKey, Delivery> none;
        try_update(none, true, FeedAttempt::Stay::files);
    } catch (const std::exception& error) {
        keeper_.put_expiry_off();
        fail("what is too old still counts, what is no longer too old does not yet", error.what(),
             true);
    }
}

void Gate::follow_feeds()
{
    const std::lock_guard one(publishing_);
    auto service = std::make_unique<FeedService>(
        keeper_, [this](bool files_changed) { return update_feeds(files_changed); },
        [this] { return try_again(); }, local_files(config_), again_ || !is_kept());
    const std::lock_guard lock(mutex_);
    service_ = std::move(service);
}

json Gate::fetch(const std::string& name)
{
    const size_t count = keeper_.fetch_soon(name);
    if (count == 0)
        throw GateError(name.empty() ? "no feed is fetched: none has `url` or `exec`"
                                     : "there is no feed `" + name + "` with `url` or `exec`");
    const std::lock_guard lock(mutex_);
    if (service_)
        service_->wake();
    return {{"feeds", count}};
}

json Gate::roll_back(const std::string& name, bool undo)
{
    const std::lock_guard one(publishing_);
    const Source* found = nullptr;
    const std::vector<Source> sources = sources_of(config_);
    for (const Source& source : sources)
        if (!source.key.lengths && source.key.name == name)
            found = &source;
    if (found == nullptr)
        throw GateError("there is no feed `" + name + "`");
    json out{{"feed", name}, {"version", nullptr}};
    SourceVersions& versions = keeper_.versions(false);
    const std::vector<SourceVersion> before = versions.list(name);
    try {
        if (undo)
            versions.forget_refusals(name);
        else
            out["version"] = versions.roll_back(name, keeper_.current(*found).path).number;
        const Config config = config_;
        // By force, but for this list alone: not where another list may be new.
        FeedAttempt attempt(
            keeper_, config,
            {false, true, FeedAttempt::Stay::all, found->key, !has_names(table_.info)});
        out["generation"] = renew(attempt, config, attempt.others_stay()).at("generation");
    } catch (const std::exception& error) {
        if (!before.empty())
            versions.restore(name, before);
        throw GateError(error.what());
    }
    if (!undo)
        events_.add(EventKind::feed_rolled_back, name,
                    fmt::format("version {} it is, until there is a newer one",
                                out["version"].get<uint64_t>()));
    if (service_)
        service_->follow(local_files(config_), !is_kept());
    return out;
}

json Gate::feeds()
{
    return keeper_.report();
}

json Gate::events(uint64_t after, size_t limit)
{
    json out = json::array();
    for (const Event& event : events_.since(after, limit))
        out.push_back(to_json(event));
    return out;
}

json Gate::senders()
{
    json out = json::array();
    for (const mxg_prefix& sender : senders_seen())
        out.push_back(to_string(sender));
    return out;
}

json Gate::classes()
{
    const std::lock_guard lock(mutex_);
    json out = json::array();
    std::vector<uint64_t> packets(table_.info.classes.size()), entries(packets.size());
    for (const TableEntry& entry : table_.entries)
        if (!is_length(entry) && !entry.exclusion)
            entries[entry.class_id]++;
    for (const CounterValue& value : plane_->counters())
        if (const uint32_t number = counter_place(value.index).class_id; number < packets.size())
            packets[number] += value.packets;
    for (size_t i = 0; i < packets.size(); i++) {
        const ClassInfo& info = table_.info.classes[i];
        if (!info.retired)
            out.push_back({{"class", info.name},
                           {"action", info.action},
                           {"default", info.name == table_.info.default_class},
                           {"entries", entries[i]},
                           {"packets", packets[i]}});
    }
    return out;
}

}  // namespace mxgate
