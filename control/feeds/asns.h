// SPDX-License-Identifier: BSD-2-Clause
// Lists of autonomous systems, which pick the prefixes that these originate.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_set>

#include "control/feeds/builder.h"
#include "control/feeds/input.h"

namespace mxgate {

using AsnSet = std::unordered_set<uint32_t>;

// Reads FeedConfig::asns: one AS number a line (`64500` or `AS64500`, comments from `#` or `;`), or
// JSON lines with an `asn`, as Spamhaus's asndrop. Broken lines are warned of with the list's own
// name; nothing, and a refusal, if it cannot be read, is truncated, more broken than not, or empty.
std::optional<AsnSet> read_asns(FeedBuilder& to);

// The same for a list in hand; `path` is used in messages.
std::optional<AsnSet> parse_asns(FeedInput input, const std::string& path, FeedBuilder& to);

// The AS number that is all of `text`, `AS` before it or not.
std::optional<uint32_t> parse_asn(std::string_view text);

}  // namespace mxgate
