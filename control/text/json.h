// SPDX-License-Identifier: BSD-2-Clause
// Small helps for JSON output.
#pragma once

#include <nlohmann/json.hpp>

namespace mxgate {

inline nlohmann::json or_null(const char* text)
{
    return text ? nlohmann::json(text) : nlohmann::json(nullptr);
}

}  // namespace mxgate
