// SPDX-License-Identifier: BSD-2-Clause
#include "control/lengths/file_round.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <ctime>
#include <thread>

#include "control/config/text.h"
#include "control/fetch/digest.h"
#include "control/fetch/fetch.h"
#include "control/fetch/schedule.h"
#include "control/lengths/csv.h"

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

// What is wrong with a text that came whole; empty: nothing.
std::string fault_of(const std::string& text, uint64_t max_size)
{
    FeedInput input = FeedInput::of_text(text, max_size);
    const LengthList list = read_prefixlen(input);
    if (!list.error.empty())
        return list.error;
    if (list.entries.empty() && list.rejected > 0)
        return fmt::format("no prefixlen file: {} of {} lines are broken", list.rejected,
                           list.records);
    return {};
}

}  // namespace

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
    const DiscoverConfig& limits = wanted_.from.discover;
    HttpOptions options = http_options(wanted_.from);
    options.url = url;
    options.max_bytes = limits.max_size;
    options.only_public = !limits.any_host;
    const FetchResult result =
        fetch_http(options, known ? known->validators : Validators{}, candidate.fd(), &cancel_);
    if (result.state == FetchResult::State::unchanged)
        store_.confirm(key, *known, seconds_now());
    return result.state == FetchResult::State::fresh ? take_text(url, std::move(candidate), result)
                                                     : result;
}

FetchResult FileRound::take_text(const std::string& url, FeedStore::Candidate candidate,
                                 FetchResult result)
{
    const std::string key = digest_of(url);
    const uint64_t most = wanted_.from.discover.max_size;
    const auto known = store_.last_good(key, url);
    std::string text, before;
    if (const auto failure = read_file(candidate.path(), most, text))
        result.error = *failure;
    else
        result.error = fault_of(text, most);
    if (!result.error.empty()) {
        result.state = FetchResult::State::failed;
    } else if (known && !read_file(known->path, most, before) && before == text) {
        StoredCopy copy = *known;
        copy.validators = result.validators;
        store_.confirm(key, copy, seconds_now());
    } else {
        store_.commit(key, std::move(candidate), {"", url, result.validators, seconds_now()});
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
