// SPDX-License-Identifier: BSD-2-Clause
// The verbs that ask the running gate: status, counters, refused, explain, reload.
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <ctime>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>

#include "control/api/client.h"
#include "control/cli/verbs.h"
#include "control/config/text.h"
#include "control/gate/gate.h"
#include "control/net/address_text.h"
#include "control/text/names.h"

namespace mxgate {
namespace {

using nlohmann::json;

GatePaths paths_of(const CliOptions& options)
{
    return {"", options.run_dir, options.state_dir, options.pin_dir};
}

std::string text(const json& value)
{
    return value.is_null() ? "-" : value.is_string() ? value.get<std::string>() : value.dump();
}

std::string clock_text(const json& unix_time)
{
    if (unix_time.is_null())
        return "-";
    const double seconds = unix_time.get<double>();
    const auto whole = static_cast<std::time_t>(seconds);
    return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:06}Z", fmt::gmtime(whole),
                       static_cast<int>((seconds - static_cast<double>(whole)) * 1e6));
}

void print_needs_restart(const json& key)
{
    fmt::print("{} changed: takes effect when mxgated is restarted\n", text(key));
}

json counters_now(const CliOptions& options)
{
    try {
        return api_get(options.run_dir, "/v1/counters");
    } catch (const NoDaemon&) {
        return counters_without_daemon(paths_of(options));
    }
}

std::string counter_row(const json& c, const char* key)
{
    return fmt::format("{:<12} {:<12} {:<12} {:<6} {:<8}", text(c["verdict"]), text(c["reason"]),
                       text(c[key]), text(c["family"]),
                       c["enforced"].get<bool>() ? "enforce" : "monitor");
}

void print_counters(const json& now, std::map<std::string, uint64_t>* before, double seconds)
{
    fmt::print("{:<12} {:<12} {:<12} {:<6} {:<8} {:>14}{}\n", "verdict", "reason", "class",
               "family", "mode", "packets", before ? "          /s" : "");
    for (const json& c : now["counters"]) {
        const std::string row = counter_row(c, "class");
        const auto packets = c["packets"].get<uint64_t>();
        fmt::print("{} {:>14}", row, packets);
        if (before) {
            const auto known = before->find(row);
            const uint64_t old = known == before->end() ? 0 : known->second;
            // Counters begin anew with a new gate.
            fmt::print(" {:>11.0f}",
                       static_cast<double>(packets >= old ? packets - old : packets) / seconds);
            (*before)[row] = packets;
        }
        fmt::print("\n");
    }
}

// On a terminal a table in place, elsewhere plain lines.
int watch_counters(const CliOptions& options, double seconds)
{
    const bool terminal = ::isatty(STDOUT_FILENO) != 0;
    std::map<std::string, uint64_t> before;
    bool first = true;
    for (;;) {
        const json now = counters_now(options);
        if (options.json) {
            for (const json& c : now["counters"])
                fmt::print("{}\n", c.dump());
        } else {
            if (terminal)
                fmt::print("\x1b[H\x1b[2J");
            fmt::print("{:%H:%M:%S}\n", fmt::gmtime(std::time(nullptr)));
            if (first)
                for (const json& c : now["counters"])
                    before[counter_row(c, "class")] = c["packets"].get<uint64_t>();
            print_counters(now, &before, seconds);
        }
        first = false;
        std::fflush(stdout);
        std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
    }
}

void print_entry(const char* label, const json& e)
{
    const std::string widened =
        e.contains("widened_from")
            ? fmt::format(" (widened to the end site; listed as a /{})", text(e["widened_from"]))
            : "";
    fmt::print("{:<16}{}{}{} in feed {} (class {}, priority {}), {}:{}\n", label,
               e.value("exclusion", false) ? "exclusion " : "", text(e["prefix"]), widened,
               text(e["feed"]), text(e["class"]), text(e["priority"]), text(e["file"]),
               text(e["line"]));
}

std::string age_text(const json& seconds)
{
    return seconds.is_null() ? "age unknown" : span_text(seconds.get<int64_t>()) + " old";
}

void print_length(const json& l)
{
    const std::string length = l["length"].is_null() ? "" : " /" + text(l["length"]);
    const std::string shared =
        l["end_sites"].is_null() ? "" : fmt::format(", {} end sites", text(l["end_sites"]));
    const std::string where = text(l["file"]).empty()
                                  ? ""
                                  : fmt::format(", {}:{}, {}", text(l["file"]), text(l["line"]),
                                                age_text(l["age_seconds"]));
    fmt::print("{:<16}{} has{}{} ({} {}{}){}\n",
               l["in_force"].get<bool>() ? "  length" : "  length beaten", text(l["prefix"]),
               length, shared, text(l["origin"]), text(l["source"]), where,
               l["lost"].is_null() ? "" : ": " + text(l["lost"]));
}

void print_view(const json& view)
{
    if (view["decided_by"].is_null())
        fmt::print("{:<16}no feed lists it: the default class\n", "decided by");
    else
        print_entry("decided by", view["decided_by"]);
    for (const json& other : view["others"])
        print_entry("  beaten", other);
    fmt::print("{:<16}/{} ({})\n", "end-site length", text(view["end_site_length"]),
               text(view["length_origin"]));
    if (view["shared"].get<bool>())
        fmt::print("{:<16}by {} end sites: limits are {} times those of the class\n", "shared",
                   text(view["end_sites"]), text(view["limits_times"]));
    for (const json& length : view["lengths"])
        print_length(length);
}

void print_explanation(const json& e)
{
    fmt::print("{:<16}{}\n", "address", text(e["address"]));
    if (!e["embedded"].is_null())
        fmt::print("{:<16}{} (embedded, {})\n", "canonical", text(e["canonical"]),
                   text(e["embedded"]));
    fmt::print("{:<16}{}\n", "source prefix", text(e["source_prefix"]));
    fmt::print("{:<16}{}, action {}{}\n", "class", text(e["class"]), text(e["action"]),
               e["mode"] == "monitor" ? " (monitor: passes whatever the verdict)" : "");
    if (e.contains("by_hand") && !e["by_hand"].is_null())
        fmt::print("{:<16}{} set to {} by {}{}\n", "by hand", text(e["by_hand"]["prefix"]),
                   text(e["by_hand"]["class"]), text(e["by_hand"]["who"]),
                   e["by_hand"]["reason"] == "" ? "" : ": " + show(text(e["by_hand"]["reason"])));
    print_view(e["view"]);
    if (!e["outer"].is_null()) {
        fmt::print("as the IPv6 address itself{}:\n",
                   e["outer_decides"].get<bool>() ? ", which is the stricter and decides" : "");
        print_view(e["outer"]);
    }
    if (const json& r = e["rate"]; !r.is_null())
        fmt::print(
            "{:<16}{} of {} attempts left, one more every {} s; {} admitted, {} denied{}\n", "rate",
            text(r["attempts_left"]), text(r["burst"]), text(r["seconds_per_attempt"]),
            text(r["admitted"]), text(r["denied"]),
            r["waits_until"].is_null() ? "" : ", must wait until " + clock_text(r["waits_until"]));
    if (e.contains("now"))
        fmt::print("{:<16}{}: {} ({})\n", "a SYN now", text(e["now"]["verdict"]),
                   text(e["now"]["reason"]), text(e["now"]["text"]));
    for (const json& v : e["recent"])
        fmt::print("{:<16}{} {} port {}: {} {}{}\n", "refused", clock_text(v["time"]),
                   text(v["source"]), text(v["port"]), text(v["verdict"]), text(v["reason"]),
                   v["enforced"].get<bool>() ? "" : " (monitor: passed)");
    fmt::print("{:<16}{}\n", "generation", text(e["generation"]));
}

// An interface of the XDP plane, or a port of the DPDK plane.
void print_place(const json& place)
{
    const std::string remark = text(place["remark"]);
    if (place.contains("interface"))
        fmt::print("interface   {}: attach: {}", text(place["interface"]), text(place["attach"]));
    else
        fmt::print("port        {}: {}, {} queues{}, NUMA node {}, MTU {}, link {}",
                   text(place["port"]), text(place["driver"]), text(place["queues"]),
                   place["rss"].get<bool>() ? " by RSS" : "", text(place["numa"]),
                   text(place["mtu"]), place["link"].get<bool>() ? "up" : "down");
    fmt::print("{}{}\n", remark.empty() ? "" : "; ", remark);
}

// Without the daemon: what the last good table says; budgets and verdicts are not known then.
json explain_offline(const CliOptions& options, const std::string& address)
{
    const auto parsed = parse_address(address);
    if (!parsed)
        throw std::runtime_error("not an IPv4 or IPv6 address: " + address);
    const PolicyTable table = read_table(table_path(options.state_dir));
    json out = explain_table(TableReader(table), *parsed);
    out["mode"] = nullptr;
    out["rate"] = nullptr;
    out["recent"] = json::array();
    return out;
}

}  // namespace

int status(const CliOptions& options)
{
    json s;
    try {
        s = api_get(options.run_dir, "/v1/status");
    } catch (const NoDaemon& error) {
        fmt::print(stderr, "mxgate: {}\n", error.what());
        s = status_without_daemon(paths_of(options));  // the gate works without its daemon
    }
    if (options.json) {
        fmt::print("{}\n", s.dump());
        return 0;
    }
    fmt::print("daemon      {}\n", s["daemon"].get<bool>() ? "running" : "not running");
    fmt::print("mode        {}\n", text(s["mode"]));
    const json& t = s["table"];
    if (t.is_null())
        fmt::print("table       none\n");
    else
        fmt::print("table       generation {}{}, {} prefixes, {} bytes, {} s old\n",
                   text(t["generation"]), t["is_empty"].get<bool>() ? " (no feeds yet)" : "",
                   text(t["prefixes"]), text(t["plane_bytes"]), text(t["age_seconds"]));
    if (!t.is_null() && t.value("stale", false))
        fmt::print(
            "            STALE: older than gate.stale_after; are the feeds still fetched?\n");
    for (const json& i : s["interfaces"])
        print_place(i);
    if (s["interfaces"].empty())
        fmt::print("{}\n", s["plane"] == "dpdk"
                               ? "ports       none: mxgate-dpdk does not run"
                               : "interface   none in this network namespace: the gate is not "
                                 "attached here");
    fmt::print("sources     {} of {} in use, {} bytes; {} evicted in debt, {} without room\n",
               text(s["sources"]["used"]), text(s["sources"]["capacity"]),
               text(s["sources"]["bytes"]), text(s["sources"]["evicted"]),
               text(s["sources"]["overflowed"]));
    const json& r = s["replies"];
    fmt::print("replies     {} answered, {} suppressed by gate.replies, {} unanswerable\n",
               text(r["answered"]), text(r["suppressed"]), text(r["unanswerable"]));
    fmt::print("samples     {} lost\n", text(s["samples_lost"]));
    for (const json& key : s.value("needs_restart", json::array()))
        print_needs_restart(key);
    if (s.value("failed_reloads", 0) > 0)
        fmt::print("reloads     {} failed; last: {}\n", text(s["failed_reloads"]),
                   text(s["last_error"]));
    return 0;
}

int counters(const CliOptions& options, double watch, const std::string& part)
{
    if (watch > 0)
        return watch_counters(options, watch);
    const json now = counters_now(options);
    if (options.json) {
        for (const json& line : now[part])
            fmt::print("{}\n", line.dump());
        return 0;
    }
    if (part == "counters") {
        print_counters(now, nullptr, 1);
        for (const auto& [name, frames] : now["ports"].items())
            fmt::print("ports: {:<48} {:>14}\n", name, text(frames));
    } else if (part == "feeds") {
        fmt::print("{:<24} {:<12} {:>14}\n", "feed", "verdict", "packets");
        for (const json& line : now[part])
            fmt::print("{:<24} {:<12} {:>14}\n", text(line["feed"]), text(line["verdict"]),
                       text(line["packets"]));
    } else {
        fmt::print("{:<12} {:<12} {:<6} {:>14}\n", "outcome", "verdict", "family", "packets");
        for (const json& line : now[part])
            fmt::print("{:<12} {:<12} {:<6} {:>14}\n", text(line["outcome"]), text(line["verdict"]),
                       text(line["family"]), text(line["packets"]));
    }
    return 0;
}

int refused(const CliOptions& options, size_t limit)
{
    const json answer = api_get(options.run_dir, fmt::format("/v1/refused?limit={}", limit));
    if (options.json) {
        for (const json& line : answer["senders"])
            fmt::print("{}\n", line.dump());
        return 0;
    }
    fmt::print("{:<40} {:<10} {:<10} {:<20} {:>8}  {}\n", "source prefix", "class", "reason",
               "feed", "samples", "last (UTC), address and port");
    for (const json& s : answer["senders"])
        fmt::print("{:<40} {:<10} {:<10} {:<20} {:>8}  {} {} port {}{}\n", text(s["source_prefix"]),
                   text(s["class"]), text(s["reason"]), text(s["feed"]), text(s["count"]),
                   clock_text(s["last"]), text(s["last_address"]), text(s["last_port"]),
                   s["enforced"].get<bool>() ? "" : " (monitor: passed)");
    const auto lost = answer["samples_lost"].get<uint64_t>();
    if (lost > 0)
        fmt::print("{} more denials were counted, not sampled: see `mxgate counters`\n", lost);
    return 0;
}

int explain(const CliOptions& options, const std::string& address)
{
    json answer;
    try {
        answer = api_get(options.run_dir, "/v1/explain?address=" + address);
    } catch (const NoDaemon& error) {
        fmt::print(stderr, "mxgate: {}; answering from the last good table only\n", error.what());
        answer = explain_offline(options, address);
    }
    if (options.json)
        fmt::print("{}\n", answer.dump());
    else
        print_explanation(answer);
    return 0;
}

int reload(const CliOptions& options, bool force)
{
    json answer;
    try {
        answer = api_post(options.run_dir, force ? "/v1/reload?force=true" : "/v1/reload");
    } catch (const NoDaemon&) {
        throw;
    } catch (const std::runtime_error& error) {
        throw std::runtime_error(std::string("reload refused, the old table stays:\n") +
                                 error.what());
    }
    if (options.json) {
        fmt::print("{}\n", answer.dump());
        return 0;
    }
    fmt::print("generation {} in force\n", text(answer["generation"]));
    if (answer.contains("not_kept"))
        fmt::print("not kept for the next start: {}\n", text(answer["not_kept"]));
    for (const json& key : answer["needs_restart"])
        print_needs_restart(key);
    return 0;
}

}  // namespace mxgate
