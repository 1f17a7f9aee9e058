// SPDX-License-Identifier: BSD-2-Clause
#include "control/plane/reconcile.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/reference/policy_case.h"
#include "tests/reference/policy_map.h"

#include "dataplane/core/connections.h"
#include "dataplane/state/state_view.h"

namespace mxgate {
namespace {

class ReconcileTest : public ::testing::Test
{
protected:
    ReconcileTest()
        : table_(reference::PolicyCase::from_yaml(
                     "gate:\n  plane: xdp\n  interfaces: [eth0]\n  services:\n"
                     "    - {name: mx, addresses: [\"2001:db8:2::25\"]}\n"
                     "classes: {c: {action: limit, connections: 5}}\ndefault_class: c\n")
                     .compile()),
          buckets_(mxg_all_buckets(kMask))
    {
        gate_.table = {table_.plane.data(), static_cast<uint32_t>(table_.plane.size())};
        gate_.sources = {{1, 2}, kMask, 0};
        gate_.buckets = buckets_.data();
        gate_.connections = connections_;
    }

    static mxg_packet connection(const std::string& from)
    {
        mxg_packet out{};
        out.source = reference::to_core(reference::address(from));
        out.destination = reference::to_core(reference::address("2001:db8:2::25"));
        out.destination_port = 25;
        return out;
    }

    // As the plane counts it.
    void open(const std::string& from)
    {
        const mxg_packet packet = connection(from);
        mxg_connection counted{};
        gate_.now_ns = monotonic_ns();
        ASSERT_EQ(mxg_handshake_done(&gate_, &packet.source, 0, &counted), 0);
    }

    uint64_t counted() const
    {
        uint64_t out = 0;
        for (const mxg_bucket& bucket : buckets_)
            for (const mxg_source& source : bucket.way)
                out += source.open;
        return out;
    }

    uint64_t in_classes() const
    {
        uint64_t out = 0;
        for (const uint32_t open : connections_)
            out += open;
        return out;
    }

    static constexpr uint32_t kMask = 15;
    PolicyTable table_;
    std::vector<mxg_bucket> buckets_;
    uint32_t connections_[MXG_MAX_CLASSES] = {};
    mxg_gate gate_{};
    Reconciler reconciler_;
};

TEST_F(ReconcileTest, WhatIsRightStays)
{
    open("2001:db8:5::1");
    for (int i = 0; i < 5; i++)
        EXPECT_EQ(reconciler_.compare(gate_, {connection("2001:db8:5::1")}), 0u);
    EXPECT_FALSE(reconciler_.in_doubt());
    EXPECT_EQ(counted(), 1u);
}

TEST_F(ReconcileTest, FromBeforeTheGate)
{
    const std::vector<mxg_packet> there{connection("2001:db8:5::1"), connection("2001:db8:5::2"),
                                        connection("2001:db8:6::1")};
    EXPECT_EQ(reconciler_.compare(gate_, there), 0u);
    EXPECT_TRUE(reconciler_.in_doubt());
    EXPECT_EQ(reconciler_.compare(gate_, there), 0u);
    EXPECT_EQ(reconciler_.compare(gate_, there), 3u) << "two prefixes and the class";
    EXPECT_EQ(counted(), 3u);
    EXPECT_EQ(in_classes(), 3u);
    EXPECT_FALSE(reconciler_.in_doubt());
}

TEST_F(ReconcileTest, WhoseEndWasMissed)
{
    open("2001:db8:5::1");
    open("2001:db8:5::1");
    for (int i = 0; i < 3; i++)
        reconciler_.compare(gate_, {connection("2001:db8:5::1")});
    EXPECT_EQ(counted(), 1u);
    for (int i = 0; i < 3; i++)
        reconciler_.compare(gate_, {});
    EXPECT_EQ(counted(), 0u);
    EXPECT_EQ(in_classes(), 0u);
}

// A count that moves is nobody's to mend, however far off each look at it is.
TEST_F(ReconcileTest, WhatIsInMotionIsLeftAlone)
{
    open("2001:db8:5::1");
    for (int i = 0; i < 10; i++) {
        EXPECT_EQ(reconciler_.compare(gate_, {}), 0u);
        open("2001:db8:5::1");
    }
    EXPECT_EQ(counted(), 11u);
}

}  // namespace
}  // namespace mxgate
