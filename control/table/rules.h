// SPDX-License-Identifier: BSD-2-Clause
// What a policy table says beside its prefixes.
#pragma once

#include <string>

#include "control/table/policy_table.h"

namespace mxgate {

// Empty if two tables that were verified have the same classes with the same limits, services,
// feeds, embedded addresses and flags (but for MXG_FLAG_NO_TABLE), whatever prefixes are in them;
// else what differs.
std::string compare_rules(const PolicyTable& a, const PolicyTable& b);

}  // namespace mxgate
