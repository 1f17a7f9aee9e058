// SPDX-License-Identifier: BSD-2-Clause
// What goes into a policy table: the entries of all feeds and of all length sources, in one order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "control/lengths/length_list.h"
#include "control/net/ranges.h"
#include "dataplane/core/address.h"

namespace mxgate {

inline constexpr uint16_t kNoFeed = 0xffff;
inline constexpr uint32_t kNoEntry = 0xffffffff;
inline constexpr uint16_t kLengthSource = 0x8000;  // flag in TableEntry::feed
inline constexpr size_t kMaxLengthSources = 0x7fff;

// One prefix as some source wrote it. Also the record of a table file's detail section, which is
// why it has a fixed layout.
struct TableEntry {
    uint64_t hi = 0, lo = 0;     // host bits are zero
    uint32_t line = 0;           // of the feed or configuration file
    uint32_t parent = kNoEntry;  // the nearest entry that contains this one (kNoEntry: none)
    uint16_t feed = kNoFeed;     // index of the feed; kLengthSource | index of a source of lengths
    uint8_t family = 0;
    uint8_t length = 0;
    union {
        uint8_t site_length = 0;  // of a length: 0 where only the number of end sites is stated
        uint8_t widened_from;     // of a feed's entry: its length before `widen: end_site`, or 0
    };
    uint8_t exclusion = 0;  // 1: carved out of its feed
    uint8_t class_id = 0;   // of a feed's entry that is no exclusion
    uint8_t reserved = 0;
};
static_assert(sizeof(TableEntry) == 32);

inline bool is_length(const TableEntry& entry)
{
    return (entry.feed & kLengthSource) != 0;
}

inline uint16_t length_source(const TableEntry& entry)
{
    return entry.feed & ~kLengthSource;
}

// How many end sites an entry of a length source says share an address or end-site prefix.
struct SharedEntry {
    uint32_t entry = 0;
    uint32_t end_sites = 0;
};
static_assert(sizeof(SharedEntry) == 8);

// The statement of `entry` in `shared`, which is sorted; 0: there is none.
uint32_t end_sites_in(const std::vector<SharedEntry>& shared, uint32_t entry);

inline Wide first_address(const TableEntry& entry)
{
    return static_cast<Wide>(entry.hi) << 64 | entry.lo;
}

inline Wide last_address(const TableEntry& entry)
{
    const Wide ones = ~static_cast<Wide>(0);
    return first_address(entry) | (entry.length == 0 ? ones : ~(ones << (128 - entry.length)));
}

inline mxg_prefix prefix_of(const TableEntry& entry)
{
    return {{entry.hi, entry.lo, entry.family, 0}, entry.length};
}

// The entry of a prefix as it is written; an IPv4-mapped one is the IPv4 prefix inside it.
TableEntry table_entry(mxg_prefix prefix, uint32_t line);

// By family, then address, then the wider first; equal prefixes stay in the order given.
void sort_entries(std::vector<TableEntry>& entries);

// The rule of precedence between feeds, used by the compiler and by `lookup` and `explain` alike:
// highest priority, then longest prefix, then the feed that stands first in the configuration.
struct FeedRank {
    int32_t priority = 0;
    uint32_t order = 0;  // place in the configuration
};

// And between sources of lengths: the most trusted origin, then longest prefix, then the source
// that stands first.
struct LengthRank {
    LengthOrigin origin = LengthOrigin::by_operator;
    uint32_t order = 0;   // place in the configuration
    bool applied = true;  // false: shown only
};

class Precedence
{
public:
    explicit Precedence(std::vector<FeedRank> feeds, std::vector<LengthRank> lengths = {})
        : feeds_(std::move(feeds)), lengths_(std::move(lengths))
    {
    }

    // Whether `a` beats `b` at an address that both contain.
    bool beats(const TableEntry& a, const TableEntry& b) const
    {
        const FeedRank &rank_a = feeds_[a.feed], &rank_b = feeds_[b.feed];
        if (rank_a.priority != rank_b.priority)
            return rank_a.priority > rank_b.priority;
        if (a.length != b.length)
            return a.length > b.length;
        return rank_a.order < rank_b.order;
    }

    // The same for end-site lengths.
    bool length_beats(const TableEntry& a, const TableEntry& b) const
    {
        const LengthRank& rank_a = lengths_[length_source(a)];
        const LengthRank& rank_b = lengths_[length_source(b)];
        if (rank_a.origin != rank_b.origin)
            return rank_a.origin < rank_b.origin;
        if (a.length != b.length)
            return a.length > b.length;
        return rank_a.order < rank_b.order;
    }

    // Whether an entry of a source of lengths takes part, and is not just shown.
    bool applies(const TableEntry& entry) const { return lengths_[length_source(entry)].applied; }
    // And it states a length.
    bool states_length(const TableEntry& entry) const
    {
        return entry.site_length != 0 && applies(entry);
    }

    // The winner among nested entries, outermost first, or kNoEntry; exclusions apply to their
    // own feed only, whatever their length.
    uint32_t winner(const std::vector<TableEntry>& entries,
                    const std::vector<uint32_t>& chain) const;
    uint32_t length_winner(const std::vector<TableEntry>& entries,
                           const std::vector<uint32_t>& chain) const;

private:
    std::vector<FeedRank> feeds_;
    std::vector<LengthRank> lengths_;
};

}  // namespace mxgate
