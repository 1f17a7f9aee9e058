// SPDX-License-Identifier: BSD-2-Clause
// What `mxgate feeds` and the metrics show of each list.
#include <algorithm>

#include "control/gate/feed_keeper.h"

namespace mxgate {
namespace {

using nlohmann::json;

constexpr unsigned kAlarmFailures = 3;

json time_or_null(int64_t unix_time)
{
    return unix_time > 0 ? json(unix_time) : json(nullptr);
}

json text_or_null(const std::string& text)
{
    return text.empty() ? json(nullptr) : json(text);
}

}  // namespace

json FeedKeeper::report() const
{
    json out = json::array();
    const std::lock_guard lock(mutex_);
    for (const auto& [key, state] : states_) {
        const bool fetched = state.source.fetch.is_fetched(), there = !state.now.path.empty();
        const bool files = state.source.fetch.discovers();
        const char* word = state.now.expired            ? "expired"
                           : !state.refusal.empty()     ? "refused"
                           : !state.fetch_error.empty() ? "failing"
                           : !there                     ? "waiting"
                           : !state.unkept.empty()      ? "unkept"
                           : state.now.rolled_back      ? "rolled-back"
                                                        : "ok";
        const bool alarm = state.now.expired || !state.refusal.empty() || !state.unkept.empty() ||
                           state.failures >= kAlarmFailures ||
                           (!state.fetch_error.empty() && !there);
        const std::string& fault =
            state.refusal.empty() || state.failed_last ? state.fetch_error : state.refusal;
        const std::string& error = fault.empty() ? state.unkept : fault;
        const int64_t date = state.now.date;
        out.push_back(
            {{"name", key.name},
             {"kind", key.lengths ? "lengths" : "feed"},
             {"source", fetched ? state.source.fetch.shown() : state.source.path},
             {"state", word},
             {"alarm", alarm},
             {"entries", state.now.entries},
             {"rejected", state.now.rejected},
             {"file", text_or_null(state.now.path)},
             {"date", time_or_null(date)},
             {"age_seconds",
              date > 0 ? json(std::max<int64_t>(seconds_now() - date, 0)) : json(nullptr)},
             {"tried", time_or_null(state.tried)},
             {"next", fetched ? time_or_null(std::max(state.next, seconds_now())) : json(nullptr)},
             {"failures", state.failed},
             {"files", files ? json(state.files) : json(nullptr)},
             {"files_failing", files ? json(state.files_failing) : json(nullptr)},
             {"held", state.held},
             {"error", text_or_null(error)}});
    }
    return out;
}

int64_t FeedKeeper::confirmed() const
{
    int64_t oldest = 0;
    const std::lock_guard lock(mutex_);
    for (const auto& [key, state] : states_)
        if (const int64_t date = found_at_source(state); date > 0)
            oldest = oldest == 0 ? date : std::min(oldest, date);
    return oldest;
}

std::string FeedKeeper::confirmed_before(int64_t time) const
{
    std::string out;
    const std::lock_guard lock(mutex_);
    for (const auto& [key, state] : states_)
        if (const int64_t date = found_at_source(state); date > 0 && date < time)
            out += (out.empty() ? "" : ", ") + key.name;
    return out;
}

}  // namespace mxgate
