// SPDX-License-Identifier: BSD-2-Clause
#include "control/feeds/nesting.h"

#include <algorithm>

#include "control/net/ranges.h"

namespace mxgate {
namespace {

// 0 carves out, 1 lists, 2 says nothing.
int rank(const FeedEntry& entry)
{
    return entry.exclusion ? 0 : entry.value == kSkipped ? 2 : 1;
}

bool is_silent(const FeedEntry& entry)
{
    return rank(entry) != 1;
}

// Wider first; of equal prefixes that of the lowest rank, then that of the earliest place.
void sort_nested(std::vector<FeedEntry>& entries, size_t from)
{
    std::stable_sort(entries.begin() + static_cast<ptrdiff_t>(from), entries.end(),
                     [](const FeedEntry& a, const FeedEntry& b) {
                         const mxg_address &x = a.prefix.address, &y = b.prefix.address;
                         if (x.family != y.family)
                             return x.family < y.family;
                         if (number_of(x) != number_of(y))
                             return number_of(x) < number_of(y);
                         if (a.prefix.length != b.prefix.length)
                             return a.prefix.length < b.prefix.length;
                         return rank(a) < rank(b);
                     });
}

// What carves out hides equal entries; what lists hides equal ones that say nothing.
void drop_hidden(std::vector<FeedEntry>& entries, size_t from)
{
    size_t kept = from;
    for (size_t i = from; i < entries.size(); i++) {
        if (kept > from && same_prefix(entries[kept - 1].prefix, entries[i].prefix) &&
            (is_silent(entries[kept - 1]) || is_silent(entries[i])))
            continue;
        entries[kept++] = entries[i];
    }
    entries.resize(kept);
}

}  // namespace

void drop_covered(std::vector<FeedEntry>& entries, size_t from)
{
    const size_t count = entries.size() - from;
    std::vector<uint32_t> order(count);
    for (size_t i = 0; i < count; i++)
        order[i] = static_cast<uint32_t>(i);
    const auto at = [&](uint32_t index) -> const mxg_prefix& {
        return entries[from + index].prefix;
    };
    std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
        const mxg_prefix &x = at(a), &y = at(b);
        if (x.address.family != y.address.family)
            return x.address.family < y.address.family;
        if (number_of(x.address) != number_of(y.address))
            return number_of(x.address) < number_of(y.address);
        return x.length != y.length ? x.length < y.length : a < b;
    });
    struct Around {
        uint32_t index;
        uint32_t earliest;  // of this one and all that contain it
    };
    std::vector<Around> around;
    std::vector<bool> covered(count, false);
    for (const uint32_t index : order) {
        const mxg_address& address = at(index).address;
        while (!around.empty() && !mxg_contains(at(around.back().index), address))
            around.pop_back();
        const uint32_t earliest = around.empty() ? index : std::min(index, around.back().earliest);
        covered[index] = earliest < index;
        around.push_back({index, earliest});
    }
    size_t next = 0;
    std::erase_if(entries, [&](const FeedEntry&) {
        const size_t index = next++;
        return index >= from && covered[index - from];
    });
}

namespace {

// Appends `outer` to `out` without what the longer entries [inner, end) for which `takes` holds
// contain.
template <class Takes>
void carve(const FeedEntry& outer, const FeedEntry* inner, const FeedEntry* end,
           std::vector<FeedEntry>& out, Takes takes)
{
    const uint32_t family = outer.prefix.address.family;
    const auto add = [&](const mxg_prefix& prefix) {
        FeedEntry piece = outer;
        piece.prefix = prefix;
        out.push_back(piece);
    };
    Wide next = number_of(outer.prefix.address);
    const Wide last = last_of(outer.prefix);
    for (; inner != end; inner++) {
        const Wide first = number_of(inner->prefix.address);
        if (first < next || !takes(*inner))
            continue;
        if (first > next)
            split_range(next, first - 1, family, add);
        if (last_of(inner->prefix) == last)
            return;
        next = last_of(inner->prefix) + 1;
    }
    split_range(next, last, family, add);
}

}  // namespace

void drop_excluded_by_octet(std::vector<FeedEntry>& entries, size_t from)
{
    if (std::none_of(entries.begin() + static_cast<ptrdiff_t>(from), entries.end(),
                     [](const FeedEntry& entry) { return entry.exclusion; }))
        return;
    sort_nested(entries, from);
    // Sorted, an exclusion that overlaps what stands behind it contains it. By octets, 0 to 4.
    bool any[5] = {};
    Wide last[5] = {};
    size_t kept = from;
    for (size_t i = from; i < entries.size(); i++) {
        const FeedEntry& entry = entries[i];
        const uint32_t octets = (entry.prefix.length + 7) / 8;
        if (entry.exclusion) {
            any[octets] = true;
            last[octets] = std::max(last[octets], last_of(entry.prefix));
        } else if (any[octets] && number_of(entry.prefix.address) <= last[octets]) {
            continue;
        }
        entries[kept++] = entry;
    }
    entries.resize(kept);
}

void settle_nested(std::vector<FeedEntry>& entries, size_t from, bool cut, size_t limit)
{
    if (std::none_of(entries.begin() + static_cast<ptrdiff_t>(from), entries.end(), is_silent))
        return;
    sort_nested(entries, from);
    drop_hidden(entries, from);
    std::vector<FeedEntry> settled(entries.begin(), entries.begin() + static_cast<ptrdiff_t>(from));
    const FeedEntry* end = entries.data() + entries.size();
    for (const FeedEntry* entry = entries.data() + from; entry != end; entry++) {
        if (settled.size() > limit)
            break;
        const FeedEntry* inside = entry + 1;
        while (inside != end && same_prefix(inside->prefix, entry->prefix))
            inside++;
        const FeedEntry* beyond = inside;
        bool silent_inside = false;
        if (cut != is_silent(*entry))
            for (; beyond != end && mxg_contains(entry->prefix, beyond->prefix.address); beyond++)
                silent_inside |= is_silent(*beyond);
        if (!cut && is_silent(*entry))
            carve(*entry, inside, beyond, settled,
                  [](const FeedEntry& other) { return !is_silent(other); });
        else if (cut && silent_inside)
            // Pieces are longer than the entry was: they must not win over what stands inside it.
            carve(*entry, inside, beyond, settled, [](const FeedEntry&) { return true; });
        else if (!cut || !is_silent(*entry))
            settled.push_back(*entry);
    }
    for (size_t i = from; i < settled.size(); i++)
        if (is_silent(settled[i])) {
            settled[i].exclusion = true;
            settled[i].value = kNoValue;
        }
    entries = std::move(settled);
}

}  // namespace mxgate
