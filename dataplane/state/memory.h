// SPDX-License-Identifier: BSD-2-Clause
// Descriptors and mapped memory that let go of themselves.
#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>
#include <utility>

namespace mxgate {

// What a plane cannot do: no privilege, no memory, damaged input.
class PlaneError : public std::runtime_error
{
public:
    using std::runtime_error::runtime_error;
};

// A file descriptor that closes itself.
class Fd
{
public:
    explicit Fd(int fd = -1) : fd_(fd) {}
    ~Fd();
    Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Fd& operator=(Fd&& other) noexcept;
    int get() const { return fd_; }
    explicit operator bool() const { return fd_ >= 0; }

private:
    int fd_;
};

// `bytes` of a file or BPF map, shared; with fd -1 memory of this process alone. Throws PlaneError.
class Mapping
{
public:
    Mapping() = default;
    Mapping(int fd, size_t bytes, bool writable);
    ~Mapping();
    Mapping(Mapping&& other) noexcept;
    Mapping& operator=(Mapping&& other) noexcept;
    void* data() const { return data_; }
    size_t bytes() const { return bytes_; }

    // Asks for 2 MiB pages; what comes of it is the kernel's to say.
    void wish_huge_pages() const;

    // Takes all pages now: what is not there later would be a SIGBUS. False, and errno, if not all
    // are to be had.
    bool populate() const;

private:
    void* data_ = nullptr;
    size_t bytes_ = 0;
};

// All of it over a stream socket; false at the peer's end.
bool read_whole(int socket, void* to, size_t bytes);
bool write_whole(int socket, const void* from, size_t bytes);

// `what: strerror(error)`.
std::string system_text(const std::string& what, int error);

}  // namespace mxgate
