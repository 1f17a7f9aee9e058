// SPDX-License-Identifier: BSD-2-Clause
#include "control/table/table_diff.h"

#include <algorithm>
#include <tuple>

#include "dataplane/core/native.h"

#include "dataplane/core/decide.h"

namespace mxgate {
namespace {

using Key = std::tuple<uint8_t, uint64_t, uint64_t, uint8_t, const std::string&, uint8_t>;

Key key_of(const PolicyTable& table, const TableEntry& e)
{
    return {e.family, e.hi, e.lo, e.length, table.info.feeds[e.feed].name, e.exclusion};
}

// Entries of feeds, by key.
std::vector<const TableEntry*> entries_of(const PolicyTable& table)
{
    std::vector<const TableEntry*> out;
    for (const TableEntry& entry : table.entries)
        if (!is_length(entry))
            out.push_back(&entry);
    std::sort(out.begin(), out.end(), [&](const TableEntry* a, const TableEntry* b) {
        return key_of(table, *a) < key_of(table, *b);
    });
    return out;
}

std::string class_of(const PolicyTable& table, const TableEntry* entry)
{
    if (entry == nullptr)
        return {};
    return entry->exclusion ? "!" : table.info.classes[entry->class_id].name;
}

// Looks up what the planes would.
class Judge
{
public:
    explicit Judge(const PolicyTable& table)
        : table_(table), header_(reinterpret_cast<const mxg_image_header*>(table.plane.data()))
    {
        gate_.table = {table.plane.data(), static_cast<uint32_t>(table.plane.size())};
    }

    SenderView of(const mxg_address& sender)
    {
        SenderView out;
        mxg_judgement judgement;
        if (mxg_judge(&gate_, header_, &sender, &judgement) != 0)
            return out;
        const mxg_class& found = *judgement.class_of_service;
        const bool monitored = (header_->flags & (MXG_FLAG_MONITOR | MXG_FLAG_NO_TABLE)) != 0 ||
                               (found.flags & MXG_CLASS_MONITOR) != 0;
        out.class_name = table_.info.classes[judgement.class_id].name;
        out.passes = found.action == MXG_ACTION_PASS;
        out.denied = !monitored && !out.passes && found.action != MXG_ACTION_LIMIT;
        return out;
    }

private:
    const PolicyTable& table_;
    mxg_gate gate_{};  // without what is set by hand
    const mxg_image_header* header_;
};

// As the planes have it.
mxg_address address_of(uint8_t family, Wide wide)
{
    const mxg_address out{static_cast<uint64_t>(wide >> 64), static_cast<uint64_t>(wide), family,
                          0};
    return mxg_cut(out, mxg_family_bits(family));
}

// Where verdicts may change inside `outer`: the first addresses of the table's entries in there,
// and those behind their last ones. Until `take` has enough.
template <typename Take>
bool any_edge(const PolicyTable& table, const TableEntry& outer, Take take)
{
    const auto before = [](const TableEntry& entry, const TableEntry& other) {
        return std::pair(entry.family, first_address(entry)) <
               std::pair(other.family, first_address(other));
    };
    const Wide last = last_address(outer);
    auto entry = std::lower_bound(table.entries.begin(), table.entries.end(), outer, before);
    for (; entry != table.entries.end() && entry->family == outer.family &&
           first_address(*entry) <= last;
         ++entry) {
        if (is_length(*entry) || entry->length < outer.length)
            continue;
        if (take(first_address(*entry)) ||
            (last_address(*entry) < last && take(last_address(*entry) + 1)))
            return true;
    }
    return false;
}

}  // namespace

void for_each_change(const PolicyTable& before, const PolicyTable& after,
                     const std::function<void(const EntryChange&)>& take)
{
    const auto old = entries_of(before), fresh = entries_of(after);
    for (size_t a = 0, b = 0; a < old.size() || b < fresh.size();) {
        const TableEntry* gone = a < old.size() ? old[a] : nullptr;
        const TableEntry* added = b < fresh.size() ? fresh[b] : nullptr;
        if (gone && added && key_of(before, *gone) < key_of(after, *added))
            added = nullptr;
        else if (gone && added && key_of(after, *added) < key_of(before, *gone))
            gone = nullptr;
        a += gone != nullptr;
        b += added != nullptr;
        const TableEntry& any = gone ? *gone : *added;
        EntryChange change{prefix_of(any), (gone ? before : after).info.feeds[any.feed].name,
                           class_of(before, gone), class_of(after, added)};
        if (change.before != change.after)
            take(change);
    }
}

SenderView view_of(const PolicyTable& table, const mxg_address& sender)
{
    return Judge(table).of(sender);
}

NewlyDenied newly_denied(const PolicyTable& before, const PolicyTable& after,
                         const std::vector<mxg_prefix>& senders)
{
    Judge old(before), fresh(after);
    NewlyDenied out;
    out.senders = senders.size();
    for (const mxg_prefix& sender : senders) {
        if (!fresh.of(sender.address).denied)
            continue;
        const SenderView was = old.of(sender.address);
        if (was.denied)
            continue;
        out.denied.push_back(sender);
        if (was.passes)
            out.good_denied.push_back(sender);
    }
    for (const TableEntry& entry : before.entries) {
        if (is_length(entry) || entry.exclusion ||
            before.info.classes[entry.class_id].action != "pass")
            continue;
        const auto newly = [&](Wide wide) {
            const mxg_address address = address_of(entry.family, wide);
            return fresh.of(address).denied && old.of(address).passes;
        };
        if (newly(first_address(entry)) || any_edge(after, entry, newly) ||
            any_edge(before, entry, newly))
            out.good_denied.push_back(prefix_of(entry));
    }
    return out;
}

}  // namespace mxgate
