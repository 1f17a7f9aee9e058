// SPDX-License-Identifier: BSD-2-Clause
// `what-if`: who of a log of arrivals a configuration would have denied or limited.
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <nlohmann/json.hpp>

#include "control/cli/offline.h"
#include "control/cli/verbs.h"
#include "control/net/address_text.h"
#include "control/table/compile.h"
#include "control/text/json.h"
#include "control/text/names.h"
#include "control/text/progress.h"
#include "control/whatif/trial.h"

namespace mxgate {
namespace {

using nlohmann::json;

constexpr uint64_t kMaxLogBytes = 1ULL << 40;  // unpacked

struct LogCounts {
    uint64_t lines = 0, rejected = 0, repeated = 0;
};

// A capture by the magic number of pcap (either byte order, micro- or nanoseconds) or pcapng.
bool is_capture(const std::string& path)
{
    uint32_t magic = 0;
    FeedInput input = FeedInput::of_file(path, kMaxLogBytes);
    if (input.read(&magic, sizeof(magic)) != sizeof(magic))
        return false;
    for (const uint32_t known : {0xa1b2c3d4u, 0xa1b23c4du, 0x0a0d0d0au})
        if (magic == known || magic == __builtin_bswap32(known))
            return true;
    return false;
}

void warn(const std::string& file, uint32_t line, const std::string& text)
{
    Diagnostic warning;
    warning.severity = Diagnostic::Severity::warning;
    warning.where.file = file;
    warning.where.line = static_cast<int>(line);
    warning.text = text;
    print_diagnostics({warning});
}

// `size`: of the file, 0 where it is not known; `written`: when it was last changed.
void read_log(const std::string& path, uint64_t size, int64_t written, Trial& trial,
              LogCounts& counts)
{
    Progress progress(path + ": arrivals", size);
    FeedInput input = FeedInput::of_file(path, kMaxLogBytes);
    const ArrivalLog log = read_arrivals(input, path, written, [&](const Arrival& arrival) {
        trial.arrive(arrival);
        progress.show(trial.all.attempts, input.bytes_read());
    });
    counts.lines += log.lines;
    counts.rejected += log.rejected;
    counts.repeated += log.repeated;
    for (const RejectedLine& line : log.rejects)
        warn(path, line.line, line.reason);
    if (log.rejected > log.rejects.size())
        warn(path, 0, fmt::format("{} more broken lines", log.rejected - log.rejects.size()));
    if (log.backwards)
        warn(path, *log.backwards,
             "earlier than what came before it: the clock stands still until the log has caught "
             "up; are the logs given in order?");
}

void read_frames(const std::string& path, Trial& trial)
{
    Progress progress(path + ": frames", 0);
    const CaptureReport report = read_capture(path, [&](const CapturedFrame& frame) {
        trial.see(frame);
        progress.show(frame.packet, 0);
    });
    if (report.skipped_link + report.skipped_size > 0)
        warn(path, 0,
             fmt::format("{} frames skipped: neither Ethernet nor raw IP, over 64 KiB, or under "
                         "14 bytes",
                         report.skipped_link + report.skipped_size));
    if (!report.warning.empty())
        warn(path, 0, report.warning);
}

// Told by content, which standard input does not show twice.
void read_trace(const std::string& path, Trial& trial, LogCounts& counts)
{
    struct stat status {
    };
    if (path == "-")
        return read_log(path, 0, std::time(nullptr), trial, counts);
    if (::stat(path.c_str(), &status) != 0)
        throw std::runtime_error(path + ": " + std::strerror(errno));
    if (!S_ISREG(status.st_mode))
        throw std::runtime_error(path +
                                 ": not a file; what another program writes is read from "
                                 "standard input, `--trace -`");
    if (is_capture(path))
        return read_frames(path, trial);
    read_log(path, static_cast<uint64_t>(status.st_size), status.st_mtime, trial, counts);
}

// --- what came of it

json to_json(const char* by, const Tally& tally)
{
    return {{"by", by},
            {"attempts", tally.attempts},
            {"passed", tally.attempts - tally.hit()},
            {"denied", tally.denied},
            {"limited", tally.limited}};
}

template <typename Key>
uint64_t times_hit(const std::map<Key, uint64_t>& hits, Key key)
{
    const auto at = hits.find(key);
    return at == hits.end() ? 0 : at->second;
}

// How many senders `key` hit, of those that `hits` picks.
template <typename Key>
uint64_t senders_hit(const Trial& trial, std::map<Key, uint64_t> SenderTally::*hits, Key key)
{
    return static_cast<uint64_t>(
        std::count_if(trial.senders.begin(), trial.senders.end(),
                      [&](const auto& sender) { return times_hit(sender.second.*hits, key) > 0; }));
}

json class_lines(const Trial& trial, const TableInfo& info)
{
    json out = json::array();
    for (uint8_t id = 0; id < info.classes.size(); id++) {
        const auto at = trial.classes.find(id);
        json line = to_json("class", at == trial.classes.end() ? Tally() : at->second);
        line["class"] = info.classes[id].name;
        line["action"] = info.classes[id].action;
        line["senders_hit"] = senders_hit(trial, &SenderTally::hit_by_class, id);
        out.push_back(std::move(line));
    }
    return out;
}

// The default class, where no feed decides, comes last.
json feed_lines(const Trial& trial, const TableInfo& info)
{
    std::vector<uint16_t> ids;
    for (size_t id = 0; id < info.feeds.size(); id++)
        ids.push_back(static_cast<uint16_t>(id));
    ids.push_back(MXG_NO_FEED);
    json out = json::array();
    for (const uint16_t id : ids) {
        const auto at = trial.feeds.find(id);
        json line = to_json("feed", at == trial.feeds.end() ? Tally() : at->second);
        line["feed"] = or_null(feed_name(info, id));
        line["senders_hit"] = senders_hit(trial, &SenderTally::hit_by_feed, id);
        out.push_back(std::move(line));
    }
    return out;
}

json sender_line(const std::string& name, const SenderTally& sender, const TableInfo& info)
{
    json feeds = json::array(), classes = json::array(), reasons = json::array();
    for (const auto& [feed, count] : sender.hit_by_feed)
        feeds.push_back({{"feed", or_null(feed_name(info, feed))}, {"hit", count}});
    for (const auto& [id, count] : sender.hit_by_class)
        classes.push_back({{"class", or_null(class_name(info, id))}, {"hit", count}});
    for (const auto& [reason, count] : sender.hit_by_reason)
        reasons.push_back({{"reason", reason_name(reason)}, {"hit", count}});
    json out = to_json("sender", sender);
    out.update({{"sender", name},
                {"feeds", feeds},
                {"classes", classes},
                {"reasons", reasons},
                {"prefixes_hit", sender.prefixes_hit.size()},
                {"example", to_string(sender.example)},
                {"first_hit", static_cast<double>(sender.first_hit_us) / 1e6},
                {"last_hit", static_cast<double>(sender.last_hit_us) / 1e6}});
    return out;
}

// Those hit, the most hit first.
json sender_lines(const Trial& trial, const TableInfo& info, size_t limit)
{
    std::vector<const std::pair<const std::string, SenderTally>*> hit;
    for (const auto& sender : trial.senders)
        if (sender.second.hit() > 0)
            hit.push_back(&sender);
    std::sort(hit.begin(), hit.end(), [](const auto* a, const auto* b) {
        return a->second.hit() != b->second.hit() ? a->second.hit() > b->second.hit()
                                                  : a->first < b->first;
    });
    hit.resize(std::min(hit.size(), limit));
    json out = json::array();
    for (const auto* sender : hit)
        out.push_back(sender_line(sender->first, sender->second, info));
    return out;
}

json summary_of(const Trial& trial, const LogCounts& counts)
{
    json out = to_json("all", trial.all);
    const auto hit = std::count_if(trial.senders.begin(), trial.senders.end(),
                                   [](const auto& sender) { return sender.second.hit() > 0; });
    const auto time = [&](uint64_t time_us) {
        return trial.all.attempts > 0 ? json(static_cast<double>(time_us) / 1e6) : json(nullptr);
    };
    out.update({{"senders", trial.senders.size()},
                {"senders_hit", hit},
                {"monitored", trial.monitored},
                {"unjudged", trial.unjudged},
                {"local", trial.local},
                {"unserved", trial.unserved},
                {"repeated", counts.repeated},
                {"lines", counts.lines},
                {"rejected", counts.rejected},
                {"first", time(trial.first_us)},
                {"last", time(trial.last_us)}});
    return out;
}

// --- as text

uint64_t number(const json& line, const char* key)
{
    return line[key].get<uint64_t>();
}

// As wide as the longest of `key`.
size_t width_of(const json& lines, const char* key, size_t least)
{
    for (const json& line : lines)
        if (line[key].is_string())
            least = std::max(least, line[key].get_ref<const std::string&>().size());
    return least;
}

void print_tallies(const json& lines, const char* by, const std::string& none)
{
    const size_t width = width_of(lines, by, std::max<size_t>(none.size(), 16));
    fmt::print("\n{:<{}} {:>10} {:>10} {:>10} {:>10} {:>8}\n", by, width, "attempts", "passed",
               "denied", "limited", "senders");
    for (const json& line : lines)
        fmt::print("{:<{}} {:>10} {:>10} {:>10} {:>10} {:>8}\n",
                   line[by].is_null() ? none : line[by].get<std::string>(), width,
                   number(line, "attempts"), number(line, "passed"), number(line, "denied"),
                   number(line, "limited"), number(line, "senders_hit"));
}

void print_senders(const json& lines, const std::string& none)
{
    const size_t width = width_of(lines, "sender", 16);
    fmt::print("\n{:<{}} {:>10} {:>10} {:>10} {:>8}  {}\n", "sender", width, "attempts", "denied",
               "limited", "prefixes", "for example; by");
    for (const json& line : lines) {
        std::string feeds;
        for (const json& feed : line["feeds"])
            feeds += (feeds.empty() ? "" : ", ") +
                     (feed["feed"].is_null() ? none : feed["feed"].get<std::string>());
        fmt::print("{:<{}} {:>10} {:>10} {:>10} {:>8}  {}; {}\n", line["sender"].get<std::string>(),
                   width, number(line, "attempts"), number(line, "denied"), number(line, "limited"),
                   number(line, "prefixes_hit"), line["example"].get<std::string>(), feeds);
    }
}

std::string day_text(const json& time)
{
    return fmt::format("{:%Y-%m-%d %H:%M}", fmt::gmtime(static_cast<time_t>(time.get<double>())));
}

void print_note(uint64_t count, const char* text)
{
    if (count > 0)
        fmt::print("{} {}\n", count, text);
}

void print_summary(const json& all)
{
    fmt::print("{} connection attempts", number(all, "attempts"));
    if (!all["first"].is_null())
        fmt::print(" from {} to {} (UTC)", day_text(all["first"]), day_text(all["last"]));
    fmt::print(": {} would be denied, {} limited; {} of {} senders are hit\n",
               number(all, "denied"), number(all, "limited"), number(all, "senders_hit"),
               number(all, "senders"));
    print_note(number(all, "monitored"), "of those would pass all the same, by mode: monitor");
    print_note(number(all, "unjudged"),
               "of those denied are malformed, fragments or without a possible source");
    print_note(number(all, "local"), "not counted: from this host, not over the network");
    print_note(number(all, "unserved"),
               "not counted: no service of the configuration has an address of their family");
    print_note(number(all, "repeated"), "not counted: smtpd's, which postscreen had before");
    print_note(number(all, "rejected"), "broken lines");
}

}  // namespace

int what_if(const CliOptions& options, const WhatIfRequest& request)
{
    const ConfigResult loaded = load_config(request.config);
    print_diagnostics(loaded.diagnostics);
    if (!loaded.config)
        return kExitError;
    const CompileResult compiled =
        compile_offline(*loaded.config, options.state_dir, {request.fetch, false}, 1, nullptr);
    print_diagnostics(compiled.diagnostics);
    if (!compiled.table)
        return kExitError;
    Trial trial(*loaded.config, *compiled.table);
    LogCounts counts;
    for (const std::string& path : request.traces)
        read_trace(path, trial, counts);

    const TableInfo& info = compiled.table->info;
    const json classes = class_lines(trial, info), feeds = feed_lines(trial, info),
               senders = sender_lines(trial, info, request.limit), all = summary_of(trial, counts);
    if (options.json) {
        for (const json* lines : {&classes, &feeds, &senders})
            for (const json& line : *lines)
                fmt::print("{}\n", line.dump(-1, ' ', false, json::error_handler_t::replace));
        fmt::print("{}\n", all.dump());
        return 0;
    }
    print_summary(all);
    print_tallies(classes, "class", "");
    const std::string none = fmt::format("(default class {})", info.default_class);
    print_tallies(feeds, "feed", none);
    if (!senders.empty())
        print_senders(senders, none);
    return 0;
}

}  // namespace mxgate
