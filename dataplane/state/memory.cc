// SPDX-License-Identifier: BSD-2-Clause
#include "dataplane/state/memory.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace mxgate {

std::string system_text(const std::string& what, int error)
{
    return what + ": " + std::strerror(error);
}

bool read_whole(int socket, void* to, size_t bytes)
{
    auto* at = static_cast<char*>(to);
    while (bytes > 0) {
        const ssize_t got = ::read(socket, at, bytes);
        if (got <= 0 && !(got < 0 && errno == EINTR))
            return false;
        at += std::max<ssize_t>(got, 0);
        bytes -= static_cast<size_t>(std::max<ssize_t>(got, 0));
    }
    return true;
}

bool write_whole(int socket, const void* from, size_t bytes)
{
    const auto* at = static_cast<const char*>(from);
    while (bytes > 0) {
        const ssize_t put = ::send(socket, at, bytes, MSG_NOSIGNAL);
        if (put < 0 && errno != EINTR)
            return false;
        at += std::max<ssize_t>(put, 0);
        bytes -= static_cast<size_t>(std::max<ssize_t>(put, 0));
    }
    return true;
}

Fd::~Fd()
{
    if (fd_ >= 0)
        ::close(fd_);
}

Fd& Fd::operator=(Fd&& other) noexcept
{
    std::swap(fd_, other.fd_);
    return *this;
}

Mapping::Mapping(int fd, size_t bytes, bool writable) : bytes_(bytes)
{
    const int kind = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE : MAP_SHARED;
    void* memory =
        ::mmap(nullptr, bytes, writable ? PROT_READ | PROT_WRITE : PROT_READ, kind, fd, 0);
    if (memory == MAP_FAILED)
        throw PlaneError(system_text("cannot map " + std::to_string(bytes) + " bytes", errno));
    data_ = memory;
}

Mapping::~Mapping()
{
    if (data_)
        ::munmap(data_, bytes_);
}

Mapping::Mapping(Mapping&& other) noexcept
{
    *this = std::move(other);
}

Mapping& Mapping::operator=(Mapping&& other) noexcept
{
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
}

void Mapping::wish_huge_pages() const
{
    ::madvise(data_, bytes_, MADV_HUGEPAGE);
}

bool Mapping::populate() const
{
    return ::madvise(data_, bytes_, MADV_POPULATE_WRITE) == 0;
}

}  // namespace mxgate
