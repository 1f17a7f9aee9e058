// SPDX-License-Identifier: BSD-2-Clause
#include "control/gate/file_watch.h"

#include <spdlog/spdlog.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

namespace mxgate {
namespace {

namespace fs = std::filesystem;

// A file is written whole when it is closed; editors rename a new one into its place.
constexpr uint32_t kEvents = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ONLYDIR;

}  // namespace

FileWatch::FileWatch() : fd_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC))
{
    if (fd_ < 0)
        spdlog::error("files are not watched: inotify: {}", std::strerror(errno));
}

FileWatch::~FileWatch()
{
    if (fd_ >= 0)
        ::close(fd_);
}

void FileWatch::add(const std::string& folder, const std::string& name)
{
    const int watch = ::inotify_add_watch(fd_, folder.c_str(), kEvents);
    if (watch < 0) {
        spdlog::warn("{} is not watched for changes: {}", folder, std::strerror(errno));
        return;
    }
    const auto [known, is_new] = names_.try_emplace(watch);
    if (name.empty())
        known->second.clear();
    else if (is_new || !known->second.empty())
        known->second.push_back(name);
}

void FileWatch::follow(const std::vector<std::string>& paths)
{
    if (fd_ < 0)
        return;
    for (const auto& known : names_)
        ::inotify_rm_watch(fd_, known.first);
    names_.clear();
    for (const std::string& path : paths) {
        std::error_code error;
        if (fs::is_directory(path, error)) {
            add(path, "");
            continue;
        }
        add(fs::path(path).parent_path(), fs::path(path).filename());
        const fs::path target = fs::canonical(path, error);
        if (!error && target != path)
            add(target.parent_path(), target.filename());
    }
}

bool FileWatch::take()
{
    alignas(inotify_event) char buffer[16384];
    bool changed = false;
    for (ssize_t got; (got = ::read(fd_, buffer, sizeof(buffer))) > 0;) {
        for (ssize_t at = 0; at < got;) {
            const auto* event = reinterpret_cast<const inotify_event*>(buffer + at);
            at += static_cast<ssize_t>(sizeof(*event) + event->len);
            if ((event->mask & IN_Q_OVERFLOW) != 0)
                changed = true;
            const auto known = names_.find(event->wd);
            if (known == names_.end() || event->len == 0)
                continue;
            const auto& names = known->second;
            changed = changed || names.empty() ||
                      std::find(names.begin(), names.end(), event->name) != names.end();
        }
    }
    return changed;
}

}  // namespace mxgate
