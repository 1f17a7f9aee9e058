// SPDX-License-Identifier: BSD-2-Clause
// The DPDK plane's pipeline with all that it decides, but rte_fib6 or rte_lpm6 in place of the
// policy table and rte_hash in place of the source table. All else is the plane's own code: parser,
// screen, embedded addresses, overrides, end-site lengths, limits, SipHash sixteen at a time, lines
// that remember SYNs, counters. What rte_hash cannot do is left out, in its favour: nothing is ever
// evicted.
#pragma once

#include <functional>
#include <memory>

#include "dataplane/dpdk/plane_state.h"

struct rte_hash;

namespace mxgate::perf {

// Classes of `count` addresses as they are in frames.
using ClassLookup = std::function<void(uint8_t (*addresses)[16], uint32_t count, uint32_t* out)>;

class EqualWorker
{
public:
    // `table`: outlives this, for services and classes. `senders`: as for PlaneState::make.
    EqualWorker(uint16_t port, const mxg_table& table, uint64_t senders, const uint64_t (&key)[2],
                ClassLookup lookup);
    ~EqualWorker();
    EqualWorker(const EqualWorker&) = delete;
    EqualWorker& operator=(const EqualWorker&) = delete;

    uint32_t poll(uint64_t now);

private:
    struct Burst;

    void judge(uint32_t count);
    void look_up();
    void find_states();

    uint16_t port_;
    PlaneState state_;
    mxg_gate gate_;
    ClassLookup lookup_;
    rte_hash* hash_;
    std::unique_ptr<WorkerCounters> counters_;
    std::unique_ptr<Burst> burst_;
};

}  // namespace mxgate::perf
