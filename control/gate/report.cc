// SPDX-License-Identifier: BSD-2-Clause
// What a gate says of itself, as JSON.
#include <algorithm>
#include <bit>
#include <ctime>

#include "control/gate/gate.h"
#include "control/net/address_text.h"
#include "control/table/embeddings.h"
#include "control/text/json.h"
#include "control/text/names.h"
#include "dataplane/core/shared.h"
#include "dataplane/core/sources.h"

namespace mxgate {
namespace {

using nlohmann::json;

double unix_seconds(int64_t us)
{
    return static_cast<double>(us) / 1e6;
}

const mxg_image_header& header_of(const std::vector<mxg_line>& image)
{
    return *reinterpret_cast<const mxg_image_header*>(image.data());
}

// `confirmed`: when the oldest of its lists was last found at its source, 0: unknown.
json table_report(const std::vector<mxg_line>& image, const TableInfo& info, int64_t confirmed)
{
    const auto* counts = reinterpret_cast<const mxg_image_counts*>(&image[1]);
    const int64_t since = confirmed > 0 ? confirmed : info.created;
    const int64_t age = since > 0 ? std::time(nullptr) - since : 0;
    return {{"generation", header_of(image).generation},
            {"created", info.created},
            {"confirmed", since},
            {"age_seconds", std::max<int64_t>(age, 0)},
            {"prefixes", counts->prefixes},
            {"intervals", counts->intervals},
            {"plane_bytes", image.size() * MXG_LINE_BYTES},
            {"is_empty", (header_of(image).flags & MXG_FLAG_NO_TABLE) != 0}};
}

json sources_report(Plane& plane)
{
    const SourceFill fill = plane.source_fill();
    const SourcePressure pressure = plane.source_pressure();
    return {{"capacity", fill.capacity},
            {"used", fill.used},
            {"parent_capacity", fill.parent_capacity},
            {"parents_used", fill.parents_used},
            {"evicted", pressure.evicted},
            {"overflowed", pressure.overflowed},
            {"bytes", state_bytes(fill.capacity)}};
}

// Counts by class number; classes without any are left out.
json by_class(const std::vector<uint32_t>& counts, const TableInfo& info)
{
    json out = json::object();
    for (size_t i = 0; i < info.classes.size() && i < counts.size(); i++)
        if (counts[i] > 0)
            out[info.classes[i].name] = counts[i];
    return out;
}

// What became of the verdicts that mean an answer.
json replies_report(const Plane& plane)
{
    json out;
    for (uint32_t outcome = 0; outcome < MXG_REPLY_OUTCOMES; outcome++)
        out[outcome_name(outcome)] = 0;
    for (const CounterValue& value : plane.reply_counters()) {
        json& sum = out[outcome_name(reply_place(value.index).outcome)];
        sum = sum.get<uint64_t>() + value.packets;
    }
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
    const FeedInfo& feed = info.feeds[entry.feed];
    out["feed"] = feed.name;
    out["class"] = entry.exclusion ? json(nullptr) : or_null(class_name(info, entry.class_id));
    out["priority"] = feed.priority;
    out["file"] = feed.path;
    if (entry.exclusion)
        out["exclusion"] = true;
    else if (entry.widened_from != 0)
        out["widened_from"] = entry.widened_from;
    return out;
}

// Why the length of an entry does not hold although its prefix contains the address.
std::string length_lost(const TableReader& reader, const TableEntry& entry, uint32_t winner)
{
    const auto& sources = reader.table().info.length_sources;
    const LengthSourceInfo& source = sources[length_source(entry)];
    if (!source.applied)
        return "shown only: `aggregation.learned` is not `apply`";
    if (entry.site_length == 0)
        return "states a number of end sites, no length";
    const TableEntry& other = reader.table().entries[winner];
    const LengthSourceInfo& better = sources[length_source(other)];
    if (better.origin != source.origin)
        return std::string(origin_name(better.origin)) + " goes before " +
               origin_name(source.origin);
    if (other.length != entry.length)
        return "a longer prefix wins";
    return better.name + " stands before " + source.name + " in the configuration";
}

json length_report(const TableReader& reader, const TableView& view, uint32_t index)
{
    const TableEntry& entry = reader.table().entries[index];
    const TableInfo& info = reader.table().info;
    const LengthSourceInfo& source = info.length_sources[length_source(entry)];
    const uint32_t end_sites = reader.end_sites_of(index);
    const bool in_force = index == view.length_entry;
    return {
        {"prefix", to_string(prefix_of(entry))},
        {"length", entry.site_length ? json(entry.site_length) : json(nullptr)},
        {"end_sites", end_sites ? json(end_sites) : json(nullptr)},
        {"origin", origin_name(source.origin)},
        {"source", source.name},
        {"file", source.path},
        {"line", entry.line},
        {"age_seconds", source.date ? json(std::max<int64_t>(std::time(nullptr) - source.date, 0))
                                    : json(nullptr)},
        {"in_force", in_force},
        {"lost", in_force ? json(nullptr) : json(length_lost(reader, entry, view.length_entry))}};
}

json view_report(const TableReader& reader, const TableView& view)
{
    const TableInfo& info = reader.table().info;
    json out{{"address", to_string(view.address)},
             {"class", or_null(class_name(info, view.class_id))},
             {"source_prefix", to_string(view.source_prefix)},
             {"end_site_length", view.end_site_length},
             {"length_origin", length_origin(reader.table(), view)},
             {"end_sites", view.end_sites ? json(view.end_sites) : json(nullptr)},
             {"shared", view.end_sites > 1},
             {"limits_times", view.limits_times},
             {"decided_by", nullptr},
             {"others", json::array()},
             {"lengths", json::array()}};
    if (view.winner != kNoEntry)
        out["decided_by"] = entry_report(reader, view.winner);
    for (const uint32_t index : view.chain) {
        if (is_length(reader.table().entries[index])) {
            out["lengths"].push_back(length_report(reader, view, index));
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
json verdict_now(const mxg_class& judged, const json& rate)
{
    static constexpr uint32_t kOfAction[] = {MXG_PASS, MXG_PASS, MXG_DROP, MXG_RESET,
                                             MXG_UNREACHABLE};
    uint32_t verdict = kOfAction[judged.action];  // an image that was verified
    uint32_t reason = judged.action == MXG_ACTION_LIMIT ? MXG_CONFORMS : MXG_CLASS;
    if (!rate.is_null() && rate["attempts_left"] == 0) {
        verdict = judged.deny_verdict;
        reason = MXG_RATE;
    }
    return {{"verdict", verdict_name(verdict)},
            {"reason", reason_name(reason)},
            {"text", reason_text(reason)}};
}

// {"counters": [...], "feeds": [...], "ports": {...}}: a list of counters each.
json counters_report(const Plane& plane, const TableInfo& info)
{
    json counters = json::array(), feeds = json::array();
    for (const CounterValue& value : plane.counters()) {
        const CounterPlace place = counter_place(value.index);
        counters.push_back({{"plane", plane.name()},
                            {"verdict", verdict_name(place.verdict)},
                            {"reason", reason_name(place.reason)},
                            {"class", or_null(class_name(info, place.class_id))},
                            {"family", or_null(family_name(place.family))},
                            {"enforced", place.enforced},
                            {"packets", value.packets}});
    }
    for (const CounterValue& value : plane.feed_counters())
        feeds.push_back({{"plane", plane.name()},
                         {"feed", or_null(feed_name(info, value.index / MXG_VERDICTS))},
                         {"verdict", verdict_name(value.index % MXG_VERDICTS)},
                         {"packets", value.packets}});
    json replies = json::array();
    for (const CounterValue& value : plane.reply_counters()) {
        const ReplyPlace place = reply_place(value.index);
        replies.push_back({{"plane", plane.name()},
                           {"outcome", outcome_name(place.outcome)},
                           {"verdict", verdict_name(place.verdict)},
                           {"family", or_null(family_name(place.family))},
                           {"packets", value.packets}});
    }
    return {{"counters", counters},
            {"feeds", feeds},
            {"replies", replies},
            {"ports", plane.port_counters()}};
}

}  // namespace

json explain_table(const TableReader& reader, const mxg_address& address)
{
    const TableAnswer answer = reader.ask(address);
    const TableInfo& info = reader.table().info;
    const uint8_t class_id = answer.deciding().class_id;
    json out{{"address", to_string(address)},
             {"canonical", to_string(answer.canonical.address)},
             {"embedded", or_null(embedded_kind_name(answer.kind))},
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
    json out{{"plane", plane_->name()},
             {"daemon", true},
             {"config", paths_.config},
             {"mode", mode_of(table_.plane)},
             {"table", table_report(table_.plane, table_.info, keeper_.confirmed())},
             {"interfaces", plane_->places()},
             {"sources", sources_report(*plane_)},
             {"connections", by_class(plane_->connections(), table_.info)},
             {"half_open", by_class(plane_->half_open(), table_.info)},
             {"replies", replies_report(*plane_)},
             {"samples_lost", plane_->samples_lost()},
             {"needs_restart", needs_restart_},
             {"events", events_.counts()},
             {"failed_reloads", failed_reloads_},
             {"last_error", last_error_.empty() ? json(nullptr) : json(last_error_)}};
    out["table"]["stale"] = is_stale();
    return out;
}

json Gate::counters()
{
    const std::lock_guard lock(mutex_);
    return counters_report(*plane_, table_.info);
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
    return {{"senders", senders}, {"samples_lost", plane_->samples_lost()}};
}

// The one place where what `mxgate watch` shows comes together: each kind of line has its number in
// `next`, by which the client says how far it has come.
json Gate::watch(uint64_t after, uint64_t after_event, size_t limit)
{
    const std::lock_guard lock(mutex_);
    const TableInfo& info = table_.info;
    const uint64_t newest = refusals_.added();
    // Another number beyond ours is of a daemon before us.
    const uint64_t from = after == kFromNow ? newest : after > newest ? 0 : after;
    const Refusals::Since since = refusals_.since(from, limit);
    json lines = json::array();
    for (const RecentVerdict& recent : since.verdicts) {
        const mxg_decision& d = recent.decision;
        json line = verdict_report(recent, info);
        line["kind"] = "verdict";
        line["feed"] = or_null(feed_name(info, d.feed));
        line["source_prefix"] =
            d.source_family == MXG_FAMILY_NONE ? json(nullptr) : json(to_string(source_prefix(d)));
        lines.push_back(std::move(line));
    }
    // Events are few: they are never left out for verdicts.
    uint64_t last = events_.last();
    const uint64_t known = after_event == kFromNow ? last : after_event > last ? 0 : after_event;
    for (const Event& event : events_.since(known, Events::kKept)) {
        last = event.number;
        json line = to_json(event);
        line["event"] = line["kind"];
        line["kind"] = "event";
        lines.push_back(std::move(line));
    }
    return {{"next", {{"verdicts", newest}, {"events", last}}},
            {"lines", lines},
            {"lost", since.lost},
            {"samples_lost", plane_->samples_lost()}};
}

json Gate::source_state(const TableView& view, uint8_t class_id)
{
    const auto* classes =
        reinterpret_cast<const mxg_class*>(&table_.plane[header_of(table_.plane).classes]);
    const mxg_class& limits = classes[class_id];
    if (limits.own.interval_ns == 0)
        return nullptr;
    mxg_source source{};
    plane_->find_source(view.source_prefix, &source);
    const auto share = static_cast<uint32_t>(std::countr_zero(view.limits_times));
    const uint64_t interval = mxg_shared_cost(limits.own.interval_ns, share);
    const uint64_t burst = mxg_shared_count(limits.own.burst, share), now = monotonic_ns();
    const uint64_t debt_ns = source.full_at_ns > now ? source.full_at_ns - now : 0;
    const uint64_t used = (debt_ns + interval - 1) / interval;
    json out{{"seconds_per_attempt", static_cast<double>(interval) / 1e9},
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

// What was set by hand for one view of the address, the canonical one first; or null.
const Override* Gate::override_of(const TableAnswer& answer)
{
    const Override* out = overrides_.find(answer.canonical.address, table_.info);
    return out || !answer.outer ? out : overrides_.find(answer.outer->address, table_.info);
}

// With what was set by hand.
uint8_t Gate::class_of(const TableAnswer& answer)
{
    if (const Override* by_hand = override_of(answer))
        return *class_number(table_.info, by_hand->class_name);
    return answer.deciding().class_id;
}

json Gate::top(size_t limit)
{
    const std::lock_guard lock(mutex_);
    json holders = json::array();
    for (const mxg_source& source : plane_->holders()) {
        if (holders.size() == limit)
            break;
        const mxg_prefix prefix = prefix_of(source);
        holders.push_back(
            {{"source_prefix", to_string(prefix)},
             {"class", table_.info.classes[class_of(reader_->ask(prefix.address))].name},
             {"open", source.open},
             {"admitted", source.admitted},
             {"denied", source.denied}});
    }
    return {{"holders", holders},
            {"connections", by_class(plane_->connections(), table_.info)},
            {"half_open", by_class(plane_->half_open(), table_.info)}};
}

json Gate::explain(const mxg_address& address)
{
    const std::lock_guard lock(mutex_);
    const TableAnswer answer = reader_->ask(address);
    json out = explain_table(*reader_, address);
    out["mode"] = mode_of(table_.plane);
    const auto* classes =
        reinterpret_cast<const mxg_class*>(&table_.plane[header_of(table_.plane).classes]);
    const uint8_t class_id = class_of(answer);
    const Override* by_hand = override_of(answer);
    out["by_hand"] = by_hand ? to_json(*by_hand) : json(nullptr);
    out["class"] = table_.info.classes[class_id].name;
    out["action"] = table_.info.classes[class_id].action;
    if (classes[class_id].flags & MXG_CLASS_MONITOR)
        out["mode"] = "monitor";
    out["rate"] = source_state(answer.canonical, class_id);
    out["now"] = verdict_now(classes[class_id], out["rate"]);
    out["recent"] = json::array();
    for (const RecentVerdict& recent : refusals_.recent(answer.canonical.source_prefix, 20))
        out["recent"].push_back(verdict_report(recent, table_.info));
    out["samples_lost"] = plane_->samples_lost();
    return out;
}

json status_without_daemon(const GatePaths& paths)
{
    const std::unique_ptr<Plane> plane = find_plane(paths);
    const std::vector<mxg_line> image = plane->current_image();
    json out{{"plane", plane->name()},
             {"daemon", false},
             {"mode", nullptr},
             {"table", nullptr},
             {"interfaces", plane->places()},
             {"sources", sources_report(*plane)},
             {"replies", replies_report(*plane)},
             {"samples_lost", plane->samples_lost()}};
    if (image.size() < 2)
        return out;
    TableInfo info;
    try {
        info = read_table(table_path(paths.state_dir)).info;
    } catch (const TableError&) {
        info.created = 0;  // the planes' image has no names: say what it holds
    }
    out["mode"] = mode_of(image);
    out["table"] = table_report(image, info, 0);
    return out;
}

json counters_without_daemon(const GatePaths& paths)
{
    const std::unique_ptr<Plane> plane = find_plane(paths);
    TableInfo info;
    try {
        info = read_table(table_path(paths.state_dir)).info;
    } catch (const TableError&) {
        // Without their names classes and feeds are null.
    }
    return counters_report(*plane, info);
}

}  // namespace mxgate
