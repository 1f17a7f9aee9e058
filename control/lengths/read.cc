// SPDX-License-Identifier: BSD-2-Clause
#include "control/lengths/read.h"

#include <fmt/format.h>

#include "control/lengths/csv.h"
#include "control/lengths/discovered.h"
#include "control/lengths/rpsl.h"

namespace mxgate {
namespace {

LengthList read_format(const LengthFeedConfig& feed, FeedInput& input)
{
    switch (feed.format) {
        case LengthFormat::prefixlen:
        case LengthFormat::learned:
            return read_prefixlen(input);
        case LengthFormat::rpsl:
            return read_registry(input, {false, feed.assigned});
        case LengthFormat::nrtm4:
            return read_registry(input, {true, feed.assigned});
        case LengthFormat::geofeed:
            return read_geofeed(input);
        case LengthFormat::csv:
            return read_csv(input, {feed.prefix_column, feed.length_column, feed.end_sites_column});
    }
    return {};
}

void require_entries(const LengthFeedConfig& feed, LengthList& list)
{
    if (list.error.empty())
        list.error = fault_of_count(feed, list.entries.size());
}

}  // namespace

std::string fault_of_count(const LengthFeedConfig& feed, uint64_t entries)
{
    if (entries >= feed.min_entries)
        return {};
    return fmt::format("{} valid entries, fewer than the {} of `guard.min_entries`", entries,
                       feed.min_entries);
}

const char* format_name(LengthFormat format)
{
    static constexpr const char* kNames[] = {"prefixlen", "rpsl", "nrtm4",
                                             "geofeed",   "csv",  "learned"};
    return kNames[static_cast<size_t>(format)];
}

LengthOrigin origin_of(LengthFormat format)
{
    switch (format) {
        case LengthFormat::prefixlen:
            return LengthOrigin::prefixlen;
        case LengthFormat::rpsl:
        case LengthFormat::nrtm4:
            return LengthOrigin::registry;
        case LengthFormat::geofeed:
        case LengthFormat::csv:
            return LengthOrigin::by_operator;
        case LengthFormat::learned:
            return LengthOrigin::learned;
    }
    return LengthOrigin::by_default;
}

LengthList read_lengths(const LengthFeedConfig& feed, FeedInput& input)
{
    LengthList list = read_format(feed, input);
    require_entries(feed, list);
    return list;
}

SignedFile read_signed_file(const LengthFeedConfig& feed, const std::string& path,
                            const TrustStore& trust)
{
    constexpr size_t kMaxSigned = 64 << 20;
    SignedFile out;
    FeedInput file = FeedInput::of_file(path, kMaxSigned);
    std::string text;
    char piece[65536];
    while (const size_t bytes = file.read(piece, sizeof(piece)))
        text.append(piece, bytes);
    if (file.failure()) {
        out.list.error = *file.failure();
        return out;
    }
    FeedInput input = FeedInput::of_text(text, kMaxSigned);
    out.list = read_lengths(feed, input);
    if (out.list.error.empty())
        out.signature = trust.check(text, out.list);
    return out;
}

LengthList read_length_file(const LengthFeedConfig& feed, const std::string& path)
{
    FeedInput input = FeedInput::of_file(path, kMaxUnpacked);
    if (!feed.fetch.discovers())
        return read_lengths(feed, input);
    LengthList list = merge(read_discovered(input, nullptr));
    require_entries(feed, list);
    return list;
}

}  // namespace mxgate
