// SPDX-License-Identifier: BSD-2-Clause
#include "control/plane/lock_file.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

namespace mxgate {

Fd lock_file(const std::string& path)
{
    std::error_code ignored;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path(), ignored);
    Fd out(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!out)
        throw PlaneError(path + ": " + std::strerror(errno));
    return ::flock(out.get(), LOCK_EX | LOCK_NB) == 0 ? std::move(out) : Fd();
}

}  // namespace mxgate
