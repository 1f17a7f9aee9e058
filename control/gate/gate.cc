// SPDX-License-Identifier: BSD-2-Clause
#include "control/gate/gate.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <utility>

#include "control/net/address_text.h"
#include "control/worker/apart.h"
#include "dataplane/core/image.h"

namespace mxgate {

// All errors as one text; warnings go to the log.
std::string errors_of(const std::vector<Diagnostic>& diagnostics)
{
    std::string out;
    for (const Diagnostic& d : diagnostics) {
        if (d.severity == Diagnostic::Severity::warning)
            spdlog::warn("{}", to_string(d));
        else
            out.append(out.empty() ? "" : "\n").append(to_string(d));
    }
    return out;
}

void log_feeds(const CompileResult& compiled)
{
    for (const LengthReport& lengths : compiled.lengths)
        spdlog::info("lengths {} ({}): {} entries, {} rejected, {} shadowed", lengths.name,
                     origin_name(lengths.origin), lengths.entries, lengths.rejected,
                     lengths.shadowed);
    for (const FeedReport& feed : compiled.feeds)
        spdlog::info("feed {}: {} entries, {} rejected, {} skipped, {} shadowed", feed.name,
                     feed.entries, feed.rejected, feed.skipped, feed.shadowed);
}

namespace {

// An image without its table file: numbers for names.
PolicyTable nameless_table(const std::vector<mxg_line>& image)
{
    PolicyTable out;
    const auto* header = reinterpret_cast<const mxg_image_header*>(image.data());
    const auto* counts = reinterpret_cast<const mxg_image_counts*>(image.data() + 1);
    const auto* classes = reinterpret_cast<const mxg_class*>(image.data() + header->classes);
    out.info.generation = header->generation;
    for (uint32_t i = 0; i < counts->classes; i++)
        out.info.classes.push_back({"class-" + std::to_string(i),
                                    action_name(static_cast<Action>(classes[i].action)), true});
    for (uint32_t i = 0; i < counts->feeds; i++) {
        FeedInfo feed;
        feed.name = "feed-" + std::to_string(i);
        feed.retired = true;
        out.info.feeds.push_back(feed);
    }
    out.plane = image;
    return out;
}

}  // namespace

std::string table_path(const std::string& state_dir)
{
    return state_dir + "/table.mxg";
}

int64_t monotonic_to_unix_ns()
{
    timespec real{}, mono{};
    clock_gettime(CLOCK_MONOTONIC, &mono);
    clock_gettime(CLOCK_REALTIME, &real);
    return (real.tv_sec - mono.tv_sec) * 1'000'000'000 + (real.tv_nsec - mono.tv_nsec);
}

Gate::Gate(GatePaths paths)
    : paths_(std::move(paths)),
      overrides_(paths_.state_dir + "/overrides.json"),
      keeper_(paths_.state_dir, events_)
{
}

Config Gate::load()
{
    ConfigResult loaded = load_config(paths_.config);
    const std::string errors = errors_of(loaded.diagnostics);
    if (!loaded.config)
        throw GateError(errors);
    if (const auto& where = loaded.config->standard_input)
        throw GateError(to_string(Diagnostic{
            Diagnostic::Severity::error, *where,
            "`-`, standard input, is only for check, compile, what-if and their like: a gate reads "
            "its lists again and again; name a file, `url` or `exec`"}));
    if (loaded.config->gate.plane == PlaneKind::xdp && loaded.config->gate.interfaces.empty())
        throw GateError(paths_.config + ": `gate.interfaces` names no interface to gate");
    return *loaded.config;
}

void Gate::publish(PolicyTable table)
{
    plane_->publish(table.plane);
    reader_.reset();
    std::swap(table_, table);
    reader_ = std::make_unique<TableReader>(table_);
    put_overrides();  // a new table may number classes in another way
    events_.add(EventKind::generation, "",
                fmt::format("generation {} in force: {} entries, {} bytes", table_.info.generation,
                            table_.entries.size(), table_.plane_bytes()));
    for (const Override& entry : overrides_.all())
        if (has_names(table_.info) && !class_number(table_.info, entry.class_name) &&
            (!has_names(table.info) || class_number(table.info, entry.class_name)))
            events_.add(EventKind::override_idle, "",
                        fmt::format("what is set by hand for {} does not hold: there is no class "
                                    "`{}`; name another, or forget it",
                                    to_string(entry.prefix), entry.class_name));
}

// The newest table there is: compiled now, or else the one in force, or else the last good one.
PolicyTable Gate::first_table()
{
    std::optional<PolicyTable> last_good;
    try {
        last_good = read_table(table_path(paths_.state_dir));
    } catch (const TableError& error) {
        if (std::filesystem::exists(table_path(paths_.state_dir)))
            events_.add(
                EventKind::state_damaged, "",
                std::string(error.what()) + "; whom the new table newly denies is not known");
        else
            spdlog::info("no last good table: {}", error.what());
    }
    const auto in_force = plane_->generation();
    const uint64_t generation = std::max(in_force, last_good ? last_good->info.generation : 0) + 1;
    FeedAttempt::How how;
    how.blind = !last_good && in_force > 0;
    FeedAttempt attempt(keeper_, config_, how);
    CompileResult compiled;
    std::string errors;
    try {
        compiled = attempt.compile(generation, last_good ? &last_good->info : nullptr);
        log_feeds(compiled);
        errors = errors_of(compiled.diagnostics);
        if (compiled.table && last_good)
            check_blast_radius(*last_good, *compiled.table, config_.gate.blast_radius);
    } catch (const std::exception& error) {  // whatever it is, the last good table is there
        errors = error.what();
    }
    if (compiled.table && errors.empty()) {
        attempt.accept();
        return std::move(*compiled.table);
    }
    fail("no new table", errors);
    again_ = true;  // once there is time to look at each list alone
    if (last_good && last_good->info.generation >= in_force) {
        spdlog::error("the last good table, generation {}, stays in force",
                      last_good->info.generation);
        std::map<std::string, uint64_t> entries;
        for (const TableEntry& entry : last_good->entries)
            if (!is_length(entry))
                entries[last_good->info.feeds[entry.feed].name]++;
        keeper_.presume(config_, entries);
        return std::move(*last_good);
    }
    if (const std::vector<mxg_line> image = plane_->current_image(); in_force > 0) {
        spdlog::error(
            "generation {} stays in force; its names are lost, classes and feeds have "
            "numbers until a reload succeeds",
            in_force);
        return nameless_table(image);
    }
    spdlog::error("there is no last good table either: `without_table: {}` until a reload succeeds",
                  config_.gate.without_table == DropOrPass::drop ? "drop" : "pass");
    return empty_table(config_);
}

// One that is in force already is newer, or the same.
PolicyTable Gate::last_good_table()
{
    PolicyTable out = read_table(table_path(paths_.state_dir));
    if (out.info.generation < plane_->generation())
        throw GateError(fmt::format("generation {} is in force already; the last good table is {}",
                                    plane_->generation(), out.info.generation));
    return out;
}

// So that the next start has it; a full disk costs that, not the gate.
void Gate::keep_as_last_good()
{
    if (table_.info.classes.empty() || !has_names(table_.info) || table_.info.generation == 0)
        return;
    const auto told = [this] {
        return unkept_.empty() ? "" : "the table is in force but cannot be kept: " + unkept_;
    };
    const std::string before = told();
    unkept_.clear();
    try {
        write_table(table_, table_path(paths_.state_dir), true);
    } catch (const TableError& error) {
        unkept_ = error.what();
    }
    const std::string now = told();
    const bool is_new = !now.empty() && now != before;
    if (is_new)
        spdlog::error("{}", now);
    const std::lock_guard lock(mutex_);
    if (last_error_.empty() || last_error_ == before || is_new)
        last_error_ = now;
}

void Gate::start(From from, const std::function<void(const Config&)>& prepare)
{
    const std::lock_guard one(publishing_);
    config_ = load();
    if (prepare)
        prepare(config_);
    std::filesystem::create_directories(paths_.state_dir);
    keeper_.follow(config_);
    plane_ = config_.gate.plane == PlaneKind::xdp ? open_xdp_plane(config_, paths_)
                                                  : open_dpdk_plane(paths_);
    if (const std::string broken = overrides_.load(); !broken.empty())
        events_.add(EventKind::state_damaged, "", "what was set by hand: " + broken);
    // A gate that is at work already is touched only when nothing can fail any more.
    PolicyTable table = from == From::feeds ? first_table() : last_good_table();
    const bool at_work = plane_->generation() > 0;
    if (!at_work)
        publish(std::move(table));
    plane_->engage(config_);
    if (at_work)
        publish(std::move(table));
    plane_->tick();
    keep_as_last_good();
}

// The keys whose change needs a restart; until then they stay what they were at the start.
nlohmann::json Gate::take_config(const Config& fresh)
{
    nlohmann::json restart = nlohmann::json::array();
    if (fresh.gate.plane != config_.gate.plane)
        restart.push_back("gate.plane");
    if (fresh.gate.interfaces != config_.gate.interfaces)
        restart.push_back("gate.interfaces");
    if (fresh.gate.dpdk != config_.gate.dpdk)
        restart.push_back("gate.dpdk (of mxgate-dpdk)");
    if (fresh.gate.attach != config_.gate.attach)
        restart.push_back("gate.attach");
    if (fresh.source_capacity != config_.source_capacity)
        restart.push_back("sources.capacity");
    if (fresh.metrics != config_.metrics)
        restart.push_back("metrics");
    Config next = fresh;
    next.gate.plane = config_.gate.plane;
    next.gate.interfaces = config_.gate.interfaces;
    next.gate.dpdk = config_.gate.dpdk;
    next.gate.attach = config_.gate.attach;
    next.source_capacity = config_.source_capacity;
    next.metrics = config_.metrics;
    config_ = std::move(next);
    return restart;
}

nlohmann::json Gate::reload(bool force)
{
    const std::lock_guard one(publishing_);
    try {
        const Config fresh = load();
        FeedAttempt attempt(keeper_, fresh, {true, force}, keeper_.hand_out(force));
        nlohmann::json out = renew(attempt, fresh, force);
        if (service_)
            service_->follow(local_files(fresh), !is_kept());
        if (!unkept_.empty())
            out["not_kept"] = unkept_;
        const std::lock_guard lock(mutex_);
        if (const nlohmann::json& keys = out.at("needs_restart"); keys != needs_restart_) {
            for (const nlohmann::json& key : keys)
                spdlog::warn("{} changed: takes effect when mxgated is restarted",
                             key.get<std::string>());
            needs_restart_ = keys;
        }
        return out;
    } catch (const std::exception& error) {
        fail("reload failed", error.what());
        throw GateError(error.what());
    }
}

uint64_t Gate::newest_generation()
{
    const std::lock_guard lock(mutex_);
    return std::max(table_.info.generation, plane_->generation());
}

nlohmann::json Gate::attach()
{
    const std::scoped_lock lock(publishing_, mutex_);
    plane_->engage(config_);
    plane_->publish(table_.plane);  // `mxgate detach` may have put another in force
    return plane_->places();
}

// A table without names has the classes of the image that was in force: what the plane has stays.
void Gate::put_overrides()
{
    if (!has_names(table_.info))
        return;
    plane_->put_overrides(overrides_.records(table_.info));
}

// On disk first, and without mutex_: reports wait for no disk.
void Gate::change_overrides(const std::function<void(Overrides&)>& change)
{
    const std::lock_guard one(overriding_);
    const Overrides before = [&] {
        const std::lock_guard lock(mutex_);
        if (!has_names(table_.info))
            throw std::runtime_error(
                "the classes in force have numbers, no names: `mxgate reload` first");
        return overrides_;
    }();
    Overrides after = before;
    change(after);  // throws: nothing has changed
    try {
        const std::lock_guard lock(mutex_);
        overrides_ = after;
        put_overrides();
    } catch (const PlaneError&) {
        {
            const std::lock_guard lock(mutex_);
            overrides_ = before;
        }
        after.restore(before);
        throw;
    }
}

nlohmann::json Gate::set_override(const OverrideRequest& request)
{
    Override fresh;
    change_overrides([&](Overrides& list) {
        {
            const std::lock_guard lock(mutex_);
            fresh = to_override(request, config_, std::time(nullptr));
            if (!class_number(table_.info, fresh.class_name))
                throw std::runtime_error("the table in force has no class `" + fresh.class_name +
                                         "`: `mxgate reload` first");
        }
        list.set(fresh);
    });
    spdlog::info("by hand: {} is {} now, by {}: {}", to_string(fresh.prefix), fresh.class_name,
                 fresh.who, fresh.reason.empty() ? "no reason given" : fresh.reason);
    return to_json(fresh);
}

nlohmann::json Gate::forget_override(const std::string& prefix)
{
    const mxg_prefix wanted = override_prefix(prefix);
    change_overrides([&](Overrides& list) {
        if (!list.forget(wanted))
            throw std::invalid_argument(to_string(wanted) + " was not set by hand");
    });
    spdlog::info("by hand: {} is forgotten", to_string(wanted));
    return {{"prefix", to_string(wanted)}};
}

nlohmann::json Gate::overrides()
{
    const std::lock_guard lock(mutex_);
    return {{"overrides", overrides_.report(table_.info)}};
}

void Gate::tick()
{
    const std::lock_guard lock(mutex_);
    if (overrides_.expire(std::time(nullptr)))
        put_overrides();
    plane_->tick();
    const int64_t offset = monotonic_to_unix_ns();
    plane_->drain_samples([&](const mxg_sample& sample) {
        refusals_.add(sample, offset);
        exhaustion_.saw(sample);
    });
    for (const std::string& event : exhaustion_.look(*plane_, table_.info))
        events_.add(EventKind::connections_exhausted, "", event);
    look_at_age();
    if (const std::string event =
            pressure_.look(plane_->source_pressure(), plane_->source_fill(), monotonic_ns());
        !event.empty())
        events_.add(EventKind::sources_under_pressure, "", event);
}

}  // namespace mxgate
