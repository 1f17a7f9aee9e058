// SPDX-License-Identifier: BSD-2-Clause
// What a configuration would have done to arrivals that were: the decision core (the model plane of
// replay) judges a SYN of each, with the log's time as the clock.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "control/replay/capture.h"
#include "control/replay/replay_plane.h"
#include "control/whatif/arrivals.h"
#include "control/whatif/sender_name.h"

namespace mxgate {

// Attempts, and what became of them; the others pass. Verdicts count as if they were enforced.
struct Tally {
    uint64_t attempts = 0;
    uint64_t denied = 0;   // by the action of their class, or before there is a class
    uint64_t limited = 0;  // by a limit of their class

    uint64_t hit() const { return denied + limited; }
};

// Those whose name has the same registered domain; without a name, one source prefix.
struct SenderTally : Tally {
    std::map<uint16_t, uint64_t> hit_by_feed;  // MXG_NO_FEED: the default class
    std::map<uint8_t, uint64_t> hit_by_class, hit_by_reason;
    std::set<std::tuple<uint32_t, uint64_t, uint64_t, uint32_t>> prefixes_hit;
    uint64_t first_hit_us = 0, last_hit_us = 0;
    mxg_prefix example{};  // the first source prefix that was hit
};

class Trial
{
public:
    // Both must outlive this.
    Trial(const Config& config, const PolicyTable& table);

    // A connection to a service of the configuration.
    void arrive(const Arrival& arrival);
    // A frame to whatever its destination is.
    void see(const CapturedFrame& frame);

    Tally all;
    uint64_t monitored = 0;  // of those hit: they would pass, by mode monitor
    uint64_t unjudged = 0;   // of those denied: malformed and the like, without class and sender
    uint64_t local = 0;      // not counted: from addresses that no packet can come in from
    uint64_t unserved = 0;   // not counted: no service has an address of the family
    uint64_t first_us = 0, last_us = 0;
    std::map<uint8_t, Tally> classes;
    std::map<uint16_t, Tally> feeds;  // MXG_NO_FEED: the default class
    std::unordered_map<std::string, SenderTally> senders;

private:
    mxg_decision decide(const std::vector<uint8_t>& frame, uint64_t time_us);
    void shake_hands(const std::vector<uint8_t>& syn, bool ipv6);
    void count(const mxg_decision& decision, std::string_view name);

    std::unique_ptr<ReplayPlane> plane_;
    std::vector<uint8_t> syn_ipv4_, syn_ipv6_;  // to a service; empty: there is none
    uint32_t connections_ = 0;                  // made up so far
    uint64_t clock_us_ = 0;
    SenderNames names_;
};

}  // namespace mxgate
