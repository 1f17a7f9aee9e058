// SPDX-License-Identifier: BSD-2-Clause
// The configuration file (YAML, one file), read and checked as a whole.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/core/address.h"

namespace mxgate {

// Where in a file something stands; lines and columns count from 1, 0 means "the file as a whole".
struct Location {
    std::string file;
    int line = 0;
    int column = 0;
};

// One finding about an input file. Prints as `FILE:LINE:COLUMN: text`.
struct Diagnostic {
    enum class Severity { error, warning };
    Severity severity = Severity::error;
    Location where;
    std::string text;
};
std::string to_string(const Diagnostic& diagnostic);

enum class PlaneKind { xdp, dpdk };
enum class AttachMode { automatic, native, generic };
enum class Mode { enforce, monitor };
enum class Action { pass, limit, drop, reset, unreachable };
enum class FeedFormat { prefixes, spamhaus_drop };
enum class DropOrPass { drop, pass };

struct PortRange {
    uint16_t first = 25;
    uint16_t last = 25;
};

struct ServiceConfig {
    std::string name;
    std::vector<mxg_prefix> addresses;
    std::vector<PortRange> ports;  // [25] unless written
    Location where;
};

// A connection rate `count` per `period_ns`, with a bucket of `burst` tokens, full at first.
struct RateLimit {
    uint64_t count = 0;
    uint64_t period_ns = 0;
    uint32_t burst = 1;
};

enum class Charge { handshake, syn };

// What one prefix may do: a source prefix, or a parent of source prefixes.
struct CeilingConfig {
    std::optional<RateLimit> rate;
    std::optional<RateLimit> syn_guard;
    uint32_t connections = 0;  // open at the same time, 0: any number

    bool any() const { return rate || syn_guard || connections > 0; }
};

struct LevelConfig {
    int family = 6;  // 4 or 6
    uint32_t length = 0;
    CeilingConfig ceiling;
};

struct ClassConfig : CeilingConfig {
    std::string name;
    Action action = Action::pass;
    Mode mode = Mode::enforce;
    Charge charge = Charge::syn;
    uint32_t total_connections = 0;      // of the whole class, 0: any number
    uint64_t bandwidth = 0;              // bytes per second of established traffic, 0: no limit
    std::vector<LevelConfig> levels;
    uint64_t retry_wait_ns = 0;  // how long a denial lasts, 0: it does not
    bool retry_extend = false;   // an attempt within it begins it anew
    Location where;
};

struct LengthConfig {
    mxg_prefix prefix{};
    uint32_t length = 0;  // end-site prefix length, >= prefix.length
    Location where;
};

struct FeedConfig {
    std::string name;
    FeedFormat format = FeedFormat::prefixes;
    std::string path;          // made absolute against the folder of the configuration file
    std::string class_name;    // a class of this configuration
    int32_t priority = 0;      // the higher wins
    uint64_t min_entries = 1;  // guard.min_entries: a version with fewer valid entries is refused
    Location where;
};

struct GateConfig {
    PlaneKind plane = PlaneKind::xdp;
    std::vector<std::string> interfaces;
    AttachMode attach = AttachMode::automatic;
    Mode mode = Mode::enforce;
    std::vector<ServiceConfig> services;
    DropOrPass fragments = DropOrPass::drop;
    DropOrPass without_table = DropOrPass::pass;
    std::optional<uint64_t> stale_after_ns;
};

struct Config {
    std::string file;
    GateConfig gate;
    uint64_t source_capacity = 1'000'000;  // sources.capacity, as written (not yet rounded up)
    std::vector<uint32_t> levels_ipv6, levels_ipv4;  // sources.levels, the longest first
    uint32_t default_length_ipv6 = 64;
    uint32_t default_length_ipv4 = 32;
    std::vector<LengthConfig> lengths;
    std::vector<ClassConfig> classes;  // in the order of the file: the later is the stricter
    std::string default_class;
    std::vector<FeedConfig> feeds;  // in the order of the file
};

struct ConfigResult {
    std::optional<Config> config;         // absent when there is any error
    std::vector<Diagnostic> diagnostics;  // all of them, in the order of the file
};

// Reads and checks `path`. Never throws for what the file holds; every mistake is one located
// diagnostic, and all of them are found in one run. Does not open feeds.
ConfigResult load_config(const std::string& path);

// The same for text already in memory; `path` is used in locations and to resolve relative paths.
ConfigResult parse_config(const std::string& text, const std::string& path);

}  // namespace mxgate
