// SPDX-License-Identifier: BSD-2-Clause
// The DPDK plane's whole pipeline on a net_null port (parse, look-up, state, verdict, send), beside
// the same pipeline over DPDK's own parts: rte_fib6 or rte_lpm6, and rte_hash for the states.
//
// Every buffer holds a SYN; a receive callback writes the next source address into each frame, so
// that caches see as many senders as are said to live, and a sequence number of its own, so that
// each is an attempt and none a retransmission. The callback and the port are the same for all;
// "port alone" is what they cost. With --ungated frames are what dpdk-testpmd has too, all the same
// and without the callback, and the peer does what its macswap does.
#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_fib6.h>
#include <rte_ip.h>
#include <rte_lpm6.h>
#include <rte_malloc.h>
#include <rte_mempool.h>
#include <rte_vect.h>
#include <sys/prctl.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <functional>
#include <memory>

#include "dataplane/dpdk/ports.h"
#include "dataplane/dpdk/worker.h"
#include "dataplane/image/verify.h"
#include "perf/dpdk_tables.h"
#include "perf/plane_equal.h"
#include "perf/plane_peer.h"
#include "perf/plane_stages.h"
#include "perf/workload.h"

namespace mxgate::perf {
namespace {

constexpr uint32_t kSequenceAt = 14 + 40 + 4;
constexpr uint64_t kBurstsPerTurn = 256;

struct Options {
    std::string routes;
    size_t prefixes = 1'000'000;
    uint64_t live = 1'000'000;
    unsigned turns = 200;
    uint32_t misses = 50;
    std::string charge = "syn";
    bool huge = false, no_lpm6 = false, ungated = false, stages = false;
};

// A SYN to the service of build_table().
std::vector<uint8_t> syn(bool gated)
{
    std::vector<uint8_t> out(14 + 40 + 20);
    out[0] = 2;
    out[6] = 2;
    out[12] = 0x86;
    out[13] = 0xdd;
    uint8_t* ip = &out[14];
    ip[0] = 0x60;
    ip[5] = 20;
    ip[6] = 6;
    ip[7] = 64;
    const uint8_t mx[16] = {0x20, 0x01, 0x0d, 0xb8, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x25};
    std::memcpy(ip + 24, mx, sizeof(mx));
    if (!gated)
        ip[39] = 0x26;
    uint8_t* tcp = ip + 40;
    tcp[0] = 0x80;
    tcp[3] = 25;
    tcp[12] = 0x50;
    tcp[13] = MXG_TCP_SYN;
    return out;
}

// The sources of the frames, in turn.
struct Sources {
    std::vector<std::array<uint64_t, 2>> wire;
    size_t at = 0;
    uint32_t sequence = 0;
};

// What a NIC writes is in memory before anybody is told of it: so the stores are waited for, or
// else the parser would wait for them.
uint16_t write_sources(uint16_t, uint16_t, rte_mbuf* frames[], uint16_t count, uint16_t,
                       void* argument)
{
    auto& sources = *static_cast<Sources*>(argument);
    for (uint16_t i = 0; i < count; i++)
        rte_prefetch0(rte_pktmbuf_mtod(frames[i], char*));
    for (uint16_t i = 0; i < count; i++) {
        char* frame = rte_pktmbuf_mtod(frames[i], char*);
        std::memcpy(frame + kSourceAt, &sources.wire[sources.at], 16);
        std::memcpy(frame + kSequenceAt, &sources.sequence, 4);
        sources.sequence++;
        sources.at = sources.at + 1 == sources.wire.size() ? 0 : sources.at + 1;
    }
    rte_mb();
    return count;
}

void fill_buffers(rte_mempool* pool, const std::vector<uint8_t>& frame)
{
    rte_mempool_obj_iter(
        pool,
        [](rte_mempool*, void* argument, void* object, unsigned) {
            const auto& bytes = *static_cast<const std::vector<uint8_t>*>(argument);
            auto* mbuf = static_cast<rte_mbuf*>(object);
            std::memcpy(static_cast<char*>(mbuf->buf_addr) + RTE_PKTMBUF_HEADROOM, bytes.data(),
                        bytes.size());
        },
        const_cast<std::vector<uint8_t>*>(&frame));
}

// One port of net_null, whose frames are as long as ours.
class NullPort
{
public:
    explicit NullPort(const std::vector<uint8_t>& frame)
    {
        pool_ = rte_pktmbuf_pool_create("bench", 8191, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
                                        SOCKET_ID_ANY);
        const rte_eth_conf conf{};
        if (!pool_ || rte_eth_dev_get_port_by_name("net_null0", &id) != 0 ||
            rte_eth_dev_configure(id, 1, 1, &conf) != 0 ||
            rte_eth_rx_queue_setup(id, 0, 1024, 0, nullptr, pool_) != 0 ||
            rte_eth_tx_queue_setup(id, 0, 1024, 0, nullptr) != 0 || rte_eth_dev_start(id) != 0)
            throw PlaneError("no net_null port");
        fill_buffers(pool_, frame);
    }

    uint16_t id = 0;

private:
    rte_mempool* pool_ = nullptr;
};

// A burst as dpdk-testpmd's macswap takes it: addresses of four frames swapped at a time, the next
// four asked for, lengths and flags of each buffer set.
uint32_t swap_addresses(uint16_t port)
{
    rte_mbuf* frames[MXG_BURST];
    const uint16_t count = rte_eth_rx_burst(port, 0, frames, MXG_BURST);
    const __m128i order = _mm_set_epi8(15, 14, 13, 12, 5, 4, 3, 2, 1, 0, 11, 10, 9, 8, 7, 6);
    for (uint16_t i = 0; i < count; i++) {
        if (i % 4 == 0)
            for (int n = i + 4; n < std::min(i + 8, int{count}); n++)
                rte_prefetch0(rte_pktmbuf_mtod(frames[n], void*));
        auto* head = rte_pktmbuf_mtod(frames[i], __m128i*);
        _mm_storeu_si128(head, _mm_shuffle_epi8(_mm_loadu_si128(head), order));
        frames[i]->ol_flags &= RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL;
        frames[i]->tx_offload = sizeof(rte_ether_hdr) | sizeof(rte_ipv4_hdr)
                                                            << RTE_MBUF_L2_LEN_BITS;
    }
    const uint16_t sent = rte_eth_tx_burst(port, 0, frames, count);
    rte_pktmbuf_free_bulk(frames + sent, static_cast<unsigned>(count - sent));
    return count;
}

// Cycles per packet of many short turns, taken in rotation, so that all see the same machine.
struct Contestant {
    std::string name;
    std::function<uint32_t(uint64_t now)> poll;
    std::vector<double> cycles = {};

    double median() const
    {
        std::vector<double> sorted = cycles;
        std::sort(sorted.begin(), sorted.end());
        return sorted[sorted.size() / 2];
    }
    double best() const { return *std::min_element(cycles.begin(), cycles.end()); }
};

// Of this thread: what others do on the core in between does not count.
double cpu_seconds()
{
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

void race(std::vector<Contestant>& all, uint64_t live, unsigned turns)
{
    const auto hz = static_cast<double>(rte_get_tsc_hz());
    for (Contestant& c : all)  // every sender once: states are there, caches are what they will be
        for (uint64_t done = 0; done < live;)
            done += c.poll(monotonic_ns());
    for (unsigned turn = 0; turn < turns; turn++)
        for (Contestant& c : all) {
            uint64_t packets = 0;
            const double start = cpu_seconds();
            for (uint64_t i = 0; i < kBurstsPerTurn; i++)
                packets += c.poll(monotonic_ns());
            c.cycles.push_back((cpu_seconds() - start) * hz / static_cast<double>(packets));
        }
}

void report(const std::vector<Contestant>& all)
{
    const double hz = static_cast<double>(rte_get_tsc_hz());
    const double port = all.front().median(), ours = all[1].median();
    std::printf("%-28s %10s %10s %10s %12s %10s\n", "pipeline", "cycles", "best", "M/s",
                "without port", "to mxgate");
    for (const Contestant& c : all)
        std::printf("%-28s %10.0f %10.0f %10.1f %12.0f %10.2f\n", c.name.c_str(), c.median(),
                    c.best(), hz / c.median() / 1e6, c.median() - port, c.median() / ours);
}

// All classes limit, at a rate nobody reaches: every SYN touches its state and passes.
std::vector<mxg_line> limiting(std::vector<mxg_line> image, bool handshake)
{
    auto* header = reinterpret_cast<mxg_image_header*>(image.data());
    auto* classes = reinterpret_cast<mxg_class*>(&image[header->classes]);
    for (uint32_t i = 0; i <= kDefaultClass; i++) {
        classes[i].action = MXG_ACTION_LIMIT;
        classes[i].flags = MXG_CLASS_LIMITS | (handshake ? MXG_CLASS_HANDSHAKE : 0);
        classes[i].own.interval_ns = 1000;
        classes[i].own.burst = 1'000'000;
    }
    header->checksum = image_checksum(image.data(), image.size());
    return image;
}

// One /64 each, a share of them in no prefix, in random order.
void make_sources(const Options& options, const std::vector<TableEntry>& entries,
                  const std::vector<mxg_line>& image, Sources& out)
{
    for (const mxg_address& key : make_keys(entries, image, options.live, options.misses))
        out.wire.push_back({__builtin_bswap64(key.hi), __builtin_bswap64(key.lo)});
}

// Whoever is compared says the same of every sender.
void require_same_classes(const Sources& sources, const mxg_table& table, const ClassLookup& lookup)
{
    const auto* header = reinterpret_cast<const mxg_image_header*>(table.lines);
    for (const std::array<uint64_t, 2>& wire : sources.wire) {
        const mxg_address address = mxg_ipv6_address(reinterpret_cast<const __u64*>(wire.data()));
        uint8_t key[1][16];
        uint32_t class_id;
        std::memcpy(key, wire.data(), sizeof(key));
        lookup(key, 1, &class_id);
        if (class_id != mxg_lookup(&table, header, &address)->class_id)
            throw std::runtime_error("the look-ups differ");
    }
}

// Medians of the turns, by stage.
void report_stages(uint16_t port, const PlaneState& state, const LiveTable& table,
                   const Options& options)
{
    mxg_gate gate = state.gate();
    gate.table = table.table();
    StageCycles warm, total;
    const auto poll = [&](StageCycles* cycles) {
        gate.now_ns = monotonic_ns();
        poll_in_stages(port, gate, state.counters_of(0), cycles);
    };
    while (warm.packets < options.live)
        poll(&warm);
    std::vector<StageCycles> turns(options.turns);
    for (StageCycles& turn : turns)
        for (uint64_t i = 0; i < kBurstsPerTurn; i++)
            poll(&turn);
    double sum = 0, best = 0;
    for (size_t stage = 0; stage < kStages.size(); stage++) {
        std::vector<double> cycles;
        for (const StageCycles& turn : turns)
            cycles.push_back(static_cast<double>(turn.cycles[stage]) /
                             static_cast<double>(turn.packets));
        std::sort(cycles.begin(), cycles.end());
        const double median = cycles[cycles.size() / 2];
        sum += median;
        best += cycles[0];
        std::printf("%-16s %8.1f cycles a packet, best %.1f\n", kStages[stage], median, cycles[0]);
    }
    std::printf("%-16s %8.1f cycles a packet, best %.1f\n", "sum", sum, best);
}

void run(const Options& options)
{
    std::vector<std::string> words = {"mxgate-bench-plane",
                                      "--no-pci",
                                      "--no-telemetry",
                                      "--force-max-simd-bitwidth=512",
                                      "--log-level=lib.eal:critical",
                                      "-l",
                                      "0",
                                      "--vdev",
                                      "net_null0,size=74,copy=0"};
    if (options.huge) {
        words.emplace_back("--in-memory");
    } else {
        ::prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);  // nor for us
        words.insert(words.end(), {"--no-huge", "--no-shconf", "-m", "14336"});
    }
    start_eal(words);
    std::printf("EAL in %s; TSC %.2f GHz; bursts of %d; %zu prefixes, %lu live senders\n",
                rte_eal_has_hugepages() ? "2 MiB pages" : "4 KiB pages",
                static_cast<double>(rte_get_tsc_hz()) / 1e9, MXG_BURST, options.prefixes,
                static_cast<unsigned long>(options.live));
    const auto entries = make_entries(routes_for(options.routes), options.prefixes);
    const std::vector<mxg_line> image =
        limiting(build_table(entries), options.charge == "handshake");
    Sources sources;
    make_sources(options, entries, image, sources);
    const NullPort port(syn(!options.ungated));
    if (!options.ungated)
        rte_eth_add_rx_callback(port.id, 0, write_sources, &sources);

    constexpr uint64_t kKey[2] = {1, 2};
    const PlaneState state = PlaneState::make(options.live * 2, kKey);
    LiveTable table(1);
    table.publish(image.data(), image.size());
    table.enter(0);
    Worker ours(0, {{port.id, port.id, 0, true, false}}, state, table);

    std::vector<Contestant> all;
    all.push_back({"port alone", [&](uint64_t) {
                       rte_mbuf* frames[MXG_BURST];
                       const uint16_t count = rte_eth_rx_burst(port.id, 0, frames, MXG_BURST);
                       return uint32_t{rte_eth_tx_burst(port.id, 0, frames, count)};
                   }});
    all.push_back({"mxgate", [&](uint64_t now) {
                       const uint32_t count = ours.poll(now);
                       table.quiet(0);
                       return count;
                   }});
    if (options.stages)
        return report_stages(port.id, state, table, options);
    if (options.ungated) {
        all.push_back({"macswap", [&](uint64_t) { return swap_addresses(port.id); }});
        race(all, 1 << 16, options.turns);
        return report(all);
    }
    const std::unique_ptr<rte_fib6, void (*)(rte_fib6*)> fib(make_fib6("bench", entries),
                                                             rte_fib6_free);
    if (rte_fib6_select_lookup(fib.get(), RTE_FIB6_LOOKUP_TRIE_VECTOR_AVX512) != 0)
        std::printf("rte_fib6 has no AVX-512 path here\n");
    const auto ask_fib = [&](uint8_t(*keys)[16], uint32_t count, uint32_t* out) {
        uint64_t hops[MXG_BURST];
        rte_fib6_lookup_bulk(fib.get(), keys, hops, static_cast<int>(count));
        std::copy(hops, hops + count, out);
    };
    require_same_classes(sources, table.table(), ask_fib);
    PeerWorker with_fib(port.id, image, ask_fib, state.source_settings());
    all.push_back({"rte_fib6 + rte_hash, bare", [&](uint64_t now) { return with_fib.poll(now); }});
    EqualWorker equal_fib(port.id, table.table(), options.live * 2, kKey, ask_fib);
    all.push_back(
        {"rte_fib6 + rte_hash, equal", [&](uint64_t now) { return equal_fib.poll(now); }});
    std::unique_ptr<rte_lpm6, void (*)(rte_lpm6*)> lpm(nullptr, rte_lpm6_free);
    const auto ask_lpm = [&](uint8_t(*keys)[16], uint32_t count, uint32_t* out) {
        int32_t hops[MXG_BURST];
        rte_lpm6_lookup_bulk_func(lpm.get(), keys, hops, count);
        for (uint32_t i = 0; i < count; i++)
            out[i] = hops[i] < 0 ? kDefaultClass : static_cast<uint32_t>(hops[i]);
    };
    std::unique_ptr<PeerWorker<decltype(ask_lpm)>> with_lpm;
    std::unique_ptr<EqualWorker> equal_lpm;
    if (!options.no_lpm6) {
        lpm.reset(make_lpm6("bench", entries));
        with_lpm = std::make_unique<PeerWorker<decltype(ask_lpm)>>(port.id, image, ask_lpm,
                                                                   state.source_settings());
        all.push_back(
            {"rte_lpm6 + rte_hash, bare", [&](uint64_t now) { return with_lpm->poll(now); }});
        equal_lpm =
            std::make_unique<EqualWorker>(port.id, table.table(), options.live * 2, kKey, ask_lpm);
        all.push_back(
            {"rte_lpm6 + rte_hash, equal", [&](uint64_t now) { return equal_lpm->poll(now); }});
    }
    race(all, options.live, options.turns);
    report(all);
}

}  // namespace
}  // namespace mxgate::perf

int main(int argc, char** argv)
{
    mxgate::perf::Options options;
    CLI::App app("packets a second of the DPDK plane, beside DPDK's own parts, in one run");
    app.add_option("--routes", options.routes, "routing table, a prefix a line (.xz, .gz)");
    app.add_option("--prefixes", options.prefixes, "in the policy table")->capture_default_str();
    app.add_option("--live", options.live, "senders that take turns")->capture_default_str();
    app.add_option("--turns", options.turns, "turns of each pipeline")->capture_default_str();
    app.add_option("--misses", options.misses, "per cent of the senders in no prefix")
        ->capture_default_str()
        ->check(CLI::Range(0, 100));
    app.add_option("--charge", options.charge, "what is charged: syn or handshake")
        ->capture_default_str()
        ->check(CLI::IsMember({"syn", "handshake"}));
    app.add_flag("--huge", options.huge, "reserved 2 MiB pages for DPDK's memory");
    app.add_flag("--no-lpm6", options.no_lpm6, "leave rte_lpm6 out");
    app.add_flag("--stages", options.stages, "only where the cycles of mxgate go");
    app.add_flag("--ungated", options.ungated, "frames that are not for a protected service");
    CLI11_PARSE(app, argc, argv);
    try {
        mxgate::perf::run(options);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "mxgate-bench-plane: %s\n", error.what());
        return 1;
    }
}
