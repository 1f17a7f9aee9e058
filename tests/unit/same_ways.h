// SPDX-License-Identifier: BSD-2-Clause
// Prefixes that must share the four ways of one bucket.
#pragma once

#include <vector>

#include "dataplane/core/native.h"

namespace mxgate {

// The first `count` numbers from `from` on whose prefixes try the ways of bucket 0 from the first
// one on, where there is one bucket.
template <typename PrefixOf>
std::vector<uint64_t> with_same_ways(const __u64 (&key)[2], size_t count, const PrefixOf& prefix_of,
                                     uint64_t from = 0)
{
    std::vector<uint64_t> out;
    for (uint64_t number = from; out.size() < count; number++) {
        const mxg_prefix prefix = prefix_of(number);
        if (mxg_way(mxg_source_tag(mxg_prefix_hash(key, &prefix), &prefix), 0) == 0)
            out.push_back(number);
    }
    return out;
}

}  // namespace mxgate
