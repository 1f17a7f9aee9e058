// SPDX-License-Identifier: BSD-2-Clause
// `lengths` and `export`: sources of end-site lengths, their versions, hints, and publishing.
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <ctime>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "control/api/client.h"
#include "control/cli/verbs.h"
#include "control/feeds/words.h"
#include "control/fetch/durable.h"
#include "control/fetch/store.h"
#include "control/fetch/versions.h"
#include "control/gate/gate.h"
#include "control/lengths/export.h"
#include "control/lengths/learned.h"
#include "control/lengths/prefixlen_files.h"
#include "control/lengths/read.h"
#include "control/net/address_text.h"
#include "control/table/length_sources.h"
#include "control/text/json.h"
#include "control/worker/apart.h"

namespace mxgate {
namespace {

using nlohmann::json;

// Lists that are fetched are read from what mxgated has of them.
Config load(const CliOptions& options, const std::string& path)
{
    const ConfigResult loaded = load_config(path);
    print_diagnostics(loaded.diagnostics);
    if (!loaded.config)
        throw std::runtime_error(path + " is not good");
    Config config = *loaded.config;
    const FeedStore fetched(options.state_dir + "/fetched/lengths");
    for (LengthFeedConfig& feed : config.length_feeds)
        if (const auto copy = fetched.last_good(feed.name, feed.fetch.source()))
            feed.path = copy->path;
    return config;
}

const LengthFeedConfig& feed_of(const Config& config, const std::string& name)
{
    std::string known;
    for (const LengthFeedConfig& feed : config.length_feeds) {
        if (feed.name == name)
            return feed;
        known += (known.empty() ? "" : ", ") + feed.name;
    }
    throw std::runtime_error(
        "no `" + name + "` among aggregation.feeds; there is: " + (known.empty() ? "none" : known));
}

std::string date_text(int64_t unix_time)
{
    return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(static_cast<std::time_t>(unix_time)));
}

json to_json(const SourceVersion& version)
{
    return {{"number", version.number},
            {"date", date_text(version.date)},
            {"sha256", version.sha256},
            {"refused", version.refused}};
}

LengthList read_good(const Config& config, const LengthFeedConfig& feed, const std::string& path)
{
    LengthList list = read_length_file_apart(config, feed.name, path);
    if (!list.error.empty())
        throw std::runtime_error(path + ": " + list.error);
    return list;
}

std::string text_of(const LengthEntry& entry)
{
    std::string out =
        entry.site_length ? '/' + std::to_string(entry.site_length) : std::string("no length");
    if (entry.end_sites != 0)
        out += fmt::format(", {} end sites", entry.end_sites);
    return out;
}

struct Change {
    char sign;
    const LengthEntry* before;
    const LengthEntry* after;
};

std::vector<Change> compare(const LengthList& from, const LengthList& to)
{
    std::vector<Change> out;
    size_t a = 0, b = 0;
    while (a < from.entries.size() || b < to.entries.size()) {
        const LengthEntry* old = a < from.entries.size() ? &from.entries[a] : nullptr;
        const LengthEntry* fresh = b < to.entries.size() ? &to.entries[b] : nullptr;
        if (old && (!fresh || prefix_before(prefix_of(*old), prefix_of(*fresh)))) {
            out.push_back({'-', old, nullptr});
            a++;
        } else if (!old || prefix_before(prefix_of(*fresh), prefix_of(*old))) {
            out.push_back({'+', nullptr, fresh});
            b++;
        } else {
            if (old->site_length != fresh->site_length || old->end_sites != fresh->end_sites)
                out.push_back({'~', old, fresh});
            a++;
            b++;
        }
    }
    return out;
}

void print_change(const Change& change, bool as_json)
{
    const LengthEntry& any = change.after ? *change.after : *change.before;
    const std::string prefix = to_string(prefix_of(any));
    const auto side = [](const LengthEntry* entry) -> json {
        if (!entry)
            return nullptr;
        return {{"length", entry->site_length ? json(entry->site_length) : json(nullptr)},
                {"end_sites", entry->end_sites ? json(entry->end_sites) : json(nullptr)}};
    };
    if (as_json)
        fmt::print(
            "{}\n",
            json{{"prefix", prefix}, {"before", side(change.before)}, {"after", side(change.after)}}
                .dump());
    else if (change.sign == '~')
        fmt::print("~ {} {} -> {}\n", prefix, text_of(*change.before), text_of(*change.after));
    else
        fmt::print("{} {} {}\n", change.sign, prefix, text_of(any));
}

// The running gate takes it over at once; without one the next compile does.
void reload_gate(const CliOptions& options)
{
    try {
        api_post(options.run_dir, "/v1/reload");
    } catch (const NotRunning&) {
        fmt::print(stderr, "mxgated does not run: takes effect with the next compile or start\n");
    }
}

// Lines of a file or of standard input (`-`).
template <class Use>
void for_each_word(const std::string& path, Use use)
{
    std::ifstream file;
    if (path != "-") {
        file.open(path);
        if (!file)
            throw std::runtime_error(path + ": cannot be read");
    }
    std::istream& in = path == "-" ? std::cin : file;
    std::string line;
    for (uint64_t number = 1; std::getline(in, line); number++) {
        std::string_view rest = line;
        const std::string_view word = take_word(rest);
        if (!word.empty() && word[0] != '#')
            use(word, fmt::format("{}:{}", path, number));
    }
}

// A file that objects name: what was read of it, and how its last fetch ended.
struct FileLine {
    const LengthFileReport* report = nullptr;  // absent: it does not count
    std::string error;
};
using FileLines = std::map<std::string, FileLine>;  // by URL

FileLines files_of(const CliOptions& options, const LengthReport& report)
{
    FileLines out;
    const PrefixlenFiles fetched(options.state_dir + "/fetched/discovered");
    for (const LengthFileReport& file : report.files)
        out[file.url].report = &file;
    for (const auto& [url, state] : fetched.states(report.name)) {
        FileLine& line = out[url];
        line.error = state.error;
        if (!state.refused.empty() && line.error.empty())
            line.error = "a text of it is rolled back";
    }
    return out;
}

json to_json(const FileLines& files)
{
    json out = json::array();
    for (const auto& [url, line] : files) {
        json& file = out.emplace_back(json{{"url", url}, {"counts", line.report != nullptr}});
        file["error"] = or_null(line.error.empty() ? nullptr : line.error.c_str());
        if (line.report == nullptr)
            continue;
        const LengthFileReport& report = *line.report;
        file["origin"] = origin_name(report.origin);
        file["date"] = date_text(report.date);
        file["entries"] = report.entries;
        file["rejected"] = report.rejected;
        file["outside"] = report.outside;
        file["signature_error"] =
            or_null(report.signature.empty() ? nullptr : report.signature.c_str());
    }
    return out;
}

json to_json(const LengthReport& report, const char* format,
             const std::vector<SourceVersion>& versions, const FileLines& files)
{
    json kept = json::array();
    for (const SourceVersion& version : versions)
        kept.push_back(to_json(version));
    json out{{"name", report.name},
             {"format", format},
             {"origin", origin_name(report.origin)},
             {"applied", report.applied},
             {"file", report.path},
             {"age_seconds", report.date ? std::time(nullptr) - report.date : 0},
             {"entries", report.entries},
             {"rejected", report.rejected},
             {"version", report.version ? json(report.version->number) : json(nullptr)},
             {"versions", kept}};
    if (!files.empty())
        out["files"] = to_json(files);
    return out;
}

void print_source(const LengthReport& report, const char* format,
                  const std::vector<SourceVersion>& versions, const FileLines& files)
{
    const std::string age =
        report.date ? span_text(std::time(nullptr) - report.date) + " old, " : "";
    fmt::print("{} ({}, {}): {} entries, {} rejected, {}{}{}\n", report.name, format,
               origin_name(report.origin), report.entries, report.rejected, age, report.path,
               report.applied ? "" : "; shown only: `aggregation.learned` is not `apply`");
    for (const SourceVersion& v : versions)
        fmt::print("  version {} of {}{}{}\n", v.number, date_text(v.date),
                   v.refused ? ", rolled back" : "",
                   report.version && report.version->number == v.number ? ", in force" : "");
    for (const auto& [url, line] : files) {
        if (line.report != nullptr)
            fmt::print("  {} ({}, of {}): {} entries, {} rejected, {} of them outside{}\n", url,
                       origin_name(line.report->origin), date_text(line.report->date),
                       line.report->entries, line.report->rejected, line.report->outside,
                       line.error.empty() ? "" : "; " + line.error);
        else
            fmt::print("  {}: does not count{}\n", url,
                       line.error.empty() ? "" : "; " + line.error);
    }
}

// What is read is not replaced, nor what is no file, such as /dev/stdout.
void check_output(const Config& config, const std::string& path)
{
    if (!std::filesystem::exists(path))
        return;
    if (!std::filesystem::is_regular_file(path))
        throw std::runtime_error(path + ": is not a file; without -o all goes to standard output");
    std::vector<std::string> read = local_files(config);
    read.push_back(config.file);
    std::error_code ignored;
    for (const std::string& each : read)
        if (std::filesystem::equivalent(path, each, ignored))
            throw std::runtime_error(path +
                                     ": the configuration is, or reads, this file, so it is "
                                     "not replaced; name another one");
}

}  // namespace

int lengths_list(const CliOptions& options, const std::string& path)
{
    Config config = load(options, path);
    std::erase_if(config.length_feeds, [&](const LengthFeedConfig& feed) {
        const bool absent = feed.fetch.is_fetched() && feed.path.empty();
        if (absent)
            fmt::print(stderr, "{}: mxgated has not fetched it yet\n", feed.name);
        return absent;
    });
    const SourceVersions versions(options.state_dir + "/lengths");
    const LengthInputs inputs = read_length_sources(config, &versions);
    print_diagnostics(inputs.diagnostics);
    for (size_t i = 0; i < inputs.reports.size(); i++) {
        const LengthReport& report = inputs.reports[i];
        const char* format = format_name(config.length_feeds[i].format);
        const auto kept = versions.list(report.name);
        const auto files = files_of(options, report);
        if (options.json)
            fmt::print("{}\n", to_json(report, format, kept, files).dump());
        else
            print_source(report, format, kept, files);
    }
    return inputs.refused ? kExitError : 0;
}

int lengths_diff(const CliOptions& options, const LengthsRequest& request)
{
    const Config config = load(options, request.config);
    const LengthFeedConfig& feed = feed_of(config, request.name);
    const SourceVersions versions(options.state_dir + "/lengths");
    const std::vector<SourceVersion> kept = versions.list(feed.name);
    const auto path_of = [&](uint64_t number) {
        for (const SourceVersion& version : kept)
            if (version.number == number)
                return versions.path_of(feed.name, number);
        throw std::runtime_error(fmt::format(
            "version {} of {} is not kept; see `mxgate lengths list`", number, feed.name));
    };
    uint64_t from = request.from;
    if (from == 0) {
        // The file against what was in force before it.
        const VersionChoice now = versions.choose(feed.name, feed.path);
        for (const SourceVersion& version : kept)
            if (!version.refused &&
                (!now.version || now.refused || version.number < now.version->number))
                from = version.number;
        if (from == 0)
            throw std::runtime_error(feed.name + ": no earlier version is kept");
    }
    const LengthList before = read_good(config, feed, path_of(from));
    const LengthList after = read_good(config, feed, request.to ? path_of(request.to) : feed.path);
    for (const Change& change : compare(before, after))
        print_change(change, options.json);
    return 0;
}

int lengths_rollback(const CliOptions& options, const LengthsRequest& request)
{
    const Config config = load(options, request.config);
    const LengthFeedConfig& feed = feed_of(config, request.name);
    SourceVersions versions(options.state_dir + "/lengths");
    if (request.undo) {
        versions.forget_refusals(feed.name);
        if (!options.json)
            fmt::print("{}: nothing is rolled back any more\n", feed.name);
    } else {
        const SourceVersion now = versions.roll_back(feed.name, feed.path);
        if (options.json)
            fmt::print("{}\n", json{{"name", feed.name}, {"version", to_json(now)}}.dump());
        else
            fmt::print("{}: version {} of {} it is, until the source has a new one\n", feed.name,
                       now.number, date_text(now.date));
    }
    reload_gate(options);
    return 0;
}

int lengths_learn(const CliOptions& options, const LearnRequest& request)
{
    std::vector<mxg_prefix> prefixes;
    for (const std::string& path : request.prefixes)
        for_each_word(path, [&](std::string_view word, const std::string& where) {
            const auto parsed = parse_prefix(word);
            if (parsed)
                prefixes.push_back(parsed->prefix);
            else
                fmt::print(stderr, "{}: not a prefix: `{}`\n", where, word.substr(0, 64));
        });
    LengthLearner learner(std::move(prefixes));
    for_each_word(request.addresses, [&](std::string_view word, const std::string& where) {
        const auto address = parse_address(word);
        if (address)
            learner.observe(*address);
        else
            fmt::print(stderr, "{}: not an address: `{}`\n", where, word.substr(0, 64));
    });
    const std::vector<LearnedLength> hints = learner.hints();
    if (!options.json)
        fmt::print("{}", learned_csv(hints));
    for (const LearnedLength& hint : hints)
        if (options.json)
            fmt::print("{}\n", json{{"prefix", to_string(hint.prefix)},
                                    {"length", hint.length},
                                    {"confidence", hint.confidence},
                                    {"sites", hint.sites},
                                    {"networks", hint.networks},
                                    {"addresses", hint.observed}}
                                   .dump());
    return 0;
}

int export_lengths(const CliOptions& options, const ExportRequest& request)
{
    const Config config = load(options, request.config);
    std::vector<LengthList> lists(1);
    for (const LengthConfig& length : config.lengths)
        lists[0].add(length.prefix, length.length, length.end_sites,
                     static_cast<uint32_t>(length.where.line));
    for (const LengthFeedConfig& feed : config.length_feeds)
        if (origin_of(feed.format) == LengthOrigin::by_operator)
            lists.push_back(read_good(config, feed, feed.path));
    const PrefixlenFile file = export_prefixlen(lists);
    for (const std::string& note : file.notes)
        fmt::print(stderr, "{}\n", note);
    if (request.output.empty()) {
        fmt::print("{}", file.text);
        return 0;
    }
    check_output(config, request.output);
    write_durably(std::filesystem::weakly_canonical(request.output), file.text);
    if (options.json)
        fmt::print("{}\n", json{{"file", request.output}, {"entries", file.entries}}.dump());
    else
        fmt::print("{}: {} entries\n", request.output, file.entries);
    return 0;
}

}  // namespace mxgate
