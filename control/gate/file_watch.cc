// SPDX-License-Identifier: BSD-2-Clause
#include "control/gate/file_watch.h"

#include <spdlog/spdlog.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <list>
#include <utility>

#include "control/fetch/versions.h"

namespace mxgate {
namespace {

namespace fs = std::filesystem;

// A file is written whole when it is closed; editors rename a new one into its place.
constexpr uint32_t kEvents =
    IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE | IN_ONLYDIR;
constexpr int kMaxLinks = 40;  // on the way to one file, as in Linux

}  // namespace

FileWatch::FileWatch() : fd_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC))
{
    if (fd_ < 0)
        spdlog::error("changes of files are seen late: inotify: {}", std::strerror(errno));
}

FileWatch::~FileWatch()
{
    if (fd_ >= 0)
        ::close(fd_);
}

void FileWatch::add(Watches& watches, const std::string& folder, const std::string& name)
{
    const int watch = ::inotify_add_watch(fd_, folder.c_str(), kEvents);
    if (watch >= 0) {
        watches[watch].folder = folder;
        watches[watch].names.insert(name);
    } else if (fd_ >= 0 && unwatched_.insert(folder).second) {
        spdlog::warn("{}: changes are seen late: {}", folder, std::strerror(errno));
    }
}

// Each folder on the way may be exchanged for another, and each link may come to lead elsewhere.
void FileWatch::add_way(Watches& watches, const std::string& path)
{
    const fs::path whole = fs::absolute(path);
    std::list<fs::path> rest(whole.begin(), whole.end());
    fs::path here = "/";  // without links
    for (int links = 0; !rest.empty();) {
        const fs::path name = std::exchange(rest.front(), {});
        rest.pop_front();
        if (name == "..")
            here = here.parent_path();
        if (name.empty() || name == "/" || name == "." || name == "..")
            continue;
        add(watches, here, name);
        std::error_code error;
        const fs::path next = here / name;
        const fs::file_status status = fs::symlink_status(next, error);
        if (fs::is_directory(status)) {
            here = next;
        } else if (fs::is_symlink(status) && ++links <= kMaxLinks) {
            const fs::path target = fs::read_symlink(next, error);
            if (target.is_absolute())
                here = "/";
            rest.insert(rest.begin(), target.begin(), target.end());
        } else {
            return;  // a file, or nothing yet
        }
    }
    add(watches, here, "");
}

void FileWatch::follow(std::vector<std::string> paths)
{
    paths_ = std::move(paths);
    follow_again();
}

// Watches that stay are not made anew: what happens meanwhile is not lost.
void FileWatch::follow_again()
{
    Watches fresh;
    for (const std::string& path : paths_)
        add_way(fresh, path);
    for (const auto& [watch, folder] : watches_)
        if (!fresh.contains(watch))
            ::inotify_rm_watch(fd_, watch);
    watches_ = std::move(fresh);
    known_ = seen_ = stamps();
}

std::string FileWatch::stamps() const
{
    std::string out;
    for (const std::string& path : paths_)
        out += stamp_of(path) + '\n';
    return out;
}

bool FileWatch::take()
{
    alignas(inotify_event) char buffer[16384];
    bool changed = false;
    for (ssize_t got; (got = ::read(fd_, buffer, sizeof(buffer))) > 0;) {
        for (ssize_t at = 0; at < got;) {
            const auto* event = reinterpret_cast<const inotify_event*>(buffer + at);
            at += static_cast<ssize_t>(sizeof(*event) + event->len);
            const auto known = watches_.find(event->wd);
            if ((event->mask & IN_Q_OVERFLOW) != 0)
                changed = true;
            else if (known != watches_.end())
                changed =
                    changed || event->len == 0 || matters(known->second, event->name, event->mask);
        }
    }
    if (changed)
        follow_again();
    return changed;
}

// A file that was created is yet to be written, unlike a folder or a link.
bool FileWatch::matters(const Watch& watch, const std::string& name, uint32_t mask)
{
    if (!watch.names.contains("") && !watch.names.contains(name))
        return false;
    std::error_code error;
    return (mask & IN_CREATE) == 0 || (mask & IN_ISDIR) != 0 ||
           fs::is_symlink(fs::symlink_status(fs::path(watch.folder) / name, error));
}

bool FileWatch::look()
{
    std::string now = stamps();
    const bool changed = now != known_ && now == seen_;
    seen_ = std::move(now);
    if (changed)
        follow_again();
    return changed;
}

}  // namespace mxgate
