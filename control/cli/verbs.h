// SPDX-License-Identifier: BSD-2-Clause
// The verbs of `mxgate`: each adds itself, with help and options, to the command line.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

#include "control/config/config.h"

namespace mxgate {

// Exit codes: 0 done, 1 the input or the gate is at fault, 2 the command line is.
inline constexpr int kExitError = 1;
inline constexpr int kExitUsage = 2;

struct CliOptions {
    bool json = false;
    std::string run_dir = "/run/mxgate";
    std::string pin_dir = "/sys/fs/bpf/mxgate";
    std::string state_dir = "/var/lib/mxgate";
    std::function<int()> run;  // set by the verb that was given
};

// A subcommand with its example and `--json`.
CLI::App* add_verb(CLI::App& app, CliOptions& options, const std::string& name,
                   const std::string& what, const std::string& example);

void add_check(CLI::App& app, CliOptions& options);
void add_compile(CLI::App& app, CliOptions& options);
void add_lookup(CLI::App& app, CliOptions& options);
void add_replay(CLI::App& app, CliOptions& options);
void add_live_verbs(CLI::App& app, CliOptions& options);    // status, counters, refused, ...
void add_attach_verbs(CLI::App& app, CliOptions& options);  // attach, detach

// To standard error, one a line.
void print_diagnostics(const std::vector<Diagnostic>& diagnostics);

}  // namespace mxgate
