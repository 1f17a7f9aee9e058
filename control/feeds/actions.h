// SPDX-License-Identifier: BSD-2-Clause
// Actions of Postfix's access(5) tables.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "control/feeds/builder.h"

namespace mxgate {

class Actions
{
public:
    // What an entry with this action says. `map` is asked for the action's first word, then for
    // what it comes to: `permit` (also OK and other numbers) or `reject` (also 4NN, 5NN, DEFER…,
    // DROP). DUNNO, and what no class is for, ends the search without an answer.
    Listing listing_of(std::string_view action, FeedBuilder& to);

    // Refuses a table in which actions that differ would all get the feed's one class.
    void check(FeedBuilder& to) const;

private:
    std::set<std::string> unmapped_;
};

}  // namespace mxgate
