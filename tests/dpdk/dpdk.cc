// SPDX-License-Identifier: BSD-2-Clause
#include "tests/dpdk/dpdk.h"

#include <rte_mempool.h>

#include <cstring>
#include <numeric>

#include "dataplane/dpdk/ports.h"
#include "tests/reference/random_policy.h"

namespace mxgate {
namespace {

rte_mempool* make_pool(const char* name, uint32_t buffers, uint16_t bytes)
{
    // Without caches: what is in use is known exactly.
    return rte_pktmbuf_pool_create(name, buffers, 0, 0, bytes, SOCKET_ID_ANY);
}

}  // namespace

void DpdkTest::SetUpTestSuite()
{
    static const bool started = [] {
        start_eal({"dpdk_test", "--no-huge", "--no-pci", "--no-shconf", "--no-telemetry",
                   "--force-max-simd-bitwidth=512", "--log-level=*:error", "-m", "128", "-l", "0"});
        return true;
    }();
    (void)started;
    ASSERT_TRUE(pool(0) && pool(1) && large()) << "no memory for packet buffers";
}

void DpdkTest::TearDown()
{
    for (const uint32_t thread : {0, 1})
        EXPECT_EQ(rte_mempool_in_use_count(pool(thread)), 0u) << "buffers were lost";
    EXPECT_EQ(rte_mempool_in_use_count(large()), 0u) << "large buffers were lost";
}

rte_mempool* DpdkTest::pool(uint32_t thread)
{
    static rte_mempool* made[] = {make_pool("usual", 16384, RTE_MBUF_DEFAULT_BUF_SIZE),
                                  make_pool("other", 4096, RTE_MBUF_DEFAULT_BUF_SIZE)};
    return made[thread];
}

rte_mempool* DpdkTest::large()
{
    static rte_mempool* made = make_pool("large", 256, RTE_PKTMBUF_HEADROOM + 9728);
    return made;
}

std::vector<frames::Bytes> sent_to(RingPort& port, uint16_t queue)
{
    std::vector<frames::Bytes> out;
    while (rte_mbuf* frame = port.take(queue)) {
        out.push_back(bytes_of(frame));
        rte_pktmbuf_free(frame);
    }
    return out;
}

void give(RingPort& port, rte_mempool* pool, const frames::Bytes& frame, size_t segment,
          uint16_t queue)
{
    rte_mbuf* made = make_frame(pool, frame, segment);
    ASSERT_NE(made, nullptr) << "no buffers";
    if (!port.put(queue, made)) {
        rte_pktmbuf_free(made);
        FAIL() << "the port's ring is full";
    }
}

uint64_t port_counter(const PlaneState& state, PortCounter which)
{
    return state.port_counters().at(static_cast<size_t>(which)).packets;
}

std::vector<uint64_t> packet_counters(const PlaneState& state)
{
    std::vector<uint64_t> out(MXG_COUNTERS, 0);
    for (const CounterValue& value : state.counters())
        out.at(value.index) = value.packets;
    return out;
}

void expect_conserved(const PlaneState& state, uint64_t received)
{
    const std::vector<uint64_t> judged = packet_counters(state);
    EXPECT_EQ(std::accumulate(judged.begin(), judged.end(), uint64_t{0}), received);
    EXPECT_EQ(port_counter(state, PortCounter::received), received);
    EXPECT_EQ(port_counter(state, PortCounter::sent) + port_counter(state, PortCounter::dropped) +
                  port_counter(state, PortCounter::send_full) +
                  port_counter(state, PortCounter::exception_capped),
              received);
}

PolicyTable all_of(const std::string& class_name, uint64_t generation, size_t feed)
{
    reference::PolicyCase policy = reference::plain_case();
    for (size_t i = 0; i <= feed; i++)
        policy.add_feed("feed" + std::to_string(i), class_name, 0);
    policy.add(feed, "::/0");
    policy.add(feed, "0.0.0.0/0");
    return policy.compile(generation);
}

bool same(const mxg_decision& a, const mxg_decision& b)
{
    return std::memcmp(&a, &b, sizeof(a)) == 0;
}

}  // namespace mxgate
