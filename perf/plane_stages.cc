// SPDX-License-Identifier: BSD-2-Clause
#include "perf/plane_stages.h"

#include <rte_cycles.h>
#include <rte_ethdev.h>

namespace {

uint64_t* stage_cycles;
uint64_t last_stamp;

void stage_is_over(size_t stage)
{
    const uint64_t now = rte_rdtsc();
    stage_cycles[stage] += now - last_stamp;
    last_stamp = now;
}

}  // namespace

#define MXG_STAGE_IS_OVER(stage) stage_is_over(stage)

#include "dataplane/core/decide_burst.h"

namespace mxgate::perf {

void poll_in_stages(uint16_t port, mxg_gate& gate, WorkerCounters& counters, StageCycles* out)
{
    rte_mbuf* frames[MXG_BURST];
    mxg_packet packets[MXG_BURST];
    mxg_decision decisions[MXG_BURST];
    mxg_subset concerned = 0;
    uint32_t service_count = 0;
    const mxg_service* services = mxg_services(&gate.table, &service_count);
    stage_cycles = out->cycles.data();
    last_stamp = rte_rdtsc();
    const uint16_t count = rte_eth_rx_burst(port, 0, frames, MXG_BURST);
    stage_is_over(0);
    for (uint32_t i = 0; i < count; i++)
        rte_prefetch0(rte_pktmbuf_mtod(frames[i], const void*));
    for (uint32_t i = 0; i < count; i++) {
        mxg_frame frame{rte_pktmbuf_mtod(frames[i], const uint8_t*), frames[i]->data_len, 0};
        union mxg_wire wire;
        packets[i] = {};
        if (!mxg_parse_network(&frame, &packets[i], &wire) ||
            !mxg_concerns_service(services, service_count, &packets[i]))
            continue;
        concerned |= mxg_subset{1} << i;
        mxg_parse_transport(&frame, &packets[i], &wire);
    }
    stage_is_over(1);
    mxg_decide_burst(&gate, packets, concerned, decisions);
    stage_is_over(6);
    while (concerned != 0) {
        const uint32_t i = mxg_take_next(&concerned);
        counters.packets[mxg_counter_index(&decisions[i])]++;
        counters.feeds[mxg_feed_counter_index(&decisions[i])] += mxg_is_by_feed(&decisions[i]);
    }
    stage_is_over(7);
    rte_eth_tx_burst(port, 0, frames, count);
    stage_is_over(8);
    out->packets += count;
}

}  // namespace mxgate::perf
