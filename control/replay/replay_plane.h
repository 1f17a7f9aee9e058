// SPDX-License-Identifier: BSD-2-Clause
// Planes that captured frames run through: the core compiled natively, and the XDP program.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "control/table/policy_table.h"
#include "dataplane/core/verdict.h"

namespace mxgate {

class ReplayPlane
{
public:
    virtual ~ReplayPlane() = default;
    // The decision on one Ethernet frame of 14 bytes to 64 KiB at `now_ns`. Where it passes, the
    // plane learns from it which connections are open (dataplane/core/flows.h).
    virtual mxg_decision decide(const std::vector<uint8_t>& frame, uint64_t now_ns) = 0;
    // How often the plane's own accounting says it ran; absent for the model.
    virtual std::optional<uint64_t> runs() const { return std::nullopt; }
};

// `capacity`: sources.capacity. The source table's secret is a fixed one: the same frames give
// the same verdicts at every run.
std::unique_ptr<ReplayPlane> make_model_plane(const PolicyTable& table, uint64_t capacity);

// Loads the program into the kernel and runs it there (BPF_PROG_TEST_RUN); throws BpfError where
// that is not allowed. Touches no interface and no running gate.
std::unique_ptr<ReplayPlane> make_xdp_plane(const PolicyTable& table, uint64_t capacity);

// Starts mxgate-dpdk, which takes the frames from a port of DPDK (net_ring); needs no privilege.
// Throws PlaneError where it is not installed or does not start.
std::unique_ptr<ReplayPlane> make_dpdk_plane(const PolicyTable& table, uint64_t capacity);

// The secret of the source table in replay, "mxgate-replay-ke".
inline constexpr uint64_t kReplayKey[2] = {0x6d78676174652d72ULL, 0x65706c61792d6b65ULL};

}  // namespace mxgate
