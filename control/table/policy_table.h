// SPDX-License-Identifier: BSD-2-Clause
// A compiled policy table: the image that planes map, and what people want to know about it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "control/table/entries.h"
#include "dataplane/core/image.h"
#include "dataplane/state/memory.h"

struct mxg_table;

namespace mxgate {

struct ClassInfo {
    std::string name;
    std::string action;
    bool retired = false;  // no longer in the configuration; its number still has counters
};

struct FeedInfo {
    std::string name;
    std::string path;
    std::string class_name;
    int32_t priority = 0;
    uint32_t order = 0;
    bool retired = false;
};

// A source of end-site lengths, or one file that it led to.
struct LengthSourceInfo {
    std::string name;
    std::string path;
    LengthOrigin origin = LengthOrigin::by_operator;
    int64_t date = 0;     // Unix time of the version that was read; 0: unknown
    bool applied = true;  // false: shown, but no length is taken from it
};

// The names behind the numbers of the image. A number keeps its name over generations.
struct TableInfo {
    uint64_t generation = 0;
    int64_t created = 0;  // Unix time
    std::string config;   // path of the configuration file
    std::vector<ClassInfo> classes;
    std::vector<FeedInfo> feeds;
    std::vector<LengthSourceInfo> length_sources;  // in order of precedence within an origin
    std::string default_class;
    uint8_t default_length_ipv4 = 32;
    uint8_t default_length_ipv6 = 64;
};

struct PolicyTable {
    std::vector<mxg_line> plane;
    std::vector<TableEntry> entries;  // sorted, with parents
    std::vector<SharedEntry> shared;  // by entry
    TableInfo info;

    size_t plane_bytes() const { return plane.size() * MXG_LINE_BYTES; }
};

// The rules of precedence of a table's feeds and sources of lengths.
Precedence precedence_of(const TableInfo& info);

class TableError : public std::runtime_error
{
public:
    using std::runtime_error::runtime_error;
};

// Writes to a new file beside `path` and renames it: a reader never sees half a table.
// Returns the bytes written; throws TableError.
// `durable`: waits until the disk has it.
uint64_t write_table(const PolicyTable& table, const std::string& path, bool durable = false);

// Whether there is a file that begins like a table, damaged or not, or is empty.
bool is_table_file(const std::string& path);

// Reads and verifies; throws TableError, which names the file and what is wrong with it.
PolicyTable read_table(const std::string& path);

// The same in memory that nobody can change any more, and from there; throw TableError. What is
// read is a copy, and verified.
Fd sealed_table(const PolicyTable& table);
PolicyTable read_sealed_table(Fd memfd);

// What the table says of one address, seen as one family.
struct TableView {
    mxg_address address{};
    uint8_t class_id = 0;
    uint32_t winner = kNoEntry;        // entry that decided the class; kNoEntry: default class
    uint32_t length_entry = kNoEntry;  // entry that decided the length; kNoEntry: default
    uint8_t end_site_length = 0;
    uint32_t end_sites = 0;     // that share an address or end-site prefix here; 0: not stated
    uint32_t limits_times = 1;  // limits are so many times those of the class
    mxg_prefix source_prefix{};
    std::vector<uint32_t> chain;  // all entries that contain the address, outermost first
};

struct TableAnswer {
    mxg_address address{};
    uint32_t kind = 0;               // enum mxg_embedded_kind
    TableView canonical;             // the view that state is kept under
    std::optional<TableView> outer;  // of an embedded address: the IPv6 address itself
    bool outer_decides = false;      // the outer view has the stricter class

    const TableView& deciding() const { return outer_decides ? *outer : canonical; }
};

// Where the end-site length of an answer comes from: origin_name().
const char* length_origin(const PolicyTable& table, const TableView& view);

// Answers from the same image the planes map; the entries say which line of which feed it was.
class TableReader
{
public:
    explicit TableReader(const PolicyTable& table);

    // How many end sites the entry of a length source states, 0: none.
    uint32_t end_sites_of(uint32_t entry) const;

    TableAnswer ask(const mxg_address& address) const;

    // Brings what `ask` will read for these addresses (at most kBurst) into the cache, with all
    // the misses at once. Changes no answer.
    void warm(std::span<const mxg_address> addresses) const;
    static constexpr size_t kBurst = 64;
    const PolicyTable& table() const { return table_; }

    // Whether entry `a` of a chain beats `b`; for `explain`.
    const Precedence& precedence() const { return precedence_; }

private:
    TableView view(const mxg_address& address) const;
    uint32_t shared_by(const TableView& view) const;
    mxg_address canonical(const mxg_address& address, uint32_t* kind) const;
    mxg_table image() const;
    const mxg_image_header& header() const;
    struct Block {
        uint32_t from, to;
    };
    // The entries among which the last one not above `address` is; empty: there is none.
    Block block_of(const mxg_address& address) const;
    uint32_t last_not_above(const mxg_address& address) const;

    struct FamilyIndex {
        uint32_t begin = 0, end = 0;
        std::vector<Wide> sample;  // first address of every kStride-th entry
    };
    static constexpr uint32_t kStride = 16;  // 8 cache lines of entries

    const PolicyTable& table_;
    Precedence precedence_;
    FamilyIndex family_[3];
};

}  // namespace mxgate
