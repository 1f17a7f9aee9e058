// SPDX-License-Identifier: BSD-2-Clause
// Sets counts of open connections right that differ from what the host's TCP has: connections from
// before the gate was attached, and whatever an event was lost for.
#pragma once

#include <cstdint>
#include <map>
#include <tuple>
#include <vector>

#include "dataplane/core/native.h"

#include "dataplane/core/packet.h"

namespace mxgate {

class Reconciler
{
public:
    // `open`: every connection that the host has; `gate`: with table and writable state. A count
    // that is off by the same number twice in a row is set right: once it may be in motion. Returns
    // how many were.
    size_t compare(mxg_gate& gate, const std::vector<mxg_packet>& open);

    // Whether a count was off the last time, for the first time.
    bool in_doubt() const { return !off_.empty(); }

private:
    using Key = std::tuple<uint32_t, uint64_t, uint64_t, uint32_t, uint32_t>;  // place, prefix
    struct Count {
        uint32_t* now = nullptr;  // what the gate has
        int64_t open = 0;         // what there is
    };

    void count(mxg_gate& gate, const mxg_packet& packet);
    void count_place(mxg_gate& gate, mxg_attempt& attempt, uint32_t place);
    void find_stale(mxg_gate& gate);

    std::map<Key, Count> counts_;
    std::map<Key, int64_t> off_;  // by how much, the last time
};

}  // namespace mxgate
