// SPDX-License-Identifier: BSD-2-Clause
// What changes between two tables: in entries, and for senders.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "control/table/policy_table.h"

namespace mxgate {

// An entry of a feed that only one table has, or both with different classes.
struct EntryChange {
    mxg_prefix prefix{};
    std::string feed;
    std::string before, after;  // classes; empty: not there; "!": an exclusion
};

void for_each_change(const PolicyTable& before, const PolicyTable& after,
                     const std::function<void(const EntryChange&)>& take);

// What a table has for a sender.
struct SenderView {
    std::string class_name;
    bool passes = false;  // action pass
    bool denied = false;  // in effect: not where the class or the gate only monitors
};
SenderView view_of(const PolicyTable& table, const mxg_address& sender);

// What a new table would newly deny.
struct NewlyDenied {
    uint64_t senders = 0;                 // that were looked at
    std::vector<mxg_prefix> denied;       // of those
    std::vector<mxg_prefix> good_denied;  // of those, from a class that passes; and entries of
                                          // feeds in such classes, a part of which is denied
};
NewlyDenied newly_denied(const PolicyTable& before, const PolicyTable& after,
                         const std::vector<mxg_prefix>& senders);

}  // namespace mxgate
