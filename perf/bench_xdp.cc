// SPDX-License-Identifier: BSD-2-Clause
// What a packet costs in the XDP program, with the policy table and with LPM_TRIE in its place.
//
// The frame is a SYN to the protected service; a driver program gives it the next of many source
// addresses in every round and jumps to the program under test. Everything but the structure that
// is searched is the same on both sides, and so cancels against the run with an empty table.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <bit>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <memory>

#include "ebpf/gate_maps.h"
#include "ebpf/lpm_peer.skel.h"
#include "ebpf/perf_driver.skel.h"
#include "ebpf/xdp_plane.h"
#include "perf/workload.h"
#include "perf/xdp_shared.h"

namespace mxgate::perf {
namespace {

constexpr uint32_t kRounds = 1 << 16;  // of one turn: short, so that all see the same machine
constexpr uint8_t kFrame[] = {
    2,    0,    0,    0,    0, 1,  2, 0,  0, 0, 0, 2, 0x86, 0xdd,              // Ethernet
    0x60, 0,    0,    0,    0, 20, 6, 64,                                      // IPv6
    0,    0,    0,    0,    0, 0,  0, 0,  0, 0, 0, 0, 0,    0,    0,    0,     // source
    0x20, 0x01, 0x0d, 0xb8, 0, 2,  0, 0,  0, 0, 0, 0, 0,    0,    0,    0x25,  // destination
    0xc0, 0,    0,    25,   0, 0,  0, 1,  0, 0, 0, 0, 0x50, 0x02, 0xff, 0xff,
    0,    0,    0,    0};  // TCP SYN

using Clock = std::chrono::steady_clock;

double since(Clock::time_point start)
{
    return std::chrono::duration<double>(Clock::now() - start).count();
}

void check(bool good, const char* what)
{
    if (!good)
        throw BpfError(error_text(what, errno));
}

struct Destroy {
    void operator()(bpf_object* object) const { bpf_object__close(object); }
    void operator()(lpm_peer_bpf* skeleton) const { lpm_peer_bpf__destroy(skeleton); }
    void operator()(perf_driver_bpf* skeleton) const { perf_driver_bpf__destroy(skeleton); }
};

// Puts the gate's maps into a program that declares them.
void share_maps(bpf_object* object, const GateMaps& maps)
{
    for (size_t i = 0; i < kMapKinds; i++) {
        const auto kind = static_cast<MapKind>(i);
        bpf_map* map = bpf_object__find_map_by_name(object, map_name(kind));
        if (map)
            check(bpf_map__reuse_fd(map, maps.fd(kind)) == 0, "cannot share the gate's maps");
    }
    bpf_program* program = bpf_object__find_program_by_name(object, "mxgate");
    check(program != nullptr, "no program `mxgate`");
    bpf_program__set_type(program, BPF_PROG_TYPE_XDP);
}

// The gate's program out of an object file: another build, to compare with.
class OtherBuild
{
public:
    OtherBuild(const std::string& path, const GateMaps& maps)
        : object_(bpf_object__open_file(path.c_str(), nullptr))
    {
        check(object_ != nullptr, "cannot open the object file");
        share_maps(object_.get(), maps);
        check(bpf_object__load(object_.get()) == 0, "the kernel refuses the object file");
    }

    int program() const
    {
        return bpf_program__fd(bpf_object__find_program_by_name(object_.get(), "mxgate"));
    }

private:
    std::unique_ptr<bpf_object, Destroy> object_;
};

// The peer's program over the gate's maps and two tries of its own.
class LpmPeer
{
public:
    LpmPeer(const GateMaps& maps, uint32_t default_policy, size_t entries)
        : skeleton_(lpm_peer_bpf__open())
    {
        check(skeleton_ != nullptr, "cannot open the LPM_TRIE program");
        share_maps(skeleton_->obj, maps);
        auto& settings = const_cast<mxg_program_settings&>(skeleton_->rodata->settings);
        settings.sources = maps.source_settings();
        const_cast<uint32_t&>(skeleton_->rodata->perf_default_policy) = default_policy;
        bpf_map__set_max_entries(skeleton_->maps.perf_ipv6,
                                 static_cast<uint32_t>(std::max<size_t>(entries, 1)));
        check(lpm_peer_bpf__load(skeleton_.get()) == 0, "the kernel refuses the LPM_TRIE program");
    }

    // In the order given; returns the seconds it took.
    double fill(const std::vector<TableEntry>& entries, const std::vector<uint32_t>& policy_of_feed)
    {
        std::vector<perf_lpm_ipv6> keys(entries.size());
        std::vector<uint32_t> values(entries.size());
        for (size_t i = 0; i < entries.size(); i++) {
            uint8_t bytes[16];
            to_bytes(prefix_of(entries[i]).address, bytes);
            keys[i].bits = entries[i].length;
            std::memcpy(keys[i].address, bytes, sizeof(bytes));
            values[i] = policy_of_feed[entries[i].feed];
        }
        const auto start = Clock::now();
        LIBBPF_OPTS(bpf_map_batch_opts, options);
        for (size_t done = 0; done < keys.size();) {
            auto count = static_cast<uint32_t>(std::min<size_t>(keys.size() - done, 65536));
            check(bpf_map_update_batch(bpf_map__fd(skeleton_->maps.perf_ipv6), &keys[done],
                                       &values[done], &count, &options) == 0,
                  "cannot fill LPM_TRIE");
            done += count;
        }
        return since(start);
    }

    int program() const { return bpf_program__fd(skeleton_->progs.mxgate); }

private:
    std::unique_ptr<lpm_peer_bpf, Destroy> skeleton_;
};

class Driver
{
public:
    explicit Driver(const std::vector<mxg_address>& keys) : skeleton_(perf_driver_bpf__open())
    {
        check(skeleton_ != nullptr, "cannot open the driver program");
        const_cast<uint32_t&>(skeleton_->rodata->perf_source_mask) =
            static_cast<uint32_t>(keys.size()) - 1;
        bpf_map__set_max_entries(skeleton_->maps.perf_sources, static_cast<uint32_t>(keys.size()));
        bpf_program__set_type(skeleton_->progs.perf_driver, BPF_PROG_TYPE_XDP);
        check(perf_driver_bpf__load(skeleton_.get()) == 0, "the kernel refuses the driver program");
        const Mapping memory(bpf_map__fd(skeleton_->maps.perf_sources),
                             keys.size() * sizeof(perf_source), true);
        auto* sources = static_cast<uint8_t(*)[16]>(memory.data());
        for (size_t i = 0; i < keys.size(); i++)
            to_bytes(keys[i], sources[i]);
    }

    // The keys go on where the last run left them.
    void start_at(uint32_t key) { skeleton_->bss->perf_next = key; }

    // Nanoseconds per round of `program` over `rounds` rounds, the driver's own share included.
    double run(int program, uint32_t rounds)
    {
        aim(program);
        LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = kFrame, .data_size_in = sizeof(kFrame),
                    .repeat = static_cast<int>(rounds));
        check(bpf_prog_test_run_opts(fd(), &options) == 0, "the kernel refuses a test run");
        if (options.retval == XDP_ABORTED)
            throw BpfError("the driver program did not reach the program under test");
        return options.duration;
    }

    // What `program` returns for each of the first `count` keys.
    std::vector<uint32_t> answers(int program, size_t count)
    {
        std::vector<uint32_t> out;
        aim(program);
        LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = kFrame, .data_size_in = sizeof(kFrame),
                    .repeat = 1);
        start_at(0);
        for (size_t i = 0; i < count; i++) {
            check(bpf_prog_test_run_opts(fd(), &options) == 0, "the kernel refuses a test run");
            out.push_back(options.retval);
        }
        return out;
    }

private:
    int fd() const { return bpf_program__fd(skeleton_->progs.perf_driver); }

    void aim(int program)
    {
        const uint32_t zero = 0;
        check(bpf_map_update_elem(bpf_map__fd(skeleton_->maps.perf_under_test), &zero, &program,
                                  BPF_ANY) == 0,
              "cannot put the program under test in its place");
        skeleton_->bss->perf_next = 0;
    }

    std::unique_ptr<perf_driver_bpf, Destroy> skeleton_;
};

struct Options {
    std::string routes, other_build;
    uint32_t keys = 1 << 20, misses = 50;
    bool quick = false;
};

// A program under test with the seconds it took to load its table.
struct Subject {
    std::string name;
    int program;
    double load_seconds;
};

// One table in every shape, ready to run.
class Scene
{
public:
    Scene(std::vector<TableEntry> from, const Options& options)
        : entries_(std::move(from)),
          image_(build_table(entries_)),
          keys_(make_keys(entries_, image_, std::bit_ceil(options.keys), options.misses)),
          maps_(GateMaps::make(1024, kHashKey)),
          gate_(maps_, false)
    {
        const auto start = Clock::now();
        maps_.publish(image_);
        subjects_.push_back({"mxgate", gate_.load(), since(start)});
        if (!options.other_build.empty()) {
            other_ = std::make_unique<OtherBuild>(options.other_build, maps_);
            subjects_.push_back({"other build", other_->program(), 0});
        }
        add_peer("LPM_TRIE", sorted_);
        Random random(4);
        for (size_t i = entries_.size(); i > 1; i--)
            std::swap(entries_[i - 1], entries_[random.below(i)]);
        add_peer("LPM_TRIE shuffled", shuffled_);
    }

    const std::vector<Subject>& subjects() const { return subjects_; }
    const std::vector<mxg_address>& keys() const { return keys_; }

private:
    static constexpr uint64_t kHashKey[2] = {1, 2};

    void add_peer(const char* name, std::unique_ptr<LpmPeer>& peer)
    {
        const auto* header = reinterpret_cast<const mxg_image_header*>(image_.data());
        const auto* policies = reinterpret_cast<const mxg_policy*>(&image_[header->policies]);
        const auto* counts = reinterpret_cast<const mxg_image_counts*>(&image_[1]);
        std::vector<uint32_t> policy_of_class(kDefaultClass + 1, 0);
        for (uint32_t i = 0; i < counts->policies; i++)
            policy_of_class[policies[i].class_id] = i;
        peer = std::make_unique<LpmPeer>(maps_, policy_of_class[kDefaultClass], entries_.size());
        const double seconds = peer->fill(entries_, policy_of_class);
        subjects_.push_back({name, peer->program(), seconds});
    }

    std::vector<TableEntry> entries_;
    std::vector<mxg_line> image_;
    std::vector<mxg_address> keys_;
    GateMaps maps_;
    XdpProgram gate_;
    std::unique_ptr<OtherBuild> other_;
    std::unique_ptr<LpmPeer> sorted_, shuffled_;
    std::vector<Subject> subjects_;
};

double median(std::vector<double> values)
{
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

// Per cent of the keys for which two programs return the same.
double agreement(Driver& driver, int program, int other, size_t count)
{
    const auto ours = driver.answers(program, count);
    const auto theirs = driver.answers(other, count);
    size_t same = 0;
    for (size_t i = 0; i < count; i++)
        same += ours[i] == theirs[i];
    return 100 * static_cast<double>(same) / static_cast<double>(count);
}

void compare(const std::vector<mxg_prefix>& routes, size_t prefixes, const Options& options)
{
    const size_t turns = options.quick ? 25 : 99;
    const Scene full(make_entries(routes, prefixes), options);
    const Scene empty({}, options);
    const size_t count = full.subjects().size();
    Driver driver(full.keys());
    std::vector<std::vector<double>> base(count), cost(count), added(count), ratio(count);
    for (size_t turn = 0; turn <= turns; turn++) {
        for (size_t i = 0; i < count; i++) {
            driver.start_at(static_cast<uint32_t>(turn) * kRounds);
            base[i].push_back(driver.run(empty.subjects()[i].program, kRounds));
            driver.start_at(static_cast<uint32_t>(turn) * kRounds);
            cost[i].push_back(driver.run(full.subjects()[i].program, kRounds));
            added[i].push_back(cost[i].back() - base[i].back());
            ratio[i].push_back(added[0].back() / added[i].back());
        }
    }
    for (size_t i = 0; i < count; i++) {
        const Subject& subject = full.subjects()[i];
        std::sort(ratio[i].begin(), ratio[i].end());
        std::printf("%8zu  %-17s %6.0f %6.0f %6.0f  %6.3f (%.3f..%.3f) %8.4f s  %8.4f %%\n",
                    prefixes, subject.name.c_str(), median(base[i]), median(cost[i]),
                    median(added[i]), median(ratio[i]), ratio[i][turns / 4],
                    ratio[i][turns * 3 / 4], subject.load_seconds,
                    agreement(driver, full.subjects()[0].program, subject.program,
                              options.quick ? 10000 : 100000));
    }
    std::fflush(stdout);
}

int run(int argc, char** argv)
{
    Options options;
    CLI::App app("ns per packet in XDP: the policy table and LPM_TRIE, in one run (needs root)");
    app.add_option("--routes", options.routes, "routing table, a prefix a line (.xz, .gz)");
    app.add_option("--other", options.other_build, "another build of gate.bpf.o, in the same run");
    app.add_option("--keys", options.keys, "distinct source addresses, rounded to a power of two");
    app.add_option("--misses", options.misses, "per cent of the addresses that no prefix holds");
    app.add_flag("--quick", options.quick, "fewer turns");
    CLI11_PARSE(app, argc, argv);
    const std::vector<mxg_prefix> routes = routes_for(options.routes);
    std::printf(
        "ns per packet, medians of turns; ratio: mxgate's added cost to this one's, half of "
        "the turns within\n"
        "prefixes  structure          empty   full  added   ratio               to load    "
        "same answer\n");
    for (const size_t prefixes : {200000, 1000000})
        compare(routes, prefixes, options);
    return 0;
}

}  // namespace
}  // namespace mxgate::perf

int main(int argc, char** argv)
{
    try {
        return mxgate::perf::run(argc, argv);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "mxgate-bench-xdp: %s\n", error.what());
        return 1;
    }
}
