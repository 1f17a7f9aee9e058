// SPDX-License-Identifier: BSD-2-Clause
#include "control/gate/only_one.h"

#include "control/gate/gate.h"
#include "control/plane/lock_file.h"

namespace mxgate {
namespace {

Fd held(Fd lock, const std::string& dir)
{
    if (!lock)
        throw GateError("another mxgated runs, or starts, with " + dir +
                        "; stop it first, or give this one its own --run-dir, --state-dir and "
                        "--pin-dir");
    return lock;
}

}  // namespace

// A file and a folder: both may be in one place, and state may be kept where nothing can be written
// for the moment.
OnlyOne::OnlyOne(const std::string& run_dir, const std::string& state_dir)
    : run_(held(lock_file(run_dir + "/lock"), run_dir)),
      state_(held(lock_folder(state_dir), state_dir))
{
}

}  // namespace mxgate
