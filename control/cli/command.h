// SPDX-License-Identifier: BSD-2-Clause
// The command line of `mxgate`: its verbs, their options, and all words that help texts, manual
// pages and shell completion have about them.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

#include "control/cli/verbs.h"

namespace mxgate {

// What the command line says, for all verbs.
struct CliGiven {
    CliOptions options;
    std::string config, output, table, address, attach_config = kDefaultConfig;
    std::vector<std::string> addresses;
    CheckRequest check;
    ReplayRequest replay;
    WhatIfRequest what_if;
    WatchRequest stream;
    LengthsRequest lengths;
    LearnRequest learn;
    ExportRequest publish;
    ByHandRequest by_hand;
    double watch = 0;
    bool feeds = false, replies = false, last_good = false, fetch = false, force = false;
    bool undo = false;
    std::string feed, other_table, senders;
    size_t limit = 100;
    std::function<int()> run;  // set by the verb that was given
};

// A subcommand with its example and `--json`.
CLI::App* add_verb(CLI::App& app, CliGiven& given, const std::string& name, const std::string& what,
                   const std::string& example, std::function<int()> run);

void add_by_hand_verbs(CLI::App& app, CliGiven& given);
void add_feed_verbs(CLI::App& app, CliGiven& given);
void add_lengths_verbs(CLI::App& app, CliGiven& given);

// Adds what `mxgate` has to `app`; what is given goes to `given`, which must outlive it.
void describe_mxgate(CLI::App& app, CliGiven& given);

}  // namespace mxgate
