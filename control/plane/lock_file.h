// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <string>

#include "dataplane/state/memory.h"

namespace mxgate {

// Locks `path`, made if need be, until the descriptor is closed or the process ends, however it
// ends; no descriptor where somebody else holds it. Throws PlaneError where it cannot be opened or
// locked.
Fd lock_file(const std::string& path);

// The same with a folder, in which nothing is written: it may be read-only, or full.
Fd lock_folder(const std::string& path);

}  // namespace mxgate
