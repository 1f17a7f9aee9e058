// SPDX-License-Identifier: BSD-2-Clause
// The command line of `mxgated`, and all words that its help text and manual page have.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "control/text/folders.h"

namespace mxgate {

struct DaemonOptions : Folders {
    std::string config = "/etc/mxgate/mxgate.yaml";
    std::string log_level = "info";
    std::string log_format = "auto";  // of kLogFormats
};

// `options` must outlive `app`.
inline void describe_mxgated(CLI::App& app, DaemonOptions& options)
{
    app.name("mxgated");
    app.description(
        "mxgated: compiles feeds into the policy table, loads and attaches the gate, answers\n"
        "`mxgate`. Runs in the foreground and logs to standard error. SIGHUP reloads; SIGTERM "
        "ends\n"
        "the daemon, and the gate goes on with the last table.\n"
        "\nExample: mxgated --config /etc/mxgate/mxgate.yaml");
    app.set_version_flag("--version", MXGATE_VERSION);
    app.add_option("--config", options.config, "configuration file")->capture_default_str();
    add_folders(app, options);
    app.add_option("--log-level", options.log_level, "what to log")
        ->check(CLI::IsMember({"debug", "info", "warn", "error"}))
        ->capture_default_str();
    app.add_option("--log-format", options.log_format,
                   "how to log: `auto` is `journal` under systemd and `text` elsewhere")
        ->check(CLI::IsMember({"auto", "text", "journal", "json"}))
        ->capture_default_str();
}

}  // namespace mxgate
