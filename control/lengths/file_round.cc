// SPDX-License-Identifier: BSD-2-Clause
#include "control/lengths/file_round.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <thread>

#include "control/config/text.h"
#include "control/fetch/digest.h"
#include "control/fetch/fetch.h"
#include "control/fetch/schedule.h"
#include "control/lengths/csv.h"
#include "control/lengths/read.h"
#include "control/lengths/rpsl.h"

namespace mxgate {
namespace {

constexpr size_t kServersAtOnce = 4;
constexpr int64_t kSecond = 1'000'000'000;

int64_t seconds_now()
{
    return static_cast<int64_t>(std::time(nullptr));
}

std::string server_of(const std::string& url)
{
    const size_t begin = url.find("://") + 3;
    return lower(std::string_view(url).substr(begin, url.find_first_of("/?#", begin) - begin));
}

// What is wrong with what came whole; empty: nothing.
std::string fault_of(int fd, uint64_t max_bytes)
{
    std::string text(max_bytes, '\0');
    size_t size = 0;
    while (size < text.size()) {
        const ssize_t got =
            ::pread(fd, text.data() + size, text.size() - size, static_cast<off_t>(size));
        if (got < 0)
            return std::strerror(errno);
        if (got == 0)
            break;
        size += static_cast<size_t>(got);
    }
    FeedInput input = FeedInput::of_text(std::string_view(text).substr(0, size), max_bytes);
    const LengthList list = read_prefixlen(input);
    if (!list.error.empty())
        return list.error;
    if (list.entries.empty() && list.rejected > 0)
        return fmt::format("no prefixlen file: {} of {} lines are broken", list.rejected,
                           list.records);
    return {};
}

}  // namespace

FetchResult fetch_prefixlen_file(const FetchConfig& from, uint64_t max_bytes,
                                 const Validators& known, int fd, const std::atomic<bool>* cancel)
{
    FetchResult result = fetch_source(from, max_bytes, known, fd, cancel);
    if (result.state == FetchResult::State::fresh)
        result.error = fault_of(fd, max_bytes);
    if (!result.error.empty())
        result.state = FetchResult::State::failed;
    return result;
}

std::string find_references(const std::vector<ObjectList>& objects, int fd)
{
    Discovery discovery;
    for (const ObjectList& list : objects) {
        FeedInput input = FeedInput::of_file(list.path, kMaxUnpacked);
        std::string error;
        const auto take = [&](const RpslObject& object) { discovery.take(object); };
        if (list.nrtm)
            for_each_nrtm_object(input, take, error);
        else
            for_each_object(input, take);
        if (input.failure())
            error = *input.failure();
        if (!error.empty())
            return list.path + ": " + error;
    }
    try {
        DiscoveredWriter(fd).begin(discovery);
    } catch (const std::runtime_error& error) {
        return error.what();
    }
    return {};
}

void FileRound::fetch(const std::vector<std::string>& urls)
{
    const int64_t now = seconds_now();
    std::map<std::string, std::vector<std::string>> by_server;
    for (const std::string& url : urls)
        if (is_due(url, now))
            by_server[server_of(url)].push_back(url);
    for (auto& [server, its] : by_server)
        servers_.push_back(std::move(its));
    std::vector<std::thread> threads;
    for (size_t i = 0; i < std::min(kServersAtOnce, servers_.size()); i++)
        threads.emplace_back([this] { fetch_servers(); });
    for (std::thread& thread : threads)
        thread.join();
}

bool FileRound::is_due(const std::string& url, int64_t now) const
{
    const auto known = states_.find(url);
    if (wanted_.now)
        return true;
    if (known != states_.end() && known->second.next > 0)
        return known->second.next <= now;
    // Without its state a copy still says when it was fetched.
    const auto copy = store_.last_good(digest_of(url), url);
    return !copy || copy->fetched + static_cast<int64_t>(wanted_.from.refresh_ns) / kSecond <= now;
}

void FileRound::fetch_servers()
{
    for (;;) {
        std::vector<std::string> urls;
        {
            const std::lock_guard lock(mutex_);
            if (next_server_ == servers_.size())
                return;
            urls = std::move(servers_[next_server_++]);
        }
        for (const std::string& url : urls) {
            if (cancel_ || std::chrono::steady_clock::now() > end_)
                return;
            FetchResult result;
            try {
                result = fetch_one(url);
            } catch (const std::exception& error) {
                result.state = FetchResult::State::failed;
                result.error = error.what();
            }
            if (!cancel_)
                note(url, result);
        }
    }
}

FetchResult FileRound::fetch_one(const std::string& url)
{
    const std::string key = digest_of(url);
    const auto known = store_.last_good(key, url);
    FeedStore::Candidate candidate = store_.begin(key);
    FetchConfig from = wanted_.from;
    from.url = url;
    from.only_public = !from.discover.any_host;
    const uint64_t most = from.discover.max_size;
    from.discover = {};
    const FetchResult result =
        work_.fetch(from, most, known ? known->validators : Validators{}, candidate.fd(), &cancel_);
    std::string text, before;
    if (result.state == FetchResult::State::unchanged && known) {
        store_.confirm(key, *known, seconds_now());
    } else if (result.state == FetchResult::State::fresh) {
        const bool same = known && !read_file(candidate.path(), most, text) &&
                          !read_file(known->path, most, before) && text == before;
        StoredCopy copy = same ? *known : StoredCopy{"", url, {}, seconds_now()};
        copy.validators = result.validators;
        if (same)
            store_.confirm(key, copy, seconds_now());
        else
            store_.commit(key, candidate, std::move(copy));
    }
    return result;
}

void FileRound::note(const std::string& url, const FetchResult& result)
{
    FetchSchedule schedule;
    schedule.refresh =
        std::chrono::seconds(static_cast<int64_t>(wanted_.from.refresh_ns) / kSecond);
    schedule.minimum = std::min(kLeastWait, schedule.refresh);
    const std::lock_guard lock(mutex_);
    FileState& state = states_[url];
    if (result.state == FetchResult::State::failed) {
        if (++state.failures == 1)
            failed_.push_back(fmt::format("{} ({})", url, result.error));
    } else {
        if (state.failures > 0)
            recovered_.push_back(url);
        state.failures = 0;
    }
    state.error = result.error;
    state.next =
        seconds_now() +
        wait_before_next(schedule, state.failures, result.retry_after, random_share()).count();
}

FileRound::Texts FileRound::texts_of(const std::string& path)
{
    Texts out;
    FeedInput input = FeedInput::of_file(path, 1 << 30);
    for_each_text(input, [&](FileText&& file) { out[file.url] = std::move(file.text); });
    return out;
}

void FileRound::refuse(const std::string& url, RefusedText text)
{
    auto& refused = states_[url].refused;
    if (std::none_of(refused.begin(), refused.end(),
                     [&](const RefusedText& known) { return known.sha256 == text.sha256; }))
        refused.push_back(std::move(text));
}

void FileRound::take_back(const SourceVersions& versions, const std::string& kept)
{
    const std::vector<SourceVersion> all = versions.list(wanted_.name);
    for (const SourceVersion& version : all)
        for (auto& [url, state] : states_)
            std::erase_if(state.refused, [&](const RefusedText& text) {
                return text.version == version.number && !version.refused;
            });
    const auto is_refused = [](const auto& v) { return v.refused; };
    const auto has_refused = [](const auto& s) { return !s.second.refused.empty(); };
    if (kept.empty() || (std::none_of(all.begin(), all.end(), is_refused) &&
                         std::none_of(states_.begin(), states_.end(), has_refused)))
        return;
    in_force_ = texts_of(versions.choose(wanted_.name, kept).path);
    for (const SourceVersion& version : all) {
        if (!version.refused)
            continue;
        for (const auto& [url, text] : texts_of(versions.path_of(wanted_.name, version.number))) {
            const auto now = in_force_->find(url);
            if (now == in_force_->end() || now->second != text)
                refuse(url, {digest_of(text), version.number});
        }
    }
}

bool FileRound::is_refused(const std::string& url, const std::string& text) const
{
    const auto state = states_.find(url);
    if (state == states_.end() || state->second.refused.empty())
        return false;
    const std::string sha256 = digest_of(text);
    return std::any_of(state->second.refused.begin(), state->second.refused.end(),
                       [&](const RefusedText& known) { return known.sha256 == sha256; });
}

std::optional<FileText> FileRound::text_of(const std::string& url) const
{
    const auto copy = store_.last_good(digest_of(url), url);
    if (!copy || (wanted_.expire_ns && seconds_now() - copy->fetched >
                                           static_cast<int64_t>(*wanted_.expire_ns) / kSecond))
        return std::nullopt;
    FileText out;
    struct stat status {
    };
    if (::stat(copy->path.c_str(), &status) != 0 ||
        read_file(copy->path, kMaxPrefixlenFile, out.text))
        return std::nullopt;
    out.url = url;
    out.date = status.st_mtime;
    if (!is_refused(url, out.text))
        return out;
    const auto before = in_force_ ? in_force_->find(url) : Texts::const_iterator{};
    if (!in_force_ || before == in_force_->end())
        return std::nullopt;
    out.text = before->second;
    return out;
}

}  // namespace mxgate
