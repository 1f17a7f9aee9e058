// SPDX-License-Identifier: BSD-2-Clause
#include "control/gate/list_compile.h"

#include <fmt/format.h>

#include <future>
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

class ListCompiler
{
public:
    explicit ListCompiler(const CompileJob& job) : job_(job), config_(job.config) {}

    CompileAnswer run()
    {
        resolve_lengths();
        out_.result = compile(config_, job_.generation, job_.previous ? &*job_.previous : nullptr,
                              nullptr, [this](const FeedConfig& feed, const SiteLengths& lengths) {
                                  lengths_ = &lengths;
                                  return read(feed);
                              });
        for (const LengthReport& report : out_.result.lengths) {
            ListOutcome& outcome = out_.lists[{true, report.name}];
            if (!outcome.now)
                continue;
            outcome.now->entries = report.entries;
            outcome.now->rejected = report.rejected;
        }
        auto& all = out_.result.diagnostics;
        all.insert(all.end(), warnings_.begin(), warnings_.end());
        return std::move(out_);
    }

private:
    // `before`: the version to hold it against for `max_change`; empty: none. `only_change`:
    // nothing but that is wrong with it.
    Feed read_version(const FeedConfig& feed, const std::string& path, const std::string& before,
                      bool* only_change)
    {
        const auto read_path = [&feed](const std::string& from) {
            FeedConfig config = feed;
            config.path = from;
            return read_feed(config);
        };
        std::future<Feed> old;  // read at the same time
        if (feed.guard.max_change && !before.empty() && !job_.force)
            old = std::async(std::launch::async, read_path, before);
        Feed list = read_path(path);
        if (!list.errors.empty())
            return list;
        if (auto why = forbidden_entry(list, feed, config_, *lengths_)) {
            refuse_list(list, path, std::move(*why));
        } else if (old.valid()) {
            if (auto change = too_much_change(old.get(), list, *feed.guard.max_change)) {
                refuse_list(list, path, std::move(*change));
                *only_change = true;
            }
        }
        return list;
    }

    static void note(ListOutcome& outcome, InForce now, const Feed& list)
    {
        now.entries = list.entries.size();
        now.rejected = list.rejected;
        outcome.now = std::move(now);
    }

    static void refuse(ListOutcome& outcome, std::string why, bool of_delivery, bool hold = false)
    {
        outcome.refusals.push_back({std::move(why), of_delivery, hold});
    }

    Feed read(const FeedConfig& feed)
    {
        const SourceKey key{false, feed.name};
        const ListVersions& versions = job_.lists.at(key);
        ListOutcome& outcome = out_.lists[key];
        if (versions.delivered) {
            const ListVersions::Delivered& delivered = *versions.delivered;
            bool only_change = false;
            Feed list = read_version(feed, delivered.path, versions.now.path, &only_change);
            if (delivered.rolled_back)
                refuse_list(list, delivered.path, "an operator rolled this version back");
            if (list.errors.empty()) {
                InForce fresh;
                fresh.path = delivered.path;
                fresh.date = delivered.date;
                outcome.used_delivery = true;
                note(outcome, std::move(fresh), list);
                return list;
            }
            refuse(outcome, summary(list), true, only_change);
        }
        return read_stored(feed, versions, outcome);
    }

    Feed read_stored(const FeedConfig& feed, const ListVersions& versions, ListOutcome& outcome)
    {
        InForce now = versions.now;
        if (!versions.counts) {  // not fetched yet, or too old
            now.expired = !now.path.empty();
            note(outcome, std::move(now), {});
            return {};
        }
        now.expired = false;
        bool only_change = false;
        if (versions.stays)
            return versions.stays->empty() ? Feed{}
                                           : read_version(feed, *versions.stays, "", &only_change);
        const bool is_file = !feed.fetch.is_fetched() && !now.rolled_back;
        const bool is_new = is_file && feed.guard.max_change && !versions.is_newest;
        Feed list = read_version(feed, now.path, is_new ? versions.before.path : "", &only_change);
        if (list.errors.empty()) {
            note(outcome, now, list);
            return list;
        }
        if (job_.strict && is_file)
            return list;
        refuse(outcome, summary(list), false);
        if (versions.never_good) {
            InForce none;
            none.fallback = true;
            note(outcome, std::move(none), {});
            return {};
        }
        if (versions.before.path.empty())
            return list;
        Feed good = read_version(feed, versions.before.path, "", &only_change);
        if (!good.errors.empty())
            return list;
        note(outcome, versions.before, good);
        return good;
    }

    // A version that was fetched is looked at before it is used; of what is not there yet, nothing
    // is.
    void resolve_lengths()
    {
        auto& feeds = config_.length_feeds;
        for (auto feed = feeds.begin(); feed != feeds.end();) {
            const ListVersions& versions = job_.lists.at({true, feed->name});
            ListOutcome& outcome = out_.lists[{true, feed->name}];
            if (versions.delivered && try_delivered_lengths(*feed, *versions.delivered, outcome)) {
                ++feed;
                continue;
            }
            bool usable = versions.counts;
            if (usable && versions.stays) {
                feed->path = *versions.stays;
                feed = versions.stays->empty() ? feeds.erase(feed) : feed + 1;
                continue;
            }
            outcome.now = versions.now;
            outcome.now->expired = !versions.now.path.empty() && !usable;
            usable = usable && choose_lengths(*feed, versions, outcome);
            feed = usable ? feed + 1 : feeds.erase(feed);
        }
    }

    // The last good version, if the one there is now is at fault; false: there has never been one.
    bool choose_lengths(LengthFeedConfig& feed, const ListVersions& versions, ListOutcome& outcome)
    {
        if (versions.now.rolled_back) {
            Diagnostic warning;
            warning.severity = Diagnostic::Severity::warning;
            warning.where.file = feed.path;
            warning.text = "this version is rolled back; read instead: " + versions.now.path;
            warnings_.push_back(std::move(warning));
        }
        feed.path = versions.now.path;
        if (job_.strict || versions.is_in_force)
            return true;
        const std::string error = read_length_file(feed, feed.path).error;
        if (error.empty())
            return true;
        refuse(outcome, error, false);
        if (!versions.before.path.empty()) {
            feed.path = versions.before.path;
            outcome.now = versions.before;
        } else if (versions.never_good) {
            outcome.now.emplace();
            outcome.now->fallback = true;
            return false;
        }
        return true;
    }

    bool try_delivered_lengths(LengthFeedConfig& feed, const ListVersions::Delivered& delivered,
                               ListOutcome& outcome)
    {
        const LengthList list = read_length_file(feed, delivered.path);
        if (!list.error.empty()) {
            refuse(outcome, list.error, true);
            return false;
        }
        feed.path = delivered.path;
        outcome.used_delivery = true;
        outcome.now.emplace();
        outcome.now->path = delivered.path;
        outcome.now->date = delivered.date;
        return true;
    }

    const CompileJob& job_;
    Config config_;  // length feeds have the paths of the versions to read
    std::vector<Diagnostic> warnings_;
    const SiteLengths* lengths_ = nullptr;  // of the table, once feeds are read
    CompileAnswer out_;
};

}  // namespace

CompileAnswer compile_lists(const CompileJob& job)
{
    allow_more_rejects(job.all_rejects ? kAllRejects : 0);
    return ListCompiler(job).run();
}

}  // namespace mxgate
