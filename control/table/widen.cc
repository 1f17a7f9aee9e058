// SPDX-License-Identifier: BSD-2-Clause
#include "control/table/widen.h"

#include <algorithm>

namespace mxgate {
namespace {

bool contains(const TableEntry& outer, const TableEntry& inner)
{
    return outer.length <= inner.length && mxg_contains(prefix_of(outer), prefix_of(inner).address);
}

}  // namespace

SiteLengths::SiteLengths(std::vector<TableEntry>& entries, const Precedence& precedence,
                         uint8_t default_ipv4, uint8_t default_ipv6)
    : entries_(entries),
      precedence_(precedence),
      count_(entries.size()),
      default_ipv4_(default_ipv4),
      default_ipv6_(default_ipv6)
{
    for (uint32_t i = 0; i < count_; i++) {
        uint32_t parent = i == 0 ? kNoEntry : i - 1;
        while (parent != kNoEntry && !contains(entries[parent], entries[i]))
            parent = entries[parent].parent;
        entries[i].parent = parent;
    }
}

uint8_t SiteLengths::of(const TableEntry& prefix) const
{
    const auto after =
        std::upper_bound(entries_.begin(), entries_.begin() + static_cast<ptrdiff_t>(count_),
                         prefix, [](const TableEntry& a, const TableEntry& b) {
                             if (a.family != b.family)
                                 return a.family < b.family;
                             const Wide first_a = first_address(a), first_b = first_address(b);
                             return first_a != first_b ? first_a < first_b : a.length < b.length;
                         });
    uint32_t best = kNoEntry;
    auto at = static_cast<uint32_t>(after - entries_.begin());
    for (at = at == 0 ? kNoEntry : at - 1; at != kNoEntry; at = entries_[at].parent)
        if (contains(entries_[at], prefix) && precedence_.states_length(entries_[at]) &&
            (best == kNoEntry || !precedence_.length_beats(entries_[best], entries_[at])))
            best = at;
    if (best != kNoEntry)
        return entries_[best].site_length;
    return prefix.family == MXG_FAMILY_IPV4 ? default_ipv4_ : default_ipv6_;
}

void widen(TableEntry& entry, const SiteLengths& lengths)
{
    const uint8_t site = lengths.of(entry);
    if (entry.length <= site)
        return;
    const mxg_address cut = mxg_cut(prefix_of(entry).address, site);
    entry.hi = cut.hi;
    entry.lo = cut.lo;
    entry.widened_from = entry.length;
    entry.length = site;
}

Wide covered(std::vector<TableEntry>& entries, uint8_t family)
{
    sort_entries(entries);
    const unsigned unused = 128 - mxg_family_bits(family);
    Wide sum = 0;
    const TableEntry* outer = nullptr;
    for (const TableEntry& entry : entries) {
        if (entry.family != family || (outer && contains(*outer, entry)))
            continue;
        outer = &entry;
        sum += ((last_address(entry) - first_address(entry)) >> unused) + 1;
    }
    return sum;
}

}  // namespace mxgate
