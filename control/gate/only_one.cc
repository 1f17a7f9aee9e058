// SPDX-License-Identifier: BSD-2-Clause
#include "control/gate/only_one.h"

#include "control/gate/gate.h"
#include "control/plane/lock_file.h"

namespace mxgate {
namespace {

Fd lock_folder(const std::string& dir, const char* name)
{
    Fd out = lock_file(dir + name);
    if (!out)
        throw GateError("another mxgated runs, or starts, with " + dir +
                        "; stop it first, or give this one its own --run-dir, --state-dir and "
                        "--pin-dir");
    return out;
}

}  // namespace

// Two names: the folders may be one.
OnlyOne::OnlyOne(const std::string& run_dir, const std::string& state_dir)
    : run_(lock_folder(run_dir, "/lock")), state_(lock_folder(state_dir, "/state.lock"))
{
}

}  // namespace mxgate
