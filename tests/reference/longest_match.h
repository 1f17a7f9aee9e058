// SPDX-License-Identifier: BSD-2-Clause
// Longest-prefix match over tables too large for a linear search.
#pragma once

#include <map>
#include <unordered_map>
#include <utility>

#include "tests/reference/policy_map.h"

namespace mxgate::reference {

// Longest match by asking every length there is, the longest first.
class LongestMatch
{
public:
    void add(const Prefix& prefix, uint32_t value)
    {
        by_length_[{prefix.first.family, -prefix.length}].emplace(prefix.first.value, value);
    }

    const uint32_t* ask(const Address& address) const
    {
        for (const auto& [key, prefixes] : by_length_) {
            if (key.first != address.family)
                continue;
            const int open = address.width() + key.second;  // bits beyond the length
            const Number cut = open == 128 ? 0 : address.value >> open << open;
            const auto found = prefixes.find(cut);
            if (found != prefixes.end())
                return &found->second;
        }
        return nullptr;
    }

private:
    struct Hash {
        size_t operator()(Number n) const
        {
            return std::hash<uint64_t>()(static_cast<uint64_t>(n >> 64) * 0x9e3779b97f4a7c15 ^
                                         static_cast<uint64_t>(n));
        }
    };
    std::map<std::pair<int, int>, std::unordered_map<Number, uint32_t, Hash>> by_length_;
};

}  // namespace mxgate::reference
