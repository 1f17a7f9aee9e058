// SPDX-License-Identifier: BSD-2-Clause
// What a table says of an address, against the reference.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "control/table/policy_table.h"
#include "dataplane/core/native.h"

#include "dataplane/core/burst.h"
#include "dataplane/core/decide.h"
#include "tests/reference/embedded.h"

namespace mxgate {

inline const mxg_policy* look_up(const std::vector<mxg_line>& plane,
                                 const reference::Address& address)
{
    const mxg_table table{plane.data(), static_cast<uint32_t>(plane.size())};
    const mxg_address core = reference::to_core(address);
    return mxg_lookup(&table, reinterpret_cast<const mxg_image_header*>(plane.data()), &core);
}

// Many at once, in bursts of every size: must be what look_up says of each.
inline void expect_bursts(const std::vector<mxg_line>& plane,
                          const std::vector<reference::Address>& addresses)
{
    const mxg_table table{plane.data(), static_cast<uint32_t>(plane.size())};
    const auto* header = reinterpret_cast<const mxg_image_header*>(plane.data());
    size_t size = 1;
    for (size_t from = 0; from < addresses.size(); from += size, size = size % MXG_BURST + 1) {
        const size_t count = std::min(size, addresses.size() - from);
        mxg_address burst[MXG_BURST];
        const mxg_policy* narrow[MXG_BURST] = {};
        const mxg_policy* widest[MXG_BURST] = {};
        for (size_t i = 0; i < count; i++)
            burst[i] = reference::to_core(addresses[from + i]);
        mxg_lookup_burst_with(&table, header, burst, static_cast<uint32_t>(count), narrow,
                              MXG_SCALAR);
        mxg_lookup_burst(&table, header, burst, static_cast<uint32_t>(count), widest);
        for (size_t i = 0; i < count; i++) {
            const mxg_policy* wanted = look_up(plane, addresses[from + i]);
            ASSERT_EQ(narrow[i], wanted) << to_string(addresses[from + i]);
            ASSERT_EQ(widest[i], wanted) << to_string(addresses[from + i]);
        }
    }
}

inline void expect_image(const PolicyTable& table, const reference::Answer& wanted,
                         const reference::Address& address)
{
    const mxg_policy* policy = look_up(table.plane, address);
    ASSERT_NE(policy, nullptr);
    EXPECT_EQ(table.info.classes.at(policy->class_id).name, wanted.class_name);
    EXPECT_EQ(policy->length, wanted.length);
    ASSERT_EQ(policy->feed != MXG_NO_FEED, wanted.feed.has_value());
    EXPECT_EQ(policy->flags, (wanted.feed ? 0 : MXG_POLICY_DEFAULT_CLASS) |
                                 (wanted.end_sites > 1 ? MXG_POLICY_SHARED : 0));
    if (wanted.end_sites <= 1) {
        EXPECT_EQ(policy->share, 0);
    }
    if (!wanted.feed)
        return;
    EXPECT_EQ(table.info.feeds.at(policy->feed).order, *wanted.feed);
}

inline void expect_view(const PolicyTable& table, const TableView& view,
                        const reference::Answer& wanted, const reference::Address& address)
{
    EXPECT_EQ(table.info.classes.at(view.class_id).name, wanted.class_name);
    EXPECT_EQ(view.end_site_length, wanted.length);
    EXPECT_EQ(reference::from(view.source_prefix), reference::cut(address, wanted.length));
    EXPECT_EQ(view.end_sites, wanted.end_sites);
    ASSERT_EQ(view.winner != kNoEntry, wanted.prefix.has_value());
    if (!wanted.prefix)
        return;
    const TableEntry& entry = table.entries.at(view.winner);
    EXPECT_EQ(reference::from(prefix_of(entry)), *wanted.prefix);
    EXPECT_EQ(table.info.feeds.at(entry.feed).order, *wanted.feed);
}

// The image and the reader, and of an embedded address both views.
inline void expect_same(const TableReader& reader, const reference::PolicyMap& map,
                        const EmbeddedConfig& embedded, const reference::Address& address)
{
    const reference::Answer wanted = map.ask(address);
    expect_image(reader.table(), wanted, address);
    const TableAnswer told = reader.ask(reference::to_core(address));
    const auto inside = reference::inside_of(address, embedded);
    const reference::Address inner = inside ? inside->ipv4 : address;
    expect_view(reader.table(), told.canonical, map.ask(inner), inner);
    ASSERT_EQ(told.outer.has_value(), inside && inside->both);
    if (told.outer)
        expect_view(reader.table(), *told.outer, wanted, address);
}

}  // namespace mxgate
