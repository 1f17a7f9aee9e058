// SPDX-License-Identifier: BSD-2-Clause
// Small helps for JSON.
#pragma once

#include <nlohmann/json.hpp>

namespace mxgate {

inline nlohmann::json or_null(const char* text)
{
    return text ? nlohmann::json(text) : nlohmann::json(nullptr);
}

// A whole number, of what may be anything. Left to itself, a conversion takes 2e95 for one.
template <typename Number>
Number whole(const nlohmann::json& value)
{
    if (!value.is_number_integer())
        throw nlohmann::json::type_error::create(302, "not a whole number", &value);
    return value.get<Number>();
}

}  // namespace mxgate
