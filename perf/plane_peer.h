// SPDX-License-Identifier: BSD-2-Clause
// The DPDK plane's pipeline over DPDK's own parts: rte_fib6 or rte_lpm6 for the policy table,
// rte_hash for the states of senders. What neither of them offers it has from the core: parser,
// services and martians, GCRA, the lines that remember SYNs (found by a CRC, which is faster than
// the core's keyed hash and no defence), counters. Misses of a burst overlap in each of its steps.
#pragma once

#include <rte_ethdev.h>
#include <rte_hash.h>
#include <rte_hash_crc.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/dpdk/worker.h"

namespace mxgate::perf {

inline constexpr uint32_t kSourceAt = 14 + 8;  // in the frames of the benchmark: IPv6, no tags
inline constexpr uint32_t kTupleBytes = 40;    // addresses, ports and sequence number, from there

// `count` of T in 2 MiB pages, where the process may have them, as the plane's own state is.
template <typename T>
class Array
{
public:
    explicit Array(uint64_t count) : memory_(-1, count * sizeof(T), true)
    {
        memory_.wish_huge_pages();
    }
    T& operator[](uint64_t i) { return static_cast<T*>(memory_.data())[i]; }

private:
    Mapping memory_;
};

// As Worker::account and Worker::sort_out.
inline void count_and_send(uint16_t port, rte_mbuf** frames, const mxg_decision* decisions,
                           uint32_t count, WorkerCounters& counters)
{
    rte_mbuf *pass[MXG_BURST], *drop[MXG_BURST];
    uint32_t passed = 0, dropped = 0;
    for (uint32_t i = 0; i < count; i++) {
        const mxg_decision& decision = decisions[i];
        counters.packets[mxg_counter_index(&decision)]++;
        counters.feeds[mxg_feed_counter_index(&decision)] += mxg_is_by_feed(&decision);
        if (mxg_effect(&decision) == MXG_PASS)
            pass[passed++] = frames[i];
        else
            drop[dropped++] = frames[i];
    }
    rte_eth_tx_burst(port, 0, pass, static_cast<uint16_t>(passed));
    rte_pktmbuf_free_bulk(drop, dropped);
}

// Places of the senders, each of which is one /64.
class HashStates
{
public:
    explicit HashStates(uint64_t capacity) : full_at(capacity)
    {
        static int number = 0;
        const std::string name = "states" + std::to_string(number++);
        rte_hash_parameters parameters{};
        parameters.name = name.c_str();
        parameters.entries = static_cast<uint32_t>(capacity);
        parameters.key_len = sizeof(uint64_t);
        parameters.hash_func = rte_hash_crc;
        parameters.extra_flag = RTE_HASH_EXTRA_FLAGS_EXT_TABLE;
        hash_ = rte_hash_create(&parameters);
        if (!hash_)
            throw PlaneError("rte_hash_create: no memory");
    }
    ~HashStates() { rte_hash_free(hash_); }
    HashStates(const HashStates&) = delete;
    HashStates& operator=(const HashStates&) = delete;

    // at[i]: where in full_at keys[i] is, new if need be; less than 0: there is no room.
    void find(const uint64_t* keys, uint32_t count, int32_t* at)
    {
        const void* pointers[MXG_BURST];
        for (uint32_t i = 0; i < count; i++)
            pointers[i] = &keys[i];
        rte_hash_lookup_bulk(hash_, pointers, count, at);
        for (uint32_t i = 0; i < count; i++) {
            if (at[i] < 0)
                at[i] = rte_hash_add_key(hash_, &keys[i]);
            if (at[i] >= 0)
                __builtin_prefetch(&full_at[static_cast<uint64_t>(at[i])], 1);
        }
    }

    Array<__u64> full_at;  // what a GCRA needs

private:
    rte_hash* hash_;
};

// As Worker::poll and what it calls. `Lookup` gives classes for addresses as they are in frames.
template <typename Lookup>
class PeerWorker
{
public:
    PeerWorker(uint16_t port, const std::vector<mxg_line>& image, const Lookup& lookup,
               const mxg_source_settings& like)
        : port_(port),
          table_{image.data(), static_cast<uint32_t>(image.size())},
          lookup_(lookup),
          states_((like.bucket_mask + uint64_t{1}) * MXG_WAYS),
          seen_(mxg_seen_mask(like.bucket_mask) + uint64_t{1}),
          seen_mask_(mxg_seen_mask(like.bucket_mask)),
          counters_(std::make_unique<WorkerCounters>())
    {
        const auto* header = reinterpret_cast<const mxg_image_header*>(image.data());
        limits_ = reinterpret_cast<const mxg_class*>(&image[header->classes]);
    }

    uint32_t poll(uint64_t now)
    {
        const uint32_t count = rte_eth_rx_burst(port_, 0, frames_, MXG_BURST);
        uint32_t attempts = 0;
        for (uint32_t i = 0; i < count; i++)
            rte_prefetch0(rte_pktmbuf_mtod(frames_[i], const void*));
        for (uint32_t i = 0; i < count; i++) {
            mxg_frame frame{rte_pktmbuf_mtod(frames_[i], const uint8_t*), frames_[i]->data_len, 0};
            mxg_packet packet{};
            mxg_parse_frame(&frame, &packet);
            mxg_address canonical;
            uint32_t kind;
            if (mxg_screen(&table_, &packet, &canonical, &kind, &decisions_[i]))
                take_down(frame.data + kSourceAt, packet, i, attempts++);
        }
        if (attempts > 0)
            judge(attempts, now);
        count_and_send(port_, frames_, decisions_, count, *counters_);
        return count;
    }

private:
    void take_down(const uint8_t* tuple, const mxg_packet& packet, uint32_t place, uint32_t at)
    {
        place_[at] = static_cast<uint8_t>(place);
        prefix_[at] = packet.source.hi;
        std::memcpy(address_[at], tuple, 16);
        syn_[at] = uint64_t{rte_hash_crc(tuple, kTupleBytes, 1)} << 32 |
                   rte_hash_crc(tuple, kTupleBytes, 2);
        __builtin_prefetch(&line_of(syn_[at]), 1);
    }

    mxg_seen_line& line_of(uint64_t syn) { return seen_[mxg_bucket_number(syn, seen_mask_)]; }

    void judge(uint32_t attempts, uint64_t now)
    {
        uint32_t class_id[MXG_BURST];
        int32_t at[MXG_BURST];
        lookup_(address_, attempts, class_id);
        states_.find(prefix_, attempts, at);
        for (uint32_t i = 0; i < attempts; i++) {
            mxg_decision& decision = decisions_[place_[i]];
            decision.feed = static_cast<uint16_t>(class_id[i]);
            decision.class_id = static_cast<uint8_t>(class_id[i]);
            decision.source_hi = prefix_[i];
            decision.source_family = MXG_FAMILY_IPV6;
            decision.source_length = 64;
            decision.time_ns = now;
            limit(limits_[class_id[i]], syn_[i], at[i], now, decision);
        }
    }

    void limit(const mxg_class& limits, uint64_t syn, int32_t at, uint64_t now,
               mxg_decision& decision)
    {
        const uint64_t interval = limits.own.interval_ns, empty = interval * limits.own.burst;
        mxg_seen_line& line = line_of(syn);
        uint32_t place = 0;
        if (const uint64_t seen = mxg_recall(&line, syn, now, &place)) {
            mxg_set(&decision, mxg_seen_verdict(seen), mxg_seen_reason(seen));
            return;
        }
        if (at >= 0 && mxg_charge_rate(&states_.full_at[static_cast<uint64_t>(at)],
                                       limits.flags & MXG_CLASS_HANDSHAKE ? 0 : interval,
                                       empty - interval, empty, now) == MXG_CHARGE_OK)
            mxg_set(&decision, MXG_PASS, MXG_CONFORMS);
        else
            mxg_set(&decision, MXG_DROP, MXG_RATE);
        mxg_remember(&line, place, syn, now, decision.class_id, decision.verdict, decision.reason);
    }

    uint16_t port_;
    mxg_table table_;
    const Lookup& lookup_;
    HashStates states_;
    Array<mxg_seen_line> seen_;
    uint32_t seen_mask_;
    std::unique_ptr<WorkerCounters> counters_;
    const mxg_class* limits_ = nullptr;
    rte_mbuf* frames_[MXG_BURST];
    mxg_decision decisions_[MXG_BURST];
    // Of the attempts in a burst.
    uint8_t place_[MXG_BURST];
    uint8_t address_[MXG_BURST][16];
    uint64_t prefix_[MXG_BURST], syn_[MXG_BURST];
};

}  // namespace mxgate::perf
