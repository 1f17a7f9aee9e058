// SPDX-License-Identifier: BSD-2-Clause
// Planes that captured frames run through: the core compiled natively, and the XDP program.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "control/table/policy_table.h"
#include "dataplane/core/attempt.h"
#include "dataplane/core/verdict.h"

namespace mxgate {

class ReplayPlane
{
public:
    virtual ~ReplayPlane() = default;
    // The decision on one Ethernet frame of 14 bytes to 64 KiB at `now_ns`.
    virtual mxg_decision decide(const std::vector<uint8_t>& frame, uint64_t now_ns) = 0;
    // A handshake from `source` was completed; its connection is over.
    virtual mxg_connection opened(const mxg_address& source, uint64_t now_ns) = 0;
    virtual void closed(mxg_connection& connection) = 0;
    // How often the plane's own accounting says it ran; absent for the model.
    virtual std::optional<uint64_t> runs() const { return std::nullopt; }
};

// `capacity`: sources.capacity. The source table's secret is a fixed one: the same frames give
// the same verdicts at every run.
std::unique_ptr<ReplayPlane> make_model_plane(const PolicyTable& table, uint64_t capacity);

// Loads the program into the kernel and runs it there (BPF_PROG_TEST_RUN); throws BpfError where
// that is not allowed. Touches no interface and no running gate.
std::unique_ptr<ReplayPlane> make_xdp_plane(const PolicyTable& table, uint64_t capacity);

}  // namespace mxgate
