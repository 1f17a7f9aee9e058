// SPDX-License-Identifier: BSD-2-Clause
#include "control/config/open_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <utility>

namespace mxgate {
namespace {

std::function<int(const std::string&)> opener;

}  // namespace

int open_file(const std::string& path)
{
    if (opener)
        return opener(path);
    if (path == "-")
        return ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    return ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}

void open_files_by(std::function<int(const std::string&)> open)
{
    opener = std::move(open);
}

}  // namespace mxgate
