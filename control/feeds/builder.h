// SPDX-License-Identifier: BSD-2-Clause
// What the reader of a format tells of a feed, line by line.
#pragma once

#include "control/feeds/feed.h"

namespace mxgate {

// What one entry says of its addresses: which value, or that they are carved out.
struct Listing {
    uint8_t value = kNoValue;
    bool exclusion = false;
};

// How entries of one feed that contain each other agree, where the format says so.
enum class Nesting {
    longest,  // the longest prefix decides, be it an exclusion or not
    octets,   // likewise, but exclusions as in rbldnsd's ip4set
    first,    // the entry that was added first decides
};

class FeedBuilder
{
public:
    // `one_of_many`: one file of several that make up the feed.
    explicit FeedBuilder(const FeedConfig& config, bool one_of_many = false)
        : config_(config), one_of_many_(one_of_many)
    {
    }

    const FeedConfig& config() const { return config_; }
    // No more entries fit: a reader may stop.
    bool is_full() const;

    // A line that should hold an entry.
    void count_line() { feed_.lines++; }
    uint64_t lines() const { return feed_.lines; }
    // What `map` makes of a value: kNoValue where the feed's own class is meant, kSkipped where
    // the feed has none for it.
    uint8_t value_of(std::string_view value) const;
    // One more line whose value means nothing here.
    void skip() { feed_.skipped++; }

    // `ADDRESS` or `ADDRESS/LENGTH`.
    void add_prefix(std::string_view text, uint32_t line, Listing what = {});
    void add_range(std::string_view first, std::string_view last, uint32_t line, Listing what = {});
    // Either of these, or `FIRST-LAST`.
    void add_text(std::string_view text, uint32_t line, Listing what = {});
    void add(const mxg_prefix& prefix, uint32_t line, Listing what = {});
    // [first, last] as numbers of one family; see split_range().
    void add_numbers(unsigned __int128 first, unsigned __int128 last, uint32_t family,
                     uint32_t line, Listing what = {});

    void reject(uint32_t line, std::string reason);
    // `file` where it is not the feed's own.
    void warn(uint32_t line, std::string text, const std::string& file = {});
    // This version of the feed must not be used.
    void refuse(std::string reason);

    // How many entries there are, and an end to those from `from` on: entries of which `kSkipped`
    // is the value, and exclusions, are brought to what the policy table knows: exclusions carve
    // out of the whole feed. With `cut`, they carve out of these entries only.
    size_t size() const { return feed_.entries.size(); }
    void settle(Nesting nesting, size_t from = 0, bool cut = false);

    // All that one file of several told.
    void append(Feed&& part, const std::string& file);

    // The feed, after the checks that all formats share.
    Feed finish();
    // The feed as it is.
    Feed take() { return std::move(feed_); }

private:
    const FeedConfig& config_;
    const bool one_of_many_;  // exclusions of a file must not carve out of the others
    Feed feed_;
};

}  // namespace mxgate
