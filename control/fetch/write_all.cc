// SPDX-License-Identifier: BSD-2-Clause
#include "control/fetch/write_all.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace mxgate {

std::optional<std::string> write_all(int fd, std::string_view bytes)
{
    while (!bytes.empty()) {
        const ssize_t done = ::write(fd, bytes.data(), bytes.size());
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return std::strerror(errno);
        bytes.remove_prefix(static_cast<size_t>(done));
    }
    return std::nullopt;
}

}  // namespace mxgate
