// SPDX-License-Identifier: BSD-2-Clause
// A configuration with what its feeds hold, given to the compiler (through files, as in earnest)
// and to the reference.
#pragma once

#include <string>
#include <vector>

#include "control/config/config.h"
#include "control/table/compile.h"
#include "control/table/policy_table.h"
#include "tests/reference/policy_map.h"

namespace mxgate::reference {

struct FeedLine {
    Prefix prefix;
    bool exclusion = false;
};

struct LengthLine {
    Prefix prefix;
    uint32_t length = 0;
    uint32_t end_sites = 0;  // of prefixlen files and own tables; 0: not stated
};

// A folder that goes away with the object.
class TemporaryFolder
{
public:
    TemporaryFolder();
    ~TemporaryFolder();
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    const std::string& path() const { return path_; }

private:
    std::string path_;
};

struct PolicyCase {
    Config config;
    std::vector<std::vector<FeedLine>> feeds;           // as config.feeds
    std::vector<std::vector<LengthLine>> length_feeds;  // as config.length_feeds

    // A configuration without feeds from YAML; throws std::runtime_error with its diagnostics.
    static PolicyCase from_yaml(const std::string& yaml);

    // Adds a feed and gives its place.
    size_t add_feed(const std::string& name, const std::string& class_name, int priority);
    void add(size_t feed, const std::string& prefix, bool exclusion = false);
    size_t add_length_feed(const std::string& name, LengthFormat format);
    void add_length(const std::string& prefix, uint32_t length, uint32_t end_sites = 0);
    void add_length(const Prefix& prefix, uint32_t length, uint32_t end_sites = 0);

    // Writes the feeds to files and compiles; throws std::runtime_error with the diagnostics.
    CompileResult compile_all(uint64_t generation = 1) const;
    PolicyTable compile(uint64_t generation = 1) const;

    PolicyMap reference() const;

private:
    void write_lengths(Config& into, const std::string& folder) const;
};

Prefix prefix(const std::string& text);
Address address(const std::string& text);

}  // namespace mxgate::reference
