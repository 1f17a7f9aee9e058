// SPDX-License-Identifier: BSD-2-Clause
// Frames of both sides of connections, through the model, the XDP program and a worker of the DPDK
// plane.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "control/replay/replay_plane.h"
#include "tests/frames/pair.h"
#include "tests/xdp/plane.h"

namespace mxgate {

using namespace frames;

inline constexpr uint64_t kSecond = 1'000'000'000;
inline constexpr const char* kMx = "2001:db8:2::25";

class HandshakesTest : public XdpTest
{
protected:
    void SetUp() override
    {
        XdpTest::SetUp();
        if (IsSkipped() || HasFatalFailure())
            return;
        start(reference::PolicyCase::from_yaml(
                  "gate:\n  plane: xdp\n  interfaces: [eth0]\n  services:\n"
                  "    - {name: mx, addresses: [\"2001:db8:2::25\"]}\n"
                  "classes:\n"
                  "  c: {action: limit, rate: 60/min, burst: 2, charge: handshake,"
                  " connections: 1}\n"
                  "default_class: c\n")
                  .compile());
    }

    // Planes without any state.
    void start(PolicyTable table, uint64_t capacity = 1 << 16)
    {
        table_ = std::move(table);
        planes_.clear();
        planes_.push_back(make_model_plane(table_, capacity));
        planes_.push_back(make_xdp_plane(table_, capacity));
        planes_.push_back(make_dpdk_plane(table_, capacity));
    }

    // The reason for which all planes pass or drop the frame.
    mxg_reason see(const Frame& frame, uint64_t now)
    {
        const Bytes bytes = frame.bytes();
        mxg_reason out = MXG_REASONS;
        for (size_t i = 0; i < planes_.size(); i++) {
            const mxg_decision decision = planes_[i]->decide(bytes, now);
            EXPECT_TRUE(i == 0 || decision.reason == out);
            out = static_cast<mxg_reason>(decision.reason);
        }
        return out;
    }
    static Frame client(const std::string& from, uint8_t flags, uint32_t sequence, uint32_t ack)
    {
        return Frame().ip(from, kMx).tcp(flags).set(4, 4, sequence).set(8, 4, ack);
    }
    static Frame server(const std::string& to, uint8_t flags, uint32_t sequence, uint32_t ack)
    {
        return Frame().ip(kMx, to).tcp(flags, 40000, 25).set(4, 4, sequence).set(8, 4, ack);
    }
    mxg_reason shake(const std::string& from, uint32_t sequence, uint64_t now)
    {
        const mxg_reason reason = see(client(from, kSyn, sequence, 0), now);
        see(server(from, kSyn | kAck, 7000, sequence + 1), now);
        see(client(from, kAck, sequence + 1, 7001), now);
        return reason;
    }

    PolicyTable table_;
    std::vector<std::unique_ptr<ReplayPlane>> planes_;
};

}  // namespace mxgate
