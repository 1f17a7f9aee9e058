// SPDX-License-Identifier: BSD-2-Clause
#include "control/lengths/length_list.h"

#include <fmt/format.h>

#include <algorithm>

#include "control/net/address_text.h"

namespace mxgate {

const char* origin_name(LengthOrigin origin)
{
    static constexpr const char* kNames[] = {"operator", "signed-prefixlen", "prefixlen",
                                             "registry", "learned",          "default"};
    return kNames[static_cast<size_t>(origin)];
}

mxg_prefix prefix_of(const LengthEntry& entry)
{
    return {{entry.hi, entry.lo, entry.family, 0}, entry.length};
}

void LengthList::add(const mxg_prefix& prefix, uint32_t site_length, uint32_t end_sites,
                     uint32_t line, bool aggregated)
{
    if (entries.size() == kMaxLengths) {
        error = fmt::format("more than {} entries", kMaxLengths);
        return;
    }
    LengthEntry entry;
    entry.hi = prefix.address.hi;
    entry.lo = prefix.address.lo;
    entry.line = line;
    entry.end_sites = end_sites;
    entry.family = static_cast<uint8_t>(prefix.address.family);
    entry.length = static_cast<uint8_t>(prefix.length);
    entry.site_length = static_cast<uint8_t>(site_length);
    entry.aggregated = aggregated;
    entries.push_back(entry);
}

void LengthList::reject(uint32_t line, std::string reason)
{
    rejected++;
    if (has_room_for_reject(rejects.size()))
        rejects.push_back({line, std::move(reason)});
}

void LengthList::warn(uint32_t line, std::string text)
{
    warning_count++;
    if (warnings.size() < kRejectsKept)
        warnings.push_back({line, std::move(text)});
}

void LengthList::finish()
{
    const auto same_prefix = [](const LengthEntry& a, const LengthEntry& b) {
        return a.family == b.family && a.hi == b.hi && a.lo == b.lo && a.length == b.length;
    };
    std::stable_sort(entries.begin(), entries.end(),
                     [](const LengthEntry& a, const LengthEntry& b) {
                         if (a.family != b.family)
                             return a.family < b.family;
                         if (a.hi != b.hi)
                             return a.hi < b.hi;
                         return a.lo != b.lo ? a.lo < b.lo : a.length < b.length;
                     });
    size_t kept = 0;
    for (size_t i = 0; i < entries.size(); i++) {
        if (kept == 0 || !same_prefix(entries[kept - 1], entries[i])) {
            entries[kept++] = entries[i];
            continue;
        }
        const LengthEntry& first = entries[kept - 1];
        if (first.site_length != entries[i].site_length || first.end_sites != entries[i].end_sites)
            reject(entries[i].line, fmt::format("line {} says otherwise of {}", first.line,
                                                to_string(prefix_of(first))));
    }
    entries.resize(kept);
    sort_rejects();
}

void LengthList::sort_rejects()
{
    std::stable_sort(rejects.begin(), rejects.end(),
                     [](const RejectedLine& a, const RejectedLine& b) { return a.line < b.line; });
}

}  // namespace mxgate
