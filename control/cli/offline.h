// SPDX-License-Identifier: BSD-2-Clause
// Compiling without the daemon.
#pragma once

#include <string>

#include "control/config/config.h"
#include "control/table/compile.h"

namespace mxgate {

struct OfflineHow {
    bool fetch = false;        // also lists of which mxgated keeps a version
    bool all_rejects = false;  // as in CompileJob
};

// Lists with `url` or `exec` are read from the versions that mxgated keeps in `state_dir`; those
// that it has none of are fetched into a folder that goes away. How far that, and reading them, is
// shows on a terminal. What cannot be fetched, or is refused by a guard, is an error.
CompileResult compile_offline(const Config& config, const std::string& state_dir, OfflineHow how,
                              uint64_t generation, const TableInfo* previous);

}  // namespace mxgate
