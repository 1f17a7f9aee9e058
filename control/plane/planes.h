// SPDX-License-Identifier: BSD-2-Clause
// What the two planes know of each other.
#pragma once

#include "control/plane/plane.h"

namespace mxgate {

// For find_plane(): to read what they keep. Both throw PlaneError where there is no such plane.
std::unique_ptr<Plane> pinned_xdp_plane(const GatePaths& paths);
std::unique_ptr<Plane> kept_dpdk_plane(const GatePaths& paths);

// Once a plane is at work: what the other one left behind would judge by a table that is never
// renewed, and nobody would see it. A gate pinned under `pin_dir` is detached, unless another
// mxgated publishes to it; a mxgate-dpdk that still runs lets everything pass. What cannot be done
// is logged.
void retire_xdp_plane(const GatePaths& paths);
void retire_dpdk_plane(const GatePaths& paths);

}  // namespace mxgate
