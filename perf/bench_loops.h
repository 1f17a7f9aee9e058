// SPDX-License-Identifier: BSD-2-Clause
// The loops all look-up structures are measured with, and where their benchmarks register.
#pragma once

#include <benchmark/benchmark.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "perf/workload.h"

namespace mxgate::perf {

// What a poll of a DPDK port gives: 32 is the habit, 64 what the pipeline asks for.
inline constexpr size_t kBursts[] = {32, 64};
inline constexpr size_t kMaxBurst = 64;

using Bytes = std::array<uint8_t, 16>;

// One table and the keys that every structure is asked for.
struct Workload {
    std::string name;  // "1000k"
    std::vector<TableEntry> entries;
    std::vector<mxg_line> image;
    std::vector<mxg_address> keys;
    std::vector<Bytes> key_bytes;  // the same, as on the wire
    std::vector<uint8_t> answers;  // class of each key, by our table
};

// An opaque 0, for a dependency that the compiler cannot see through.
extern volatile uint32_t opaque_zero;

// One look-up at a time: which key comes next depends on the last answer.
template <typename Lookup>
void one_by_one(benchmark::State& state, size_t keys, Lookup lookup)
{
    const size_t zero = opaque_zero;
    size_t at = 0;
    for (auto _ : state) {
        const size_t answer = lookup(at);
        at = at + 1 + (answer & zero);
        if (at >= keys)
            at = 0;
    }
    benchmark::DoNotOptimize(at);
}

// Bursts of one size: `lookup` gets the first key and returns the sum of the answers. The keys of
// the next burst are asked for first: a packet's address is at hand when it is looked up. The time
// is reported per look-up.
template <typename Key, typename Lookup>
void in_bursts(benchmark::State& state, const std::vector<Key>& keys, size_t size, Lookup lookup)
{
    uint64_t sum = 0;
    size_t at = 0;
    while (state.KeepRunningBatch(static_cast<benchmark::IterationCount>(size))) {
        const size_t next = at + 2 * size > keys.size() ? 0 : at + size;
        const auto* byte = reinterpret_cast<const char*>(&keys[next]);
        for (size_t i = 0; i < size * sizeof(Key); i += 64)
            __builtin_prefetch(byte + i);
        sum += lookup(at);
        at = next;
    }
    benchmark::DoNotOptimize(sum);
}

// "burst64/mxgate-avx512/1000k"
std::string burst_name(const std::string& structure, const Workload& workload, size_t size);

struct Settings {
    std::string routes;
    bool huge_pages = false;  // for the peers; the policy table always asks for them
    bool quick = false;
    bool no_fib6 = false;
    bool no_lpm6 = false;
};

void register_table(const std::shared_ptr<const Workload>& workload);

// rte_fib6 and rte_lpm6, in the process's EAL.
void register_dpdk(const std::shared_ptr<const Workload>& workload, const Settings& settings);

}  // namespace mxgate::perf
