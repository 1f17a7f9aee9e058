// SPDX-License-Identifier: BSD-2-Clause
// What happened to the gate of late: a ring of events, each also a line of the log.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace mxgate {

enum class EventKind {
    generation,             // a new table is in force
    table_refused,          // a new table was refused; the one in force stays
    table_stale,            // older than gate.stale_after
    table_fresh,            // no longer
    feed_updated,           // a new version of a feed is in force
    feed_refused,           // a version of a feed was refused; the last good one stays
    feed_failed,            // a feed could not be fetched
    feed_recovered,         // what was wrong with a feed no longer is
    feed_expired,           // a version grew too old and counts no longer
    feed_unkept,            // a version in force cannot be kept on disk
    feed_rolled_back,       // an operator took a version back
    state_damaged,          // what was kept on disk cannot be used
    override_idle,          // what is set by hand names a class that is gone
    connections_exhausted,  // a class, a sender or the host's listeners have no more
    sources_under_pressure  // the source table is too small for the senders that come
};
inline constexpr size_t kEventKinds = 15;

const char* event_name(EventKind kind);  // "generation", "feed-refused", …

struct Event {
    uint64_t number = 0;  // from 1, without gaps
    int64_t time_us = 0;  // Unix time
    EventKind kind = EventKind::generation;
    std::string feed;  // empty: of no feed alone
    std::string text;
};

nlohmann::json to_json(const Event& event);

// Safe to call from several threads; nothing here waits for anything.
class Events
{
public:
    static constexpr size_t kKept = 1000;

    // Logs it, too: as error, warning or info, by its kind.
    void add(EventKind kind, const std::string& feed, const std::string& text);

    // Those with a number greater than `after`, oldest first, at most `limit` of the newest.
    std::vector<Event> since(uint64_t after, size_t limit) const;

    // The number of the newest; 0: none yet.
    uint64_t last() const;

    // How many of each kind there were, by name.
    nlohmann::json counts() const;

private:
    mutable std::mutex mutex_;
    std::deque<Event> kept_;
    std::array<uint64_t, kEventKinds> counts_{};
    uint64_t last_ = 0;
};

}  // namespace mxgate
