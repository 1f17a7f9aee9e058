// SPDX-License-Identifier: BSD-2-Clause
// `attach` and `detach`: the gate on and off, with or without the daemon.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "control/api/client.h"
#include "control/cli/verbs.h"
#include "control/gate/gate.h"
#include "control/gate/only_one.h"
#include "control/text/log.h"
#include "ebpf/xdp_plane.h"

namespace mxgate {
namespace {

using nlohmann::json;

// The daemon holds the maps where it runs; without it this process does its start and leaves.
json attach_somehow(const CliOptions& options, const std::string& config, Gate::From from)
{
    try {
        return api_post(options.run_dir, "/v1/attach");
    } catch (const NotRunning&) {
    }
    const OnlyOne only(options.run_dir, options.state_dir);  // it may be about to run
    start_log("mxgate", "warn");
    Gate gate({config, options.run_dir, options.state_dir, options.pin_dir});
    gate.start(from);
    return gate.status()["interfaces"];
}

}  // namespace

int attach(const CliOptions& options, const std::string& config, bool last_good)
{
    const Gate::From from = last_good ? Gate::From::last_good_table : Gate::From::feeds;
    for (const json& line : attach_somehow(options, config, from)) {
        if (options.json)
            fmt::print("{}\n", line.dump());
        else if (line.contains("port"))
            fmt::print("{}: at work\n", line["port"].get<std::string>());
        else
            fmt::print("{}: attached in {} mode{}{}\n", line["interface"].get<std::string>(),
                       line["attach"].get<std::string>(),
                       line["remark"].get<std::string>().empty() ? "" : "; ",
                       line["remark"].get<std::string>());
    }
    return 0;
}

int detach(const CliOptions& options)
{
    const std::vector<std::string> interfaces = detach_all(options.pin_dir);
    const bool dpdk = disengage_dpdk({"", options.run_dir, options.state_dir, options.pin_dir});
    if (options.json)
        fmt::print("{}\n", json{{"detached", interfaces}, {"dpdk", dpdk}}.dump());
    else if (interfaces.empty() && !dpdk)
        fmt::print("no gate was attached\n");
    if (dpdk && !options.json)
        fmt::print("mxgate-dpdk: monitors only; everything passes until `mxgate attach`\n");
    for (const std::string& name : interfaces)
        if (!options.json)
            fmt::print("{}: detached; everything passes\n", name);
    return 0;
}

}  // namespace mxgate
