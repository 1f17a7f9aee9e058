// SPDX-License-Identifier: BSD-2-Clause
// The source table under more senders than it has room for: 2^26 /64s, each with one SYN, go
// through it in bursts as a worker of the DPDK plane decides them. Says what a SYN costs beside the
// same SYNs of the first senders, whose table is idle, what memory it takes, and what became of a
// sender with a penalty and of one with an open connection.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "control/config/config.h"
#include "control/table/compile.h"
#include "dataplane/core/native.h"

#include "dataplane/core/connections.h"
#include "dataplane/core/decide_burst.h"
#include "dataplane/state/state_view.h"

namespace mxgate::perf {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;
constexpr const char* kPolicy =
    "gate:\n  plane: xdp\n  interfaces: [eth0]\n  services:\n"
    "    - {name: mx, addresses: [\"2001:db8:2::25\"]}\n"
    "classes: {c: {action: limit, rate: 1/h, burst: 2, charge: syn, connections: 5}}\n"
    "default_class: c\n";

struct Options {
    uint64_t senders = 1 << 26;
    uint64_t capacity = 1 << 20;
    uint64_t parts = 16;
};

uint64_t resident_bytes()
{
    uint64_t all = 0, resident = 0;
    std::ifstream("/proc/self/statm") >> all >> resident;
    return resident * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

// Sender n: another /64 for each n below 2^32, in no order.
mxg_packet syn(uint64_t n)
{
    mxg_packet out{};
    const auto mixed = static_cast<uint32_t>(n) * 2654435761U;
    out.source = {0x2a00000000000000 | uint64_t{mixed} << 16, n, MXG_FAMILY_IPV6, 0};
    out.destination = {0x20010db800020000, 0x25, MXG_FAMILY_IPV6, 0};
    out.source_port = 40000;
    out.destination_port = 25;
    out.sequence = static_cast<uint32_t>(n);
    out.tcp_flags = MXG_TCP_SYN;
    out.kind = MXG_FRAME_TCP;
    out.transport = 54;
    out.end = 74;
    out.header = 20;
    return out;
}

class World
{
public:
    explicit World(uint64_t capacity)
    {
        const ConfigResult read = parse_config(kPolicy, "bench.yaml");
        if (!read.config)
            throw std::runtime_error("the configuration of this program is wrong");
        table_ = *compile(*read.config, 1).table;
        const uint64_t buckets = buckets_for(capacity);
        buckets_.resize(mxg_all_buckets(static_cast<uint32_t>(buckets - 1)));
        seen_.resize(mxg_seen_mask(static_cast<uint32_t>(buckets - 1)) + 1);
        gate_.table = {table_.plane.data(), static_cast<uint32_t>(table_.plane.size())};
        gate_.sources = {{1, 2}, static_cast<uint32_t>(buckets - 1), 0};
        gate_.buckets = buckets_.data();
        gate_.seen = seen_.data();
        gate_.connections = connections_;
    }

    mxg_reason ask(uint64_t sender, uint32_t again)
    {
        mxg_packet packet = syn(sender);
        packet.sequence += again << 30;
        mxg_decision decision;
        mxg_decide_burst(&gate_, &packet, 1, &decision);
        return static_cast<mxg_reason>(decision.reason);
    }

    void open(uint64_t sender)
    {
        const mxg_packet packet = syn(sender);
        mxg_connection connection{};
        mxg_handshake_done(&gate_, &packet.source, 0, &connection);
    }

    uint32_t open_of(uint64_t sender)
    {
        const mxg_packet packet = syn(sender);
        mxg_prefix prefix{{packet.source.hi, 0, MXG_FAMILY_IPV6, 0}, 64};
        const uint64_t hash = mxg_prefix_hash(gate_.sources.key, &prefix);
        mxg_bucket& bucket = buckets_[mxg_bucket_at(gate_.sources.bucket_mask, 0, hash)];
        const uint32_t way = mxg_find_way(&bucket, &prefix, mxg_source_tag(hash, &prefix));
        return way < MXG_WAYS ? bucket.way[way].open : 0;
    }

    // Nanoseconds for each SYN of the senders [from, to).
    double run(uint64_t from, uint64_t to)
    {
        mxg_packet packets[MXG_BURST];
        mxg_decision decisions[MXG_BURST];
        uint64_t spent = 0;
        for (uint64_t n = from; n < to; n += MXG_BURST) {
            const auto count = static_cast<uint32_t>(std::min<uint64_t>(MXG_BURST, to - n));
            for (uint32_t i = 0; i < count; i++)
                packets[i] = syn(n + i);
            gate_.now_ns += count * 100;
            const uint64_t begin = monotonic_ns();
            mxg_decide_burst(&gate_, packets, mxg_whole_burst(count), decisions);
            spent += monotonic_ns() - begin;
            for (uint32_t i = 0; i < count; i++)
                reasons[decisions[i].reason]++;
        }
        return static_cast<double>(spent) / static_cast<double>(to - from);
    }

    void set_time(uint64_t now_ns) { gate_.now_ns = now_ns; }
    uint64_t used() const { return source_fill(buckets_.data(), gate_.sources).used; }

    uint64_t reasons[MXG_REASONS] = {};

private:
    PolicyTable table_;
    std::vector<mxg_bucket> buckets_;
    std::vector<mxg_seen_line> seen_;
    uint32_t connections_[MXG_MAX_CLASSES] = {};
    mxg_gate gate_{};
};

void bench(const Options& options)
{
    const uint64_t penalised = uint64_t{1} << 31, connected = penalised + 1;
    World world(options.capacity);
    world.set_time(1000 * kSecond);
    for (uint32_t i = 0; i < 3; i++)
        world.ask(penalised, i);
    world.open(connected);
    const uint64_t idle_end = options.capacity / 16;
    const double idle = world.run(0, idle_end);
    std::printf("%12s %8s %10s %8s\n", "senders", "ns/SYN", "ratio", "MiB");
    std::printf("%12lu %8.1f %10s %8lu  (the table is idle)\n", idle_end, idle, "1.00",
                resident_bytes() >> 20);
    uint64_t from = idle_end;
    for (uint64_t part = 1; part <= options.parts; part++) {
        const uint64_t to = std::max(from, options.senders / options.parts * part);
        const double cost = world.run(from, to);
        std::printf("%12lu %8.1f %10.2f %8lu\n", to, cost, cost / idle, resident_bytes() >> 20);
        from = to;
    }
    std::printf("entries used: %lu; SYNs judged at the coarser level: %lu of %lu\n", world.used(),
                world.reasons[MXG_COARSE], options.senders);
    std::printf("the sender with a penalty: %s; open connections of the other: %u\n",
                world.ask(penalised, 3) == MXG_RATE ? "still refused" : "FORGOTTEN",
                world.open_of(connected));
}

}  // namespace
}  // namespace mxgate::perf

int main(int argc, char** argv)
{
    mxgate::perf::Options options;
    CLI::App app{"What a SYN costs when more senders come than the source table has room for"};
    app.add_option("--senders", options.senders, "/64s, up to 2^31")->capture_default_str();
    app.add_option("--capacity", options.capacity, "entries of the source table")
        ->capture_default_str();
    CLI11_PARSE(app, argc, argv);
    mxgate::perf::bench(options);
    return 0;
}
