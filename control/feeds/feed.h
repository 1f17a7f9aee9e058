// SPDX-License-Identifier: BSD-2-Clause
// Feeds: lists of prefixes in one of several formats (docs/feeds.md); broken lines are reported and
// left out.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "control/config/config.h"
#include "dataplane/core/address.h"

namespace mxgate {

inline constexpr uint8_t kNoValue = 255;  // the feed's own class
inline constexpr uint8_t kSkipped = 254;  // no class: says nothing

struct FeedEntry {
    mxg_prefix prefix;
    uint32_t line = 0;         // 1-based line of the feed; of binary formats the record
    bool exclusion = false;    // carved out of this feed
    uint8_t value = kNoValue;  // index in FeedConfig::map: which class
};

struct RejectedLine {
    uint32_t line = 0;
    std::string reason;  // "not a prefix: `foo`"
    std::string file{};  // of a folder of files: which; else empty, the feed's own
};

struct Feed {
    std::vector<FeedEntry> entries;
    uint64_t lines = 0;                 // lines that should hold an entry (no comments, no blanks)
    uint64_t rejected = 0;              // of those, the broken ones
    uint64_t skipped = 0;               // of those, the ones whose value is mapped to no class
    std::vector<RejectedLine> rejects;  // the first of them, as has_room_for_reject() says
    std::vector<Diagnostic>
        warnings;  // FILE:LINE: host bits masked and the like, first kRejectsKept
    uint64_t warning_count = 0;
    std::vector<Diagnostic> errors;  // not empty: this version of the feed must not be used
};

inline constexpr size_t kRejectsKept = 20;

// Broken lines that this process names beyond those, of all its lists together; at first none. To
// be called before there are threads.
void allow_more_rejects(size_t lines);
// Whether to name one more, of a list of which so many are named already.
bool has_room_for_reject(size_t named);

// Parses the bytes of a feed, packed (gzip, bzip2, xz, zstd) or not. config.path is used in
// diagnostics. Refused as a whole (errors) when more than half of its lines are broken, when it
// holds fewer than config.min_entries entries, when it is truncated or larger than config.max_size,
// or when the format's own count (spamhaus-drop `records`) does not agree.
Feed parse_feed(std::string_view bytes, const FeedConfig& config);

// Reads config.path and parses it: a file, `-` for standard input, or a folder, whose files (hidden
// ones and those that end in `~` apart) are each a list of the format, in the order of their names.
// A file that cannot be read is an error of the feed; so is one of a folder that is refused.
Feed read_feed(const FeedConfig& config);

}  // namespace mxgate
