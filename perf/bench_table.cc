// SPDX-License-Identifier: BSD-2-Clause
// Look-up and build of the policy table in user space, beside DPDK's structures in the same run.
#include <sys/mman.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <new>

#include "dataplane/core/native.h"

#include "dataplane/core/burst.h"
#include "perf/bench_loops.h"

namespace mxgate::perf {

volatile uint32_t opaque_zero = 0;

namespace {

constexpr size_t kKeys = 1 << 20;
constexpr size_t kHugePage = 2 << 20;

// The image in memory for which 2 MiB pages were asked, as the DPDK plane maps it.
class HugeImage
{
public:
    explicit HugeImage(const std::vector<mxg_line>& image)
        : bytes_((image.size() * sizeof(mxg_line) / kHugePage + 2) * kHugePage),
          memory_(
              ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))
    {
        if (memory_ == MAP_FAILED)
            throw std::bad_alloc();
        const auto start = (reinterpret_cast<uintptr_t>(memory_) + kHugePage - 1) / kHugePage;
        lines_ = reinterpret_cast<mxg_line*>(start * kHugePage);
        const int refused = ::madvise(memory_, bytes_, MADV_HUGEPAGE);
        std::memcpy(static_cast<void*>(lines_), image.data(), image.size() * sizeof(mxg_line));
        table_ = {lines_, static_cast<uint32_t>(image.size())};
        std::fprintf(stderr, "policy table: %zu kB, of which %zu kB in 2 MiB pages%s\n",
                     image.size() * sizeof(mxg_line) / 1024, in_huge_pages(),
                     refused ? " (madvise refused)" : "");
    }
    ~HugeImage() { ::munmap(memory_, bytes_); }
    HugeImage(const HugeImage&) = delete;
    HugeImage& operator=(const HugeImage&) = delete;

    const mxg_table* table() const { return &table_; }
    const mxg_image_header* header() const
    {
        return reinterpret_cast<const mxg_image_header*>(lines_);
    }

private:
    // kB of this memory that the kernel backs with huge pages.
    size_t in_huge_pages() const
    {
        std::ifstream maps("/proc/self/smaps");
        std::string line;
        bool here = false;
        while (std::getline(maps, line)) {
            unsigned long first, last;
            char dash;
            if (std::sscanf(line.c_str(), "%lx%c%lx ", &first, &dash, &last) == 3 && dash == '-')
                here = first <= reinterpret_cast<uintptr_t>(lines_) &&
                       reinterpret_cast<uintptr_t>(lines_) < last;
            if (here && line.starts_with("AnonHugePages:"))
                return std::strtoul(line.c_str() + 14, nullptr, 10);
        }
        return 0;
    }

    size_t bytes_;
    void* memory_;
    mxg_line* lines_ = nullptr;
    mxg_table table_{};
};

std::shared_ptr<Workload> make_workload(const std::vector<mxg_prefix>& routes, size_t prefixes)
{
    auto out = std::make_shared<Workload>();
    out->name = std::to_string(prefixes / 1000) + "k";
    out->entries = make_entries(routes, prefixes);
    out->image = build_table(out->entries);
    out->keys = make_keys(out->entries, out->image, kKeys);
    const mxg_table table{out->image.data(), static_cast<uint32_t>(out->image.size())};
    const auto* header = reinterpret_cast<const mxg_image_header*>(out->image.data());
    for (const mxg_address& key : out->keys) {
        uint8_t bytes[16];
        to_bytes(key, bytes);
        out->key_bytes.push_back(std::to_array(bytes));
        out->answers.push_back(mxg_lookup(&table, header, &key)->class_id);
    }
    return out;
}

void build(benchmark::State& state, const Workload& workload)
{
    for (auto _ : state)
        benchmark::DoNotOptimize(build_table(workload.entries));
}

void add_single(const std::string& name, const std::shared_ptr<const Workload>& w,
                const std::shared_ptr<const HugeImage>& image)
{
    benchmark::RegisterBenchmark(
        ("single/" + name + "/" + w->name).c_str(), [w, image](benchmark::State& state) {
            const mxg_table* table = image->table();
            const mxg_image_header* header = image->header();
            const mxg_address* keys = w->keys.data();
            one_by_one(state, w->keys.size(),
                       [=](size_t at) { return mxg_lookup(table, header, &keys[at])->class_id; });
        });
}

void add_burst(const std::string& name, const std::shared_ptr<const Workload>& w,
               const std::shared_ptr<const HugeImage>& image, mxg_vectors vectors)
{
    for (const size_t size : kBursts)
        benchmark::RegisterBenchmark(
            burst_name(name, *w, size).c_str(), [=](benchmark::State& state) {
                in_bursts(state, w->keys, size, [&](size_t at) {
                    const mxg_policy* out[kMaxBurst];
                    uint64_t sum = 0;
                    mxg_lookup_burst_with(image->table(), image->header(), &w->keys[at],
                                          static_cast<uint32_t>(size), out, vectors);
                    for (size_t i = 0; i < size; i++)
                        sum += out[i]->class_id;
                    return sum;
                });
            });
}

// Takes our own options out of the command line; the rest is Google Benchmark's.
Settings take_options(int& argc, char** argv)
{
    Settings settings;
    CLI::App app(
        "build and look-up of the policy table and of DPDK's structures, in one run; "
        "further options: --benchmark_help");
    app.add_option("--routes", settings.routes, "routing table, a prefix a line (.xz, .gz)");
    app.add_flag(
        "--huge", settings.huge_pages,
        "the peers in reserved 2 MiB pages (about 4 GiB at 1 M prefixes, 8 GiB with rte_lpm6)");
    app.add_flag("--no-fib6", settings.no_fib6, "leave rte_fib6 out");
    app.add_flag("--no-lpm6", settings.no_lpm6, "leave rte_lpm6 out");
    app.add_flag("--quick", settings.quick, "200 k prefixes only");
    app.allow_extras();
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        std::exit(app.exit(error));
    }
    static std::vector<std::string> rest;
    rest = app.remaining();
    argc = 1;
    for (std::string& argument : rest)
        argv[argc++] = argument.data();
    return settings;
}

int run(int argc, char** argv)
{
    const Settings settings = take_options(argc, argv);
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv))
        return 2;
    const std::vector<mxg_prefix> routes = routes_for(settings.routes);
    std::vector<size_t> sizes = {200000};
    if (!settings.quick)
        sizes.push_back(1000000);
    for (const size_t prefixes : sizes) {
        const std::shared_ptr<const Workload> workload = make_workload(routes, prefixes);
        register_table(workload);
#ifdef MXGATE_HAVE_DPDK
        if (!settings.no_fib6 || !settings.no_lpm6)
            register_dpdk(workload, settings);
#else
        std::fprintf(stderr, "built without DPDK: no rte_fib6, no rte_lpm6\n");
#endif
    }
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
    return 0;
}

}  // namespace

std::string burst_name(const std::string& structure, const Workload& workload, size_t size)
{
    return "burst" + std::to_string(size) + "/" + structure + "/" + workload.name;
}

void register_table(const std::shared_ptr<const Workload>& workload)
{
    const auto image = std::make_shared<const HugeImage>(workload->image);
    std::fprintf(stderr, "mxgate, %s prefixes: %.1f bytes per prefix\n", workload->name.c_str(),
                 static_cast<double>(workload->image.size() * sizeof(mxg_line)) /
                     static_cast<double>(workload->entries.size()));
    benchmark::RegisterBenchmark(("build/mxgate/" + workload->name).c_str(),
                                 [workload](benchmark::State& state) { build(state, *workload); })
        ->Unit(benchmark::kMillisecond);
    add_single("mxgate", workload, image);
    add_burst("mxgate-scalar", workload, image, MXG_SCALAR);
    if (mxg_vectors_here() == MXG_AVX512)
        add_burst("mxgate-avx512", workload, image, MXG_AVX512);
}

}  // namespace mxgate::perf

int main(int argc, char** argv)
{
    try {
        return mxgate::perf::run(argc, argv);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "mxgate-bench-table: %s\n", error.what());
        return 1;
    }
}
