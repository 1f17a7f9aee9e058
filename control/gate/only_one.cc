// SPDX-License-Identifier: BSD-2-Clause
#include "control/gate/only_one.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "control/gate/gate.h"

namespace mxgate {

OnlyOne::OnlyOne(const std::string& run_dir)
{
    std::filesystem::create_directories(run_dir);
    const std::string path = run_dir + "/lock";
    fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd_ < 0)
        throw GateError(path + ": " + std::strerror(errno));
    if (::flock(fd_, LOCK_EX | LOCK_NB) != 0) {
        ::close(fd_);
        throw GateError("another mxgated runs, or starts, with " + run_dir +
                        "; stop it first, or give this one its own --run-dir, --state-dir and "
                        "--pin-dir");
    }
}

OnlyOne::~OnlyOne()
{
    ::close(fd_);
}

}  // namespace mxgate
