// SPDX-License-Identifier: BSD-2-Clause
#include "control/gate/gate.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <ctime>
#include <filesystem>

#include "dataplane/core/image.h"

namespace mxgate {
namespace {

AttachWish wish_of(AttachMode mode)
{
    switch (mode) {
        case AttachMode::native:
            return AttachWish::native;
        case AttachMode::generic:
            return AttachWish::generic;
        default:
            return AttachWish::automatic;
    }
}

bool needs_connections(const ClassConfig& c)
{
    const auto in_ceiling = [](const CeilingConfig& ceiling) {
        return ceiling.connections > 0 || ceiling.syn_guard.has_value();
    };
    return in_ceiling(c) || c.total_connections > 0 || c.charge == Charge::handshake ||
           std::any_of(c.levels.begin(), c.levels.end(),
                       [&](const LevelConfig& level) { return in_ceiling(level.ceiling); });
}

// All errors as one text; warnings go to the log.
std::string errors_of(const std::vector<Diagnostic>& diagnostics)
{
    std::string out;
    for (const Diagnostic& d : diagnostics) {
        if (d.severity == Diagnostic::Severity::warning)
            spdlog::warn("{}", to_string(d));
        else
            out += (out.empty() ? "" : "\n") + to_string(d);
    }
    return out;
}

void log_feeds(const std::vector<FeedReport>& feeds)
{
    for (const FeedReport& feed : feeds)
        spdlog::info("feed {}: {} entries, {} rejected, {} shadowed", feed.name, feed.entries,
                     feed.rejected, feed.shadowed);
}

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

Gate::Gate(GatePaths paths) : paths_(std::move(paths)) {}

Config Gate::load()
{
    ConfigResult loaded = load_config(paths_.config);
    const std::string errors = errors_of(loaded.diagnostics);
    if (!loaded.config)
        throw GateError(errors);
    if (loaded.config->gate.plane != PlaneKind::xdp)
        throw GateError(paths_.config + ": `gate.plane: dpdk` is not in this version");
    if (loaded.config->gate.interfaces.empty())
        throw GateError(paths_.config + ": `gate.interfaces` names no interface to gate");
    return *loaded.config;
}

void Gate::publish(PolicyTable table)
{
    maps_->publish(table.plane);
    reader_.reset();
    table_ = std::move(table);
    reader_ = std::make_unique<TableReader>(table_);
    spdlog::info("generation {} in force: {} entries, {} bytes", table_.info.generation,
                 table_.entries.size(), table_.plane_bytes());
}

// The newest table there is: compiled now, or else the one in force, or else the last good one.
PolicyTable Gate::first_table()
{
    std::optional<PolicyTable> last_good;
    try {
        last_good = read_table(table_path(paths_.state_dir));
    } catch (const TableError& error) {
        spdlog::info("no last good table: {}", error.what());
    }
    const auto in_force = static_cast<uint64_t>(std::max<int64_t>(maps_->generation(), 0));
    const uint64_t generation = std::max(in_force, last_good ? last_good->info.generation : 0) + 1;
    CompileResult compiled = compile(config_, generation, last_good ? &last_good->info : nullptr);
    log_feeds(compiled.feeds);
    const std::string errors = errors_of(compiled.diagnostics);
    if (compiled.table)
        return std::move(*compiled.table);
    failed_reloads_++;
    last_error_ = errors;
    spdlog::error("no new table:\n{}", errors);
    if (last_good && last_good->info.generation >= in_force) {
        spdlog::error("the last good table, generation {}, stays in force",
                      last_good->info.generation);
        return std::move(*last_good);
    }
    if (const std::vector<mxg_line> image = maps_->current_image(); in_force > 0) {
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

// So that the next start has it; a full disk costs that, not the gate.
void Gate::keep_as_last_good()
{
    if (table_.info.classes.empty() || table_.info.config.empty() || table_.info.generation == 0)
        return;
    try {
        write_table(table_, table_path(paths_.state_dir), true);
    } catch (const TableError& error) {
        last_error_ = error.what();
        spdlog::error("the table is in force but cannot be kept for the next start: {}",
                      error.what());
    }
}

// Who limits nothing by handshakes or open connections can do without.
void Gate::attach_sockets(XdpProgram& program)
{
    try {
        program.attach_sockets();
    } catch (const BpfError& error) {
        for (const ClassConfig& c : config_.classes)
            if (needs_connections(c))
                throw BpfError("class `" + c.name + "` needs to know of open connections: " +
                               error.what());
        spdlog::warn("open connections are not counted: {}", error.what());
    }
}

void Gate::attach_interfaces()
{
    const std::vector<Attachment> before = find_attachments(paths_.pin_dir);
    std::vector<Attachment> now;
    // The interfaces hold the program, not we: it is let go of on every way out.
    auto program = std::make_unique<XdpProgram>(*maps_, false);
    try {
        for (const std::string& name : config_.gate.interfaces) {
            now.push_back(program->attach(name, wish_of(config_.gate.attach)));
            const Attachment& a = now.back();
            spdlog::info("attached to {} in {} mode{}{}", a.interface, a.mode,
                         a.remark.empty() ? "" : ": ", a.remark);
        }
        attach_sockets(*program);
    } catch (const BpfError&) {
        program.reset();
        if (before.empty())
            detach_all(paths_.pin_dir);
        throw;
    }
    for (const Attachment& old : before)
        if (std::find(config_.gate.interfaces.begin(), config_.gate.interfaces.end(),
                      old.interface) == config_.gate.interfaces.end()) {
            detach_one(paths_.pin_dir, old.interface);
            spdlog::info("detached from {}: no longer in gate.interfaces", old.interface);
        }
    attachments_ = std::move(now);
}

void Gate::start()
{
    const std::lock_guard lock(mutex_);
    config_ = load();
    for (const std::string& name : config_.gate.interfaces)
        check_interface(name);
    std::filesystem::create_directories(paths_.state_dir);
    std::vector<std::string> notes;
    maps_ = std::make_unique<GateMaps>(GateMaps::take_over(paths_.pin_dir, config_.gate.interfaces,
                                                           config_.source_capacity, &notes));
    for (const std::string& note : notes)
        spdlog::warn("{}", note);
    // A gate that is at work already is touched only when nothing can fail any more.
    PolicyTable table = first_table();
    const bool at_work = maps_->generation() > 0;
    if (!at_work)
        publish(std::move(table));
    attach_interfaces();
    if (at_work)
        publish(std::move(table));
    maps_->pin(paths_.pin_dir);
    keep_as_last_good();
}

nlohmann::json Gate::reload()
{
    const std::lock_guard lock(mutex_);
    try {
        const Config fresh = load();
        CompileResult compiled = compile(
            fresh,
            std::max<uint64_t>(table_.info.generation, static_cast<uint64_t>(maps_->generation())) +
                1,
            &table_.info);
        log_feeds(compiled.feeds);
        const std::string errors = errors_of(compiled.diagnostics);
        if (!compiled.table)
            throw GateError(errors);
        publish(std::move(*compiled.table));
        last_error_.clear();
        keep_as_last_good();
        nlohmann::json restart = nlohmann::json::array();
        if (fresh.gate.interfaces != config_.gate.interfaces)
            restart.push_back("gate.interfaces");
        if (fresh.gate.attach != config_.gate.attach)
            restart.push_back("gate.attach");
        if (fresh.source_capacity != config_.source_capacity)
            restart.push_back("sources.capacity");
        config_ = fresh;
        return {{"generation", table_.info.generation}, {"needs_restart", restart}};
    } catch (const std::exception& error) {
        failed_reloads_++;
        last_error_ = error.what();
        spdlog::error("reload failed, generation {} stays in force:\n{}", table_.info.generation,
                      error.what());
        throw GateError(error.what());
    }
}

nlohmann::json Gate::attach()
{
    const std::lock_guard lock(mutex_);
    maps_->pin(paths_.pin_dir);
    attach_interfaces();
    return attachments_report(attachments_);
}

void Gate::drain_samples()
{
    const std::lock_guard lock(mutex_);
    const int64_t offset = monotonic_to_unix_ns();
    maps_->drain_samples([&](const mxg_sample& sample) { refusals_.add(sample, offset); });
}

}  // namespace mxgate
