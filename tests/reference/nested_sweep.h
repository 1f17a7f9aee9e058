// SPDX-License-Identifier: BSD-2-Clause
// Longest-prefix match of many addresses at once: prefixes nest, so a walk over both in order of
// address has the prefixes that contain the address on a stack, the longest on top.
#pragma once

#include <algorithm>
#include <tuple>
#include <vector>

#include "tests/reference/policy_map.h"

namespace mxgate::reference {

inline bool before(const Address& a, const Address& b)
{
    return std::tie(a.family, a.value) < std::tie(b.family, b.value);
}

class NestedSweep
{
public:
    void add(const Prefix& prefix, uint32_t value) { all_.push_back({prefix, value}); }

    // Of equal prefixes the first added counts.
    void finish()
    {
        std::stable_sort(all_.begin(), all_.end(), [](const Valued& a, const Valued& b) {
            if (!(a.prefix.first == b.prefix.first))
                return before(a.prefix.first, b.prefix.first);
            return a.prefix.length < b.prefix.length;
        });
        const auto same = [](const Valued& a, const Valued& b) { return a.prefix == b.prefix; };
        all_.erase(std::unique(all_.begin(), all_.end(), same), all_.end());
    }

    // For each of `ascending` addresses the value of the longest prefix, or null.
    std::vector<const uint32_t*> ask(const std::vector<Address>& ascending) const
    {
        std::vector<const uint32_t*> out;
        std::vector<const Valued*> around;
        size_t next = 0;
        for (const Address& address : ascending) {
            for (; next < all_.size() && !before(address, all_[next].prefix.first); next++) {
                leave(around, all_[next].prefix.first);
                around.push_back(&all_[next]);
            }
            leave(around, address);
            out.push_back(around.empty() ? nullptr : &around.back()->value);
        }
        return out;
    }

private:
    struct Valued {
        Prefix prefix;
        uint32_t value;
    };
    static void leave(std::vector<const Valued*>& around, const Address& at)
    {
        while (!around.empty() && !contains(around.back()->prefix, at))
            around.pop_back();
    }

    std::vector<Valued> all_;
};

}  // namespace mxgate::reference
