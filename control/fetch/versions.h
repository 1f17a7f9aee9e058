// SPDX-License-Identifier: BSD-2-Clause
// The last versions of each list that were in force, kept so that a bad one can be taken back.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace mxgate {

struct SourceVersion {
    uint64_t number = 0;   // from 1
    int64_t date = 0;      // Unix time it was fetched or last found unchanged; of a file: written
    std::string sha256;    // of its bytes, as they were; of a folder: of its files' names and sums
    bool refused = false;  // rolled back: not used, even if it comes again
};

// What is to be read for a list.
struct VersionChoice {
    std::string path;
    std::optional<SourceVersion> version;  // that `path` is, where it is known
    std::optional<SourceVersion> refused;  // what the list's own file is, if that is refused
};

// Tells what a file, or the files of a folder, hold from what they held at another time. Another
// owner, other permissions or links make no difference.
std::string stamp_of(const std::string& path);

// A folder with a folder of copies for each list; `path` is always the list's own file, or
// folder of files. Throws std::runtime_error when what is there cannot be read or written.
// Safe to call from several threads.
class SourceVersions
{
public:
    static constexpr size_t kKept = 4;

    // Told when what is kept of a list is damaged; it is set aside then, and the list begins anew.
    // Without one to be told, that throws.
    using Damaged = std::function<void(const std::string& name, const std::string& what)>;
    explicit SourceVersions(std::string folder, Damaged damaged = {})
        : folder_(std::move(folder)), damaged_(std::move(damaged))
    {
    }

    // The list's own file, unless its content was rolled back: then the newest kept before.
    VersionChoice choose(const std::string& name, const std::string& path) const;

    // The newest that was in force and is not what the file holds now.
    VersionChoice last_good(const std::string& name, const std::string& path) const;

    // Whether the newest that was in force is what the file holds.
    bool is_newest(const std::string& name, const std::string& path) const;

    // Keeps a copy of the file if it is new; to be called when it is in force. `stamp`: before it
    // was read; what was written since is not in force, and is not kept. Without one, the file
    // never changes in place, and may be linked.
    void keep(const std::string& name, const std::string& path,
              const std::optional<std::string>& stamp);

    // The source still has what the file holds, at this Unix time.
    void confirm(const std::string& name, const std::string& path, int64_t now);

    // Refuses the version in force; the one kept before comes into force with the next compile.
    // Gives that one.
    SourceVersion roll_back(const std::string& name, const std::string& path);

    // Takes all refusals back.
    void forget_refusals(const std::string& name);

    // Goes back to what list() gave.
    void restore(const std::string& name, const std::vector<SourceVersion>& before);

    // Whether anything was ever kept.
    bool knows(const std::string& name) const;

    // What is kept, in the order in which it was in force.
    std::vector<SourceVersion> list(const std::string& name) const;
    std::string path_of(const std::string& name, uint64_t number) const;

private:
    struct Known {
        uint64_t device = 0, inode = 0, size = 0;
        int64_t changed_ns = 0;
        std::string sha256;
    };

    std::string sha256_of(const std::string& path) const;
    std::string sha256_of_folder(const std::string& path) const;
    void store(const std::string& name, const std::vector<SourceVersion>& versions) const;

    std::string folder_;
    Damaged damaged_;
    std::mutex changing_;
    mutable std::mutex mutex_;
    mutable std::map<std::string, Known> known_;  // of files that were read, by path
};

}  // namespace mxgate
