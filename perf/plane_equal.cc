// SPDX-License-Identifier: BSD-2-Clause
#include <cstdint>

struct mxg_gate;
struct mxg_attempt;

namespace {

uint32_t take_found_place(mxg_gate* gate, mxg_attempt* attempt, uint32_t place);

}  // namespace

// Before the core is included: where it takes an entry of the source table.
#define MXG_TAKE_PLACE(gate, attempt, place) take_found_place(gate, attempt, place)

#include <rte_ethdev.h>
#include <rte_hash.h>

#include <string>

#include "dataplane/dpdk/ports.h"
#include "perf/plane_equal.h"
#include "perf/plane_peer.h"
#include "perf/workload.h"

namespace {

// Entry `n` of rte_hash has the state that the source table has at its `n`th line.
mxg_source* entry_at(mxg_gate& gate, uint32_t n)
{
    return &mxg_source_bucket(&gate, n / MXG_WAYS)->way[n % MXG_WAYS];
}

// What EqualWorker::find_states has put in place of the hash: number of the entry + 1.
uint32_t take_found_place(mxg_gate*, mxg_attempt* attempt, uint32_t place)
{
    const auto entry = static_cast<uint32_t>(attempt->hashes.source - 1);
    attempt->place[place].bucket = entry / MXG_WAYS;
    attempt->place[place].way = attempt->hashes.source == 0 ? MXG_FULL : entry % MXG_WAYS;
    return attempt->place[place].way;
}

}  // namespace

namespace mxgate::perf {

struct EqualWorker::Burst {
    rte_mbuf* frames[MXG_BURST];
    mxg_packet packets[MXG_BURST];
    mxg_decision decisions[MXG_BURST];
    mxg_attempts attempts;
    uint8_t addresses[MXG_BURST][16];
    uint32_t class_ids[MXG_BURST];
    mxg_policy policies[MXG_MAX_CLASSES];  // of all addresses of a class
};

EqualWorker::EqualWorker(uint16_t port, const mxg_table& table, uint64_t senders,
                         const uint64_t (&key)[2], ClassLookup lookup)
    : port_(port),
      state_(PlaneState::make(senders, key)),
      gate_(state_.gate()),
      lookup_(std::move(lookup)),
      counters_(std::make_unique<WorkerCounters>()),
      burst_(std::make_unique<Burst>())
{
    static int number = 0;
    const std::string name = "equal" + std::to_string(number++);
    gate_.table = table;
    rte_hash_parameters parameters{};
    parameters.name = name.c_str();
    parameters.entries = (gate_.sources.bucket_mask + 1) * MXG_WAYS;
    parameters.key_len = sizeof(mxg_prefix);
    parameters.extra_flag = RTE_HASH_EXTRA_FLAGS_EXT_TABLE;
    hash_ = rte_hash_create(&parameters);
    if (!hash_)
        throw PlaneError("rte_hash_create: no memory");
    for (uint32_t i = 0; i <= kDefaultClass; i++) {
        mxg_policy& policy = burst_->policies[i];
        policy.class_id = static_cast<uint8_t>(i);
        policy.length = 64;
        policy.feed = i == kDefaultClass ? MXG_NO_FEED : static_cast<uint16_t>(i);
    }
}

EqualWorker::~EqualWorker()
{
    rte_hash_free(hash_);
}

uint32_t EqualWorker::poll(uint64_t now)
{
    Burst& b = *burst_;
    gate_.now_ns = now;
    const uint32_t count = rte_eth_rx_burst(port_, 0, b.frames, MXG_BURST);
    for (uint32_t i = 0; i < count; i++)
        rte_prefetch0(rte_pktmbuf_mtod(b.frames[i], const void*));
    for (uint32_t i = 0; i < count; i++) {
        mxg_frame frame{rte_pktmbuf_mtod(b.frames[i], const uint8_t*), b.frames[i]->data_len, 0};
        b.packets[i] = {};
        mxg_parse_frame(&frame, &b.packets[i]);
    }
    judge(count);
    count_and_send(port_, b.frames, b.decisions, count, *counters_);
    return count;
}

// As mxg_decide_burst.
void EqualWorker::judge(uint32_t count)
{
    Burst& b = *burst_;
    const auto* header = reinterpret_cast<const mxg_image_header*>(gate_.table.lines);
    mxg_screen_burst(&gate_, b.packets, mxg_whole_burst(count), &b.attempts, b.decisions);
    if (b.attempts.count == 0)
        return;
    look_up();
    for (uint32_t first = 0; first < b.attempts.count; first += MXG_LOT)
        mxg_judge_lot(&gate_, header, b.packets, &b.attempts, first, b.decisions);
    find_states();
    mxg_act_burst(&gate_, b.packets, &b.attempts, b.decisions);
}

void EqualWorker::look_up()
{
    Burst& b = *burst_;
    const uint32_t count = b.attempts.count;
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t wire[2] = {__builtin_bswap64(b.attempts.view[i].hi),
                                  __builtin_bswap64(b.attempts.view[i].lo)};
        std::memcpy(b.addresses[i], wire, sizeof(wire));
    }
    lookup_(b.addresses, count, b.class_ids);
    for (uint32_t i = 0; i < count; i++)
        b.attempts.policy[i] = &b.policies[b.class_ids[i]];
}

void EqualWorker::find_states()
{
    Burst& b = *burst_;
    mxg_attempts& attempts = b.attempts;
    const void* keys[MXG_BURST];
    hash_sig_t signatures[MXG_BURST];
    int32_t at[MXG_BURST];
    const mxg_vectors vectors = mxg_vectors_here();
    for (uint32_t first = 0; first < attempts.count; first += MXG_LOT) {
        const uint32_t count = mxg_end_of_lot(&attempts, first) - first;
        __u64 source[MXG_LOT], syn[MXG_LOT];
        for (uint32_t n = 0; n < count; n++)
            mxg_prefix_words(&attempts.judgement[first + n].source, &attempts.words.word[0][n],
                             MXG_LOT);
        mxg_hash_lot(gate_.sources.key, &attempts.words, MXG_PREFIX_WORDS, MXG_PREFIX_BYTES, count,
                     source, vectors);
        for (uint32_t n = 0; n < count; n++) {
            const mxg_packet& packet = b.packets[attempts.place[first + n]];
            mxg_tuple_words(&packet, packet.sequence, &attempts.words.word[0][n], MXG_LOT);
        }
        mxg_hash_lot(gate_.sources.key, &attempts.words, MXG_TUPLE_WORDS, MXG_TUPLE_BYTES, count,
                     syn, vectors);
        for (uint32_t n = 0; n < count; n++) {
            keys[first + n] = &attempts.judgement[first + n].source;
            signatures[first + n] = static_cast<hash_sig_t>(source[n]);
            attempts.hashes[first + n].syn = syn[n];
            __builtin_prefetch(
                mxg_seen_at(&gate_, mxg_seen_number(syn[n], gate_.sources.bucket_mask)), 1);
        }
    }
    rte_hash_lookup_with_hash_bulk(hash_, keys, signatures, attempts.count, at);
    for (uint32_t i = 0; i < attempts.count; i++) {
        if (at[i] < 0) {
            at[i] = rte_hash_add_key_with_hash(hash_, keys[i], signatures[i]);
            if (at[i] >= 0)
                mxg_fill_source(entry_at(gate_, static_cast<uint32_t>(at[i])),
                                &attempts.judgement[i].source, gate_.now_ns);
        }
        attempts.hashes[i].source = static_cast<uint64_t>(int64_t{at[i]} + 1);
        if (at[i] >= 0)
            __builtin_prefetch(entry_at(gate_, static_cast<uint32_t>(at[i])), 1);
        else
            attempts.hashes[i].source = 0;
    }
}

}  // namespace mxgate::perf
