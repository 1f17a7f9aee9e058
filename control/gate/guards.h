// SPDX-License-Identifier: BSD-2-Clause
// What a version of a feed must not do, beside what its reader refuses (docs/feeds.md, Guards).
#pragma once

#include <optional>
#include <string>

#include "control/config/config.h"
#include "control/feeds/feed.h"
#include "control/table/widen.h"

namespace mxgate {

// Of a feed that is fetched: an entry that denies one of the gate's own host addresses, or that is
// shorter than the guard allows, widened to `lengths` if the feed is. A local file is the
// operator's word.
std::optional<std::string> forbidden_entry(const Feed& list, const FeedConfig& feed,
                                           const Config& config, const SiteLengths& lengths);

// Against the version in use; `max_change` of the guard is there.
std::optional<std::string> too_much_change(const Feed& before, const Feed& after, double most);

}  // namespace mxgate
