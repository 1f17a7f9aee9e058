// SPDX-License-Identifier: BSD-2-Clause
// The end-site length as a guess from source addresses that were seen: the lowest-trust hint.
//
// A provider hands out prefixes of one length inside its own. Where a customer's part begins the
// bits behave otherwise than before: either they are zero up to the interface identifier (one
// network, the first), or the customer uses several networks with nobody in the sibling prefix.
// Per candidate length the customers seen that fit are counted; the confidence of a hint is the
// lower end of the 95 % interval (Wilson) of that share.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "control/net/nesting.h"

namespace mxgate {

struct LearnedLength {
    mxg_prefix prefix{};    // the routed or allocated prefix that it holds in
    uint32_t length = 0;    // prefix.length..63
    double confidence = 0;  // 0..1
    uint64_t sites = 0;     // customers seen, at that length
    uint64_t networks = 0;  // /64s they were seen in
    uint64_t observed = 0;  // addresses seen
};

class LengthLearner
{
public:
    static constexpr uint64_t kLeastSites = 30;
    static constexpr double kLeastConfidence = 0.9;
    // /64s kept for one prefix; beyond that whole /48s are dropped at random.
    static constexpr size_t kMaxNetworks = 1 << 14;

    // IPv6 prefixes of the routing table and of the registries' allocations, in any order: an
    // address counts for the longest around it, so that no hint is shorter than an allocation.
    explicit LengthLearner(std::vector<mxg_prefix> prefixes);

    void observe(const mxg_address& address);

    // Prefixes with enough customers that agree, in order of address.
    std::vector<LearnedLength> hints() const;

private:
    struct Seen {
        std::unordered_set<uint64_t> networks;  // top halves
        uint64_t observed = 0;
        bool full = false;          // no more are taken
        uint32_t dropped_bits = 0;  // only /48s whose hash ends in so many zeros are kept
    };
    static void thin(Seen& seen);

    Nesting prefixes_;
    std::unordered_map<uint32_t, Seen> seen_;  // by place in prefixes_
};

// RFC 9977 lines, confidence and counts as comments; ready for `format: learned`.
std::string learned_csv(const std::vector<LearnedLength>& hints);

}  // namespace mxgate
