// SPDX-License-Identifier: BSD-2-Clause
#include "control/table/entries.h"

#include <algorithm>

namespace mxgate {

void sort_entries(std::vector<TableEntry>& entries)
{
    const auto before = [](const TableEntry& a, const TableEntry& b) {
        if (a.family != b.family)
            return a.family < b.family;
        if (a.hi != b.hi)
            return a.hi < b.hi;
        if (a.lo != b.lo)
            return a.lo < b.lo;
        return a.length < b.length;
    };
    if (!std::is_sorted(entries.begin(), entries.end(), before))
        std::stable_sort(entries.begin(), entries.end(), before);
}

uint32_t Precedence::winner(const std::vector<TableEntry>& entries,
                            const std::vector<uint32_t>& chain) const
{
    uint32_t best = kNoEntry;
    for (const uint32_t index : chain) {
        const TableEntry& entry = entries[index];
        if (entry.feed == kNoFeed || entry.exclusion)
            continue;
        const bool excluded = std::any_of(chain.begin(), chain.end(), [&](uint32_t other) {
            return entries[other].exclusion && entries[other].feed == entry.feed;
        });
        if (!excluded && (best == kNoEntry || beats(entry, entries[best])))
            best = index;
    }
    return best;
}

}  // namespace mxgate
