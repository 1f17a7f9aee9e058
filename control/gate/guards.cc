// SPDX-License-Identifier: BSD-2-Clause
#include "control/gate/guards.h"

#include <fmt/format.h>

#include <algorithm>
#include <compare>
#include <tuple>
#include <vector>

#include "control/net/address_text.h"

namespace mxgate {
namespace {

bool denies(const Config& config, const std::string& class_name)
{
    const auto found =
        std::find_if(config.classes.begin(), config.classes.end(),
                     [&](const ClassConfig& known) { return known.name == class_name; });
    return found != config.classes.end() && found->action != Action::pass &&
           found->action != Action::limit;
}

// The addresses of services that are hosts, not prefixes of many.
std::vector<mxg_address> own_hosts(const Config& config)
{
    std::vector<mxg_address> out;
    for (const ServiceConfig& service : config.gate.services)
        for (const mxg_prefix& prefix : service.addresses)
            if (prefix.length == mxg_family_bits(prefix.address.family))
                out.push_back(prefix.address);
    return out;
}

// As the table has it: by prefix, then by what is said of it.
std::strong_ordering compare(const FeedEntry& a, const FeedEntry& b)
{
    const TableEntry x = table_entry(a.prefix, 0), y = table_entry(b.prefix, 0);
    return std::tie(x.family, x.hi, x.lo, x.length, a.exclusion, a.value) <=>
           std::tie(y.family, y.hi, y.lo, y.length, b.exclusion, b.value);
}

using Entries = std::vector<FeedEntry>;

// The entries in order, each once: as they are, which they mostly are, or made so in `room`.
const Entries& in_order(const Entries& entries, Entries& room)
{
    const auto less = [](const auto& a, const auto& b) { return compare(a, b) < 0; };
    const auto not_less = [](const auto& a, const auto& b) { return compare(a, b) >= 0; };
    if (std::adjacent_find(entries.begin(), entries.end(), not_less) == entries.end())
        return entries;
    room = entries;
    std::sort(room.begin(), room.end(), less);
    room.erase(std::unique(room.begin(), room.end(), not_less), room.end());
    return room;
}

}  // namespace

std::optional<std::string> forbidden_entry(const Feed& list, const FeedConfig& feed,
                                           const Config& config, const SiteLengths& lengths)
{
    if (!feed.fetch.is_fetched())
        return std::nullopt;
    const bool own_denies = denies(config, feed.class_name);
    std::vector<bool> value_denies;
    for (const FeedMapping& mapping : feed.map)
        value_denies.push_back(denies(config, mapping.class_name));
    const std::vector<mxg_address> own = own_hosts(config);
    for (const FeedEntry& entry : list.entries) {
        const bool denying = entry.value == kNoValue             ? own_denies
                             : entry.value < value_denies.size() ? value_denies[entry.value]
                                                                 : false;
        if (!denying || entry.exclusion)
            continue;
        TableEntry judged = table_entry(entry.prefix, 0);
        if (feed.widen)
            widen(judged, lengths);
        const mxg_prefix prefix = prefix_of(judged);
        const auto shown = [&] {
            return fmt::format("line {}: {}", entry.line, to_string(prefix)) +
                   (judged.widened_from == 0
                        ? ""
                        : fmt::format(", the end site of {},", to_string(entry.prefix)));
        };
        const bool ipv4 = prefix.address.family == MXG_FAMILY_IPV4;
        const uint32_t least = ipv4 ? feed.guard.shortest_ipv4 : feed.guard.shortest_ipv6;
        if (prefix.length < least)
            return fmt::format(
                "{} is shorter than /{}; if that is meant, allow it with "
                "`guard: {{shortest: {{{}: {}}}}}`",
                shown(), least, ipv4 ? "ipv4" : "ipv6", prefix.length);
        for (const mxg_address& host : own)
            if (mxg_contains(prefix, host))
                return fmt::format("{} denies the gate's own address {}", shown(), to_string(host));
    }
    return std::nullopt;
}

std::optional<std::string> too_much_change(const Feed& before, const Feed& after, double most)
{
    Entries old_room, fresh_room;
    const Entries& old = in_order(before.entries, old_room);
    const Entries& fresh = in_order(after.entries, fresh_room);
    size_t same = 0;
    for (size_t a = 0, b = 0; a < old.size() && b < fresh.size();) {
        const auto order = compare(old[a], fresh[b]);
        same += order == 0;
        a += order <= 0;
        b += order >= 0;
    }
    const size_t gone = old.size() - same, added = fresh.size() - same;
    const double change = static_cast<double>(std::max(gone, added)) /
                          static_cast<double>(std::max<size_t>(old.size(), 1));
    if (old.empty() || change <= most)
        return std::nullopt;
    return fmt::format(
        "{} of {} entries are gone and {} are new, more than `max_change: {:g}%`; if that is "
        "meant, `mxgate reload --force` takes it",
        gone, old.size(), added, most * 100);
}

}  // namespace mxgate
