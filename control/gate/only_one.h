// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <string>

#include "dataplane/state/memory.h"

namespace mxgate {

// One publisher per run directory and per state directory, mxgated or `mxgate attach`: held until
// this, or the process, ends, however it ends. Throws GateError if there is another, PlaneError
// where a folder cannot be used. (The folder of the pins is the XDP plane's to guard.)
class OnlyOne
{
public:
    OnlyOne(const std::string& run_dir, const std::string& state_dir);

private:
    Fd run_, state_;
};

}  // namespace mxgate
