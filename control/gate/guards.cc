// SPDX-License-Identifier: BSD-2-Clause
#include "control/gate/guards.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <vector>

#include "control/net/address_text.h"
#include "control/table/entries.h"

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

using Key = std::tuple<uint8_t, uint64_t, uint64_t, uint8_t, bool, uint8_t>;

std::vector<Key> keys_of(const Feed& list)
{
    std::vector<Key> out;
    out.reserve(list.entries.size());
    for (const FeedEntry& entry : list.entries) {
        const TableEntry e = table_entry(entry.prefix, 0);
        out.emplace_back(e.family, e.hi, e.lo, e.length, entry.exclusion, entry.value);
    }
    if (!std::is_sorted(out.begin(), out.end()))  // which lists mostly are
        std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(), out.end()), out.end());
    return out;
}

}  // namespace

std::optional<std::string> forbidden_entry(const Feed& list, const FeedConfig& feed,
                                           const Config& config)
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
        const mxg_prefix prefix = prefix_of(table_entry(entry.prefix, 0));
        const bool ipv4 = prefix.address.family == MXG_FAMILY_IPV4;
        const uint32_t least = ipv4 ? feed.guard.shortest_ipv4 : feed.guard.shortest_ipv6;
        if (prefix.length < least)
            return fmt::format(
                "line {}: {} is shorter than /{}; if that is meant, allow it with "
                "`guard: {{shortest: {{{}: {}}}}}`",
                entry.line, to_string(prefix), least, ipv4 ? "ipv4" : "ipv6", prefix.length);
        for (const mxg_address& host : own)
            if (mxg_contains(prefix, host))
                return fmt::format("line {}: {} denies the gate's own address {}", entry.line,
                                   to_string(prefix), to_string(host));
    }
    return std::nullopt;
}

std::optional<std::string> too_much_change(const Feed& before, const Feed& after, double most)
{
    const std::vector<Key> old = keys_of(before), fresh = keys_of(after);
    size_t same = 0;
    for (size_t a = 0, b = 0; a < old.size() && b < fresh.size();) {
        const bool equal = old[a] == fresh[b], less = old[a] < fresh[b];
        same += equal;
        a += equal || less;
        b += equal || !less;
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
