// SPDX-License-Identifier: BSD-2-Clause
// `feeds`, `feeds fetch`, `feeds rollback` and `classes`: asked of the daemon.
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <httplib.h>

#include <nlohmann/json.hpp>

#include "control/api/client.h"
#include "control/cli/verbs.h"

namespace mxgate {
namespace {

using nlohmann::json;

std::string next_text(const json& next)
{
    if (next.is_null())
        return "-";
    const int64_t left = next.get<int64_t>() - static_cast<int64_t>(std::time(nullptr));
    return left <= 0 ? "now" : "in " + span_text(left);
}

// The options of a verb as a query.
std::string query(const std::string& path, const std::string& name, bool undo = false)
{
    return path + "?name=" + httplib::detail::encode_query_param(name) + (undo ? "&undo=true" : "");
}

}  // namespace

std::string span_text(int64_t seconds)
{
    if (seconds < 120)
        return fmt::format("{} s", seconds);
    if (seconds < 2 * 3600)
        return fmt::format("{} min", seconds / 60);
    return seconds < 2 * 86400 ? fmt::format("{} h", seconds / 3600)
                               : fmt::format("{} d", seconds / 86400);
}

int feeds(const CliOptions& options)
{
    const json lists = api_get(options.run_dir, "/v1/feeds");
    if (options.json) {
        for (const json& list : lists)
            fmt::print("{}\n", list.dump());
        return 0;
    }
    fmt::print("{:<24} {:<8} {:<12} {:>9} {:>9} {:>9}  {}\n", "name", "kind", "state", "entries",
               "age", "next", "source");
    for (const json& list : lists) {
        const json& age = list["age_seconds"];
        fmt::print("{:<24} {:<8} {:<12} {:>9} {:>9} {:>9}  {}\n", list["name"].get<std::string>(),
                   list["kind"].get<std::string>(), list["state"].get<std::string>(),
                   list["entries"].get<uint64_t>(),
                   age.is_null() ? "-" : span_text(age.get<int64_t>()), next_text(list["next"]),
                   list["source"].get<std::string>());
        if (!list["files"].is_null())
            fmt::print("  {} files, of which {} fail; see `mxgate lengths list`\n",
                       list["files"].get<uint64_t>(), list["files_failing"].get<uint64_t>());
        if (!list["error"].is_null())
            fmt::print("  {}{}\n", list["error"].get<std::string>(),
                       list["held"].get<bool>() ? " (held back)" : "");
    }
    return 0;
}

int feeds_fetch(const CliOptions& options, const std::string& name)
{
    const json answer = api_post(options.run_dir, query("/v1/feeds/fetch", name));
    if (options.json)
        fmt::print("{}\n", answer.dump());
    else
        fmt::print("{} to be fetched; see `mxgate feeds`\n", answer["feeds"].get<uint64_t>());
    return 0;
}

int feeds_rollback(const CliOptions& options, const std::string& name, bool undo)
{
    const json answer = api_post(options.run_dir, query("/v1/feeds/rollback", name, undo));
    if (options.json)
        fmt::print("{}\n", answer.dump());
    else if (undo)
        fmt::print("{}: the newest version counts again; generation {} in force\n", name,
                   answer["generation"].get<uint64_t>());
    else
        fmt::print("{}: version {} it is, until there is a newer one; generation {} in force\n",
                   name, answer["version"].get<uint64_t>(), answer["generation"].get<uint64_t>());
    return 0;
}

int classes(const CliOptions& options)
{
    const json all = api_get(options.run_dir, "/v1/classes");
    if (!options.json)
        fmt::print("{:<24} {:<12} {:>12} {:>14}\n", "class", "action", "entries", "packets");
    for (const json& c : all) {
        if (options.json)
            fmt::print("{}\n", c.dump());
        else
            fmt::print("{:<24} {:<12} {:>12} {:>14}{}\n", c["class"].get<std::string>(),
                       c["action"].get<std::string>(), c["entries"].get<uint64_t>(),
                       c["packets"].get<uint64_t>(), c["default"].get<bool>() ? "  (default)" : "");
    }
    return 0;
}

}  // namespace mxgate
