// SPDX-License-Identifier: BSD-2-Clause
#include "dataplane/dpdk/ring_port.h"

#include <rte_bus_vdev.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include <algorithm>
#include <cstring>

#include "dataplane/state/memory.h"

namespace mxgate {
namespace {

std::vector<rte_ring*> make_rings(const std::string& name, uint16_t count, uint32_t frames)
{
    std::vector<rte_ring*> out;
    for (uint16_t i = 0; i < count; i++) {
        out.push_back(
            rte_ring_create((name + std::to_string(i)).c_str(), frames, SOCKET_ID_ANY, 0));
        if (!out.back())
            throw PlaneError("no memory for the rings of port " + name);
    }
    return out;
}

rte_mbuf* take_from(rte_ring* ring)
{
    void* frame = nullptr;
    return rte_ring_dequeue(ring, &frame) == 0 ? static_cast<rte_mbuf*>(frame) : nullptr;
}

}  // namespace

RingPort::RingPort(const std::string& name, rte_mempool* pool, uint16_t queues, uint32_t frames)
    : device_("net_ring_" + name),
      in_(make_rings(name + "_in", queues, frames)),
      out_(make_rings(name + "_out", queues, frames))
{
    const int port = rte_eth_from_rings(name.c_str(), in_.data(), queues, out_.data(), queues, 0);
    const rte_eth_conf conf{};
    id_ = static_cast<uint16_t>(port);
    bool good = port >= 0 && rte_eth_dev_configure(id_, queues, queues, &conf) == 0;
    for (uint16_t i = 0; i < queues && good; i++)
        good = rte_eth_rx_queue_setup(id_, i, 64, 0, nullptr, pool) == 0 &&
               rte_eth_tx_queue_setup(id_, i, 64, 0, nullptr) == 0;
    if (!good || rte_eth_dev_start(id_) != 0)
        throw PlaneError("no net_ring port");
}

RingPort::~RingPort()
{
    rte_vdev_uninit(device_.c_str());
    for (std::vector<rte_ring*>* rings : {&in_, &out_})
        for (rte_ring* ring : *rings) {
            while (rte_mbuf* frame = take_from(ring))
                rte_pktmbuf_free(frame);
            rte_ring_free(ring);
        }
}

bool RingPort::put(uint16_t queue, rte_mbuf* frame)
{
    return rte_ring_enqueue(in_[queue], frame) == 0;
}

rte_mbuf* RingPort::take(uint16_t queue)
{
    return take_from(out_[queue]);
}

uint64_t RingPort::received() const
{
    rte_eth_stats stats{};
    rte_eth_stats_get(id_, &stats);
    return stats.ipackets;
}

rte_mbuf* make_frame(rte_mempool* pool, const std::vector<uint8_t>& bytes, size_t segment)
{
    rte_mbuf* first = nullptr;
    for (size_t at = 0; at < bytes.size();) {
        rte_mbuf* next = rte_pktmbuf_alloc(pool);
        if (!next || (first && rte_pktmbuf_chain(first, next) != 0)) {
            rte_pktmbuf_free(next);
            rte_pktmbuf_free(first);
            return nullptr;
        }
        const auto part = static_cast<uint16_t>(
            std::min<size_t>({bytes.size() - at, segment, rte_pktmbuf_tailroom(next)}));
        std::memcpy(rte_pktmbuf_mtod(next, char*), bytes.data() + at, part);
        next->data_len = part;
        if (!first)
            first = next;
        first->pkt_len = static_cast<uint32_t>(at) + part;
        at += part;
    }
    return first;
}

std::vector<uint8_t> bytes_of(const rte_mbuf* frame)
{
    std::vector<uint8_t> out(frame->pkt_len);
    const void* data = rte_pktmbuf_read(frame, 0, frame->pkt_len, out.data());
    if (data && data != out.data())
        std::memcpy(out.data(), data, out.size());
    return out;
}

}  // namespace mxgate
