// SPDX-License-Identifier: BSD-2-Clause
#include "control/gate/sources.h"

namespace mxgate {
namespace {

constexpr uint64_t kMaxLengthBytes = 1ULL << 30;

}  // namespace

std::vector<Source> sources_of(const Config& config)
{
    std::vector<Source> out;
    const auto add = [&](const auto& feed, bool lengths, uint64_t max_size) {
        Source& source = out.emplace_back();
        source.key.lengths = lengths;
        source.key.name = feed.name;
        source.path = feed.path;
        source.fetch = feed.fetch;
        source.expire_ns = feed.expire_ns;
        source.max_size = max_size;
    };
    for (const FeedConfig& feed : config.feeds)
        add(feed, false, feed.max_size);
    for (const LengthFeedConfig& feed : config.length_feeds) {
        add(feed, true, kMaxLengthBytes);
        out.back().nrtm = feed.format == LengthFormat::nrtm4;
    }
    return out;
}

}  // namespace mxgate
