// SPDX-License-Identifier: BSD-2-Clause
// A port of DPDK without a wire (net_ring): it receives what is put into it, and what is sent to it
// can be taken out again. For replay and tests. One thread at each end of a queue.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

struct rte_mbuf;
struct rte_mempool;
struct rte_ring;

namespace mxgate {

class RingPort
{
public:
    // Started, with `queues` queues of fewer than `frames` frames (a power of two) each way. `name`
    // is the port's own in this process. Throws PlaneError.
    RingPort(const std::string& name, rte_mempool* pool, uint16_t queues, uint32_t frames);
    ~RingPort();  // frees the frames in it
    RingPort(const RingPort&) = delete;
    RingPort& operator=(const RingPort&) = delete;

    uint16_t id() const { return id_; }
    bool put(uint16_t queue, rte_mbuf* frame);  // false: full, the frame stays the caller's
    rte_mbuf* take(uint16_t queue);             // the caller's to free; nullptr: none
    uint64_t received() const;                  // frames that were polled

private:
    std::string device_;
    std::vector<rte_ring*> in_, out_;
    uint16_t id_ = 0;
};

// A frame in buffers of `pool`, at most `segment` bytes in each; nullptr: no buffers left.
rte_mbuf* make_frame(rte_mempool* pool, const std::vector<uint8_t>& bytes,
                     size_t segment = SIZE_MAX);
std::vector<uint8_t> bytes_of(const rte_mbuf* frame);

}  // namespace mxgate
