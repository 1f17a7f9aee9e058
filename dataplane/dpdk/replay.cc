// SPDX-License-Identifier: BSD-2-Clause
#include "dataplane/dpdk/replay.h"

#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "dataplane/dpdk/ports.h"
#include "dataplane/dpdk/worker.h"

namespace mxgate {
namespace {

constexpr uint32_t kBuffers = 1024;
constexpr uint32_t kRing = 64;
constexpr uint64_t kMostFrame = 65536;

// A port that receives what is put into one ring and sends into another.
class RingPort
{
public:
    RingPort()
    {
        pool_ = rte_pktmbuf_pool_create("replay", kBuffers, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
                                        SOCKET_ID_ANY);
        in_ = rte_ring_create("replay_in", kRing, SOCKET_ID_ANY, 0);
        out_ = rte_ring_create("replay_out", kRing, SOCKET_ID_ANY, 0);
        if (!pool_ || !in_ || !out_)
            throw PlaneError("no memory for a DPDK port");
        const int port = rte_eth_from_rings("net_ring_replay", &in_, 1, &out_, 1, 0);
        const rte_eth_conf conf{};
        id_ = static_cast<uint16_t>(port);
        if (port < 0 || rte_eth_dev_configure(id_, 1, 1, &conf) != 0 ||
            rte_eth_rx_queue_setup(id_, 0, kRing, 0, nullptr, pool_) != 0 ||
            rte_eth_tx_queue_setup(id_, 0, kRing, 0, nullptr) != 0 || rte_eth_dev_start(id_) != 0)
            throw PlaneError("no net_ring port");
    }

    uint16_t id() const { return id_; }

    void put(const std::vector<uint8_t>& frame)
    {
        rte_mbuf* first = nullptr;
        for (size_t at = 0; at < frame.size();) {
            rte_mbuf* segment = rte_pktmbuf_alloc(pool_);
            if (!segment || (first && rte_pktmbuf_chain(first, segment) != 0))
                throw PlaneError("no buffers for a frame");
            const auto part = static_cast<uint16_t>(
                std::min<size_t>(frame.size() - at, rte_pktmbuf_tailroom(segment)));
            std::memcpy(rte_pktmbuf_mtod(segment, char*), frame.data() + at, part);
            segment->data_len = part;
            if (!first) {
                first = segment;
                first->pkt_len = part;
            } else {
                first->pkt_len += part;
            }
            at += part;
        }
        if (rte_ring_enqueue(in_, first) != 0)
            throw PlaneError("the port's ring is full");
    }

    // The frame sent, if any; empty otherwise.
    std::vector<uint8_t> take()
    {
        void* object = nullptr;
        if (rte_ring_dequeue(out_, &object) != 0)
            return {};
        auto* frame = static_cast<rte_mbuf*>(object);
        std::vector<uint8_t> out(frame->pkt_len);
        const void* data = rte_pktmbuf_read(frame, 0, frame->pkt_len, out.data());
        if (data && data != out.data())
            std::memcpy(out.data(), data, out.size());
        rte_pktmbuf_free(frame);
        return out;
    }

    uint64_t received() const
    {
        rte_eth_stats stats{};
        rte_eth_stats_get(id_, &stats);
        return stats.ipackets;
    }

private:
    rte_mempool* pool_ = nullptr;
    rte_ring *in_ = nullptr, *out_ = nullptr;
    uint16_t id_ = 0;
};

// The frame's decision, once the plane has done with the frame what the decision says.
mxg_replay_answer run(RingPort& port, Worker& worker, const std::vector<uint8_t>& frame,
                      uint64_t now_ns)
{
    mxg_replay_answer out{};
    port.put(frame);
    const uint32_t taken = worker.poll(now_ns);
    const std::vector<uint8_t> sent = port.take();  // as it came, or an answer
    out.decision = worker.decisions()[0];
    out.frames = port.received();
    const bool passes = mxg_effect(&out.decision) == MXG_PASS;
    if (taken != 1)
        std::strcpy(out.error, "the worker did not take the frame from its port");
    else if (passes && sent != frame)
        std::strcpy(out.error, "a frame that passes was not sent on as it came");
    else if (!passes && sent == frame)
        std::strcpy(out.error, "a refused frame was sent on");
    return out;
}

}  // namespace

void serve_replay(int socket)
{
    mxg_replay_begin begin{};
    if (!read_whole(socket, &begin, sizeof(begin)) || begin.lines > MXG_MAX_LINES)
        throw PlaneError("this is for `mxgate replay`");
    std::vector<mxg_line> image(begin.lines);
    if (!read_whole(socket, image.data(), image.size() * sizeof(mxg_line)))
        throw PlaneError("the policy table did not come");
    mxg_replay_answer answer{};
    try {
        start_eal({"mxgate-dpdk", "--no-huge", "--no-pci", "--no-shconf", "--no-telemetry",
                   "--force-max-simd-bitwidth=512", "--log-level=lib.eal:critical", "-m", "64",
                   "-l", "0"});
        RingPort port;
        const PlaneState state = PlaneState::make(begin.capacity, begin.key);
        LiveTable table(1);
        table.publish(image.data(), image.size());
        Worker worker(0, {{port.id(), port.id(), 0, true, false}}, state, table);
        mxg_replay_frame next{};
        write_whole(socket, &answer, sizeof(answer));
        while (read_whole(socket, &next, sizeof(next))) {
            std::vector<uint8_t> frame(std::min(next.bytes, kMostFrame));
            if (!read_whole(socket, frame.data(), frame.size()))
                return;
            answer = run(port, worker, frame, next.now_ns);
            if (!write_whole(socket, &answer, sizeof(answer)))
                return;
        }
    } catch (const PlaneError& error) {
        std::strncpy(answer.error, error.what(), sizeof(answer.error) - 1);
        write_whole(socket, &answer, sizeof(answer));
    }
}

}  // namespace mxgate
