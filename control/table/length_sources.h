// SPDX-License-Identifier: BSD-2-Clause
// All that a configuration says of end-site lengths, ready for the table.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "control/config/config.h"
#include "control/fetch/versions.h"
#include "control/table/entries.h"
#include "control/table/policy_table.h"

namespace mxgate {

// Of one file that registry objects led to.
struct LengthFileReport {
    std::string url;
    LengthOrigin origin = LengthOrigin::prefixlen;
    int64_t date = 0;  // Unix time at which its text was fetched first
    uint64_t entries = 0;
    uint64_t rejected = 0;
    uint64_t outside = 0;   // of the rejected: in no object that names the file
    std::string signature;  // why its signature does not count
};

struct LengthReport {
    std::string name;
    std::string path;  // that was read
    int64_t date = 0;  // Unix time of the version; 0: unknown
    LengthOrigin origin = LengthOrigin::by_default;
    bool applied = true;                    // false: shown, but no length is taken from it
    uint32_t sources = 0, sources_end = 0;  // its places in LengthInputs::sources
    std::vector<LengthFileReport> files;    // of a feed that discovers them
    std::optional<SourceVersion> version;   // where it is one that is kept
    uint64_t entries = 0;
    uint64_t rejected = 0;
    uint64_t ignored = 0;   // well-formed, but stating no length
    uint64_t shadowed = 0;  // decide no address's length: others win there
    std::vector<RejectedLine> rejects;
};

struct LengthInputs {
    std::vector<LengthSourceInfo> sources;  // the first is the configuration itself
    std::vector<TableEntry> entries;
    std::vector<SharedEntry> shared;    // by place in `entries`
    size_t standard = 0;                // of the entries, those that are in every table
    std::vector<LengthReport> reports;  // one for each of config.length_feeds
    std::vector<Diagnostic> diagnostics;
    bool refused = false;  // there is an error among them
};

// Reads every source that the configuration names; of one that was rolled back (`versions` may be
// null) an earlier version.
LengthInputs read_length_sources(const Config& config, const SourceVersions* versions);

}  // namespace mxgate
