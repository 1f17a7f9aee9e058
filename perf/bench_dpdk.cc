// SPDX-License-Identifier: BSD-2-Clause
// DPDK's IPv6 look-up structures on the same prefixes and keys.
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_fib6.h>
#include <rte_lpm6.h>
#include <rte_malloc.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <stdexcept>

#include "perf/bench_loops.h"
#include "perf/dpdk_tables.h"

namespace mxgate::perf {
namespace {

// EAL once, in memory of its own: nothing shared, no devices, AVX-512 allowed.
void start_eal(bool huge_pages)
{
    static bool started = false;
    if (started)
        return;
    std::vector<std::string> words = {"mxgate-bench-table",
                                      "--no-pci",
                                      "--no-telemetry",
                                      "--force-max-simd-bitwidth=512",
                                      "--log-level=lib.eal:critical",
                                      "-l",
                                      "0"};
    if (huge_pages)
        words.insert(words.end(), {"--in-memory"});
    else
        words.insert(words.end(), {"--no-huge", "--no-shconf", "-m", "12288"});
    std::vector<char*> argv;
    for (std::string& word : words)
        argv.push_back(word.data());
    if (rte_eal_init(static_cast<int>(argv.size()), argv.data()) < 0)
        throw std::runtime_error(std::string("EAL does not start: ") + rte_strerror(rte_errno));
    std::fprintf(stderr, "EAL: %s\n",
                 rte_eal_has_hugepages() ? "2 MiB pages" : "4 KiB pages (--no-huge)");
    started = true;
}

// What a structure was built with, and whether it answers as our table does.
struct Built {
    size_t bytes = 0;
    double seconds = 0;
    double agreement = 0;  // per cent of the keys
};

class Fib6
{
public:
    explicit Fib6(const Workload& w)
    {
        const size_t before = heap_bytes();
        const auto start = std::chrono::steady_clock::now();
        fib_ = make_fib6(w.name, w.entries);
        built.seconds =
            std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        built.bytes = heap_bytes() - before;
        size_t same = 0;
        for (size_t i = 0; i < w.keys.size(); i++)
            same += one(w, i) == w.answers[i];
        built.agreement = 100.0 * static_cast<double>(same) / static_cast<double>(w.keys.size());
    }
    ~Fib6() { rte_fib6_free(fib_); }
    Fib6(const Fib6&) = delete;
    Fib6& operator=(const Fib6&) = delete;

    bool select(rte_fib6_lookup_type type) const { return rte_fib6_select_lookup(fib_, type) == 0; }

    uint64_t one(const Workload& w, size_t at) const
    {
        uint64_t hop;
        rte_fib6_lookup_bulk(fib_, keys_at(w, at), &hop, 1);
        return hop;
    }

    uint64_t burst(const Workload& w, size_t at, size_t size) const
    {
        uint64_t hops[kMaxBurst], sum = 0;
        rte_fib6_lookup_bulk(fib_, keys_at(w, at), hops, static_cast<int>(size));
        for (size_t i = 0; i < size; i++)
            sum += hops[i];
        return sum;
    }

    Built built;

private:
    static uint8_t (*keys_at(const Workload& w, size_t at))[16]
    {
        return reinterpret_cast<uint8_t(*)[16]>(const_cast<Bytes*>(&w.key_bytes[at]));
    }

    rte_fib6* fib_;
};

class Lpm6
{
public:
    explicit Lpm6(const Workload& w)
    {
        const size_t before = heap_bytes();
        const auto start = std::chrono::steady_clock::now();
        lpm_ = make_lpm6(w.name, w.entries);
        built.seconds =
            std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        built.bytes = heap_bytes() - before;
        size_t same = 0;
        for (size_t i = 0; i < w.keys.size(); i++)
            same += one(w, i) == w.answers[i];
        built.agreement = 100.0 * static_cast<double>(same) / static_cast<double>(w.keys.size());
    }
    ~Lpm6() { rte_lpm6_free(lpm_); }
    Lpm6(const Lpm6&) = delete;
    Lpm6& operator=(const Lpm6&) = delete;

    uint64_t one(const Workload& w, size_t at) const
    {
        uint32_t hop;
        return rte_lpm6_lookup(lpm_, w.key_bytes[at].data(), &hop) == 0 ? hop : kDefaultClass;
    }

    uint64_t burst(const Workload& w, size_t at, size_t size) const
    {
        int32_t hops[kMaxBurst];
        uint64_t sum = 0;
        auto* keys = reinterpret_cast<uint8_t(*)[16]>(const_cast<Bytes*>(&w.key_bytes[at]));
        rte_lpm6_lookup_bulk_func(lpm_, keys, hops, static_cast<unsigned>(size));
        for (size_t i = 0; i < size; i++)
            sum += static_cast<uint64_t>(hops[i]);
        return sum;
    }

    Built built;

private:
    rte_lpm6* lpm_;
};

template <typename Peer, typename Prepare>
void add(const std::string& name, const std::shared_ptr<const Workload>& w,
         const std::shared_ptr<const Peer>& peer, Prepare prepare)
{
    benchmark::RegisterBenchmark(
        ("single/" + name + "/" + w->name).c_str(), [=](benchmark::State& state) {
            prepare();
            one_by_one(state, w->keys.size(), [&](size_t at) { return peer->one(*w, at); });
        });
    for (const size_t size : kBursts)
        benchmark::RegisterBenchmark(
            burst_name(name, *w, size).c_str(), [=](benchmark::State& state) {
                prepare();
                in_bursts(state, w->key_bytes, size,
                          [&](size_t at) { return peer->burst(*w, at, size); });
            });
}

void report(const char* name, const Workload& w, const Built& built)
{
    std::fprintf(stderr,
                 "%s, %s prefixes: built in %.2f s, %.0f bytes per prefix, %.4f %% of answers "
                 "as ours\n",
                 name, w.name.c_str(), built.seconds,
                 static_cast<double>(built.bytes) / static_cast<double>(w.entries.size()),
                 built.agreement);
}

void register_fib6(const std::shared_ptr<const Workload>& workload)
{
    const auto fib = std::make_shared<const Fib6>(*workload);
    report("rte_fib6", *workload, fib->built);
    for (const auto& [name, type] :
         {std::pair{"rte_fib6-scalar", RTE_FIB6_LOOKUP_TRIE_SCALAR},
          std::pair{"rte_fib6-avx512", RTE_FIB6_LOOKUP_TRIE_VECTOR_AVX512}}) {
        if (fib->select(type))
            add(name, workload, fib, [fib, type = type] { fib->select(type); });
        else
            std::fprintf(stderr, "%s: not to be had here\n", name);
    }
}

}  // namespace

void register_dpdk(const std::shared_ptr<const Workload>& workload, const Settings& settings)
{
    start_eal(settings.huge_pages);
    if (!settings.no_fib6)
        register_fib6(workload);
    if (settings.no_lpm6)
        return;
    const auto lpm = std::make_shared<const Lpm6>(*workload);
    report("rte_lpm6", *workload, lpm->built);
    add("rte_lpm6", workload, lpm, [] {});
}

}  // namespace mxgate::perf
