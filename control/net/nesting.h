// SPDX-License-Identifier: BSD-2-Clause
// Prefixes inside prefixes: which of a set is the longest around another.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "control/net/ranges.h"

namespace mxgate {

// By family, then address, then the wider first.
inline bool prefix_before(const mxg_prefix& a, const mxg_prefix& b)
{
    if (a.address.family != b.address.family)
        return a.address.family < b.address.family;
    if (number_of(a.address) != number_of(b.address))
        return number_of(a.address) < number_of(b.address);
    return a.length < b.length;
}

inline bool prefix_contains(const mxg_prefix& outer, const mxg_prefix& inner)
{
    return outer.length <= inner.length && mxg_contains(outer, inner.address);
}

// Sorted prefixes with the way up from each.
class Nesting
{
public:
    static constexpr uint32_t kNone = 0xffffffff;

    Nesting() = default;
    // `prefixes` are sorted by prefix_before.
    explicit Nesting(std::vector<mxg_prefix> prefixes)
        : prefixes_(std::move(prefixes)), parents_(prefixes_.size(), kNone)
    {
        for (uint32_t i = 1; i < prefixes_.size(); i++) {
            uint32_t parent = i - 1;
            while (parent != kNone && !prefix_contains(prefixes_[parent], prefixes_[i]))
                parent = parents_[parent];
            parents_[i] = parent;
        }
    }

    // The last of the longest prefixes around `inner` (it may be one of them), or kNone.
    uint32_t longest(const mxg_prefix& inner) const
    {
        const auto after =
            std::upper_bound(prefixes_.begin(), prefixes_.end(), inner, prefix_before);
        auto at = static_cast<uint32_t>(after - prefixes_.begin()) - 1;  // kNone before the first
        while (at != kNone && !prefix_contains(prefixes_[at], inner))
            at = parents_[at];
        return at;
    }

    // The nearest prefix around this one.
    uint32_t parent(uint32_t index) const { return parents_[index]; }
    const mxg_prefix& operator[](uint32_t index) const { return prefixes_[index]; }
    uint32_t size() const { return static_cast<uint32_t>(prefixes_.size()); }

private:
    std::vector<mxg_prefix> prefixes_;
    std::vector<uint32_t> parents_;
};

}  // namespace mxgate
