// SPDX-License-Identifier: BSD-2-Clause
#include "tests/reference/policy_case.h"

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "control/net/address_text.h"

namespace mxgate::reference {
namespace {

std::string all_texts(const std::vector<Diagnostic>& diagnostics)
{
    std::string out;
    for (const Diagnostic& diagnostic : diagnostics)
        out += mxgate::to_string(diagnostic) + "\n";
    return out;
}

}  // namespace

TemporaryFolder::TemporaryFolder()
{
    std::string pattern = (std::filesystem::temp_directory_path() / "mxgate-test-XXXXXX").string();
    if (!::mkdtemp(pattern.data()))
        throw std::runtime_error("no temporary folder");
    path_ = pattern;
}

TemporaryFolder::~TemporaryFolder()
{
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

PolicyCase PolicyCase::from_yaml(const std::string& yaml)
{
    ConfigResult read = parse_config(yaml, "/etc/mxgate/case.yaml");
    if (!read.config)
        throw std::runtime_error(all_texts(read.diagnostics));
    PolicyCase out;
    out.config = std::move(*read.config);
    out.feeds.resize(out.config.feeds.size());
    return out;
}

size_t PolicyCase::add_feed(const std::string& name, const std::string& class_name, int priority)
{
    FeedConfig feed;
    feed.name = name;
    feed.class_name = class_name;
    feed.priority = priority;
    feed.min_entries = 0;
    config.feeds.push_back(feed);
    feeds.emplace_back();
    return feeds.size() - 1;
}

void PolicyCase::add(size_t feed, const std::string& text, bool exclusion)
{
    feeds[feed].push_back({prefix(text), exclusion});
}

void PolicyCase::add_length(const std::string& text, uint32_t length, uint32_t end_sites)
{
    add_length(prefix(text), length, end_sites);
}

void PolicyCase::add_length(const Prefix& where, uint32_t length, uint32_t end_sites)
{
    LengthConfig entry;
    entry.prefix = to_core(where);
    entry.length = length;
    entry.end_sites = end_sites;
    config.lengths.push_back(entry);
}

size_t PolicyCase::add_length_feed(const std::string& name, LengthFormat format)
{
    LengthFeedConfig feed;
    feed.name = name;
    feed.format = format;
    feed.min_entries = 0;
    config.length_feeds.push_back(feed);
    length_feeds.emplace_back();
    return length_feeds.size() - 1;
}

// In the format of each. What a registry has assigned has its own length.
void PolicyCase::write_lengths(Config& into, const std::string& folder) const
{
    for (size_t i = 0; i < length_feeds.size(); i++) {
        LengthFeedConfig& feed = into.length_feeds[i];
        feed.path = folder + "/" + feed.name;
        std::ofstream file(feed.path);
        if (feed.format == LengthFormat::csv)
            file << "prefix;length;end_sites\n";
        for (const LengthLine& line : length_feeds[i]) {
            const std::string where = to_string(line.prefix);
            const std::string sites = line.end_sites ? std::to_string(line.end_sites) : "";
            if (feed.format == LengthFormat::rpsl)
                file << (line.prefix.first.family == 4 ? "inetnum: " : "inet6num: ") << where
                     << (static_cast<int>(line.length) == line.prefix.length
                             ? "\nstatus: ASSIGNED\n\n"
                             : fmt::format("\nstatus: AGGREGATED-BY-LIR\nassignment-size: {}\n\n",
                                           line.length));
            else if (feed.format == LengthFormat::csv)
                file << where << ';' << line.length << ';' << sites << '\n';
            else
                file << where << ',' << line.length << ',' << sites << "\r\n";
        }
    }
}

CompileResult PolicyCase::compile_all(uint64_t generation) const
{
    const TemporaryFolder folder;
    Config with_files = config;
    for (size_t i = 0; i < feeds.size(); i++) {
        FeedConfig& feed = with_files.feeds[i];
        feed.path = folder.path() + "/" + feed.name;
        std::ofstream file(feed.path);
        for (const FeedLine& line : feeds[i])
            file << (line.exclusion ? "!" : "") << to_string(line.prefix) << '\n';
    }
    write_lengths(with_files, folder.path());
    CompileResult result = mxgate::compile(with_files, generation);
    if (!result.table)
        throw std::runtime_error(all_texts(result.diagnostics));
    return result;
}

PolicyTable PolicyCase::compile(uint64_t generation) const
{
    return std::move(*compile_all(generation).table);
}

PolicyMap PolicyCase::reference() const
{
    PolicyMap out(config.default_class, static_cast<int>(config.default_length_ipv4),
                  static_cast<int>(config.default_length_ipv6));
    for (const FeedConfig& feed : config.feeds)
        out.add_feed({feed.name, feed.class_name, feed.priority, feed.widen});
    for (size_t i = 0; i < feeds.size(); i++)
        for (const FeedLine& line : feeds[i])
            out.add_entry(i, line.prefix, line.exclusion);
    const size_t own = out.add_length_source(0);
    for (const LengthConfig& length : config.lengths) {
        if (length.length != 0)
            out.add_length(own, from(length.prefix), static_cast<int>(length.length));
        if (length.end_sites != 0)
            out.add_end_sites(own, from(length.prefix), length.end_sites);
    }
    for (size_t i = 0; i < length_feeds.size(); i++) {
        const LengthFormat format = config.length_feeds[i].format;
        if (format == LengthFormat::learned && !config.apply_learned)
            continue;
        const bool own_table = format == LengthFormat::csv || format == LengthFormat::geofeed;
        const size_t source = out.add_length_source(own_table                           ? 0
                                                    : format == LengthFormat::prefixlen ? 1
                                                    : format == LengthFormat::learned   ? 3
                                                                                        : 2);
        for (const LengthLine& line : length_feeds[i]) {
            out.add_length(source, line.prefix, static_cast<int>(line.length));
            if (line.end_sites != 0 && format != LengthFormat::rpsl)
                out.add_end_sites(source, line.prefix, line.end_sites);
        }
    }
    out.add_end_sites(out.add_length_source(4), prefix("100.64.0.0/10"), config.shared_cap);
    return out;
}

Prefix prefix(const std::string& text)
{
    const auto parsed = parse_prefix(text);
    if (!parsed || parsed->host_bits_set)
        throw std::runtime_error("not a prefix: " + text);
    return from(parsed->prefix);
}

Address address(const std::string& text)
{
    const auto parsed = parse_address(text);
    if (!parsed)
        throw std::runtime_error("not an address: " + text);
    return from(*parsed);
}

}  // namespace mxgate::reference
