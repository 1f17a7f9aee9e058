// SPDX-License-Identifier: BSD-2-Clause
// The last versions of each source of lengths, kept so that a bad one can be taken back.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "control/config/config.h"

namespace mxgate {

struct LengthVersion {
    uint64_t number = 0;   // from 1
    int64_t date = 0;      // Unix time of the source's file
    std::string sha256;    // of its bytes, as they were
    bool refused = false;  // rolled back: not used, even if it comes again
};

// What is to be read for a source.
struct LengthChoice {
    std::string path;
    std::optional<LengthVersion> version;  // that `path` is, where it is known
    std::optional<LengthVersion> refused;  // what the source's own file is, if that is refused
};

// A folder `lengths` in the state folder, with a folder of copies for each source. Throws
// std::runtime_error when what is there cannot be read or written.
class LengthVersions
{
public:
    static constexpr size_t kKept = 4;

    explicit LengthVersions(const std::string& state_dir) : folder_(state_dir + "/lengths") {}

    // The source's own file, unless its content was rolled back: then the newest kept before.
    LengthChoice choose(const LengthFeedConfig& feed) const;

    // Keeps a copy of the source's file if it is new; to be called when it is in force.
    void keep(const LengthFeedConfig& feed);

    // Refuses the version in force; the one kept before comes into force with the next compile.
    // Gives that one.
    LengthVersion roll_back(const LengthFeedConfig& feed);

    // Takes all refusals back.
    void forget_refusals(const LengthFeedConfig& feed);

    // What is kept, oldest first.
    std::vector<LengthVersion> list(const std::string& name) const;
    std::string path_of(const std::string& name, uint64_t number) const;

private:
    void store(const std::string& name, const std::vector<LengthVersion>& versions) const;

    std::string folder_;
};

}  // namespace mxgate
