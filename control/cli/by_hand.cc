// SPDX-License-Identifier: BSD-2-Clause
// The verbs that set a class by hand: allow, deny, class, forget, overrides.
#include <fmt/chrono.h>
#include <fmt/format.h>

#include "control/api/client.h"
#include "control/cli/verbs.h"
#include "control/config/text.h"

namespace mxgate {
namespace {

using nlohmann::json;

std::string time_text(const json& unix_time)
{
    if (unix_time.is_null())
        return "until forgotten";
    return fmt::format("until {:%Y-%m-%dT%H:%M:%SZ}",
                       fmt::gmtime(static_cast<std::time_t>(unix_time.get<int64_t>())));
}

void print_override(const CliOptions& options, const json& entry)
{
    if (options.json)
        fmt::print("{}\n", entry.dump());
    else
        fmt::print("{:<28} {:<12} {} by {} at {:%Y-%m-%dT%H:%M:%SZ}{}{}\n",
                   entry["prefix"].get<std::string>(), entry["class"].get<std::string>(),
                   time_text(entry["until"]), entry["who"].get<std::string>(),
                   fmt::gmtime(static_cast<std::time_t>(entry["since"].get<int64_t>())),
                   entry["reason"] == "" ? "" : ": " + show(entry["reason"].get<std::string>()),
                   entry.value("in_force", true) ? "" : "; NOT IN FORCE, its class is gone");
}

}  // namespace

int set_by_hand(const CliOptions& options, const ByHandRequest& request)
{
    for (const std::string& prefix : request.prefixes) {
        Parameters parameters{{"prefix", prefix},
                              {request.class_name.empty() ? "action" : "class",
                               request.class_name.empty() ? request.action : request.class_name},
                              {"reason", request.reason}};
        if (!request.duration.empty())
            parameters.emplace("for", request.duration);
        print_override(options, api_post(options.run_dir, "/v1/overrides", parameters));
    }
    return 0;
}

int forget(const CliOptions& options, const std::vector<std::string>& prefixes)
{
    int code = 0;
    for (const std::string& prefix : prefixes) {
        try {
            const json done =
                api_post(options.run_dir, "/v1/overrides/forget", {{"prefix", prefix}});
            if (options.json)
                fmt::print("{}\n", done.dump());
            else
                fmt::print("{} is forgotten\n", done["prefix"].get<std::string>());
        } catch (const NoDaemon&) {
            throw;
        } catch (const std::runtime_error& error) {  // the others can be forgotten all the same
            fmt::print(stderr, "mxgate: {}\n", error.what());
            code = kExitError;
        }
    }
    return code;
}

int overrides(const CliOptions& options)
{
    const json all = api_get(options.run_dir, "/v1/overrides");
    for (const json& entry : all["overrides"])
        print_override(options, entry);
    return 0;
}

}  // namespace mxgate
