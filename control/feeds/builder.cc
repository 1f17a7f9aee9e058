// SPDX-License-Identifier: BSD-2-Clause
#include "control/feeds/builder.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "control/config/text.h"
#include "control/feeds/nesting.h"
#include "control/feeds/words.h"
#include "control/net/address_text.h"
#include "control/net/ranges.h"

namespace mxgate {
namespace {

// Ranges can multiply: one line may become 254 prefixes. Above what any table takes, below what
// would hurt the host.
constexpr size_t kMaxEntries = 1 << 24;

}  // namespace

bool FeedBuilder::is_full() const
{
    return feed_.entries.size() > kMaxEntries;
}

uint8_t FeedBuilder::value_of(std::string_view value) const
{
    for (size_t i = 0; i < config_.map.size(); i++)
        if (config_.map[i].value == value)
            return static_cast<uint8_t>(i);
    return config_.class_name.empty() ? kSkipped : kNoValue;
}

void FeedBuilder::add(const mxg_prefix& prefix, uint32_t line, Listing what)
{
    FeedEntry entry;
    entry.prefix = prefix;
    entry.line = line;
    entry.value = what.value;
    entry.exclusion = what.exclusion;
    feed_.entries.push_back(entry);
}

void FeedBuilder::add_prefix(std::string_view text, uint32_t line, Listing what)
{
    const auto parsed = parse_prefix(text);
    if (!parsed) {
        reject(line, "not a prefix: " + show(text));
        return;
    }
    if (parsed->host_bits_set)
        warn(line, fmt::format("host bits are set; {} is read as {}", show(text),
                               to_string(parsed->prefix)));
    add(parsed->prefix, line, what);
}

void FeedBuilder::add_numbers(Wide first, Wide last, uint32_t family, uint32_t line, Listing what)
{
    split_range(first, last, family, [&](const mxg_prefix& prefix) { add(prefix, line, what); });
}

void FeedBuilder::add_range(std::string_view first, std::string_view last, uint32_t line,
                            Listing what)
{
    const auto from = parse_address(first);
    const auto to = parse_address(last);
    const auto bad = [&](std::string_view what_is_wrong) {
        reject(line, fmt::format("{}: {}", what_is_wrong,
                                 show(std::string(first) + "-" + std::string(last))));
    };
    if (!from || !to)
        bad("not a range of addresses");
    else if (from->family != to->family)
        bad("a range of two address families");
    else if (number_of(*from) > number_of(*to))
        bad("a range that runs backwards");
    else
        add_numbers(number_of(*from), number_of(*to) | rest_of(mxg_family_bits(to->family)),
                    from->family, line, what);
}

void FeedBuilder::add_text(std::string_view text, uint32_t line, Listing what)
{
    const size_t dash = text.find('-');
    if (dash == std::string_view::npos)
        add_prefix(text, line, what);
    else
        add_range(trim(text.substr(0, dash)), trim(text.substr(dash + 1)), line, what);
}

void FeedBuilder::reject(uint32_t line, std::string reason)
{
    feed_.rejected++;
    if (has_room_for_reject(feed_.rejects.size()))
        feed_.rejects.push_back({line, std::move(reason), {}});
}

void FeedBuilder::warn(uint32_t line, std::string text, const std::string& file)
{
    feed_.warning_count++;
    if (feed_.warnings.size() >= kRejectsKept)
        return;
    Diagnostic diagnostic;
    diagnostic.severity = Diagnostic::Severity::warning;
    diagnostic.where.file = file.empty() ? config_.path : file;
    diagnostic.where.line = static_cast<int>(line);
    diagnostic.text = std::move(text);
    feed_.warnings.push_back(std::move(diagnostic));
}

void FeedBuilder::refuse(std::string reason)
{
    Diagnostic diagnostic;
    diagnostic.where.file = config_.path;
    diagnostic.text = std::move(reason);
    feed_.errors.push_back(std::move(diagnostic));
}

void FeedBuilder::append(Feed&& part, const std::string& file)
{
    feed_.entries.insert(feed_.entries.end(), part.entries.begin(), part.entries.end());
    feed_.lines += part.lines;
    feed_.rejected += part.rejected;
    feed_.skipped += part.skipped;
    feed_.warning_count += part.warning_count;
    for (RejectedLine& line : part.rejects)
        if (has_room_for_reject(feed_.rejects.size())) {
            line.file = file;
            feed_.rejects.push_back(std::move(line));
        }
    for (Diagnostic& warning : part.warnings)
        if (feed_.warnings.size() < kRejectsKept)
            feed_.warnings.push_back(std::move(warning));
    std::move(part.errors.begin(), part.errors.end(), std::back_inserter(feed_.errors));
}

void FeedBuilder::settle(Nesting nesting, size_t from, bool cut)
{
    if (nesting == Nesting::first)
        drop_covered(feed_.entries, from);
    else if (nesting == Nesting::octets)
        drop_excluded_by_octet(feed_.entries, from);
    settle_nested(feed_.entries, from, cut || one_of_many_, kMaxEntries);
}

Feed FeedBuilder::finish()
{
    std::erase_if(feed_.entries, [](const FeedEntry& e) { return e.value == kSkipped; });
    const uint64_t good = feed_.lines - feed_.rejected - feed_.skipped;
    if (is_full())
        refuse(fmt::format("more than {} prefixes", kMaxEntries));
    else if (feed_.rejected > feed_.lines - feed_.rejected)
        refuse(fmt::format("{} of {} lines are broken; the first is line {}: {}", feed_.rejected,
                           feed_.lines, feed_.rejects[0].line, feed_.rejects[0].reason));
    else if (good < config_.min_entries)
        refuse(fmt::format("{} valid entries, fewer than the {} of `guard.min_entries`", good,
                           config_.min_entries));
    return take();
}

}  // namespace mxgate
