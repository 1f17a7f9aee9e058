// SPDX-License-Identifier: BSD-2-Clause
// DPDK's telemetry commands: /mxgate/counters and /mxgate/table (dpdk-telemetry.py -f PREFIX).
#pragma once

#include "dataplane/dpdk/plane_state.h"

namespace mxgate {

// Answers while it lives. One per process: telemetry has no place for a caller's own data.
class Telemetry
{
public:
    explicit Telemetry(const PlaneState& state);
    ~Telemetry();
    Telemetry(const Telemetry&) = delete;
    Telemetry& operator=(const Telemetry&) = delete;
};

}  // namespace mxgate
