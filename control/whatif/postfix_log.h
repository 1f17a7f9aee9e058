// SPDX-License-Identifier: BSD-2-Clause
// Lines of a log that Postfix wrote, in syslog's form (RFC 3164, local time) or with the time of
// RFC 3339.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "control/whatif/arrivals.h"

namespace mxgate {

class PostfixLog
{
public:
    explicit PostfixLog(int64_t written) : written_(written) {}

    enum class Line { arrival, repeated, other, broken };

    // What `line` is; of an arrival, fills `out`; of a broken one, `reason`.
    Line read(std::string_view line, Arrival& out, std::string& reason);

    // Takes the time that the line begins with off it. Microseconds since 1970.
    std::optional<uint64_t> take_time(std::string_view& line);

private:
    std::optional<int64_t> local_time(int month, int day, int hour, int minute, int second);

    int64_t written_;
    std::set<std::string, std::less<>> screened_;  // instances of Postfix with a postscreen
    int hour_ = -1;                                // of the year, whose begin is hour_begin_
    int64_t hour_begin_ = 0;
};

}  // namespace mxgate
