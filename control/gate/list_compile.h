// SPDX-License-Identifier: BSD-2-Clause
// From lists to a policy table: all that looks into lists, and nothing that decides what to do
// about them. It needs no right but to read them, and is made to run in a process that has none
// (control/worker).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "control/config/config.h"
#include "control/gate/sources.h"
#include "control/table/compile.h"

namespace mxgate {

// The versions of a list that may be read.
struct ListVersions {
    struct Delivered {
        std::string path;
        int64_t date = 0;
        bool rolled_back = false;  // an operator took these very bytes back
    };
    std::optional<Delivered> delivered;  // just fetched: read first
    InForce now;                         // what there is without that
    bool counts = false;                 // it takes part: there is one, and not too old
    std::optional<std::string> stays;    // read this in its place; empty: the list has nothing
    InForce before;                      // the last good version that is not `now`
    bool is_newest = false;              // `now` is the version that was in force last
    bool is_in_force = false;            // the table in force was made from `now`
    bool never_good = false;  // at fault it costs itself; any other without `before`, the table
};

// Of all lists together: what an answer may be large for.
inline constexpr size_t kAllRejects = 50'000;

struct CompileJob {
    Config config;
    uint64_t generation = 0;
    std::optional<TableInfo> previous;
    bool strict = false;  // a local list at fault refuses the table; else its last good version
    bool force = false;   // `max_change` has no say
    bool all_rejects = false;  // kAllRejects broken lines are named beyond those of each list
    std::map<SourceKey, ListVersions> lists;
};

// What became of a list.
struct ListOutcome {
    struct Refusal {
        std::string why;
        bool of_delivery = false;
        bool hold = false;  // it may be forced
    };
    std::vector<Refusal> refusals;
    bool used_delivery = false;
    std::optional<InForce> now;  // the version that the table was made from
};

struct CompileAnswer {
    CompileResult result;
    std::map<SourceKey, ListOutcome> lists;
};

// Once in a process.
CompileAnswer compile_lists(const CompileJob& job);

}  // namespace mxgate
