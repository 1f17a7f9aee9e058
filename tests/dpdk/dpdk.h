// SPDX-License-Identifier: BSD-2-Clause
// Ports of DPDK without a wire, and a plane over them.
#pragma once

#include <gtest/gtest.h>
#include <rte_mbuf.h>

#include <string>
#include <vector>

#include "dataplane/dpdk/live_table.h"
#include "dataplane/dpdk/plane_state.h"
#include "dataplane/dpdk/ring_port.h"
#include "dataplane/dpdk/worker.h"
#include "tests/frames/model.h"

namespace mxgate {

inline constexpr uint64_t kSecond = 1'000'000'000;
// Of as many sources as frames::Model has.
inline constexpr uint64_t kCapacity = uint64_t{MXG_WAYS} << 12;

// EAL, started once, and buffers, all of which every test gives back.
class DpdkTest : public ::testing::Test
{
protected:
    static void SetUpTestSuite();
    void TearDown() override;

    // Buffers of the usual size. One pool for each thread: on fewer cores than threads those of a
    // shared pool would wait for each other's time slices.
    static rte_mempool* pool(uint32_t thread = 0);
    static rte_mempool* large();  // of more than 9000 bytes

    PlaneState state_ = PlaneState::make(kCapacity, frames::kSourceKey);
    LiveTable table_{kMaxWorkers};
};

inline void publish(LiveTable& table, const std::vector<mxg_line>& image)
{
    table.publish(image.data(), image.size());
}

// Everything that was sent to the port, oldest first.
std::vector<frames::Bytes> sent_to(RingPort& port, uint16_t queue = 0);

// Puts a frame into the port, in buffers of `segment` bytes; fails the test where there is no room.
void give(RingPort& port, rte_mempool* pool, const frames::Bytes& frame, size_t segment = SIZE_MAX,
          uint16_t queue = 0);

uint64_t port_counter(const PlaneState& state, PortCounter which);
// All packet counters, those that are 0 too.
std::vector<uint64_t> packet_counters(const PlaneState& state);
// Frames taken from the ports are sent, dropped or lost for a counted reason; packets judged.
void expect_conserved(const PlaneState& state, uint64_t received);

// A table of which every sender is in class `class_name`, named by feed `feed`.
PolicyTable all_of(const std::string& class_name, uint64_t generation, size_t feed = 0);

// Whether two decisions are the same to the last byte.
bool same(const mxg_decision& a, const mxg_decision& b);

}  // namespace mxgate
