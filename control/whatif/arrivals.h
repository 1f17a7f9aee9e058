// SPDX-License-Identifier: BSD-2-Clause
// Who connected to an MX and when, out of its logs.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/feeds/feed.h"
#include "control/feeds/input.h"

namespace mxgate {

struct Arrival {
    uint64_t time_us = 0;  // Unix time
    mxg_address client{};
    std::string_view name;  // of the client in the DNS; empty: none. Valid during the call
};

struct ArrivalLog {
    uint64_t lines = 0;
    uint64_t arrivals = 0;
    uint64_t repeated = 0;              // connects of an smtpd that stands behind a postscreen
    uint64_t rejected = 0;              // broken lines
    std::vector<RejectedLine> rejects;  // the first kRejectsKept of them
    std::optional<uint32_t> backwards;  // the first line an hour or more before one before it
};

// Reads one of these, packed or not, told by its first line:
//  - a table with a tab between its columns: Unix time (seconds, a fraction allowed), MX, address,
//    name (`-` or `unknown`: none); further columns and lines that begin with `#` are passed over
//  - a log of Postfix, in which smtpd's `connect from` and postscreen's `CONNECT from` are
//  arrivals,
//    but not those of submission. `written`: Unix time of its last line or later; a log without
//    years is of the year before that.
// Throws std::runtime_error, which begins with `path`, where the log is neither or ends early.
ArrivalLog read_arrivals(FeedInput& input, const std::string& path, int64_t written,
                         const std::function<void(const Arrival&)>& take);

}  // namespace mxgate
