// SPDX-License-Identifier: BSD-2-Clause
// What a gate says of itself, as JSON.
#include <algorithm>
#include <ctime>

#include "control/gate/gate.h"
#include "control/net/address_text.h"
#include "control/text/json.h"
#include "control/text/names.h"
#include "dataplane/core/sources.h"

namespace mxgate {
namespace {

using nlohmann::json;

double unix_seconds(int64_t us)
{
    return static_cast<double>(us) / 1e6;
}

uint64_t monotonic_ns()
{
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

const mxg_image_header& header_of(const std::vector<mxg_line>& image)
{
    return *reinterpret_cast<const mxg_image_header*>(image.data());
}

json table_report(const std::vector<mxg_line>& image, const TableInfo& info)
{
    const auto* counts = reinterpret_cast<const mxg_image_counts*>(&image[1]);
    const int64_t age = info.created > 0 ? std::time(nullptr) - info.created : 0;
    return {{"generation", header_of(image).generation},
            {"created", info.created},
            {"age_seconds", std::max<int64_t>(age, 0)},
            {"prefixes", counts->prefixes},
            {"intervals", counts->intervals},
            {"plane_bytes", image.size() * MXG_LINE_BYTES},
            {"is_empty", (header_of(image).flags & MXG_FLAG_NO_TABLE) != 0}};
}

json sources_report(GateMaps& maps)
{
    const SourceFill fill = maps.source_fill();
    return {{"capacity", fill.capacity},
            {"used", fill.used},
            {"parent_capacity", fill.parent_capacity},
            {"parents_used", fill.parents_used},
            {"bytes", state_bytes(fill.capacity)}};
}

// Open connections by class; classes without any are left out.
json connections_report(const GateMaps& maps, const TableInfo& info)
{
    json out = json::object();
    const std::vector<uint32_t> open = maps.connections();
    for (size_t i = 0; i < info.classes.size(); i++)
        if (open.at(i) > 0)
            out[info.classes[i].name] = open[i];
    return out;
}

const char* mode_of(const std::vector<mxg_line>& image)
{
    return header_of(image).flags & MXG_FLAG_MONITOR ? "monitor" : "enforce";
}

json entry_report(const TableReader& reader, uint32_t index)
{
    const TableEntry& entry = reader.table().entries[index];
    const TableInfo& info = reader.table().info;
    json out{{"prefix", to_string(prefix_of(entry))}, {"line", entry.line}};
    if (entry.feed == kNoFeed)
        return out;
    const FeedInfo& feed = info.feeds[entry.feed];
    out["feed"] = feed.name;
    out["class"] = feed.class_name;
    out["priority"] = feed.priority;
    out["file"] = feed.path;
    if (entry.exclusion)
        out["exclusion"] = true;
    return out;
}

json view_report(const TableReader& reader, const TableView& view)
{
    const TableInfo& info = reader.table().info;
    json out{{"address", to_string(view.address)},
             {"class", or_null(class_name(info, view.class_id))},
             {"source_prefix", to_string(view.source_prefix)},
             {"end_site_length", view.end_site_length},
             {"length_origin", view.length_entry == kNoEntry ? "default" : "operator"},
             {"decided_by", nullptr},
             {"others", json::array()},
             {"lengths", json::array()}};
    if (view.winner != kNoEntry)
        out["decided_by"] = entry_report(reader, view.winner);
    for (const uint32_t index : view.chain) {
        const TableEntry& entry = reader.table().entries[index];
        if (entry.site_length != 0) {
            json length = entry_report(reader, index);
            length["length"] = entry.site_length;
            length["in_force"] = index == view.length_entry;
            out["lengths"].push_back(length);
        } else if (index != view.winner) {
            out["others"].push_back(entry_report(reader, index));
        }
    }
    return out;
}

json verdict_report(const RecentVerdict& recent, const TableInfo& info)
{
    const mxg_decision& d = recent.decision;
    return {{"time", unix_seconds(recent.time_us)},
            {"source", to_string(recent.source)},
            {"port", d.source_port},
            {"verdict", verdict_name(d.verdict)},
            {"reason", reason_name(d.reason)},
            {"class", or_null(class_name(info, d.class_id))},
            {"enforced", d.enforced != 0}};
}

// What a connection attempt would get now; `rate` is the source's state or null.
json verdict_now(uint32_t action, const json& rate)
{
    uint32_t verdict = action == MXG_ACTION_DROP ? MXG_DROP : MXG_PASS;
    uint32_t reason = action == MXG_ACTION_LIMIT ? MXG_CONFORMS : MXG_CLASS;
    if (!rate.is_null() && rate["attempts_left"] == 0) {
        verdict = MXG_DROP;
        reason = MXG_RATE;
    }
    return {{"verdict", verdict_name(verdict)},
            {"reason", reason_name(reason)},
            {"text", reason_text(reason)}};
}

}  // namespace

json attachments_report(const std::vector<Attachment>& attachments)
{
    json out = json::array();
    for (const Attachment& a : attachments)
        out.push_back({{"interface", a.interface},
                       {"attach", a.mode},
                       {"beside_others", a.beside_others},
                       {"program_id", a.program_id},
                       {"remark", a.remark}});
    return out;
}

json counters_report(const GateMaps& maps, const TableInfo& info)
{
    json counters = json::array(), feeds = json::array();
    for (const CounterValue& value : maps.counters()) {
        const CounterPlace place = counter_place(value.index);
        counters.push_back({{"plane", "xdp"},
                            {"verdict", verdict_name(place.verdict)},
                            {"reason", reason_name(place.reason)},
                            {"class", or_null(class_name(info, place.class_id))},
                            {"family", or_null(family_name(place.family))},
                            {"enforced", place.enforced},
                            {"packets", value.packets}});
    }
    for (const CounterValue& value : maps.feed_counters())
        feeds.push_back({{"plane", "xdp"},
                         {"feed", or_null(feed_name(info, value.index / MXG_VERDICTS))},
                         {"verdict", verdict_name(value.index % MXG_VERDICTS)},
                         {"packets", value.packets}});
    return {{"counters", counters}, {"feeds", feeds}};
}

json explain_table(const TableReader& reader, const mxg_address& address)
{
    const TableAnswer answer = reader.ask(address);
    const TableInfo& info = reader.table().info;
    const uint8_t class_id = answer.deciding().class_id;
    json out{{"address", to_string(address)},
             {"canonical", to_string(answer.canonical.address)},
             {"generation", info.generation},
             {"class", or_null(class_name(info, class_id))},
             {"action", info.classes[class_id].action},
             {"source_prefix", to_string(answer.canonical.source_prefix)},
             {"view", view_report(reader, answer.canonical)},
             {"outer", nullptr},
             {"outer_decides", answer.outer_decides}};
    if (answer.outer)
        out["outer"] = view_report(reader, *answer.outer);
    return out;
}

json Gate::status()
{
    const std::lock_guard lock(mutex_);
    attachments_ = find_attachments(paths_.pin_dir);
    json out{{"plane", "xdp"},
             {"daemon", true},
             {"config", paths_.config},
             {"mode", mode_of(table_.plane)},
             {"table", table_report(table_.plane, table_.info)},
             {"interfaces", attachments_report(attachments_)},
             {"sources", sources_report(*maps_)},
             {"connections", connections_report(*maps_, table_.info)},
             {"samples_lost", maps_->samples_lost()},
             {"failed_reloads", failed_reloads_},
             {"last_error", last_error_.empty() ? json(nullptr) : json(last_error_)}};
    const json& age = out["table"]["age_seconds"];
    out["table"]["stale"] = config_.gate.stale_after_ns &&
                            age.get<uint64_t>() > *config_.gate.stale_after_ns / 1'000'000'000;
    return out;
}

json Gate::counters()
{
    const std::lock_guard lock(mutex_);
    return counters_report(*maps_, table_.info);
}

json Gate::refused(size_t limit)
{
    const std::lock_guard lock(mutex_);
    const TableInfo& info = table_.info;
    json senders = json::array();
    for (const Refusal& r : refusals_.top(limit))
        senders.push_back({{"source_prefix", to_string(r.source)},
                           {"verdict", verdict_name(r.verdict)},
                           {"reason", reason_name(r.reason)},
                           {"class", or_null(class_name(info, r.class_id))},
                           {"feed", or_null(feed_name(info, r.feed))},
                           {"enforced", r.enforced},
                           {"count", r.count},
                           {"first", unix_seconds(r.first_us)},
                           {"last", unix_seconds(r.last_us)},
                           {"last_address", to_string(r.last_address)},
                           {"last_port", r.last_port}});
    return {{"senders", senders}, {"samples_lost", maps_->samples_lost()}};
}

json Gate::source_state(const mxg_prefix& prefix, uint8_t class_id)
{
    const auto* classes =
        reinterpret_cast<const mxg_class*>(&table_.plane[header_of(table_.plane).classes]);
    const mxg_class& limits = classes[class_id];
    if (limits.own.interval_ns == 0)
        return nullptr;
    mxg_source source{};
    maps_->find_source(prefix, &source);
    const uint64_t burst = limits.own.burst, now = monotonic_ns();
    const uint64_t debt_ns = source.full_at_ns > now ? source.full_at_ns - now : 0;
    const uint64_t used = (debt_ns + limits.own.interval_ns - 1) / limits.own.interval_ns;
    json out{{"seconds_per_attempt", static_cast<double>(limits.own.interval_ns) / 1e9},
             {"burst", burst},
             {"attempts_left", burst > used ? burst - used : 0},
             {"admitted", source.admitted},
             {"denied", source.denied},
             {"open", source.open},
             {"waits_until", nullptr}};
    if (source.wait_until_ns > now && limits.retry_wait_ns > 0)
        out["waits_until"] = unix_seconds(
            (static_cast<int64_t>(source.wait_until_ns) + monotonic_to_unix_ns()) / 1000);
    return out;
}

json Gate::explain(const mxg_address& address)
{
    const std::lock_guard lock(mutex_);
    const TableAnswer answer = reader_->ask(address);
    json out = explain_table(*reader_, address);
    out["mode"] = mode_of(table_.plane);
    const auto* classes =
        reinterpret_cast<const mxg_class*>(&table_.plane[header_of(table_.plane).classes]);
    if (classes[answer.deciding().class_id].flags & MXG_CLASS_MONITOR)
        out["mode"] = "monitor";
    out["rate"] = source_state(answer.canonical.source_prefix, answer.deciding().class_id);
    out["now"] = verdict_now(classes[answer.deciding().class_id].action, out["rate"]);
    out["recent"] = json::array();
    for (const RecentVerdict& recent : refusals_.recent(answer.canonical.source_prefix, 20))
        out["recent"].push_back(verdict_report(recent, table_.info));
    out["samples_lost"] = maps_->samples_lost();
    return out;
}

json status_from_pins(const GatePaths& paths)
{
    GateMaps maps = GateMaps::open_pinned(paths.pin_dir);
    const std::vector<mxg_line> image = maps.current_image();
    json out{{"plane", "xdp"},
             {"daemon", false},
             {"mode", nullptr},
             {"table", nullptr},
             {"interfaces", attachments_report(find_attachments(paths.pin_dir))},
             {"sources", sources_report(maps)},
             {"samples_lost", maps.samples_lost()}};
    if (image.size() < 2)
        return out;
    TableInfo info;
    try {
        info = read_table(table_path(paths.state_dir)).info;
    } catch (const TableError&) {
        info.created = 0;  // the planes' image has no names: say what it holds
    }
    out["mode"] = mode_of(image);
    out["table"] = table_report(image, info);
    return out;
}

json counters_from_pins(const GatePaths& paths)
{
    const GateMaps maps = GateMaps::open_pinned(paths.pin_dir);
    return counters_report(maps, read_table(table_path(paths.state_dir)).info);
}

}  // namespace mxgate
