// SPDX-License-Identifier: BSD-2-Clause
// From configuration and feeds to a policy table.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "control/config/config.h"
#include "control/feeds/feed.h"
#include "control/table/length_sources.h"
#include "control/table/policy_table.h"
#include "control/table/widen.h"

namespace mxgate {

// "pass", "limit", "drop", ...
const char* action_name(Action action);

struct WidenedEntry {
    uint32_t line = 0;
    mxg_prefix from{}, to{};
};

struct FeedReport {
    std::string name;
    uint64_t entries = 0;
    uint64_t rejected = 0;
    uint64_t skipped = 0;   // their value is mapped to no class
    uint64_t shadowed = 0;  // entries that decide no address: repeated, or others win there
    std::vector<RejectedLine> rejects;
    uint64_t widened = 0;                        // entries, by `widen: end_site`
    std::vector<WidenedEntry> widened_examples;  // the first kRejectsKept of them
    // Addresses that the feed lists only because of that, an estimate where it has exclusions.
    double newly_covered_ipv4 = 0, newly_covered_ipv6 = 0;
};

struct CompileResult {
    std::optional<PolicyTable> table;  // absent when there is any error
    std::vector<Diagnostic> diagnostics;
    std::vector<FeedReport> feeds;
    std::vector<LengthReport> lengths;
    double seconds = 0;  // reading the feeds included
};

// Gives what a feed lists; of errors in it the table is refused. `lengths` are those of the table.
using ReadFeed = std::function<Feed(const FeedConfig&, const SiteLengths& lengths)>;
inline Feed read_unguarded(const FeedConfig& config, const SiteLengths&)
{
    return read_feed(config);
}

// Reads every feed of the configuration and compiles. `previous`, where there is one, is the table
// in force: classes and feeds keep their numbers, so that counters keep their meaning.
// `versions`, where there are some: sources of lengths that were rolled back are read from there.
CompileResult compile(const Config& config, uint64_t generation,
                      const TableInfo* previous = nullptr, const SourceVersions* versions = nullptr,
                      const ReadFeed& read = read_unguarded);

// A table with services and classes but no entries, for a gate that has no table yet: attempts end
// in reason no-table, and `gate.without_table` decides.
PolicyTable empty_table(const Config& config, const TableInfo* previous = nullptr);

}  // namespace mxgate
