// SPDX-License-Identifier: BSD-2-Clause
// What a plane decides of SYNs from random addresses of a table as large as the Internet's, against
// tests/reference/full_lengths.h.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>

#include "dataplane/core/native.h"

#include "dataplane/core/decide.h"
#include "tests/reference/embedded.h"
#include "tests/reference/full_lengths.h"

namespace mxgate::frames {

// A SYN to the service of reference::plain_case(), as the parser would give it.
inline mxg_packet syn_from(const reference::Address& source)
{
    mxg_packet packet{};
    packet.source = reference::to_core(source);
    packet.destination = reference::to_core(
        reference::address(source.family == 4 ? "192.0.2.25" : "2001:db8:2::25"));
    packet.source_port = 40000;
    packet.destination_port = 25;
    packet.tcp_flags = MXG_TCP_SYN;
    packet.kind = MXG_FRAME_TCP;
    return packet;
}

class FullLengthsCheck
{
public:
    void take(const reference::FullLengths::Answer& wanted, const mxg_decision& decision)
    {
        asked_++;
        // Of those that carry an address the inner one is judged; other tests have them.
        if (reference::inside_of(wanted.address, {}) || decision.reason == MXG_MARTIAN) {
            left_out_++;
            return;
        }
        wrong_ += decision.source_length != wanted.length ||
                  decision.feed != (wanted.feed ? *wanted.feed : MXG_NO_FEED);
    }

    void expect_right(size_t addresses) const
    {
        EXPECT_EQ(asked_, addresses);
        EXPECT_EQ(wrong_, 0u);
        EXPECT_LT(left_out_, asked_ / 20);
    }

private:
    size_t asked_ = 0, left_out_ = 0, wrong_ = 0;
};

}  // namespace mxgate::frames
