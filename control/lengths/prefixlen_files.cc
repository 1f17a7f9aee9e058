// SPDX-License-Identifier: BSD-2-Clause
#include "control/lengths/prefixlen_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <filesystem>

#include "control/fetch/digest.h"
#include "control/lengths/discovered.h"
#include "control/lengths/read.h"

namespace mxgate {
namespace {

namespace fs = std::filesystem;

constexpr size_t kShown = 3;

int64_t seconds_now()
{
    return static_cast<int64_t>(std::time(nullptr));
}

// "2 of 40 files ...: a, b, …"
std::string some_of(const std::vector<std::string>& some, size_t all, const char* what)
{
    if (some.empty())
        return {};
    std::string out = fmt::format("{} of {} files {}: ", some.size(), all, what);
    for (size_t i = 0; i < std::min(some.size(), kShown); i++)
        out += (i > 0 ? ", " : "") + some[i];
    return out + (some.size() > kShown ? ", …" : "");
}

// Writes the list; how many files it has.
size_t put_together(const FileRound& round, const std::vector<std::string>& urls,
                    Discovery discovery, int fd)
{
    std::vector<FileText> texts;
    std::set<std::string> there;
    uint64_t bytes = 0;
    for (const std::string& url : urls) {
        auto text = round.text_of(url);
        if (!text)
            continue;
        if (bytes + text->text.size() > kMaxPrefixlenFiles) {
            discovery.log().reject(
                0, fmt::format("{}: left out; the files before it have {} bytes", url, bytes));
            continue;
        }
        bytes += text->text.size();
        there.insert(url);
        texts.push_back(std::move(*text));
    }
    discovery.settle(there);
    DiscoveredWriter writer(fd);
    writer.begin(discovery);
    for (const FileText& text : texts)
        writer.add(text);
    return texts.size();
}

}  // namespace

std::string PrefixlenFiles::read_objects(const FilesWanted& wanted, Discovery& out)
{
    std::string key;
    for (const ObjectList& list : wanted.objects) {
        struct stat status {
        };
        if (::stat(list.path.c_str(), &status) != 0)
            return list.path + ": " + std::strerror(errno);
        key += fmt::format("{} {} {} {}.{};", list.path, status.st_ino, status.st_size,
                           status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
    }
    {
        const std::lock_guard lock(mutex_);
        const auto known = known_.find(wanted.name);
        if (known != known_.end() && known->second.key == key) {
            out = known->second.discovery;
            return {};
        }
    }
    const fs::path found = folder_of(wanted.name) + "/objects";
    fs::create_directories(found.parent_path());
    const int fd = ::open(found.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return found.string() + ": " + std::strerror(errno);
    std::string error = work_.find(wanted.objects, fd);
    ::close(fd);
    FeedInput input = FeedInput::of_file(found, kMaxUnpacked);
    if (error.empty())
        error = read_references(input, out);
    if (!error.empty())
        return error;
    const std::lock_guard lock(mutex_);
    known_[wanted.name] = {key, out};
    return {};
}

FilesFetched PrefixlenFiles::fetch(const FilesWanted& wanted, const SourceVersions& versions,
                                   const std::string& kept, int fd, const std::atomic<bool>& cancel)
{
    FilesFetched out;
    Discovery discovery;
    out.result.error = read_objects(wanted, discovery);
    if (!out.result.error.empty())
        return out;
    std::vector<std::string> urls = discovery.files();
    if (const uint64_t most = wanted.from.discover.files; urls.size() > most) {
        discovery.log().reject(
            0, fmt::format("{} files are left out: `files: {}`", urls.size() - most, most));
        urls.resize(most);
    }
    const std::string folder = folder_of(wanted.name);
    const FeedStore store(folder + "/files");
    fs::create_directories(folder);
    FileStates states = read_states(folder);
    std::set<std::string> keys;
    for (const std::string& url : urls)
        keys.insert(digest_of(url));
    FileRound round(wanted, work_, store, states, cancel);
    round.fetch(urls);
    round.take_back(versions, kept);
    std::erase_if(states, [&](const auto& s) { return !keys.contains(digest_of(s.first)); });
    write_states(folder, states);
    store.keep_only(keys);
    if (cancel) {
        out.result.error = "cancelled";
        return out;
    }
    out.files = urls.size();
    int64_t next = seconds_now() + static_cast<int64_t>(wanted.from.refresh_ns / 1'000'000'000);
    for (const auto& [url, state] : states) {
        out.failing += state.failures > 0;
        next = std::min(next, state.next);
    }
    out.again = std::max(kLeastWait, std::chrono::seconds(next - seconds_now()));
    out.failed = some_of(round.failed(), urls.size(), "cannot be fetched");
    out.recovered = some_of(round.recovered(), urls.size(), "are fetched again");
    if (urls.empty())
        out.result.error = "no object names a prefixlen file";
    else if (put_together(round, urls, std::move(discovery), fd) == 0)
        out.result.error = out.failed.empty() ? "none of the files can be fetched" : out.failed;
    else
        out.result.state = FetchResult::State::fresh;
    return out;
}

FileStates PrefixlenFiles::states(const std::string& name) const
{
    return read_states(folder_of(name));
}

}  // namespace mxgate
