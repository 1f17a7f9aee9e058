// SPDX-License-Identifier: BSD-2-Clause
// Fetches the prefixlen files that registry objects name, keeps a copy of each, and puts them
// together to one list (discovered.h).
#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "control/lengths/discovery.h"
#include "control/lengths/file_round.h"

namespace mxgate {

struct FilesFetched {
    FetchResult result;
    uint64_t files = 0, failing = 0;
    // For events: files that can no longer be fetched, or can be again.
    std::string failed, recovered;
    std::chrono::seconds again{0};  // when the next file's time comes
};

class PrefixlenFiles
{
public:
    // A folder for each list is made in `folder`.
    explicit PrefixlenFiles(std::string folder, FileWork work = {})
        : folder_(std::move(folder)), work_(std::move(work))
    {
    }

    // Fetches what is due and writes the list of all files to `fd`: of what cannot be had, the last
    // good copy. `versions`: of the list, `kept`: as it was stored last; a text that an operator
    // took back with a version does not come back with the next list: until its file has another,
    // the one before it stays. For one list by one thread at a time.
    FilesFetched fetch(const FilesWanted& wanted, const SourceVersions& versions,
                       const std::string& kept, int fd, const std::atomic<bool>& cancel);

    FileStates states(const std::string& name) const;

private:
    struct Known {
        std::string key;  // of the lists of objects: paths, sizes and times
        Discovery discovery;
    };
    // Why there are none; empty: `out` has them.
    std::string read_objects(const FilesWanted& wanted, Discovery& out);
    std::string folder_of(const std::string& name) const { return folder_ + "/" + name; }

    const std::string folder_;
    const FileWork work_;
    std::mutex mutex_;
    std::map<std::string, Known> known_;  // objects take long to read and seldom change
};

}  // namespace mxgate
