// SPDX-License-Identifier: BSD-2-Clause
#include "control/plane/lock_file.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

namespace mxgate {

namespace {

Fd lock(const std::string& path, int flags)
{
    Fd out(::open(path.c_str(), flags | O_CLOEXEC, 0600));
    if (!out)
        throw PlaneError(path + ": " + std::strerror(errno));
    if (::flock(out.get(), LOCK_EX | LOCK_NB) == 0)
        return out;
    if (errno != EWOULDBLOCK)
        throw PlaneError("cannot lock " + path + ": " + std::strerror(errno));
    return Fd();
}

void make_folder(const std::filesystem::path& path)
{
    std::error_code ignored;  // who opens what is in it says why
    std::filesystem::create_directories(path, ignored);
}

}  // namespace

Fd lock_file(const std::string& path)
{
    make_folder(std::filesystem::path(path).parent_path());
    return lock(path, O_RDWR | O_CREAT | O_NOFOLLOW);
}

Fd lock_folder(const std::string& path)
{
    make_folder(path);
    return lock(path, O_RDONLY | O_DIRECTORY);
}

}  // namespace mxgate
