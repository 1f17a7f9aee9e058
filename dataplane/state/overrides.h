// SPDX-License-Identifier: BSD-2-Clause
// Writing what was set by hand into the memory that a plane reads it from.
#pragma once

#include <vector>

#include "dataplane/core/overrides.h"

namespace mxgate {

// Replaces all overrides at once: readers find the old ones or the new ones. Sleeps for a
// millisecond, longer than a burst of packets takes. Throws PlaneError, and then nothing has
// changed, where there are more than MXG_OVERRIDES or more different lengths than
// MXG_OVERRIDE_LENGTHS.
void put_overrides(mxg_overrides* shared, const std::vector<mxg_override>& overrides);

}  // namespace mxgate
