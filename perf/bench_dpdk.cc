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

size_t heap_bytes()
{
    rte_malloc_socket_stats stats{};
    rte_malloc_get_socket_stats(0, &stats);
    return stats.heap_allocsz_bytes;
}

// Blocks of 256 next hops that a 24-8-8-... trie needs for the entries: one for each different
// leading part of 24, 32, .. bits that a longer prefix goes through.
uint32_t blocks_needed(const std::vector<TableEntry>& entries)
{
    uint32_t count = 1;
    for (uint32_t depth = 24; depth < 128; depth += 8) {
        mxg_address last{~0ULL, ~0ULL, 0, 0};
        for (const TableEntry& entry : entries) {  // sorted
            const mxg_address lead = mxg_cut(prefix_of(entry).address, depth);
            if (entry.length > depth && (lead.hi != last.hi || lead.lo != last.lo)) {
                last = lead;
                count++;
            }
        }
    }
    return count;
}

// Blocks that rte_fib6 wants to have before it adds the entries in order: for each, those between
// the route around it and itself, unless a route in the same block has taken them.
uint32_t blocks_reserved(const std::vector<TableEntry>& entries)
{
    const auto blocks = [](uint32_t length) { return (std::max(length, 24u) + 7) / 8; };
    uint32_t count = 0;
    std::vector<mxg_prefix> around;
    for (size_t i = 0; i < entries.size(); i++) {
        const mxg_prefix prefix = prefix_of(entries[i]);
        while (!around.empty() && !mxg_contains(around.back(), prefix.address))
            around.pop_back();
        const uint32_t start = prefix.length / 8 * 8;
        const mxg_address block = mxg_cut(prefix.address, start);
        bool taken = false;
        for (size_t j = i; j > 0 && !taken; j--) {
            const mxg_prefix before = prefix_of(entries[j - 1]);
            if (!mxg_same_address(mxg_cut(before.address, start), block))
                break;
            taken = before.length > start;
        }
        if (!taken)
            count += blocks(prefix.length) - blocks(around.empty() ? 0 : around.back().length);
        around.push_back(prefix);
    }
    return count;
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
        rte_fib6_conf conf{};
        conf.type = RTE_FIB6_TRIE;
        conf.default_nh = kDefaultClass;
        conf.max_routes = static_cast<int>(w.entries.size()) * 2;
        conf.trie.nh_sz = RTE_FIB6_TRIE_4B;
        conf.trie.num_tbl8 = blocks_reserved(w.entries) + 1024;
        fib_ = rte_fib6_create(("fib" + w.name).c_str(), 0, &conf);
        if (!fib_)
            throw std::runtime_error(std::string("rte_fib6_create: ") + rte_strerror(rte_errno));
        for (const TableEntry& entry : w.entries) {
            uint8_t bytes[16];
            to_bytes(prefix_of(entry).address, bytes);
            if (rte_fib6_add(fib_, bytes, entry.length, entry.feed) != 0)
                throw std::runtime_error("rte_fib6_add fails");
        }
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
        const rte_lpm6_config conf{static_cast<uint32_t>(w.entries.size()) + 16,
                                   blocks_needed(w.entries) + 1024, 0};
        lpm_ = rte_lpm6_create(("lpm" + w.name).c_str(), 0, &conf);
        if (!lpm_)
            throw std::runtime_error(std::string("rte_lpm6_create: ") + rte_strerror(rte_errno));
        for (const TableEntry& entry : w.entries) {
            uint8_t bytes[16];
            to_bytes(prefix_of(entry).address, bytes);
            if (rte_lpm6_add(lpm_, bytes, entry.length, entry.feed) != 0)
                throw std::runtime_error("rte_lpm6_add fails");
        }
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
