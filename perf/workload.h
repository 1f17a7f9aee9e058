// SPDX-License-Identifier: BSD-2-Clause
// What the benchmarks run on: a routing table, more prefixes inside it, and keys to look up.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "control/table/entries.h"
#include "dataplane/core/image.h"

namespace mxgate::perf {

// splitmix64: the same numbers in every run.
class Random
{
public:
    explicit Random(uint64_t seed) : state_(seed) {}
    uint64_t next();
    uint64_t below(uint64_t limit) { return next() % limit; }

private:
    uint64_t state_;
};

// IPv6 prefixes of a file: first column, one a line, anything else skipped; .xz and .gz are
// unpacked. Throws std::runtime_error.
std::vector<mxg_prefix> load_routes(const std::string& path);

// A table of `count` prefixes with the lengths and the nesting of the IPv6 routing table of 2024.
std::vector<mxg_prefix> generate_routes(size_t count);

// `count` distinct entries, sorted: a random choice of the routes and, where they are too few,
// random /64s inside them. Each belongs to one of kFeeds feeds at random.
inline constexpr uint16_t kFeeds = 4;
std::vector<TableEntry> make_entries(const std::vector<mxg_prefix>& routes, size_t count);

// The image over entries: feed n gives class n, what no feed lists class kDefaultClass. Classes
// with an even number pass, the odd ones drop. One service, [2001:db8:2::25]:25.
inline constexpr uint8_t kDefaultClass = kFeeds;
std::vector<mxg_line> build_table(std::vector<TableEntry> entries);

// Random keys: `misses` per cent anywhere in 2000::/3 where there is no entry, the others in random
// entries.
std::vector<mxg_address> make_keys(const std::vector<TableEntry>& entries,
                                   const std::vector<mxg_line>& image, size_t count,
                                   uint32_t misses = 50);

// Runs with a file or with a generated table; says which on standard error.
std::vector<mxg_prefix> routes_for(const std::string& path);

void to_bytes(const mxg_address& address, uint8_t (&out)[16]);

}  // namespace mxgate::perf
