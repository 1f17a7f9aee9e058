// SPDX-License-Identifier: BSD-2-Clause
// Formats in which exclusions, or entries that say nothing, take part in the match like any other
// entry, brought to what the policy table knows: there the longest entry of a feed wins, and an
// exclusion carves out of the whole feed, whatever its length.
#pragma once

#include <vector>

#include "control/feeds/feed.h"

namespace mxgate {

// Of the entries from `from` on, drops each that one before it contains: then the longest match is
// the first match.
void drop_covered(std::vector<FeedEntry>& entries, size_t from);

// Of the entries from `from` on, drops each that an exclusion of as many whole octets contains:
// rbldnsd's ip4set compares those only, so that `!192.0.2.0/25` hides 192.0.2.1 but `!192.0.2.0/24`
// does not. IPv4 alone.
void drop_excluded_by_octet(std::vector<FeedEntry>& entries, size_t from);

// Of the entries from `from` on, the longest that contains an address decides about it; of equal
// ones an exclusion before others, and what is kSkipped last. Rewrites them so that the table
// answers the same: an exclusion (or a skipped entry, which becomes one) loses the parts in which a
// longer entry lists something. With `cut` there are no exclusions left: what they contain is cut
// out of the entries around them, so that they do not touch the rest of the feed. Stops beyond
// `limit` entries.
void settle_nested(std::vector<FeedEntry>& entries, size_t from, bool cut, size_t limit);

}  // namespace mxgate
