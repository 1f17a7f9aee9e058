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
    // that is the same and as far off three times in a row is set right: before it may be in
    // motion. Returns how many were. Counts of which the host has no connection are looked for in a
    // part of the source table each time.
    size_t compare(mxg_gate& gate, const std::vector<mxg_packet>& open);

    // Whether a count was off the last time, and may be in motion.
    bool in_doubt() const { return !off_.empty(); }

private:
    using Key = std::tuple<uint32_t, uint64_t, uint64_t, uint32_t, uint32_t>;  // place, prefix
    struct Count {
        uint32_t* now = nullptr;       // what the gate has
        mxg_source* source = nullptr;  // where; null: in a whole class
        int64_t open = 0;              // what there is
    };
    struct Doubt {
        Count count;
        uint32_t had = 0;  // what the gate had
        int times = 0;     // in a row
    };

    void count(mxg_gate& gate, const mxg_packet& packet);
    void count_place(mxg_gate& gate, mxg_attempt& attempt, uint32_t place);
    void find_stale(mxg_gate& gate);
    bool mend(const Key& key, const Count& count, uint32_t had);

    std::map<Key, Count> counts_;
    std::map<Key, Doubt> off_;
    uint64_t searched_ = 0;  // buckets
};

}  // namespace mxgate
