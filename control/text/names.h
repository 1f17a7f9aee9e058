// SPDX-License-Identifier: BSD-2-Clause
// The words for what a decision says, with those that the policy table gives.
#pragma once

#include "control/table/policy_table.h"
#include "dataplane/core/address.h"
#include "dataplane/state/names.h"

namespace mxgate {

// The name of a class or feed by its number; nullptr for none.
const char* class_name(const TableInfo& info, uint32_t class_id);
const char* feed_name(const TableInfo& info, uint32_t feed);

// The source prefix of a decision about an attempt.
mxg_prefix source_prefix(const mxg_decision& decision);

}  // namespace mxgate
