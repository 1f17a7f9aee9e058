// SPDX-License-Identifier: BSD-2-Clause
#include "control/gate/events.h"

#include <spdlog/spdlog.h>

#include <chrono>

namespace mxgate {
namespace {

struct KindInfo {
    const char* name;
    spdlog::level::level_enum level;
};
constexpr KindInfo kKinds[kEventKinds] = {
    {"generation", spdlog::level::info},
    {"table-refused", spdlog::level::err},
    {"table-stale", spdlog::level::err},
    {"table-fresh", spdlog::level::info},
    {"feed-updated", spdlog::level::info},
    {"feed-refused", spdlog::level::err},
    {"feed-failed", spdlog::level::warn},
    {"feed-recovered", spdlog::level::info},
    {"feed-expired", spdlog::level::err},
    {"feed-unkept", spdlog::level::err},
    {"feed-rolled-back", spdlog::level::warn},
    {"state-damaged", spdlog::level::err},
    {"override-idle", spdlog::level::err},
    {"connections-exhausted", spdlog::level::warn},
    {"sources-under-pressure", spdlog::level::warn},
};

}  // namespace

const char* event_name(EventKind kind)
{
    return kKinds[static_cast<size_t>(kind)].name;
}

nlohmann::json to_json(const Event& event)
{
    return {{"number", event.number},
            {"time", static_cast<double>(event.time_us) / 1e6},
            {"kind", event_name(event.kind)},
            {"feed", event.feed.empty() ? nlohmann::json(nullptr) : nlohmann::json(event.feed)},
            {"text", event.text}};
}

void Events::add(EventKind kind, const std::string& feed, const std::string& text)
{
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    Event event;
    event.time_us = std::chrono::duration_cast<std::chrono::microseconds>(now).count();
    event.kind = kind;
    event.feed = feed;
    event.text = text;
    {
        const std::lock_guard lock(mutex_);
        event.number = ++last_;
        counts_[static_cast<size_t>(kind)]++;
        kept_.push_back(std::move(event));
        if (kept_.size() > kKept)
            kept_.pop_front();
    }
    const KindInfo& info = kKinds[static_cast<size_t>(kind)];
    if (feed.empty())
        spdlog::log(info.level, "{}: {}", info.name, text);
    else
        spdlog::log(info.level, "{}: {}: {}", info.name, feed, text);
}

std::vector<Event> Events::since(uint64_t after, size_t limit) const
{
    const std::lock_guard lock(mutex_);
    const uint64_t newer = last_ > after ? last_ - after : 0;
    const size_t count = std::min({static_cast<size_t>(newer), kept_.size(), limit});
    return {kept_.end() - static_cast<std::ptrdiff_t>(count), kept_.end()};
}

uint64_t Events::last() const
{
    const std::lock_guard lock(mutex_);
    return last_;
}

nlohmann::json Events::counts() const
{
    const std::lock_guard lock(mutex_);
    nlohmann::json out;
    for (size_t i = 0; i < kEventKinds; i++)
        out[kKinds[i].name] = counts_[i];
    return out;
}

}  // namespace mxgate
