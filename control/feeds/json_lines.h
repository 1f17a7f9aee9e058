// SPDX-License-Identifier: BSD-2-Clause
// The closing lines of Spamhaus's JSON lists, which say how many lines there should be.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace mxgate {

class JsonLines
{
public:
    // Whether this line is metadata and no entry; it is remembered.
    bool is_metadata(const nlohmann::json& line);

    // What is wrong with a list that held `entries` lines of entries, broken ones among them.
    std::optional<std::string> check(uint64_t entries) const;

private:
    uint64_t promised_ = 0;  // sum of the `records`: more than one where lists were joined
    bool found_ = false;
    bool broken_ = false;
};

}  // namespace mxgate
