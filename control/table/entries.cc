// SPDX-License-Identifier: BSD-2-Clause
#include "control/table/entries.h"

#include <algorithm>

namespace mxgate {

TableEntry table_entry(mxg_prefix prefix, uint32_t line)
{
    TableEntry entry;
    // A mapped address is IPv4 to the decision (RFC 4291 2.5.5.2), so to the table too.
    if (prefix.address.family == MXG_FAMILY_IPV6 && prefix.length >= 96 && prefix.address.hi == 0 &&
        prefix.address.lo >> 32 == 0xffff)
        prefix = {{prefix.address.lo << 32, 0, MXG_FAMILY_IPV4, 0}, prefix.length - 96};
    entry.hi = prefix.address.hi;
    entry.lo = prefix.address.lo;
    entry.family = static_cast<uint8_t>(prefix.address.family);
    entry.length = static_cast<uint8_t>(prefix.length);
    entry.line = line;
    return entry;
}

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

uint32_t end_sites_in(const std::vector<SharedEntry>& shared, uint32_t entry)
{
    const auto found =
        std::lower_bound(shared.begin(), shared.end(), entry,
                         [](const SharedEntry& one, uint32_t key) { return one.entry < key; });
    return found != shared.end() && found->entry == entry ? found->end_sites : 0;
}

uint32_t Precedence::winner(const std::vector<TableEntry>& entries,
                            const std::vector<uint32_t>& chain) const
{
    uint32_t best = kNoEntry;
    for (const uint32_t index : chain) {
        const TableEntry& entry = entries[index];
        if (is_length(entry) || entry.exclusion)
            continue;
        const bool excluded = std::any_of(chain.begin(), chain.end(), [&](uint32_t other) {
            return entries[other].exclusion && entries[other].feed == entry.feed;
        });
        if (!excluded && (best == kNoEntry || beats(entry, entries[best])))
            best = index;
    }
    return best;
}

uint32_t Precedence::length_winner(const std::vector<TableEntry>& entries,
                                   const std::vector<uint32_t>& chain) const
{
    uint32_t best = kNoEntry;
    for (const uint32_t index : chain) {
        const TableEntry& entry = entries[index];
        if (is_length(entry) && states_length(entry) &&
            (best == kNoEntry || length_beats(entry, entries[best])))
            best = index;
    }
    return best;
}

}  // namespace mxgate
