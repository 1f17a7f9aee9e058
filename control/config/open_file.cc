// SPDX-License-Identifier: BSD-2-Clause
#include "control/config/open_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

namespace mxgate {
namespace {

std::function<int(const std::string&)> opener;

// Without opening it where this process may look by itself: that would be told to who writes into a
// FIFO.
bool look_at(const std::string& path, struct stat& status)
{
    if (!opener)
        return ::stat(path.c_str(), &status) == 0;
    const int fd = opener(path);
    if (fd < 0)
        return false;
    const bool known = ::fstat(fd, &status) == 0;
    ::close(fd);
    return known;
}

}  // namespace

int open_file(const std::string& path)
{
    if (opener)
        return opener(path);
    if (path == "-")
        return ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    return ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}

int64_t date_of(const std::string& path)
{
    struct stat status {
    };
    if (!look_at(path, status))
        return 0;
    int64_t date = status.st_mtime;
    std::error_code ignored;
    if (S_ISDIR(status.st_mode) && !opener)
        for (const auto& entry : std::filesystem::directory_iterator(path, ignored))
            if (look_at(entry.path(), status))
                date = std::max<int64_t>(date, status.st_mtime);
    return date;
}

void open_files_by(std::function<int(const std::string&)> open)
{
    opener = std::move(open);
}

}  // namespace mxgate
