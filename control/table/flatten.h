// SPDX-License-Identifier: BSD-2-Clause
// From nested, overlapping entries to one flat map: which policy holds from which address on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "control/table/entries.h"
#include "dataplane/core/image.h"

namespace mxgate {

// From `hi:lo` on, up to the next edge, `policy` holds.
struct Edge {
    uint64_t hi = 0, lo = 0;
    uint16_t policy = 0;
};

// Distinct policies, each once.
class PolicySet
{
public:
    // Index of the policy; throws std::length_error beyond kMaxPolicies.
    uint16_t index_of(const mxg_policy& policy);
    const std::vector<mxg_policy>& all() const { return all_; }

    static constexpr size_t kMaxPolicies = 8192;

private:
    std::vector<mxg_policy> all_;
    std::unordered_map<uint64_t, uint16_t> index_;
    std::pair<uint64_t, uint16_t> last_{};  // that was asked for, mostly in runs
};

struct FlattenInput {
    std::vector<TableEntry>* entries = nullptr;  // sorted; `parent` is filled in
    const Precedence* precedence = nullptr;
    uint8_t default_class = 0;
    uint8_t default_length_ipv4 = 32;
    uint8_t default_length_ipv6 = 64;
    const std::vector<SharedEntry>* shared = nullptr;  // sorted
    uint32_t shared_cap = 1;                           // counts of end sites beyond it are cut
};

// The edges of one family, ascending, the first at address 0; neighbours differ in policy.
// `won[i]` is set for every entry that decides the class or the length of at least one address.
std::vector<Edge> flatten(const FlattenInput& input, uint8_t family, PolicySet& policies,
                          std::vector<bool>& won);

}  // namespace mxgate
