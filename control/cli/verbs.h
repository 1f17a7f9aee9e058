// SPDX-License-Identifier: BSD-2-Clause
// The verbs of `mxgate`: what they do, without the command line, which main.cc reads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "control/config/config.h"
#include "control/text/folders.h"

namespace mxgate {

// Exit codes: 0 done, 1 the input or the gate is at fault, 2 the command line is.
inline constexpr int kExitError = 1;
inline constexpr int kExitUsage = 2;

struct CliOptions : Folders {
    bool json = false;
};

struct CheckRequest {
    std::string config;
    bool fetch = false;        // lists with `url` or `exec` even if there are versions of them
    bool all_rejects = false;  // every broken line is named, up to kAllRejects
};

struct ReplayRequest {
    std::string config;
    std::vector<std::string> files;
    std::string plane;  // empty: as gate.plane says
    bool verdicts = false;
};

struct WhatIfRequest {
    std::string config;
    std::vector<std::string> traces;  // `-`: standard input
    size_t limit = 20;                // of senders
    bool fetch = false;               // lists of which there are versions, too
};

struct WatchRequest {
    double rate = 100;   // lines a second at most
    uint64_t count = 0;  // lines to end after; 0: never
};

inline constexpr const char* kDefaultConfig = "/etc/mxgate/mxgate.yaml";

struct LengthsRequest {
    std::string config = kDefaultConfig, name;
    uint64_t from = 0, to = 0;  // versions; 0: the one before, and the source's file
    bool undo = false;
};

struct LearnRequest {
    std::vector<std::string> prefixes;  // files: routing table, allocations
    std::string addresses;              // file, or `-`
};

// By hand: either what to do, "allow" or "deny", or the name of a class.
struct ByHandRequest {
    std::vector<std::string> prefixes;
    std::string action, class_name;
    std::string duration, reason;
};

struct ExportRequest {
    std::string config = kDefaultConfig;
    std::string output;  // empty: standard output
};

// Each gives the exit code, or throws what main.cc prints.
int check(const CliOptions& options, const CheckRequest& request);
// `fetch`: as in CheckRequest.
int compile_table(const CliOptions& options, const std::string& config, const std::string& output,
                  bool fetch);
int lookup(const CliOptions& options, const std::string& table,
           const std::vector<std::string>& addresses);
int replay(const CliOptions& options, const ReplayRequest& request);
int what_if(const CliOptions& options, const WhatIfRequest& request);
int status(const CliOptions& options);
// `part`: "counters", "feeds" or "replies".
int counters(const CliOptions& options, double watch_seconds, const std::string& part);
int refused(const CliOptions& options, size_t limit);
// On a terminal a live view, else once.
int top(const CliOptions& options, size_t limit);
int watch(const CliOptions& options, const WatchRequest& request);
int explain(const CliOptions& options, const std::string& address);
int reload(const CliOptions& options, bool force);
int feeds(const CliOptions& options);
int feeds_fetch(const CliOptions& options, const std::string& name);  // empty: all
int feeds_rollback(const CliOptions& options, const std::string& name, bool undo);
int classes(const CliOptions& options);
// `senders`: a file of addresses or prefixes, one a line, `-`, or empty: those that mxgated has
// seen.
int diff(const CliOptions& options, const std::string& before, const std::string& after,
         const std::string& senders);
// `last_good`: where there is no daemon, without reading feeds.
int attach(const CliOptions& options, const std::string& config, bool last_good);
int detach(const CliOptions& options);
int set_by_hand(const CliOptions& options, const ByHandRequest& request);
int forget(const CliOptions& options, const std::vector<std::string>& prefixes);
int overrides(const CliOptions& options);
int lengths_list(const CliOptions& options, const std::string& config);
int lengths_diff(const CliOptions& options, const LengthsRequest& request);
int lengths_rollback(const CliOptions& options, const LengthsRequest& request);
int lengths_learn(const CliOptions& options, const LearnRequest& request);
int export_lengths(const CliOptions& options, const ExportRequest& request);

// "5 s", "3 min", "7 h" or "2 d".
std::string span_text(int64_t seconds);

// To standard error, one a line.
void print_diagnostics(const std::vector<Diagnostic>& diagnostics);

}  // namespace mxgate
