// SPDX-License-Identifier: BSD-2-Clause
// What a source says of end-site prefix lengths: entries, and a log of what was refused.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "control/feeds/feed.h"
#include "dataplane/core/address.h"

namespace mxgate {

// Who says so, the most trusted first: the order of precedence between sources.
enum class LengthOrigin : uint8_t {
    by_operator,       // the configuration and the operator's own tables
    signed_prefixlen,  // RFC 9977, RPKI signature verified
    prefixlen,         // RFC 9977
    registry,          // inet6num and inetnum objects
    learned,           // observed source addresses
    by_default,        // aggregation.default
};
// "operator", "signed-prefixlen", "prefixlen", "registry", "learned", "default".
const char* origin_name(LengthOrigin origin);

struct LengthEntry {
    uint64_t hi = 0, lo = 0;  // host bits are zero
    uint32_t line = 0;        // where it stands: a line of text, or the number of a record
    uint32_t end_sites = 0;   // that share one address or end-site prefix; 0: not stated
    uint8_t family = 0;
    uint8_t length = 0;
    uint8_t site_length = 0;  // length..32 or length..128; 0: only end_sites is stated
    bool aggregated = false;  // an AGGREGATED-BY-LIR object
};

mxg_prefix prefix_of(const LengthEntry& entry);

struct LengthList {
    std::vector<LengthEntry> entries;    // in order of address after `finish`, the wider first
    uint64_t records = 0;                // lines or objects that could state a length
    uint64_t ignored = 0;                // of those, well-formed ones that state none
    uint64_t rejected = 0;               // and erroneous ones
    std::vector<RejectedLine> rejects;   // the first of them: has_room_for_reject()
    std::vector<RejectedLine> warnings;  // taken, with a remark; the first kRejectsKept
    uint64_t warning_count = 0;
    std::string error;  // not empty: the source must not be used

    void add(const mxg_prefix& prefix, uint32_t site_length, uint32_t end_sites, uint32_t line,
             bool aggregated = false);
    void reject(uint32_t line, std::string reason);
    void warn(uint32_t line, std::string text);

    // Sorts; of entries for one prefix the first counts: a repetition is dropped, a contradiction
    // rejected.
    void finish();
    void sort_rejects();  // by line
};

// A source that states more is refused: what one table can hold.
inline constexpr size_t kMaxLengths = 1 << 24;

}  // namespace mxgate
