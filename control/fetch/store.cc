// SPDX-License-Identifier: BSD-2-Clause
#include "control/fetch/store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>

#include "control/config/text.h"
#include "control/fetch/durable.h"
#include "control/text/json.h"

namespace mxgate {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr size_t kMaxDescription = 64 << 10;

[[noreturn]] void fail(const std::string& what)
{
    throw std::system_error(errno, std::generic_category(), what);
}

}  // namespace

FeedStore::Lock::~Lock()
{
    if (fd_ >= 0)
        ::close(fd_);
}

FeedStore::Candidate::Candidate(Candidate&& other) noexcept
    : path_(std::move(other.path_)), fd_(other.fd_)
{
    other.path_.clear();
    other.fd_ = -1;
}

FeedStore::Candidate::~Candidate()
{
    if (fd_ >= 0)
        ::close(fd_);
    if (!path_.empty())
        ::unlink(path_.c_str());
}

std::string FeedStore::description(const std::string& feed) const
{
    return folder_ + "/" + feed + ".json";
}

std::optional<FeedStore::Lock> FeedStore::try_lock(const std::string& feed) const
{
    const std::string path = folder_ + "/" + feed + ".lock";
    fs::create_directories(folder_);
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        fail(path);
    Lock lock(fd);
    if (::flock(fd, LOCK_EX | LOCK_NB) == 0)
        return lock;
    if (errno != EWOULDBLOCK)
        fail(path);
    return std::nullopt;
}

FeedStore::Candidate FeedStore::begin(const std::string& feed) const
{
    std::string path = folder_ + "/" + feed + ".version-XXXXXX";
    fs::create_directories(folder_);
    const int fd = ::mkostemp(path.data(), O_CLOEXEC);
    if (fd < 0)
        fail(path);
    return {std::move(path), fd};
}

void FeedStore::describe(const std::string& feed, const StoredCopy& copy) const
{
    const std::string text = json{
        {"version", fs::path(copy.path).filename().string()},
        {"source", copy.source},
        {"etag", copy.validators.etag},
        {"last_modified", copy.validators.last_modified},
        {"fetched",
         copy.fetched}}.dump(2, ' ', false, json::error_handler_t::replace);
    fs::create_directories(folder_);
    write_durably(description(feed), text, 0600);
}

void FeedStore::commit(const std::string& feed, Candidate& candidate, StoredCopy copy) const
{
    if (::fsync(candidate.fd()) != 0)
        fail(candidate.path());
    const std::string version = candidate.path();
    copy.path = version;
    describe(feed, copy);
    candidate.path_.clear();
    // What is left of versions before, and of processes that died.
    const std::string begins = feed + ".version-";
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(folder_, ignored))
        if (entry.path().filename().string().starts_with(begins) && entry.path() != version)
            fs::remove(entry.path(), ignored);
}

void FeedStore::confirm(const std::string& feed, const StoredCopy& copy, int64_t now) const
{
    StoredCopy confirmed = copy;
    confirmed.fetched = now;
    describe(feed, confirmed);
}

void FeedStore::keep_only(const std::set<std::string>& feeds) const
{
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(folder_, ignored)) {
        const std::string name = entry.path().filename().string();
        if (!feeds.contains(name.substr(0, name.rfind('.'))))
            fs::remove(entry.path(), ignored);
    }
}

std::optional<StoredCopy> FeedStore::last_good(const std::string& feed,
                                               const std::string& source) const
{
    std::string text;
    if (read_file(description(feed), kMaxDescription, text))
        return std::nullopt;
    StoredCopy copy;
    try {
        const json in = json::parse(text);
        const std::string version = in.at("version");
        if (version.find('/') != std::string::npos || in.at("source") != source)
            return std::nullopt;
        copy.path = folder_ + "/" + version;
        copy.source = source;
        copy.validators = {in.at("etag"), in.at("last_modified")};
        copy.fetched = whole<int64_t>(in.at("fetched"));
    } catch (const json::exception&) {
        return std::nullopt;
    }
    struct stat status {
    };
    if (::stat(copy.path.c_str(), &status) != 0 || !S_ISREG(status.st_mode))
        return std::nullopt;
    return copy;
}

}  // namespace mxgate
