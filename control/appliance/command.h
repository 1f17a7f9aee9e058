// SPDX-License-Identifier: BSD-2-Clause
// The command line of `mxgate-dpdk`, and all words that its help text and manual page have.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "control/text/folders.h"

namespace mxgate {

struct ApplianceOptions : Folders {
    std::string config = "/etc/mxgate/mxgate.yaml";
    int replay = -1;
};

// `options` must outlive `app`.
inline void describe_mxgate_dpdk(CLI::App& app, ApplianceOptions& options)
{
    app.name("mxgate-dpdk");
    app.description(
        "mxgate-dpdk: the gate on DPDK ports. Takes its ports from the configuration\n"
        "(gate.dpdk) and its policy table from mxgated; state and table outlive it.");
    app.set_version_flag("--version", MXGATE_VERSION);
    app.footer(
        "Example:\n  mxgate-dpdk --config /etc/mxgate/mxgate.yaml\n"
        "Exit codes: 0 ended by a signal; 1 the configuration or DPDK is at fault; 2 the command "
        "line is.");
    app.add_option("--config", options.config, "configuration file (YAML)")
        ->envname("MXGATE_CONFIG")
        ->capture_default_str();
    add_folders(app, options);
    app.add_option("--replay", options.replay, "serve `mxgate replay` on this descriptor")
        ->group("");
}

}  // namespace mxgate
