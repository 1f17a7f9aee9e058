// SPDX-License-Identifier: BSD-2-Clause
#include "control/gate/feed_attempt.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "control/gate/guards.h"
#include "control/lengths/read.h"

namespace mxgate {
namespace {

// The errors of a version, without the path that everybody knows.
std::string summary(const Feed& list)
{
    std::string out;
    for (const Diagnostic& error : list.errors) {
        const std::string line =
            error.where.line > 0 ? fmt::format("line {}: ", error.where.line) : "";
        out += (out.empty() ? "" : "; ") + line + error.text;
    }
    return out;
}

void refuse_list(Feed& list, const std::string& path, std::string why)
{
    Diagnostic error;
    error.where.file = path;
    error.text = std::move(why);
    list.errors.push_back(std::move(error));
}

// Tells what a file, or the files of a folder, hold from what they held at another time.
std::string stamp_of(const std::string& path)
{
    struct stat status {
    };
    if (::stat(path.c_str(), &status) != 0)
        return {};
    std::string out = fmt::format("{} {} {}.{};", status.st_ino, status.st_size,
                                  status.st_ctim.tv_sec, status.st_ctim.tv_nsec);
    std::error_code ignored;
    if (S_ISDIR(status.st_mode))
        for (const auto& entry : std::filesystem::directory_iterator(path, ignored))
            if (!entry.is_directory(ignored))
                out += stamp_of(entry.path());
    return out;
}

}  // namespace

FeedAttempt::FeedAttempt(FeedKeeper& keeper, const Config& config, How how,
                         std::map<SourceKey, Delivery> deliveries)
    : keeper_(keeper), config_(config), how_(how), deliveries_(std::move(deliveries))
{
    for (Source& source : sources_of(config)) {
        const SourceKey key = source.key;
        if (!source.fetch.is_fetched())
            stamps_[key] = stamp_of(source.path);
        sources_.emplace(key, std::move(source));
    }
}

FeedAttempt::~FeedAttempt()
{
    keeper_.take_back(std::move(deliveries_), held_);
}

CompileResult FeedAttempt::compile(uint64_t generation, const TableInfo* previous)
{
    resolve_lengths();
    CompileResult result = mxgate::compile(config_, generation, previous, &keeper_.versions(true),
                                           [this](const FeedConfig& feed) { return read(feed); });
    for (const LengthReport& report : result.lengths) {
        const auto found = now_.find({true, report.name});
        if (found == now_.end())
            continue;
        found->second.entries = report.entries;
        found->second.rejected = report.rejected;
    }
    return result;
}

// What a list that stays is read from, empty: nothing. Not one of which no version was kept.
std::optional<std::string> FeedAttempt::stays(const Source& source) const
{
    if (how_.stay == Stay::none || source.fetch.is_fetched() || source.key.name == how_.but)
        return std::nullopt;
    if (keeper_.lists_nothing(source.key))
        return "";
    const std::string kept = keeper_.last_good(source, "").path;
    return kept.empty() ? std::nullopt : std::optional(kept);
}

// A list at fault that was never in force costs itself, any other without a good version the table.
bool FeedAttempt::was_never_good(const SourceKey& key) const
{
    return !how_.blind && !keeper_.versions(key.lengths).knows(key.name);
}

// Whether the version takes part: not before there is one, nor when it is too old.
bool FeedAttempt::counts(const Source& source, const InForce& now) const
{
    return !now.path.empty() &&
           (!now.expired || (how_.stay == Stay::all && !keeper_.lists_nothing(source.key)));
}

// `before`: the version to hold it against for `max_change`; empty: none. `only_change`: nothing
// but that is wrong with it.
Feed FeedAttempt::read_version(const FeedConfig& feed, const std::string& path,
                               const std::string& before, bool* only_change)
{
    FeedConfig from = feed;
    from.path = path;
    Feed list = read_feed(from);
    if (!list.errors.empty())
        return list;
    if (auto why = forbidden_entry(list, feed, config_)) {
        refuse_list(list, path, std::move(*why));
    } else if (feed.guard.max_change && !before.empty() && !how_.force) {
        from.path = before;
        if (auto change = too_much_change(read_feed(from), list, *feed.guard.max_change)) {
            refuse_list(list, path, std::move(*change));
            *only_change = true;
        }
    }
    return list;
}

void FeedAttempt::note(const SourceKey& key, InForce now, const Feed& list)
{
    now.entries = list.entries.size();
    now.rejected = list.rejected;
    now_[key] = std::move(now);
}

void FeedAttempt::refuse(const SourceKey& key, const Feed& list, bool of_delivery, bool hold)
{
    keeper_.refuse(key, summary(list), of_delivery);
    if (hold)
        held_.insert(key);
    else if (of_delivery)
        deliveries_.erase(key);
}

// What came for a list; not from where the list was before.
const Delivery* FeedAttempt::delivery_for(const Source& source) const
{
    const auto found = deliveries_.find(source.key);
    const bool fits =
        found != deliveries_.end() && found->second.copy.source == source.fetch.source();
    return fits ? &found->second : nullptr;
}

Feed FeedAttempt::read(const FeedConfig& feed)
{
    const SourceKey key{false, feed.name};
    const Source& source = sources_.at(key);
    InForce now = keeper_.current(source);
    if (const Delivery* delivery = delivery_for(source)) {
        const std::string path = delivery->candidate.path();
        bool only_change = false;
        Feed list = read_version(feed, path, now.path, &only_change);
        if (keeper_.versions(false).choose(feed.name, path).refused)
            refuse_list(list, path, "an operator rolled this version back");
        if (list.errors.empty()) {
            InForce fresh;
            fresh.path = path;
            fresh.date = delivery->copy.fetched;
            used_.insert(key);
            note(key, std::move(fresh), list);
            return list;
        }
        refuse(key, list, true, only_change);
    }
    if (!counts(source, now)) {
        note(key, std::move(now), {});
        return {};  // not fetched yet, or too old
    }
    now.expired = false;
    bool only_change = false;
    if (const auto path = stays(source))
        return path->empty() ? Feed{} : read_version(feed, *path, "", &only_change);
    const bool is_file = !feed.fetch.is_fetched() && !now.rolled_back;
    const InForce before = keeper_.last_good(source, now.path);
    const bool is_new =
        is_file && feed.guard.max_change && !keeper_.versions(false).is_newest(feed.name, now.path);
    Feed list = read_version(feed, now.path, is_new ? before.path : "", &only_change);
    if (list.errors.empty()) {
        note(key, std::move(now), list);
        return list;
    }
    if (how_.strict && is_file)
        return list;
    refuse(key, list, false, false);
    if (was_never_good(key)) {
        InForce none;
        none.fallback = true;
        note(key, std::move(none), {});
        return {};
    }
    if (before.path.empty())
        return list;
    Feed good = read_version(feed, before.path, "", &only_change);
    if (!good.errors.empty())
        return list;
    note(key, before, good);
    return good;
}

// A version that was fetched is looked at before it is used; of what is not there yet, nothing is.
void FeedAttempt::resolve_lengths()
{
    auto& feeds = config_.length_feeds;
    for (auto feed = feeds.begin(); feed != feeds.end();) {
        const SourceKey key{true, feed->name};
        const Source& source = sources_.at(key);
        if (feed->fetch.is_fetched() && try_delivered_lengths(*feed, key)) {
            ++feed;
            continue;
        }
        InForce now = keeper_.current(source);
        bool usable = counts(source, now);
        if (const auto path = stays(source); usable && path) {
            feed->path = *path;
            feed = path->empty() ? feeds.erase(feed) : feed + 1;
            continue;
        }
        now.expired = now.expired && !usable;
        // Its own file is what the reader chooses versions for.
        if (usable && feed->fetch.is_fetched())
            feed->path = now.path;
        if (usable && !how_.strict && !keeper_.is_in_force(key, now))
            usable = fall_back_of_lengths(*feed, key, now);
        now_[key] = std::move(now);
        feed = usable ? feed + 1 : feeds.erase(feed);
    }
}

// To the last good version, if the one there is now is at fault; false: there has never been one.
bool FeedAttempt::fall_back_of_lengths(LengthFeedConfig& feed, const SourceKey& key, InForce& now)
{
    const std::string error = read_length_file(feed, now.path).error;
    if (error.empty())
        return true;
    keeper_.refuse(key, error, false);
    const InForce before = keeper_.last_good(sources_.at(key), now.path);
    if (!before.path.empty()) {
        feed.path = before.path;
        now = before;
    } else if (was_never_good(key)) {
        now = {};
        now.fallback = true;
        return false;
    }
    return true;
}

bool FeedAttempt::try_delivered_lengths(LengthFeedConfig& feed, const SourceKey& key)
{
    const Delivery* delivery = delivery_for(sources_.at(key));
    if (delivery == nullptr)
        return false;
    const std::string path = delivery->candidate.path();
    const LengthList list = read_length_file(feed, path);
    if (!list.error.empty()) {
        keeper_.refuse(key, list.error, true);
        deliveries_.erase(key);
        return false;
    }
    feed.path = path;
    used_.insert(key);
    now_[key].path = path;
    now_[key].date = delivery->copy.fetched;
    return true;
}

std::set<SourceKey> FeedAttempt::used() const
{
    return used_;
}

std::map<SourceKey, Delivery> FeedAttempt::release()
{
    std::map<SourceKey, Delivery> out;
    for (const SourceKey& key : used_)
        out.insert(deliveries_.extract(key));
    return out;
}

void FeedAttempt::accept()
{
    for (auto& [key, now] : now_) {
        std::optional<Delivery> delivery;
        const bool delivered = used_.contains(key);
        if (delivered) {
            delivery.emplace(std::move(deliveries_.at(key)));
            deliveries_.erase(key);
        }
        try {
            const Source& source = sources_.at(key);
            // A file that was written meanwhile holds what is not in force, and may never be.
            const bool as_read =
                source.fetch.is_fetched() || stamps_.at(key) == stamp_of(source.path);
            keeper_.accept(source, std::move(now), std::move(delivery), as_read);
        } catch (const std::exception& error) {
            // What was delivered is gone: it is fetched again.
            keeper_.refuse(key, fmt::format("in force, but cannot be kept: {}", error.what()),
                           delivered);
        }
    }
}

void FeedAttempt::hold_back(const std::string& why)
{
    for (const SourceKey& key : used_) {
        held_.insert(key);
        keeper_.refuse(key, why, true);
    }
}

}  // namespace mxgate
