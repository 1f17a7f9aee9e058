// SPDX-License-Identifier: BSD-2-Clause
#include "control/fetch/durable.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "control/fetch/write_all.h"

namespace mxgate {
namespace {

[[noreturn]] void fail(int error, const std::string& path)
{
    throw std::system_error(error, std::generic_category(), path);
}

}  // namespace

void sync_to_disk(const std::string& path)
{
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        fail(errno, path);
    const int error = ::fsync(fd) == 0 ? 0 : errno;
    ::close(fd);
    if (error != 0)
        fail(error, path);
}

void put_in_place(const std::string& fresh, const std::string& path)
{
    if (::rename(fresh.c_str(), path.c_str()) != 0)
        fail(errno, path);
    const std::string folder = std::filesystem::path(path).parent_path();
    sync_to_disk(folder.empty() ? "." : folder);
}

void write_durably(const std::string& path, std::string_view text, mode_t mode)
{
    const std::string fresh = path + ".new";
    const int fd = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    if (fd < 0)
        fail(errno, fresh);
    const int error = !write_all(fd, text) && ::fsync(fd) == 0 ? 0 : errno;
    ::close(fd);
    try {
        if (error != 0)
            fail(error, fresh);
        put_in_place(fresh, path);
    } catch (const std::system_error&) {
        ::unlink(fresh.c_str());
        throw;
    }
}

}  // namespace mxgate
