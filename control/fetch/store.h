// SPDX-License-Identifier: BSD-2-Clause
// The last good copy of each feed that is fetched, in a folder that outlives the process.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "control/fetch/http.h"

namespace mxgate {

struct StoredCopy {
    std::string path;    // of the bytes, as they were fetched
    std::string source;  // the URL, or the program
    Validators validators;
    int64_t fetched = 0;  // Unix time of the fetch that brought it, or last found it unchanged
};

// One file per version, and a small JSON file that names the version in use: that one is replaced
// by rename, so that bytes and validators always belong together, whenever a process dies.
class FeedStore
{
public:
    // The folder is made when there is something to keep.
    explicit FeedStore(std::string folder) : folder_(std::move(folder)) {}

    // Held while a feed is fetched: by one thread of one process at a time.
    class Lock
    {
    public:
        Lock(Lock&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
        Lock& operator=(Lock&&) = delete;
        ~Lock();

    private:
        friend class FeedStore;
        explicit Lock(int fd) : fd_(fd) {}
        int fd_;
    };
    // Nothing if somebody else has it; throws std::system_error.
    std::optional<Lock> try_lock(const std::string& feed) const;

    // A new version, being written; gone unless it is committed.
    class Candidate
    {
    public:
        Candidate(Candidate&& other) noexcept;
        Candidate& operator=(Candidate&& other) noexcept
        {
            std::swap(path_, other.path_);
            std::swap(fd_, other.fd_);
            return *this;
        }
        ~Candidate();

        int fd() const { return fd_; }
        const std::string& path() const { return path_; }

    private:
        friend class FeedStore;
        Candidate(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
        std::string path_;  // empty: committed
        int fd_;
    };
    // Throws std::system_error.
    Candidate begin(const std::string& feed) const;

    // Makes it the last good copy, durably, and removes the one before; `copy.path` is set here.
    // Throws std::system_error; then the one before stays.
    void commit(const std::string& feed, Candidate& candidate, StoredCopy copy) const;
    // The copy in use is still what the source has.
    void confirm(const std::string& feed, const StoredCopy& copy, int64_t now) const;

    // Nothing if there is none, if it came from another source, or if what is there is damaged.
    std::optional<StoredCopy> last_good(const std::string& feed, const std::string& source) const;

    // Removes all that is there of other feeds.
    void keep_only(const std::set<std::string>& feeds) const;

private:
    std::string description(const std::string& feed) const;
    void describe(const std::string& feed, const StoredCopy& copy) const;

    std::string folder_;
};

}  // namespace mxgate
