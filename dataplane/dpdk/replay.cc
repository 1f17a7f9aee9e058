// SPDX-License-Identifier: BSD-2-Clause
#include "dataplane/dpdk/replay.h"

#include <rte_mbuf.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "dataplane/dpdk/ports.h"
#include "dataplane/dpdk/ring_port.h"
#include "dataplane/dpdk/worker.h"

namespace mxgate {
namespace {

constexpr uint32_t kBuffers = 1024;
constexpr uint32_t kRing = 64;
constexpr uint64_t kMostFrame = 65536;

// The frame sent, if any; empty otherwise.
std::vector<uint8_t> take(RingPort& port)
{
    rte_mbuf* frame = port.take(0);
    if (!frame)
        return {};
    std::vector<uint8_t> out = bytes_of(frame);
    rte_pktmbuf_free(frame);
    return out;
}

// The frame's decision, once the plane has done with the frame what the decision says.
mxg_replay_answer run(RingPort& port, rte_mempool* pool, Worker& worker,
                      const std::vector<uint8_t>& frame, uint64_t now_ns)
{
    mxg_replay_answer out{};
    rte_mbuf* given = make_frame(pool, frame);
    if (!given || !port.put(0, given))
        throw PlaneError("no room for a frame");
    const uint32_t taken = worker.poll(now_ns);
    const std::vector<uint8_t> sent = take(port);  // as it came, or an answer
    out.frames = port.received();
    if (taken != 1) {
        std::strcpy(out.error, "the worker did not take the frame from its port");
        return out;
    }
    out.decision = worker.decision_on(0);
    const bool passes = mxg_effect(&out.decision) == MXG_PASS;
    if (passes && sent != frame)
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
        rte_mempool* pool = rte_pktmbuf_pool_create("replay", kBuffers, 0, 0,
                                                    RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
        if (!pool)
            throw PlaneError("no memory for packet buffers");
        RingPort port("replay", pool, 1, kRing);
        const PlaneState state = PlaneState::make(begin.capacity, begin.key);
        LiveTable table(1);
        table.publish(image.data(), image.size());
        Worker worker(0, {{port.id(), port.id(), 0, true, false}}, state, table, true);
        mxg_replay_frame next{};
        write_whole(socket, &answer, sizeof(answer));
        while (read_whole(socket, &next, sizeof(next))) {
            std::vector<uint8_t> frame(std::min(next.bytes, kMostFrame));
            if (!read_whole(socket, frame.data(), frame.size()))
                return;
            answer = run(port, pool, worker, frame, next.now_ns);
            if (!write_whole(socket, &answer, sizeof(answer)))
                return;
        }
    } catch (const PlaneError& error) {
        std::strncpy(answer.error, error.what(), sizeof(answer.error) - 1);
        write_whole(socket, &answer, sizeof(answer));
    }
}

}  // namespace mxgate
