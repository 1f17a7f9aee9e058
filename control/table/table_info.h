// SPDX-License-Identifier: BSD-2-Clause
// The names of a table as JSON.
#pragma once

#include <nlohmann/json.hpp>

#include "control/table/policy_table.h"

namespace mxgate {

nlohmann::json to_json(const TableInfo& info);
// Throws json::exception.
TableInfo table_info_from(const nlohmann::json& in);

}  // namespace mxgate
