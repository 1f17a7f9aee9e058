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

inline constexpr size_t kBurst = 32;

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

// Bursts of kBurst; the time is reported per look-up.
template <typename Lookup>
void in_bursts(benchmark::State& state, size_t keys, Lookup lookup)
{
    size_t at = 0;
    while (state.KeepRunningBatch(kBurst)) {
        lookup(at);
        at += kBurst;
        if (at + kBurst > keys)
            at = 0;
    }
}

struct Settings {
    std::string routes;
    bool huge_pages = false;  // for the peers; the policy table always asks for them
    bool quick = false;
    bool no_lpm6 = false;
};

void register_table(const std::shared_ptr<const Workload>& workload);

// rte_fib6 and rte_lpm6, in the process's EAL.
void register_dpdk(const std::shared_ptr<const Workload>& workload, const Settings& settings);

}  // namespace mxgate::perf
