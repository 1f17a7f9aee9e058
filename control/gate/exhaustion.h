// SPDX-License-Identifier: BSD-2-Clause
// Notices when connections run out: a class or a sender at its ceiling, or the host's listeners.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "control/plane/plane.h"
#include "control/table/policy_table.h"

namespace mxgate {

class Exhaustion
{
public:
    // A denial that the plane sampled.
    void saw(const mxg_sample& sample);

    // What has run out since the last call, an event each with who holds most. Of one kind and
    // class one a minute at most.
    std::vector<std::string> look(const Plane& plane, const TableInfo& info);

private:
    enum Kind : size_t { of_class, of_sender, kinds };
    struct Watched {
        uint64_t denials = 0;  // sampled, since the last event
        uint64_t quiet_until_ns = 0;
    };
    std::string backlog(const Plane& plane, uint64_t now_ns);

    std::array<std::array<Watched, MXG_MAX_CLASSES>, kinds> watched_{};
    uint64_t overflows_ = UINT64_MAX;  // of listeners, the last time; none yet
    uint64_t backlog_quiet_until_ns_ = 0;
};

}  // namespace mxgate
