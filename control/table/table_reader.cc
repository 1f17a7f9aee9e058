// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>

#include "control/table/policy_table.h"
#include "dataplane/core/native.h"

#include "dataplane/core/burst.h"
#include "dataplane/core/decide.h"

namespace mxgate {
namespace {

Wide wide(const mxg_address& address)
{
    return static_cast<Wide>(address.hi) << 64 | address.lo;
}

}  // namespace

Precedence precedence_of(const TableInfo& info)
{
    std::vector<FeedRank> feeds;
    for (const FeedInfo& feed : info.feeds)
        feeds.push_back({feed.priority, feed.order});
    std::vector<LengthRank> lengths;
    for (const LengthSourceInfo& source : info.length_sources)
        lengths.push_back({source.origin, static_cast<uint32_t>(lengths.size()), source.applied});
    return Precedence(std::move(feeds), std::move(lengths));
}

const char* length_origin(const PolicyTable& table, const TableView& view)
{
    if (view.length_entry == kNoEntry)
        return origin_name(LengthOrigin::by_default);
    const TableEntry& entry = table.entries[view.length_entry];
    return origin_name(table.info.length_sources[length_source(entry)].origin);
}

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

TableReader::Block TableReader::block_of(const mxg_address& address) const
{
    const FamilyIndex& index = family_[address.family];
    const auto after = std::upper_bound(index.sample.begin(), index.sample.end(), wide(address));
    if (after == index.sample.begin())
        return {0, 0};
    const auto block = static_cast<uint32_t>(after - index.sample.begin() - 1);
    const uint32_t from = index.begin + block * kStride;
    return {from, std::min(from + kStride, index.end)};
}

uint32_t TableReader::last_not_above(const mxg_address& address) const
{
    const Block block = block_of(address);
    if (block.from == block.to)
        return kNoEntry;
    const auto found = std::upper_bound(
        table_.entries.begin() + block.from, table_.entries.begin() + block.to, wide(address),
        [](Wide key, const TableEntry& entry) { return key < first_address(entry); });
    return static_cast<uint32_t>(found - table_.entries.begin() - 1);
}

mxg_table TableReader::image() const
{
    return {table_.plane.data(), static_cast<uint32_t>(table_.plane.size())};
}

const mxg_image_header& TableReader::header() const
{
    return *reinterpret_cast<const mxg_image_header*>(table_.plane.data());
}

mxg_address TableReader::canonical(const mxg_address& address, uint32_t* kind) const
{
    const mxg_table lines = image();
    mxg_address out;
    *kind = mxg_canonical(&lines, &header(), &address, &out);
    return out;
}

void TableReader::warm(std::span<const mxg_address> addresses) const
{
    mxg_address seen[kBurst];
    const mxg_policy* policies[kBurst];
    const size_t count = std::min(addresses.size(), kBurst);
    for (size_t i = 0; i < count; i++) {
        uint32_t kind = 0;
        seen[i] = canonical(addresses[i], &kind);
        const Block block = block_of(seen[i]);
        for (uint32_t e = block.from; e < block.to; e += 2)  // two entries a line
            __builtin_prefetch(&table_.entries[e]);
    }
    const mxg_table lines = image();
    mxg_lookup_burst(&lines, &header(), seen, static_cast<uint32_t>(count), policies);
}

uint32_t TableReader::end_sites_of(uint32_t entry) const
{
    return end_sites_in(table_.shared, entry);
}

// As the most trusted source says that says anything of it, and there the longest prefix.
uint32_t TableReader::shared_by(const TableView& view) const
{
    if (table_.shared.empty())
        return 0;
    uint32_t best = kNoEntry, end_sites = 0;
    for (const uint32_t index : view.chain) {
        const TableEntry& entry = table_.entries[index];
        if (!is_length(entry) || !precedence_.applies(entry))
            continue;
        const uint32_t count = end_sites_of(index);
        if (count != 0 &&
            (best == kNoEntry || precedence_.length_beats(entry, table_.entries[best]))) {
            best = index;
            end_sites = count;
        }
    }
    return end_sites;
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
    out.length_entry = precedence_.length_winner(table_.entries, out.chain);
    out.end_sites = shared_by(out);

    const mxg_table lines = image();
    const mxg_policy* policy = mxg_lookup(&lines, &header(), &address);
    out.class_id = policy->class_id;
    out.end_site_length = policy->length;
    out.limits_times = 1u << policy->share;
    out.source_prefix = {mxg_cut(address, policy->length), policy->length};
    return out;
}

TableAnswer TableReader::ask(const mxg_address& address) const
{
    TableAnswer answer;
    answer.address = address;
    answer.canonical = view(canonical(address, &answer.kind));
    if (!mxg_has_two_views(answer.kind))
        return answer;
    answer.outer = view(address);
    const auto* classes = reinterpret_cast<const mxg_class*>(&table_.plane[header().classes]);
    answer.outer_decides =
        classes[answer.outer->class_id].strictness > classes[answer.canonical.class_id].strictness;
    return answer;
}

}  // namespace mxgate
