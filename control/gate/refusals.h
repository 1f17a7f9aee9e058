// SPDX-License-Identifier: BSD-2-Clause
// Who was refused of late: samples of denials, rolled up by source prefix, in bounded memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <tuple>
#include <vector>

#include "dataplane/core/sample.h"

namespace mxgate {

struct Refusal {
    mxg_prefix source{};  // source prefix; for denials before the look-up the source address
    uint8_t verdict = 0, reason = 0, class_id = 0;
    bool enforced = true;
    uint16_t feed = 0;
    uint64_t count = 0;    // samples, not packets: see lost samples
    int64_t first_us = 0;  // Unix time, microseconds
    int64_t last_us = 0;
    mxg_address last_address{};
    uint16_t last_port = 0;
};

// One sampled denial with the wall clock's time.
struct RecentVerdict {
    int64_t time_us = 0;
    mxg_address source{};
    mxg_decision decision{};
};

class Refusals
{
public:
    static constexpr size_t kMaxSenders = 10'000;
    static constexpr size_t kMaxRecent = 4096;

    // `offset_ns`: what the monotonic clock lacks to Unix time.
    void add(const mxg_sample& sample, int64_t offset_ns);

    // Most refused first.
    std::vector<Refusal> top(size_t limit) const;

    // How many there were so far: the number of the newest, from 1.
    uint64_t added() const { return added_; }

    struct Since {
        std::vector<RecentVerdict> verdicts;  // oldest first
        uint64_t lost = 0;                    // older ones that are kept no longer, or beyond limit
    };
    // Those after number `after`, at most `limit` of the newest.
    Since since(uint64_t after, size_t limit) const;

    // The latest verdicts on addresses of `prefix`, newest first.
    std::vector<RecentVerdict> recent(const mxg_prefix& prefix, size_t limit) const;

private:
    using Key = std::tuple<uint64_t, uint64_t, uint32_t, uint32_t, uint8_t, uint8_t, uint16_t>;
    using ByAge = std::list<std::pair<Key, Refusal>>;  // the latest seen first

    ByAge by_age_;
    std::map<Key, ByAge::iterator> index_;
    std::deque<RecentVerdict> recent_;  // the newest first
    uint64_t added_ = 0;
};

}  // namespace mxgate
