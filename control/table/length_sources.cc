// SPDX-License-Identifier: BSD-2-Clause
#include "control/table/length_sources.h"

#include <algorithm>
#include <optional>

#include "control/config/open_file.h"
#include "control/lengths/discovered.h"
#include "control/lengths/read.h"

namespace mxgate {
namespace {

// Of a mapped prefix the length counts from the IPv4 address on, like the prefix's own.
uint8_t site_length_in(const TableEntry& entry, const mxg_prefix& written, uint32_t site_length)
{
    const bool mapped = entry.family != written.address.family;
    if (mapped && site_length != 0)
        site_length = std::max(site_length, 97u) - 96;
    return static_cast<uint8_t>(site_length);
}

class Collector
{
public:
    Collector(const Config& config, const SourceVersions* versions)
        : config_(config), versions_(versions)
    {
    }

    LengthInputs collect()
    {
        add_configuration();
        open_trust_store();
        for (const LengthFeedConfig& feed : config_.length_feeds)
            add_feed(feed);
        add_standard();
        return std::move(out_);
    }

private:
    void add_configuration()
    {
        LengthSourceInfo info;
        info.name = "configuration";
        info.path = config_.file;
        info.date = date_of(config_.file);
        const uint16_t number = add_source(std::move(info));
        for (const LengthConfig& length : config_.lengths) {
            TableEntry entry = table_entry(length.prefix, static_cast<uint32_t>(length.where.line));
            entry.feed = number;
            entry.site_length = site_length_in(entry, length.prefix, length.length);
            add_entry(entry, length.end_sites);
        }
    }

    // RFC 6598: what a CGN has inside. How many are behind an address nobody says, so as many as
    // count at all.
    void add_standard()
    {
        LengthSourceInfo info;
        info.name = "RFC 6598";
        info.origin = LengthOrigin::by_default;
        TableEntry entry = table_entry({{0x64400000ULL << 32, 0, MXG_FAMILY_IPV4, 0}, 10}, 0);
        entry.feed = add_source(std::move(info));
        add_entry(entry, config_.shared_cap);
        out_.standard = 1;
    }

    void add_entry(const TableEntry& entry, uint32_t end_sites)
    {
        if (end_sites != 0)
            out_.shared.push_back({static_cast<uint32_t>(out_.entries.size()), end_sites});
        out_.entries.push_back(entry);
    }

    void open_trust_store()
    {
        if (config_.trust_store.empty())
            return;
        try {
            trust_.emplace(config_.trust_store, config_.crls);
        } catch (const std::runtime_error& error) {
            diagnose_one(Diagnostic::Severity::error, config_.file, 0,
                         std::string("aggregation.trust_store, crls: ") + error.what());
            out_.refused = true;
        }
    }

    uint16_t add_source(LengthSourceInfo info)
    {
        const auto number = static_cast<uint16_t>(kLengthSource | out_.sources.size());
        out_.sources.push_back(std::move(info));
        return number;
    }

    void add_feed(const LengthFeedConfig& feed)
    {
        LengthReport report;
        report.name = feed.name;
        report.path = choose(feed, report);
        report.date = date_of(report.path);
        report.sources = static_cast<uint32_t>(out_.sources.size());
        if (feed.fetch.discovers())
            add_discovered(feed, report);
        else
            add_list(feed, report);
        report.sources_end = static_cast<uint32_t>(out_.sources.size());
        out_.reports.push_back(std::move(report));
    }

    void add_list(const LengthFeedConfig& feed, LengthReport& report)
    {
        LengthSourceInfo info;
        info.name = feed.name;
        info.path = report.path;
        info.date = report.date;
        const LengthList list = read(feed, info);
        info.applied = info.origin != LengthOrigin::learned || config_.apply_learned;
        report.origin = info.origin;
        report.applied = info.applied;
        take_counts(list, report);
        diagnose(list, info.path);
        add_entries(list, add_source(std::move(info)));
    }

    // Each file is a source of its own, so that `explain` can name it.
    void add_discovered(const LengthFeedConfig& feed, LengthReport& report)
    {
        FeedInput input = FeedInput::of_file(report.path, kMaxUnpacked);
        DiscoveredList found = read_discovered(input, trust_ ? &*trust_ : nullptr);
        report.origin = LengthOrigin::prefixlen;
        for (const DiscoveredFile& file : found.files) {
            take_log(file, found.log);
            report.entries += file.list.entries.size();
        }
        found.log.error = found.error.empty() ? fault_of_count(feed, report.entries) : found.error;
        take_counts(found.log, report);
        diagnose(found.log, report.path);
        for (const DiscoveredFile& file : found.files) {
            report.files.push_back({file.url, file.origin, file.date, file.list.entries.size(),
                                    file.list.rejected, file.outside, file.signature});
            LengthSourceInfo info;
            info.name = feed.name;
            info.path = file.url;
            info.origin = file.origin;
            info.date = file.date;
            add_entries(file.list, add_source(std::move(info)));
        }
    }

    static void take_counts(const LengthList& log, LengthReport& report)
    {
        report.entries += log.entries.size();
        report.rejected = log.rejected;
        report.ignored = log.ignored;
        report.rejects = log.rejects;
    }

    // The file to read: the feed's own, or a version of it.
    std::string choose(const LengthFeedConfig& feed, LengthReport& report)
    {
        if (versions_ == nullptr)
            return feed.path;
        const VersionChoice choice = versions_->choose(feed.name, feed.path);
        report.version = choice.version;
        if (choice.refused)
            diagnose_one(Diagnostic::Severity::warning, feed.path, 0,
                         "this version is rolled back; read instead: " + choice.path);
        return choice.path;
    }

    // Sets the origin, which a signature raises.
    LengthList read(const LengthFeedConfig& feed, LengthSourceInfo& info)
    {
        info.origin = origin_of(feed.format);
        if (!trust_ || feed.format != LengthFormat::prefixlen)
            return read_length_file(feed, info.path);
        SignedFile file = read_signed_file(feed, info.path, *trust_);
        if (file.signature.state == SignatureCheck::State::valid)
            info.origin = LengthOrigin::signed_prefixlen;
        if (file.signature.state == SignatureCheck::State::invalid)
            file.list.warn(0,
                           "taken as unsigned, because of its signature: " + file.signature.reason);
        return std::move(file.list);
    }

    void add_entries(const LengthList& list, uint16_t number)
    {
        out_.entries.reserve(out_.entries.size() + list.entries.size());
        for (const LengthEntry& from : list.entries) {
            TableEntry entry = table_entry(prefix_of(from), from.line);
            entry.feed = number;
            entry.site_length = site_length_in(entry, prefix_of(from), from.site_length);
            add_entry(entry, from.end_sites);
        }
    }

    void diagnose_one(Diagnostic::Severity severity, const std::string& path, uint32_t line,
                      std::string text)
    {
        Diagnostic diagnostic;
        diagnostic.severity = severity;
        diagnostic.where = {path, static_cast<int>(line), 0};
        diagnostic.text = std::move(text);
        out_.diagnostics.push_back(std::move(diagnostic));
    }

    void diagnose(const LengthList& list, const std::string& path)
    {
        const auto warn = [&](uint32_t line, std::string text) {
            diagnose_one(Diagnostic::Severity::warning, path, line, std::move(text));
        };
        if (!list.error.empty()) {
            diagnose_one(Diagnostic::Severity::error, path, 0, list.error);
            out_.refused = true;
        }
        for (const RejectedLine& line : list.warnings)
            warn(line.line, line.reason);
        if (list.warning_count > list.warnings.size())
            warn(0, std::to_string(list.warning_count - list.warnings.size()) + " more warnings");
        for (const RejectedLine& line : list.rejects)
            warn(line.line, line.reason);
        if (list.rejected > list.rejects.size())
            warn(0, std::to_string(list.rejected - list.rejects.size()) +
                        " more entries are rejected");
    }

    const Config& config_;
    const SourceVersions* versions_;
    std::optional<TrustStore> trust_;
    LengthInputs out_;
};

}  // namespace

LengthInputs read_length_sources(const Config& config, const SourceVersions* versions)
{
    return Collector(config, versions).collect();
}

}  // namespace mxgate
