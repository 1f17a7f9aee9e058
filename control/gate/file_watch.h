// SPDX-License-Identifier: BSD-2-Clause
// Watches files and folders for changes (inotify(7)).
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace mxgate {

class FileWatch
{
public:
    FileWatch();
    ~FileWatch();
    FileWatch(const FileWatch&) = delete;
    FileWatch& operator=(const FileWatch&) = delete;

    // From now on these, files that do not exist yet among them: what they are, and the folders and
    // symbolic links that lead there.
    void follow(std::vector<std::string> paths);

    // To poll for input; -1: there is no inotify.
    int fd() const { return fd_; }

    // Takes what happened; true if any of the paths may have changed.
    bool take();

    // Looks at the files themselves, as not all file systems tell what happens (NFS); true if any
    // is another than was known, and the same as at the last look: nobody writes it just now.
    bool look();

private:
    struct Watch {
        std::string folder;
        std::set<std::string> names;  // with an empty one: all that is in it
    };
    using Watches = std::map<int, Watch>;

    void add(Watches& watches, const std::string& folder, const std::string& name);
    void add_way(Watches& watches, const std::string& path);
    void follow_again();
    std::string stamps() const;
    static bool matters(const Watch& watch, const std::string& name, uint32_t mask);

    int fd_;
    std::vector<std::string> paths_;
    Watches watches_;
    std::set<std::string> unwatched_;  // folders that cannot be watched, as was said
    std::string known_, seen_;         // stamps of all: when something had happened; at last
};

}  // namespace mxgate
