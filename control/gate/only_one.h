// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <string>

namespace mxgate {

// One publisher per run directory, mxgated or `mxgate attach`: held until this, or the process,
// ends, however it ends. Throws GateError if there is another.
class OnlyOne
{
public:
    explicit OnlyOne(const std::string& run_dir);
    ~OnlyOne();
    OnlyOne(const OnlyOne&) = delete;
    OnlyOne& operator=(const OnlyOne&) = delete;

private:
    int fd_;
};

}  // namespace mxgate
