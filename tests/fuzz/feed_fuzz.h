// SPDX-License-Identifier: BSD-2-Clause
// What must hold for any bytes given as a feed.
#pragma once

#include <cstdint>
#include <cstdlib>

#include "control/feeds/feed.h"
#include "control/net/address_text.h"

namespace mxgate {

inline int fuzz_feed(const uint8_t* data, size_t size, FeedConfig config)
{
    config.path = "feed";
    config.max_size = 1 << 20;
    const Feed feed = parse_feed({reinterpret_cast<const char*>(data), size}, config);
    if (feed.rejected > feed.lines || feed.rejects.size() > kRejectsKept ||
        feed.skipped > feed.lines - feed.rejected || feed.warnings.size() > kRejectsKept)
        abort();
    for (const FeedEntry& entry : feed.entries) {
        const auto back = parse_prefix(to_string(entry.prefix));
        if (!back || back->host_bits_set || back->prefix.length != entry.prefix.length ||
            !mxg_same_address(back->prefix.address, entry.prefix.address))
            abort();
        if (entry.value != kNoValue && entry.value >= config.map.size())
            abort();
    }
    // Messages go to terminals and into JSON.
    for (const RejectedLine& reject : feed.rejects)
        for (const char c : reject.reason)
            if (c < ' ' || c > '~')
                abort();
    return 0;
}

inline int fuzz_feed(const uint8_t* data, size_t size, FeedFormat format)
{
    FeedConfig config;
    config.format = format;
    return fuzz_feed(data, size, std::move(config));
}

}  // namespace mxgate
