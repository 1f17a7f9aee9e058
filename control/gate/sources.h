// SPDX-License-Identifier: BSD-2-Clause
// The lists that a configuration names, and the versions of them that there are.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "control/config/config.h"

namespace mxgate {

// A list: of `feeds`, or (`lengths`) of `aggregation.feeds`.
struct SourceKey {
    bool lengths = false;
    std::string name;
    auto operator<=>(const SourceKey&) const = default;
};

struct Source {
    SourceKey key;
    std::string path;  // of a local list
    FetchConfig fetch;
    std::optional<uint64_t> expire_ns;
    uint64_t max_size = 0;
    bool nrtm = false;     // of lengths: the format
    bool by_hand = false;  // somebody asked for it to be fetched now
};
std::vector<Source> sources_of(const Config& config);

// What became of a list in the table that is in force.
struct InForce {
    std::string path;  // of the version; empty: there is none
    int64_t date = 0;  // Unix time it was fetched or last found unchanged; of a file: written
    uint64_t entries = 0, rejected = 0;
    bool expired = false;      // too old: it does not count
    bool rolled_back = false;  // an older one, by the operator's word
    bool fallback = false;     // an older one, for what came after it is at fault
};

}  // namespace mxgate
