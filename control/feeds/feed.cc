// SPDX-License-Identifier: BSD-2-Clause
#include "control/feeds/feed.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

#include "control/config/open_file.h"
#include "control/feeds/readers.h"

namespace mxgate {
namespace {

FeedReader reader_of(FeedFormat format)
{
    switch (format) {
        case FeedFormat::prefixes:
            return read_prefixes;
        case FeedFormat::spamhaus_drop:
            return read_spamhaus;
        case FeedFormat::rbldnsd:
            return read_rbldnsd;
        case FeedFormat::cidr:
            return read_cidr;
        case FeedFormat::ipset:
            return read_ipset;
        case FeedFormat::csv:
            return read_csv;
        case FeedFormat::tsv:
            return read_tsv;
        case FeedFormat::json:
            return read_json;
        case FeedFormat::delegated_extended:
            return read_delegated;
        case FeedFormat::mrt:
            return read_mrt;
    }
    return nullptr;
}

Feed read(FeedInput input, const FeedConfig& config, bool one_of_many = false)
{
    FeedBuilder builder(config, one_of_many);
    if (!input.failure())
        reader_of(config.format)(input, builder);
    if (!input.failure())
        return builder.finish();
    // What was read before it failed is part of a list, so nothing of it is used.
    FeedBuilder failed(config);
    failed.refuse(*input.failure());
    return failed.take();
}

using Folder = std::unique_ptr<DIR, int (*)(DIR*)>;

// A regular file, or a link to one; one that cannot be opened says so when it is read.
bool is_file(const dirent& entry, const std::string& path)
{
    if (entry.d_type != DT_LNK && entry.d_type != DT_UNKNOWN)
        return entry.d_type == DT_REG;
    struct stat status {
    };
    const int fd = open_file(path);
    if (fd < 0)
        return errno != ENOENT;
    const bool regular = ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
    ::close(fd);
    return regular;
}

// `error`: errno where the folder cannot be read.
std::vector<std::string> files_of(const std::string& path, int& error)
{
    std::vector<std::string> out;
    const int fd = open_file(path);
    const Folder folder(fd < 0 ? nullptr : ::fdopendir(fd), ::closedir);
    errno = folder ? 0 : errno;
    while (const dirent* entry = folder ? ::readdir(folder.get()) : nullptr) {
        const std::string name = entry->d_name;
        const std::string file = path + (path.ends_with('/') ? "" : "/") + name;
        if (!name.starts_with('.') && !name.ends_with('~') && is_file(*entry, file))
            out.push_back(file);
        errno = 0;
    }
    error = errno;
    std::sort(out.begin(), out.end());
    return out;
}

Feed read_folder(const FeedConfig& config)
{
    FeedBuilder whole(config);
    int error = 0;
    const std::vector<std::string> files = files_of(config.path, error);
    if (error != 0)
        whole.refuse(std::strerror(error));
    for (const std::string& path : files) {
        FeedConfig part = config;
        part.path = path;
        part.min_entries = 0;  // of all files together
        whole.append(read(FeedInput::of_file(path, config.max_size), part, true), path);
    }
    return whole.finish();
}

std::atomic<int64_t> room_for_rejects = 0;

}  // namespace

void allow_more_rejects(size_t lines)
{
    room_for_rejects = static_cast<int64_t>(lines);
}

bool has_room_for_reject(size_t named)
{
    return named < kRejectsKept || (room_for_rejects > 0 && room_for_rejects-- > 0);
}

Feed parse_feed(std::string_view bytes, const FeedConfig& config)
{
    return read(FeedInput::of_text(bytes, config.max_size), config);
}

Feed read_feed(const FeedConfig& config)
{
    FeedInput input = FeedInput::of_file(config.path, config.max_size);
    return input.is_folder() ? read_folder(config) : read(std::move(input), config);
}

}  // namespace mxgate
