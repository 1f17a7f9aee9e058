// SPDX-License-Identifier: BSD-2-Clause
#include "dataplane/state/memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace mxgate {

std::string system_text(const std::string& what, int error)
{
    return what + ": " + std::strerror(error);
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

}  // namespace mxgate
