// SPDX-License-Identifier: BSD-2-Clause
// One core's work, run to completion: take a burst from a port, judge it, send on what passes.
#pragma once

#include <rte_mbuf.h>

#include <atomic>
#include <vector>

#include "dataplane/core/native.h"

#include "dataplane/core/burst.h"
#include "dataplane/core/decide_burst.h"
#include "dataplane/core/reply.h"
#include "dataplane/dpdk/live_table.h"
#include "dataplane/dpdk/plane_state.h"

namespace mxgate {

// A way through a worker: frames of one port's queue that go on to another port.
struct Lane {
    uint16_t from = 0, to = 0;  // DPDK's port numbers
    uint16_t queue = 0;         // the same number on every port: this worker's own
    bool judged = true;         // else everything passes, uncounted
    bool exception = false;     // `to` leads into the kernel: attempts must not fill it
};

class Worker
{
public:
    // `number`: of the worker's counters, below kMaxWorkers. State and table outlive the worker.
    // `capture`: frames are of a capture, whose time leaps.
    Worker(uint32_t number, std::vector<Lane> lanes, const PlaneState& state, LiveTable& table,
           bool capture = false);

    // One burst of every lane at `now_ns` (monotonic); how many frames came.
    uint32_t poll(uint64_t now_ns);

    // Polls until `stop`; sleeps `idle_us` after a while without a frame, 0: never.
    void run(const std::atomic<bool>& stop, uint32_t idle_us);

    // The decision on frame `i` of the last burst, where that was judged; for replay.
    mxg_decision decision_on(uint32_t i) const;

private:
    struct Outgoing {
        uint32_t count = 0;
        rte_mbuf* frame[MXG_BURST];
    };

    void parse(uint32_t count);
    mxg_decision pass_by(uint32_t family) const;
    void count_passing_by(mxg_subset all);
    void judge(const Lane& lane, uint32_t count);
    bool leads_to_service(const mxg_packet& packet, const mxg_decision& decision,
                          uint32_t inside) const;
    void watch();
    void sweep();
    mxg_frame view_of(rte_mbuf* frame, uint8_t* scratch) const;
    void sort_out(const Lane& lane, uint32_t count);
    rte_mbuf* answer_to(uint32_t i);
    void account(const mxg_decision& decision, const mxg_packet& packet);
    static uint32_t transmit(uint16_t port, uint16_t queue, rte_mbuf** frames, uint32_t count);
    void send(uint16_t port, uint16_t queue, rte_mbuf** frames, uint32_t count);
    void send_back(uint16_t port, uint16_t queue, Outgoing& out);
    uint64_t& port_counter(PortCounter which)
    {
        return counters_.ports[static_cast<size_t>(which)];
    }

    uint32_t number_;
    std::vector<Lane> lanes_;
    bool capture_;
    __u64 swept_ns_ = 0;
    uint32_t& inside_;  // of all workers
    LiveTable& table_;
    WorkerCounters& counters_;
    mxg_ring& ring_;
    mxg_gate gate_{};
    mxg_flows flows_{};
    rte_mbuf* frame_[MXG_BURST];
    mxg_subset concerned_ = 0;  // what goes to or comes from a protected address: it is parsed
    mxg_subset ipv4_ = 0, ipv6_ = 0;  // by family; the rest is neither
    mxg_packet packet_[MXG_BURST];
    mxg_decision decision_[MXG_BURST];
    mxg_reply reply_;
};

}  // namespace mxgate
