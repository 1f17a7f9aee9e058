// SPDX-License-Identifier: BSD-2-Clause
// The core compiled natively over a policy table, and its decisions in the reference's words.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "control/table/policy_table.h"
#include "dataplane/core/native.h"

#include "dataplane/core/connections.h"
#include "dataplane/core/decide.h"
#include "dataplane/core/reply.h"
#include "tests/frames/frame.h"
#include "tests/reference/gate.h"

namespace mxgate::frames {

inline constexpr uint64_t kSourceKey[2] = {0x0123456789abcdef, 0xfedcba9876543210};

mxg_packet parse(const Bytes& frame);

// The core's answer to a SYN, whatever the limit on answers; nothing where it gives none.
std::optional<Bytes> answer(const Bytes& frame, mxg_verdict verdict);

class Model
{
public:
    // `buckets`: a power of two.
    explicit Model(const PolicyTable& table, uint32_t buckets = 1 << 12);
    Model(const Model&) = delete;
    Model& operator=(const Model&) = delete;

    mxg_decision decide(const Bytes& frame, uint64_t now_ns);
    // What becomes of the answer to `frame`, judged `verdict`; counted in replies().
    mxg_reply_outcome answer(const Bytes& frame, mxg_verdict verdict, uint64_t now_ns);
    mxg_connection opened(const reference::Address& source, uint64_t now_ns);
    void closed(mxg_connection connection);
    // As for a plane that sees connections one by one, where no frame belongs to one.
    void without_connections() { gate_.flows = &no_flows_; }
    void put_overrides(const std::vector<mxg_override>& overrides);
    // Another table, the state stays.
    void publish(const PolicyTable& table);

    mxg_gate& gate() { return gate_; }
    const std::vector<uint64_t>& counters() const { return counters_; }
    uint64_t counted() const;
    const mxg_replies& replies() const { return replies_; }

private:
    std::vector<mxg_line> plane_;
    std::vector<mxg_bucket> buckets_;
    std::vector<mxg_seen_line> seen_;
    uint32_t connections_[MXG_MAX_CLASSES] = {};
    std::unique_ptr<mxg_overrides> overrides_ = std::make_unique<mxg_overrides>();
    std::vector<uint64_t> counters_;
    mxg_replies replies_{};
    mxg_flow_line no_flow_{};
    mxg_flows no_flows_{&no_flow_, 0, 0, 0};
    mxg_gate gate_{};
};

// What was set by hand, for the planes.
std::vector<mxg_override> records_of(const std::vector<reference::Gate::ByHand>& by_hand,
                                     const TableInfo& info);

reference::Decision in_words(const mxg_decision& decision, const TableInfo& info);

}  // namespace mxgate::frames
