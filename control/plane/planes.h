// SPDX-License-Identifier: BSD-2-Clause
// The two planes, to read what they keep; for find_plane().
#pragma once

#include "control/plane/plane.h"

namespace mxgate {

// Both throw PlaneError where there is no such plane.
std::unique_ptr<Plane> pinned_xdp_plane(const GatePaths& paths);
std::unique_ptr<Plane> kept_dpdk_plane(const GatePaths& paths);

}  // namespace mxgate
