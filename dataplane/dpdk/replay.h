// SPDX-License-Identifier: BSD-2-Clause
// Captured frames through a real DPDK port (net_ring), one at a time, at the capture's own time.
// `mxgate-dpdk --replay FD` serves it over a stream socket, so that who replays needs no DPDK.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "dataplane/core/verdict.h"
#include "dataplane/state/memory.h"

namespace mxgate {

// What goes over the socket, in the order of the machine: first a mxg_replay_begin and the image,
// answered by a mxg_replay_answer without decision; then for each frame a mxg_replay_frame and its
// bytes, answered by one.
struct mxg_replay_begin {
    uint64_t capacity;
    uint64_t key[2];
    uint64_t lines;
};
struct mxg_replay_frame {
    uint64_t now_ns;
    uint64_t bytes;
};
struct mxg_replay_answer {
    mxg_decision decision;
    uint64_t frames;  // that the port says it received
    char error[232];  // empty: all is well
};

// Serves one replay on `socket` until its end. Throws PlaneError when DPDK does not start.
void serve_replay(int socket);

}  // namespace mxgate
