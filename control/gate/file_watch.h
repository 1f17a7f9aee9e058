// SPDX-License-Identifier: BSD-2-Clause
// Watches files and folders for changes (inotify(7)).
#pragma once

#include <map>
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

    // From now on these, files that do not exist yet among them. Where a path is a symbolic link,
    // the file that it leads to is watched as well.
    void follow(const std::vector<std::string>& paths);

    // To poll for input; -1: there is no inotify.
    int fd() const { return fd_; }

    // Takes what happened; true if any of the paths may have changed.
    bool take();

private:
    void add(const std::string& folder, const std::string& name);

    int fd_;
    std::map<int, std::vector<std::string>> names_;  // by watch of a folder; empty: all of it
};

}  // namespace mxgate
