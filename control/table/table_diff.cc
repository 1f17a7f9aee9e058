// SPDX-License-Identifier: BSD-2-Clause
#include "control/table/table_diff.h"

#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>

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

// A place in the order of addresses, IPv4 first.
using Edge = std::pair<uint8_t, Wide>;

Edge first_of(const TableEntry& entry)
{
    return {entry.family, first_address(entry)};
}

Edge last_of(const TableEntry& entry)
{
    return {entry.family, last_address(entry)};
}

// Where verdicts of a table may change: the first addresses of its entries, and those behind their
// last ones. In order; some come twice.
class Edges
{
public:
    explicit Edges(const PolicyTable& table) : entries_(table.entries) { step(); }

    const std::optional<Edge>& now() const { return now_; }

    void step()
    {
        while (next_ < entries_.size() && is_length(entries_[next_]))
            next_++;
        const bool more = next_ < entries_.size();
        if (!behind_.empty() && (!more || behind_.back() <= first_of(entries_[next_]))) {
            now_ = behind_.back();
            behind_.pop_back();
            return;
        }
        now_.reset();
        if (!more)
            return;
        const TableEntry& entry = entries_[next_++];
        now_ = first_of(entry);
        const Edge behind(entry.family, last_address(entry) + 1);
        const bool is_end = behind.second == 0;  // of all addresses
        if (!is_end && (behind_.empty() || behind_.back() != behind))
            behind_.push_back(behind);
    }

private:
    const std::vector<TableEntry>& entries_;
    size_t next_ = 0;
    std::vector<Edge> behind_;  // what was begun, the innermost last
    std::optional<Edge> now_;
};

bool is_good(const PolicyTable& table, const TableEntry& entry)
{
    return !is_length(entry) && !entry.exclusion &&
           table.info.classes[entry.class_id].action == "pass";
}

// Of the edges inside good entries of `before` those that are newly denied; once there is one, none
// more until another such entry begins: enough to tell for each whether it has one.
template <typename Newly>
std::vector<Edge> denied_edges(const PolicyTable& before, const PolicyTable& after, Newly newly)
{
    std::vector<Edge> out;
    Edges old(before), fresh(after);
    Edge begin{}, end{};  // where the latest such entry begins, and the furthest ends
    auto entry = before.entries.begin();
    while (old.now() || fresh.now()) {
        const Edge edge = !fresh.now()                ? *old.now()
                          : !old.now()                ? *fresh.now()
                          : *old.now() < *fresh.now() ? *old.now()
                                                      : *fresh.now();
        while (old.now() == edge)
            old.step();
        while (fresh.now() == edge)
            fresh.step();
        for (; entry != before.entries.end() && first_of(*entry) <= edge; ++entry)
            if (is_good(before, *entry)) {
                begin = first_of(*entry);
                end = std::max(end, last_of(*entry));
            }
        if (edge <= end && (out.empty() || out.back() < begin) && newly(edge))
            out.push_back(edge);
    }
    return out;
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
    const std::vector<Edge> edges = denied_edges(before, after, [&](const Edge& edge) {
        const mxg_address address = address_of(edge.first, edge.second);
        return fresh.of(address).denied && old.of(address).passes;
    });
    for (const TableEntry& entry : before.entries) {
        if (!is_good(before, entry))
            continue;
        const auto edge = std::lower_bound(edges.begin(), edges.end(), first_of(entry));
        if (edge != edges.end() && *edge <= last_of(entry))
            out.good_denied.push_back(prefix_of(entry));
    }
    return out;
}

}  // namespace mxgate
