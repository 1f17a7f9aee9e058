// SPDX-License-Identifier: BSD-2-Clause
#include "control/gate/exhaustion.h"

#include <fmt/format.h>

#include <fstream>
#include <optional>
#include <sstream>

#include "control/net/address_text.h"

namespace mxgate {
namespace {

constexpr uint64_t kQuietNs = 60'000'000'000;
constexpr size_t kNamed = 5;

// "; most are held by 2001:db8::/64 (9), …"
std::string holders_text(const Plane& plane)
{
    std::string out;
    size_t named = 0;
    for (const mxg_source& source : plane.holders()) {
        if (named++ == kNamed)
            break;
        out.append(out.empty() ? "; most are held by " : ", ")
            .append(fmt::format("{} ({})", to_string(prefix_of(source)), source.open));
    }
    return out;
}

// TcpExt's ListenOverflows of this network namespace (proc(5), /proc/net/netstat).
std::optional<uint64_t> listen_overflows()
{
    std::ifstream in("/proc/self/net/netstat");
    std::string names, values, name;
    while (std::getline(in, names) && std::getline(in, values)) {
        std::istringstream heads(names), numbers(values);
        std::string number;
        while (heads >> name && numbers >> number)
            if (name == "ListenOverflows")
                return std::stoull(number);
    }
    return {};
}

}  // namespace

void Exhaustion::saw(const mxg_sample& sample)
{
    const mxg_decision& d = sample.decision;
    if (d.class_id >= MXG_MAX_CLASSES)
        return;
    if (d.reason == MXG_TOTAL)
        watched_[of_class][d.class_id].denials++;
    if (d.reason == MXG_CONNECTIONS || d.reason == MXG_LEVEL_CONNECTIONS)
        watched_[of_sender][d.class_id].denials++;
}

std::string Exhaustion::backlog(const Plane& plane, uint64_t now_ns)
{
    const uint64_t now = listen_overflows().value_or(0), before = std::min(overflows_, now);
    if (now == before || now_ns < backlog_quiet_until_ns_) {
        if (overflows_ == UINT64_MAX)
            overflows_ = now;
        return {};
    }
    overflows_ = now;
    backlog_quiet_until_ns_ = now_ns + kQuietNs;
    return fmt::format("connections exhausted: listeners of this host had no room for {} more{}",
                       now - before, holders_text(plane));
}

std::vector<std::string> Exhaustion::look(const Plane& plane, const TableInfo& info)
{
    std::vector<std::string> out;
    const uint64_t now = monotonic_ns();
    for (size_t kind = 0; kind < kinds; kind++)
        for (size_t i = 0; i < info.classes.size(); i++) {
            Watched& watched = watched_[kind][i];
            if (watched.denials == 0 || now < watched.quiet_until_ns)
                continue;
            const auto open = plane.connections();
            out.push_back(
                fmt::format("connections exhausted: {} of class {} reached {}, {} open in all{}",
                            kind == of_class ? "the senders" : "a sender", info.classes[i].name,
                            kind == of_class ? "total_connections" : "its ceiling",
                            i < open.size() ? open[i] : 0, holders_text(plane)));
            watched = {0, now + kQuietNs};
        }
    if (std::string text = backlog(plane, now); !text.empty())
        out.push_back(std::move(text));
    return out;
}

}  // namespace mxgate
