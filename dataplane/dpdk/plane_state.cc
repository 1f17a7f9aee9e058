// SPDX-License-Identifier: BSD-2-Clause
#include "dataplane/dpdk/plane_state.h"

#include <fcntl.h>
#include <mntent.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>

namespace mxgate {
namespace {

constexpr long kHugetlbfsMagic = 0x958458f6;
constexpr size_t kHugePage = 2 << 20;

size_t up_to(size_t bytes, size_t unit)
{
    return (bytes + unit - 1) / unit * unit;
}

Fd open_file(const std::string& path, int flags)
{
    return Fd(::open(path.c_str(), flags | O_CLOEXEC, 0600));
}

size_t size_of(const Fd& fd)
{
    struct stat status {
    };
    return ::fstat(fd.get(), &status) == 0 ? static_cast<size_t>(status.st_size) : 0;
}

bool in_huge_pages(const Fd& fd)
{
    struct statfs status {
    };
    return ::fstatfs(fd.get(), &status) == 0 && status.f_type == kHugetlbfsMagic &&
           status.f_bsize == static_cast<long>(kHugePage);
}

// A hugetlbfs of 2 MiB pages, or empty.
std::string huge_page_folder()
{
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> mounts(::setmntent("/proc/mounts", "r"),
                                                                 ::endmntent);
    while (const mntent* mount = mounts ? ::getmntent(mounts.get()) : nullptr) {
        const Fd folder(::open(mount->mnt_dir, O_PATH | O_CLOEXEC));
        if (std::strcmp(mount->mnt_type, "hugetlbfs") == 0 && in_huge_pages(folder))
            return mount->mnt_dir;
    }
    return {};
}

size_t sources_bytes(const mxg_source_settings& settings)
{
    return up_to(state_bytes((settings.bucket_mask + uint64_t{1}) * MXG_WAYS) +
                     mxg_flow_lines(settings.bucket_mask) * sizeof(mxg_flow_line),
                 kHugePage);
}

// A file of shared memory, which may be full.
void take_memory(const Mapping& memory, const std::string& path)
{
    if (!memory.populate())
        throw PlaneError(path + ": there is no room for its " + std::to_string(memory.bytes()) +
                         " bytes; make the file system larger, reserve huge pages, or lower "
                         "sources.capacity");
}

void remove_sources(const std::string& path)
{
    std::error_code ignored;
    const std::filesystem::path old = std::filesystem::read_symlink(path, ignored);
    if (!old.empty())
        std::filesystem::remove(old, ignored);
    std::filesystem::remove(path, ignored);
}

template <typename T, size_t N>
void add(std::vector<uint64_t>& sum, const T (&counters)[N])
{
    for (size_t i = 0; i < N; i++)
        sum[i] += __atomic_load_n(&counters[i], __ATOMIC_RELAXED);
}

std::vector<CounterValue> not_zero(const std::vector<uint64_t>& sums)
{
    std::vector<CounterValue> out;
    for (uint32_t i = 0; i < sums.size(); i++)
        if (sums[i] != 0)
            out.push_back({i, sums[i]});
    return out;
}

}  // namespace

std::string plane_dir(const std::string& run_dir)
{
    return run_dir + "/dpdk";
}

std::string handover_path(const std::string& run_dir)
{
    return plane_dir(run_dir) + "/table.sock";
}

const char* port_counter_name(size_t counter)
{
    static constexpr const char* kNames[] = {
#define MXG_PORT_COUNTER_NAME(enumerator, name, text) name,
        MXG_PORT_COUNTER_LIST(MXG_PORT_COUNTER_NAME)
#undef MXG_PORT_COUNTER_NAME
    };
    return counter < kPortCounters ? kNames[counter] : "";
}

PlaneState PlaneState::make(uint64_t capacity, const uint64_t (&key)[2])
{
    PlaneState out;
    out.state_ = Mapping(-1, sizeof(mxg_plane_state), true);
    mxg_source_settings& settings = out.state().meta.sources;
    std::copy(key, key + 2, settings.key);
    settings.bucket_mask = buckets_for(capacity) - 1;
    out.sources_ = Mapping(-1, sources_bytes(settings), true);
    out.sources_.wish_huge_pages();
    out.sources_in_ = "private";
    return out;
}

bool PlaneState::open_state(const std::string& dir, bool writable)
{
    const Fd file = open_file(dir + "/state", writable ? O_RDWR : O_RDONLY);
    if (!file || size_of(file) != sizeof(mxg_plane_state))
        return false;
    state_ = Mapping(file.get(), sizeof(mxg_plane_state), writable);
    const auto& meta = state().meta;
    return meta.magic == MXG_IMAGE_MAGIC && meta.schema == MXG_SCHEMA &&
           meta.port_counters == kPortCounters;
}

void PlaneState::open_sources(const std::string& path, bool writable)
{
    const Fd file = open_file(path, writable ? O_RDWR : O_RDONLY);
    if (!file)
        throw PlaneError(system_text(path, errno));
    const size_t bytes = sources_bytes(source_settings());
    if (size_of(file) < bytes)
        throw PlaneError(path + " is too short");
    sources_in_ = in_huge_pages(file) ? "hugetlbfs" : "tmpfs";
    sources_ = Mapping(file.get(), size_of(file), writable);
    if (!writable)
        return;
    sources_.wish_huge_pages();
    take_memory(sources_, path);
}

// In a file of its own: who maps the old one keeps it, with the settings that its sources have.
// `keep`: what does not depend on them. It is nobody's state until it has its name.
void PlaneState::renew_state(const std::string& path, bool keep)
{
    std::filesystem::remove(path);
    if (!keep)
        state_ = Mapping();
    const Fd file = open_file(path, O_RDWR | O_CREAT | O_EXCL);
    if (!file || ::ftruncate(file.get(), sizeof(mxg_plane_state)) != 0)
        throw PlaneError(system_text(path, errno));
    Mapping fresh(file.get(), sizeof(mxg_plane_state), true);
    take_memory(fresh, path);
    if (keep) {
        auto* to = static_cast<mxg_plane_state*>(fresh.data());
        const mxg_plane_state& from = state();
        to->overrides = from.overrides;
        to->meta.table_failures = from.meta.table_failures;
        std::copy(std::begin(from.counters), std::end(from.counters), to->counters);
        std::copy(std::begin(from.rings), std::end(from.rings), to->rings);
    }
    state_ = std::move(fresh);
}

// In reserved huge pages if there are enough: a file there that cannot be mapped is given up.
void PlaneState::make_sources(const std::string& dir, uint64_t capacity)
{
    mxg_source_settings& settings = state().meta.sources;
    if (::getrandom(settings.key, sizeof(settings.key), 0) != sizeof(settings.key))
        throw PlaneError(system_text("no randomness for the source table's secret", errno));
    settings.bucket_mask = buckets_for(capacity) - 1;
    const size_t bytes = sources_bytes(settings);
    const std::string path = dir + "/sources";
    if (const std::string folder = huge_page_folder(); !folder.empty()) {
        std::string name = dir;
        std::replace(name.begin(), name.end(), '/', '-');
        const std::string huge = folder + "/mxgate" + name;
        ::unlink(huge.c_str());
        const Fd file = open_file(huge, O_RDWR | O_CREAT | O_EXCL);
        if (file && ::ftruncate(file.get(), static_cast<off_t>(bytes)) == 0) {
            try {
                const Mapping fits(file.get(), bytes, true);
                if (fits.populate() && ::symlink(huge.c_str(), path.c_str()) == 0)
                    return open_sources(path, true);
            } catch (const PlaneError&) {
            }
        }
        ::unlink(huge.c_str());
    }
    {
        const Fd file = open_file(path, O_RDWR | O_CREAT | O_EXCL);
        if (!file || ::ftruncate(file.get(), static_cast<off_t>(bytes)) != 0)
            throw PlaneError(system_text(path, errno));
    }
    open_sources(path, true);
}

PlaneState PlaneState::take_over(const std::string& dir, uint64_t capacity,
                                 std::vector<std::string>* notes)
{
    PlaneState out;
    std::filesystem::create_directories(dir);
    ::chmod(dir.c_str(), 0700);
    out.lock_ = open_file(dir + "/lock", O_RDWR | O_CREAT);
    if (!out.lock_ || ::flock(out.lock_.get(), LOCK_EX | LOCK_NB) != 0)
        throw PlaneError("another mxgate-dpdk runs with " + dir +
                         "; stop it first, or give this one its own --run-dir");
    const std::string path = dir + "/state";
    const bool same = out.open_state(dir, true);
    bool known = same;
    if (!same && std::filesystem::exists(path)) {
        notes->push_back(path + " is of another version: counters and sources are forgotten");
    } else if (same && out.source_settings().bucket_mask != buckets_for(capacity) - 1) {
        notes->push_back("sources.capacity changed: the state of all sources is forgotten");
        known = false;
    }
    if (known)
        take_memory(out.state_, path);
    try {
        if (known)
            out.open_sources(dir + "/sources", true);
    } catch (const PlaneError& error) {
        notes->push_back(std::string(error.what()) + ": the state of all sources is forgotten");
        known = false;
    }
    if (!known) {
        remove_sources(dir + "/sources");
        out.renew_state(path + ".new", same);
        out.make_sources(dir, capacity);
    }
    mxg_gate gate = out.gate();
    const mxg_flows flows = out.flows();
    mxg_recover(&gate, &flows);
    auto& meta = out.state().meta;
    meta.magic = MXG_IMAGE_MAGIC;
    meta.schema = MXG_SCHEMA;
    meta.port_counters = kPortCounters;
    meta.generation = 0;
    meta.inside = 0;
    meta.process = static_cast<uint32_t>(::getpid());
    if (!known)
        std::filesystem::rename(path + ".new", path);
    return out;
}

PlaneState PlaneState::open(const std::string& dir)
{
    PlaneState out;
    // Writable for the rings' tails, which the reader moves.
    if (!out.open_state(dir, true))
        throw PlaneError("no state of a DPDK plane of this version under " + dir +
                         "; has mxgate-dpdk been started?");
    out.open_sources(dir + "/sources", false);
    return out;
}

mxg_gate PlaneState::gate() const
{
    mxg_gate out{};
    out.sources = source_settings();
    out.buckets = buckets();
    out.seen = seen();
    out.connections = state().connections;
    out.overrides = &state().overrides;
    return out;
}

mxg_flows PlaneState::flows() const
{
    auto* lines =
        reinterpret_cast<mxg_flow_line*>(seen() + mxg_seen_mask(source_settings().bucket_mask) + 1);
    return {lines, mxg_flow_lines(source_settings().bucket_mask) - 1, 0, 0};
}

bool PlaneState::alive() const
{
    const auto process = static_cast<pid_t>(state().meta.process);
    return process > 0 && (::kill(process, 0) == 0 || errno == EPERM);
}

std::vector<CounterValue> PlaneState::counters() const
{
    std::vector<uint64_t> sum(MXG_COUNTERS);
    for (const WorkerCounters& worker : state().counters)
        add(sum, worker.packets);
    return not_zero(sum);
}

std::vector<CounterValue> PlaneState::feed_counters() const
{
    std::vector<uint64_t> sum(MXG_FEED_COUNTERS);
    for (const WorkerCounters& worker : state().counters)
        add(sum, worker.feeds);
    return not_zero(sum);
}

std::vector<CounterValue> PlaneState::reply_counters() const
{
    std::vector<uint64_t> sum(MXG_REPLY_COUNTERS);
    for (const WorkerCounters& worker : state().counters)
        add(sum, worker.replies.count);
    return not_zero(sum);
}

SourcePressure PlaneState::source_pressure() const
{
    std::vector<uint64_t> sum(MXG_PRESSURES);
    for (const WorkerCounters& worker : state().counters)
        add(sum, worker.pressure);
    return {sum[MXG_EVICTED], sum[MXG_OVERFLOWED]};
}

std::vector<CounterValue> PlaneState::port_counters() const
{
    std::vector<uint64_t> sum(kPortCounters);
    for (const WorkerCounters& worker : state().counters)
        add(sum, worker.ports);
    std::vector<CounterValue> out;
    for (uint32_t i = 0; i < kPortCounters; i++)
        out.push_back({i, sum[i]});
    return out;
}

std::vector<mxg_line> PlaneState::read_table(const std::string& dir)
{
    const Fd file = open_file(dir + "/table", O_RDONLY);
    const size_t bytes = file ? size_of(file) : 0;
    if (bytes < sizeof(mxg_line))
        return {};
    const Mapping memory(file.get(), bytes, false);
    const auto* lines = static_cast<const mxg_line*>(memory.data());
    return {lines, lines + bytes / sizeof(mxg_line)};
}

void PlaneState::keep_table(const std::string& dir, const mxg_line* lines, size_t count)
{
    const std::string path = dir + "/table", fresh = path + ".new";
    const size_t bytes = count * sizeof(mxg_line);
    {
        const Fd file = open_file(fresh, O_RDWR | O_CREAT | O_TRUNC);
        if (!file || ::ftruncate(file.get(), static_cast<off_t>(bytes)) != 0 ||
            ::posix_fallocate(file.get(), 0, static_cast<off_t>(bytes)) != 0)
            throw PlaneError(system_text(fresh, errno));
        const Mapping memory(file.get(), bytes, true);
        std::memcpy(memory.data(), lines, bytes);
    }
    if (::rename(fresh.c_str(), path.c_str()) != 0)
        throw PlaneError(system_text(path, errno));
}

}  // namespace mxgate
