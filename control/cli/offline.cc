// SPDX-License-Identifier: BSD-2-Clause
#include "control/cli/offline.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "control/gate/feed_attempt.h"
#include "control/gate/feed_keeper.h"
#include "control/text/progress.h"

namespace mxgate {
namespace {

class TemporaryFolder
{
public:
    TemporaryFolder() : path_(std::filesystem::temp_directory_path() / "mxgate-XXXXXX")
    {
        if (::mkdtemp(path_.data()) == nullptr)
            throw std::system_error(errno, std::generic_category(), path_);
    }
    ~TemporaryFolder()
    {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    const std::string& path() const { return path_; }

private:
    std::string path_;
};

// Of `config` only the lists that are fetched and (but for `all`) not there yet. Files that objects
// name are found and kept by mxgated alone.
Config missing_lists(const Config& config, const FeedKeeper& stored, bool all)
{
    Config out = config;
    std::set<SourceKey> there;
    for (const Source& source : sources_of(config))
        if (!source.fetch.is_fetched() || source.fetch.discovers() ||
            (!all && !stored.current(source).path.empty()))
            there.insert(source.key);
    std::erase_if(out.feeds, [&](const auto& f) { return there.contains({false, f.name}); });
    std::erase_if(out.length_feeds, [&](const auto& f) { return there.contains({true, f.name}); });
    return out;
}

FetchProgress in_kib(Progress& progress)
{
    return [&progress](uint64_t got, uint64_t all) { progress.show(got / 1024, got, all); };
}

void report_errors(const FeedKeeper& keeper, const std::string& file, CompileResult& result)
{
    for (const auto& list : keeper.report()) {
        if (list["error"].is_null())
            continue;
        Diagnostic error;
        error.where.file = file;
        error.text = fmt::format("{} {}: {}", list["kind"].get<std::string>(),
                                 list["name"].get<std::string>(), list["error"].get<std::string>());
        result.diagnostics.push_back(std::move(error));
        result.table.reset();
    }
}

}  // namespace

CompileResult compile_offline(const Config& config, const std::string& state_dir, OfflineHow how,
                              uint64_t generation, const TableInfo* previous)
{
    spdlog::set_level(spdlog::level::off);  // what happens is reported below
    const TemporaryFolder folder;
    Events events;
    FeedKeeper stored(state_dir, events), fresh(folder.path(), events);
    stored.follow(config);
    fresh.follow(missing_lists(config, stored, how.fetch));
    const std::atomic<bool> never = false;
    while (const std::optional<Source> source = fresh.next_task().first) {
        Progress progress("fetching " + source->key.name + ": KiB");
        fresh.fetch(*source, never, in_kib(progress));
    }
    FeedAttempt::How strict;
    strict.strict = true;
    strict.all_rejects = how.all_rejects;
    FeedAttempt attempt(stored, config, strict, fresh.hand_out(true));
    Progress progress("reading lists: KiB");
    CompileResult result = attempt.compile(generation, previous, in_kib(progress));
    report_errors(fresh, config.file, result);
    report_errors(stored, config.file, result);
    for (const Event& event : events.since(0, Events::kKept))
        if (event.kind == EventKind::state_damaged) {
            Diagnostic& warning = result.diagnostics.emplace_back();
            warning.severity = Diagnostic::Severity::warning;
            warning.where.file = config.file;
            warning.text = event.text;
        }
    return result;
}

}  // namespace mxgate
