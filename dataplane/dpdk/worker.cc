// SPDX-License-Identifier: BSD-2-Clause
#include "dataplane/dpdk/worker.h"

#include <rte_ethdev.h>
#include <rte_prefetch.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <ctime>

namespace mxgate {
namespace {

// More than the headers that the parser follows (Ethernet and tags 22, IPv6 40, its chain 512,
// TCP 60), and than what an ICMP error quotes.
constexpr uint32_t kHeaderBytes = 2048;
constexpr uint32_t kIdlePolls = 1000;
constexpr int kSendTries = 4;
// A port that fills whole bursts has more waiting. Then at most this many connection attempts of a
// burst go to the kernel, which is slower than the port, so that what keeps the host reachable
// (neighbour discovery, routing, path MTU) is not lost in the port's queue behind them; and as many
// that are not judged: to the host's other ports, or to any while there is no table.
constexpr uint32_t kExceptionAttempts = MXG_BURST / 4;

// Of what concerns a service. By itself: what passes by has the registers.
__attribute__((noinline)) void parse_rest(mxg_frame& frame, const mxg_packet& addresses,
                                          union mxg_wire& wire, mxg_packet& out)
{
    out = addresses;
    if (addresses.source.family != MXG_FAMILY_NONE)
        mxg_parse_transport(&frame, &out, &wire);
}

const mxg_image_header* header_of(const mxg_table& table)
{
    return reinterpret_cast<const mxg_image_header*>(mxg_hot_line(&table, 0));
}

}  // namespace

Worker::Worker(uint32_t number, std::vector<Lane> lanes, const PlaneState& state, LiveTable& table,
               bool capture)
    : number_(number),
      lanes_(std::move(lanes)),
      capture_(capture),
      inside_(state.state().meta.inside),
      table_(table),
      counters_(state.counters_of(number)),
      ring_(state.ring_of(number))
{
    gate_ = state.gate();
    gate_.pressure = counters_.pressure;
    flows_ = state.flows();
    flows_.swept = number * (flows_.mask / kMaxWorkers);
}

// Headers that a NIC spread over several segments are gathered first.
mxg_frame Worker::view_of(rte_mbuf* frame, uint8_t* scratch) const
{
    const auto* data = rte_pktmbuf_mtod(frame, const uint8_t*);
    const uint32_t here = frame->data_len, all = frame->pkt_len;
    if (here == all || here >= kHeaderBytes)
        return {data, here, all - here};
    const uint32_t held = std::min(all, kHeaderBytes);
    return {static_cast<const uint8_t*>(rte_pktmbuf_read(frame, 0, held, scratch)), held,
            all - held};
}

// What concerns no service is told by its addresses; the rest is parsed whole.
void Worker::parse(uint32_t count)
{
    uint32_t service_count = 0;
    const mxg_service* services = mxg_services(&gate_.table, &service_count);
    mxg_subset concerned = 0, ipv4 = 0, ipv6 = 0;
    for (uint32_t i = 0; i < count; i++)
        rte_prefetch0(rte_pktmbuf_mtod(frame_[i], const void*));
    for (uint32_t i = 0; i < count; i++) {
        const mxg_subset self = mxg_subset{1} << i;
        uint8_t scratch[kHeaderBytes];
        mxg_frame frame = view_of(frame_[i], scratch);
        mxg_packet packet{};
        union mxg_wire wire;
        const bool is_ip = mxg_parse_network(&frame, &packet, &wire) != 0;
        if (is_ip)
            (packet.source.family == MXG_FAMILY_IPV4 ? ipv4 : ipv6) |= self;
        if (services && !(is_ip && mxg_concerns_service(services, service_count, &packet)))
            continue;
        concerned |= self;
        parse_rest(frame, packet, wire, packet_[i]);
    }
    concerned_ = concerned;
    ipv4_ = ipv4;
    ipv6_ = ipv6;
}

mxg_decision Worker::pass_by(uint32_t family) const
{
    mxg_packet packet{};
    packet.source.family = family;
    mxg_decision out;
    mxg_pass_by(header_of(gate_.table), &packet, &out);
    return out;
}

void Worker::count_passing_by(mxg_subset all)
{
    const mxg_subset of_family[] = {all & ~ipv4_ & ~ipv6_, all & ipv4_, all & ipv6_};
    for (uint32_t family = MXG_FAMILY_NONE; family <= MXG_FAMILY_IPV6; family++) {
        const mxg_decision decision = pass_by(family);
        counters_.packets[mxg_counter_index(&decision)] +=
            static_cast<uint32_t>(std::popcount(of_family[family]));
    }
}

mxg_decision Worker::decision_on(uint32_t i) const
{
    if (concerned_ >> i & 1)
        return decision_[i];
    return pass_by(ipv4_ >> i & 1   ? MXG_FAMILY_IPV4
                   : ipv6_ >> i & 1 ? MXG_FAMILY_IPV6
                                    : MXG_FAMILY_NONE);
}

// What says that it is a service's is believed only where it comes from a port that leads to
// services: through which attempts leave. Anybody can send the like of it to the other port.
void Worker::judge(const Lane& lane, uint32_t count)
{
    const uint32_t inside = __atomic_load_n(&inside_, __ATOMIC_RELAXED);
    const bool from_inside = lane.from == lane.to || (inside >> lane.from & 1) != 0;
    if (const mxg_subset others = mxg_whole_burst(count) & ~concerned_; others != 0)
        count_passing_by(others);
    if (concerned_ == 0)
        return;
    gate_.flows = &flows_;
    mxg_decide_burst(&gate_, packet_, concerned_, decision_);
    for (mxg_subset some = concerned_; some != 0;) {
        const uint32_t i = mxg_take_next(&some);
        account(decision_[i], packet_[i]);
        if (mxg_effect(&decision_[i]) != MXG_PASS)
            continue;
        if (from_inside || decision_[i].reason != MXG_NOT_GATED)
            mxg_see_flow(&gate_, &flows_, &packet_[i], &decision_[i]);
        if (!(inside >> lane.to & 1) && leads_to_service(packet_[i], decision_[i], inside))
            __atomic_fetch_or(&inside_, 1u << lane.to, __ATOMIC_RELAXED);
    }
}

// An attempt that is judged; after a restart, while nothing is known, also a frame of a connection
// that is open still.
bool Worker::leads_to_service(const mxg_packet& packet, const mxg_decision& decision,
                              uint32_t inside) const
{
    if (mxg_is_attempt(&packet))
        return decision.source_family != MXG_FAMILY_NONE;
    return inside == 0 && decision.reason == MXG_ESTABLISHED &&
           mxg_is_of_flow(&flows_, gate_.sources.key, &packet);
}

void Worker::sweep()
{
    if (capture_)
        mxg_sweep_captured_flows(&gate_, &flows_, &swept_ns_);
    else
        mxg_sweep_flows(&gate_, &flows_, 1);
}

// What the service's host sends: nothing to judge, but answers and ends of connections.
void Worker::watch()
{
    mxg_decision not_gated{};
    not_gated.reason = MXG_NOT_GATED;
    for (mxg_subset some = concerned_; some != 0;)
        mxg_see_flow(&gate_, &flows_, &packet_[mxg_take_next(&some)], &not_gated);
}

void Worker::account(const mxg_decision& decision, const mxg_packet& packet)
{
    counters_.packets[mxg_counter_index(&decision)]++;
    counters_.feeds[mxg_feed_counter_index(&decision)] += mxg_is_by_feed(&decision);
    if (decision.verdict != MXG_PASS)
        mxg_take_sample(&ring_, &packet.source, &decision, gate_.now_ns);
}

// How many of the frames the port took; the others are freed.
uint32_t Worker::transmit(uint16_t port, uint16_t queue, rte_mbuf** frames, uint32_t count)
{
    uint32_t sent = 0;
    for (int i = 0; i < kSendTries && sent < count; i++)
        sent += rte_eth_tx_burst(port, queue, frames + sent, static_cast<uint16_t>(count - sent));
    if (sent < count)
        rte_pktmbuf_free_bulk(frames + sent, count - sent);
    return sent;
}

void Worker::send(uint16_t port, uint16_t queue, rte_mbuf** frames, uint32_t count)
{
    const uint32_t sent = transmit(port, queue, frames, count);
    port_counter(PortCounter::sent) += sent;
    port_counter(PortCounter::send_full) += count - sent;
}

void Worker::send_back(uint16_t port, uint16_t queue, Outgoing& out)
{
    const uint32_t sent = transmit(port, queue, out.frame, out.count);
    port_counter(PortCounter::answers_lost) += out.count - sent;
}

// The answer to frame `i` of the burst, in a buffer of its own; or none, for the reason counted.
rte_mbuf* Worker::answer_to(uint32_t i)
{
    uint8_t scratch[kHeaderBytes];
    const uint8_t verdict = decision_[i].verdict;
    mxg_frame frame = view_of(frame_[i], scratch);
    mxg_reply_outcome outcome =
        mxg_answer(&gate_, &frame, &packet_[i], verdict, &counters_.replies, &reply_);
    rte_mbuf* out = nullptr;
    char* data = nullptr;
    if (outcome == MXG_REPLY_ANSWERED) {
        out = rte_pktmbuf_alloc(frame_[i]->pool);
        data = out ? rte_pktmbuf_append(out, static_cast<uint16_t>(reply_.length)) : nullptr;
        if (data)
            std::memcpy(data, mxg_reply_frame(&reply_), reply_.length);
        else
            outcome = MXG_REPLY_UNANSWERABLE;
    }
    mxg_count_reply(&counters_.replies, outcome, verdict, packet_[i].source.family);
    if (out && !data) {
        rte_pktmbuf_free(out);
        out = nullptr;
    }
    return out;
}

void Worker::sort_out(const Lane& lane, uint32_t count)
{
    Outgoing pass, attempts, drop, back;
    const uint32_t room = lane.exception && count == MXG_BURST ? kExceptionAttempts : MXG_BURST;
    uint32_t others = 0, capped = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (!(concerned_ >> i & 1)) {
            pass.frame[pass.count++] = frame_[i];
            continue;
        }
        const mxg_decision& decision = decision_[i];
        const uint8_t effect = mxg_effect(&decision);
        const bool attempt = lane.exception && mxg_is_attempt(&packet_[i]);
        const bool gated = decision.source_family != MXG_FAMILY_NONE;
        if (effect == MXG_RESET || effect == MXG_UNREACHABLE)
            if (rte_mbuf* answer = answer_to(i))
                back.frame[back.count++] = answer;
        if (effect != MXG_PASS) {
            drop.frame[drop.count++] = frame_[i];
        } else if (attempt && (gated ? attempts.count : others) >= room) {
            drop.frame[drop.count++] = frame_[i];
            capped++;
        } else if (attempt && gated) {
            attempts.frame[attempts.count++] = frame_[i];
        } else {
            pass.frame[pass.count++] = frame_[i];
            others += attempt;
        }
    }
    send(lane.to, lane.queue, pass.frame, pass.count);
    send(lane.to, lane.queue, attempts.frame, attempts.count);
    send_back(lane.from, lane.queue, back);
    rte_pktmbuf_free_bulk(drop.frame, drop.count);
    port_counter(PortCounter::dropped) += drop.count - capped;
    port_counter(PortCounter::exception_capped) += capped;
}

uint32_t Worker::poll(uint64_t now_ns)
{
    uint32_t total = 0;
    gate_.now_ns = now_ns;
    sweep();
    for (const Lane& lane : lanes_) {
        const uint32_t count = rte_eth_rx_burst(lane.from, lane.queue, frame_, MXG_BURST);
        if (count == 0)
            continue;
        total += count;
        port_counter(PortCounter::received) += count;
        gate_.table = table_.table();
        parse(count);
        if (lane.judged)
            judge(lane, count);
        else
            watch();
        if (lane.judged && concerned_ != 0)
            sort_out(lane, count);
        else
            send(lane.to, lane.queue, frame_, count);
    }
    port_counter(PortCounter::flows_full) += flows_.full;
    flows_.full = 0;
    return total;
}

void Worker::run(const std::atomic<bool>& stop, uint32_t idle_us)
{
    uint32_t idle = 0;
    table_.enter(number_);
    while (!stop.load(std::memory_order_relaxed)) {
        idle = poll(monotonic_ns()) != 0 ? 0 : idle + 1;
        table_.quiet(number_);
        if (idle < kIdlePolls)
            continue;
        idle = 0;
        if (idle_us != 0) {
            const timespec pause{0, static_cast<long>(idle_us) * 1000};
            ::nanosleep(&pause, nullptr);
        } else {
            rte_pause();
        }
    }
    table_.leave(number_);
}

}  // namespace mxgate
