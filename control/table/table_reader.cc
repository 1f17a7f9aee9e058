// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>

#include "control/table/policy_table.h"
#include "dataplane/core/native.h"

#include "dataplane/core/decide.h"

namespace mxgate {
namespace {

Precedence precedence_of(const TableInfo& info)
{
    std::vector<FeedRank> ranks;
    for (const FeedInfo& feed : info.feeds)
        ranks.push_back({feed.priority, feed.order});
    return Precedence(std::move(ranks));
}

Wide wide(const mxg_address& address)
{
    return static_cast<Wide>(address.hi) << 64 | address.lo;
}

}  // namespace

TableReader::TableReader(const PolicyTable& table)
    : table_(table), precedence_(precedence_of(table.info))
{
    const auto& entries = table_.entries;
    for (uint8_t family : {MXG_FAMILY_IPV4, MXG_FAMILY_IPV6}) {
        FamilyIndex& index = family_[family];
        const auto in_order = [](const TableEntry& a, const TableEntry& b) {
            return a.family < b.family;
        };
        TableEntry key;
        key.family = family;
        const auto range = std::equal_range(entries.begin(), entries.end(), key, in_order);
        index.begin = static_cast<uint32_t>(range.first - entries.begin());
        index.end = static_cast<uint32_t>(range.second - entries.begin());
        for (uint32_t i = index.begin; i < index.end; i += kStride)
            index.sample.push_back(first_address(entries[i]));
    }
}

uint32_t TableReader::last_not_above(const mxg_address& address) const
{
    const FamilyIndex& index = family_[address.family];
    const Wide key = wide(address);
    const auto after = std::upper_bound(index.sample.begin(), index.sample.end(), key);
    if (after == index.sample.begin())
        return kNoEntry;
    const auto block = static_cast<uint32_t>(after - index.sample.begin() - 1);
    const uint32_t from = index.begin + block * kStride;
    const uint32_t to = std::min(from + kStride, index.end);
    const auto found = std::upper_bound(
        table_.entries.begin() + from, table_.entries.begin() + to, key,
        [](Wide k, const TableEntry& entry) { return k < first_address(entry); });
    return static_cast<uint32_t>(found - table_.entries.begin() - 1);
}

TableView TableReader::view(const mxg_address& address) const
{
    TableView out;
    out.address = address;
    uint32_t entry = last_not_above(address);
    while (entry != kNoEntry && !mxg_contains(prefix_of(table_.entries[entry]), address))
        entry = table_.entries[entry].parent;
    for (; entry != kNoEntry; entry = table_.entries[entry].parent)
        out.chain.push_back(entry);
    std::reverse(out.chain.begin(), out.chain.end());
    out.winner = precedence_.winner(table_.entries, out.chain);
    for (const uint32_t index : out.chain)
        if (table_.entries[index].site_length != 0)
            out.length_entry = index;

    const mxg_table image{table_.plane.data(), static_cast<uint32_t>(table_.plane.size())};
    const auto* header = reinterpret_cast<const mxg_image_header*>(table_.plane.data());
    const mxg_policy* policy = mxg_lookup(&image, header, &address);
    out.class_id = policy->class_id;
    out.end_site_length = policy->length;
    out.source_prefix = {mxg_cut(address, policy->length), policy->length};
    return out;
}

TableAnswer TableReader::ask(const mxg_address& address) const
{
    TableAnswer answer;
    int both = 0;
    const mxg_address embedded = mxg_embedded_ipv4(&address, &both);
    answer.address = address;
    answer.canonical = view(embedded.family == MXG_FAMILY_NONE ? address : embedded);
    if (!both)
        return answer;
    answer.outer = view(address);
    const auto* header = reinterpret_cast<const mxg_image_header*>(table_.plane.data());
    const auto* classes = reinterpret_cast<const mxg_class*>(&table_.plane[header->classes]);
    answer.outer_decides = classes[answer.outer->class_id].strictness >
                           classes[answer.canonical.class_id].strictness;
    return answer;
}

}  // namespace mxgate
