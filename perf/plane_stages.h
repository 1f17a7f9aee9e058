// SPDX-License-Identifier: BSD-2-Clause
// Where the cycles of a burst go: the worker's steps with the time stamp counter read between them.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/dpdk/live_table.h"
#include "dataplane/dpdk/plane_state.h"

namespace mxgate::perf {

inline constexpr std::array kStages = {"receive",    "parse", "screen", "look up", "judge, hash",
                                       "other ways", "weigh", "count",  "send on"};

struct StageCycles {
    uint64_t packets = 0;
    std::array<uint64_t, kStages.size()> cycles{};
};

// One burst from a port and back to it, all of which passes; adds to *out.
void poll_in_stages(uint16_t port, mxg_gate& gate, WorkerCounters& counters, StageCycles* out);

}  // namespace mxgate::perf
