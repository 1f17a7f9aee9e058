// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "ebpf/gate_maps.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include "dataplane/core/retransmissions.h"
#include "dataplane/image/verify.h"
#include "dataplane/state/overrides.h"

namespace mxgate {
namespace {

struct MapShape {
    const char* name;
    bpf_map_type type;
    uint32_t value_size;
    uint32_t flags;
};

// As in maps.h, in the order of MapKind; libbpf checks them against the program when it loads.
constexpr MapShape kShapes[kMapKinds] = {
    {"mxg_table_slot", BPF_MAP_TYPE_ARRAY_OF_MAPS, sizeof(uint32_t), 0},
    {"mxg_sources", BPF_MAP_TYPE_ARRAY, sizeof(mxg_bucket), BPF_F_MMAPABLE},
    {"mxg_seen", BPF_MAP_TYPE_ARRAY, sizeof(mxg_seen_line), BPF_F_MMAPABLE},
    {"mxg_connections", BPF_MAP_TYPE_ARRAY, sizeof(mxg_open_connections), BPF_F_MMAPABLE},
    {"mxg_sockets", BPF_MAP_TYPE_SK_STORAGE, sizeof(mxg_socket), BPF_F_NO_PREALLOC},
    {"mxg_by_hand", BPF_MAP_TYPE_ARRAY, sizeof(mxg_overrides), BPF_F_MMAPABLE},
    {"mxg_counters", BPF_MAP_TYPE_PERCPU_ARRAY, sizeof(uint64_t), 0},
    {"mxg_feeds", BPF_MAP_TYPE_PERCPU_ARRAY, sizeof(uint64_t), 0},
    {"mxg_pressure", BPF_MAP_TYPE_PERCPU_ARRAY, sizeof(uint64_t), 0},
    {"mxg_replies", BPF_MAP_TYPE_PERCPU_ARRAY, sizeof(mxg_replies), 0},
    {"mxg_samples", BPF_MAP_TYPE_ARRAY, sizeof(mxg_ring), BPF_F_MMAPABLE},
    {"mxg_meta", BPF_MAP_TYPE_ARRAY, sizeof(mxg_pinned_meta), 0},
    {"mxg_replay", BPF_MAP_TYPE_ARRAY, sizeof(mxg_replay_io), BPF_F_MMAPABLE},
};

const MapShape& shape(MapKind kind)
{
    return kShapes[static_cast<size_t>(kind)];
}

uint32_t possible_cpus()
{
    return static_cast<uint32_t>(libbpf_num_possible_cpus());
}

// Room for `lines` lines, in whole pages.
Fd create_pages(size_t lines)
{
    const auto pages = static_cast<uint32_t>((lines + MXG_PAGE_LINES - 1) / MXG_PAGE_LINES);
    LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_INNER_MAP | BPF_F_MMAPABLE);
    Fd fd(bpf_map_create(BPF_MAP_TYPE_ARRAY, "mxg_lines", sizeof(uint32_t), sizeof(mxg_page), pages,
                         &options));
    if (!fd)
        throw BpfError(error_text("no memory for the policy table in the kernel", errno));
    return fd;
}

// A map of socket storage must have types: an int for the key, bytes for the value.
constexpr uint32_t kKeyType = 1, kValueType = 3;

Fd load_types(uint32_t value_bytes)
{
    const std::unique_ptr<btf, decltype(&btf__free)> types(btf__new_empty(), btf__free);
    if (!types || btf__add_int(types.get(), "int", 4, BTF_INT_SIGNED) != kKeyType ||
        btf__add_int(types.get(), "byte", 1, 0) != 2 ||
        btf__add_array(types.get(), kKeyType, 2, static_cast<int>(value_bytes)) != kValueType ||
        btf__load_into_kernel(types.get()) != 0)
        throw BpfError(error_text("cannot describe the memory of sockets", errno));
    return Fd(::fcntl(btf__fd(types.get()), F_DUPFD_CLOEXEC, 0));
}

uint32_t entries_of(int fd)
{
    bpf_map_info info{};
    uint32_t size = sizeof(info);
    return bpf_obj_get_info_by_fd(fd, &info, &size) == 0 ? info.max_entries : 0;
}

std::vector<CounterValue> read_per_cpu(int fd, uint32_t count)
{
    const size_t cpus = possible_cpus();
    std::vector<uint32_t> keys(count);
    std::vector<uint64_t> values(count * cpus);
    std::vector<CounterValue> out;
    uint32_t batch = 0, got = count;
    LIBBPF_OPTS(bpf_map_batch_opts, options);
    if (bpf_map_lookup_batch(fd, nullptr, &batch, keys.data(), values.data(), &got, &options) !=
            0 &&
        errno != ENOENT)
        throw BpfError(error_text("cannot read counters", errno));
    for (uint32_t i = 0; i < got; i++) {
        uint64_t sum = 0;
        for (size_t c = 0; c < cpus; c++)
            sum += values[i * cpus + c];
        if (sum != 0)
            out.push_back({keys[i], sum});
    }
    return out;
}

}  // namespace

const char* map_name(MapKind kind)
{
    return shape(kind).name;
}

std::string error_text(const std::string& what, int error)
{
    std::string out = what + ": " + std::strerror(error);
    if (error == EPERM || error == EACCES)
        out += " (needs root, or CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON)";
    return out;
}

void GateMaps::create(MapKind kind, uint32_t entries)
{
    const MapShape& s = shape(kind);
    LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = s.flags);
    Fd inner;
    if (kind == MapKind::table_slot) {
        inner = create_pages(1);
        options.inner_map_fd = static_cast<uint32_t>(inner.get());
    }
    Fd types;
    if (kind == MapKind::sockets) {
        types = load_types(s.value_size);
        options.btf_fd = static_cast<uint32_t>(types.get());
        options.btf_key_type_id = kKeyType;
        options.btf_value_type_id = kValueType;
    }
    Fd fd(bpf_map_create(s.type, s.name, sizeof(uint32_t), s.value_size, entries, &options));
    if (!fd)
        throw BpfError(error_text(std::string("cannot create map ") + s.name, errno));
    fds_[static_cast<size_t>(kind)] = std::move(fd);
}

void GateMaps::complete(uint64_t capacity, std::vector<std::string>* notes)
{
    const uint32_t buckets = buckets_for(capacity), zero = 0;
    mxg_pinned_meta meta{};
    const bool known = fd(MapKind::meta) >= 0 && fd(MapKind::sources) >= 0 &&
                       bpf_map_lookup_elem(fd(MapKind::meta), &zero, &meta) == 0;
    const auto all = static_cast<uint32_t>(mxg_all_buckets(buckets - 1));
    if (known && entries_of(fd(MapKind::sources)) == all) {
        sources_ = meta.sources;
    } else {
        if (known)
            notes->push_back("sources.capacity changed: the state of all sources is forgotten");
        else if (fd(MapKind::meta) >= 0)
            notes->push_back("a pin is missing: the state of all sources is forgotten");
        create(MapKind::sources, all);
        create(MapKind::seen, mxg_seen_mask(buckets - 1) + 1);
        create(MapKind::meta, 1);
        if (::getrandom(sources_.key, sizeof(sources_.key), 0) != sizeof(sources_.key))
            throw BpfError(error_text("no randomness for the source table's secret", errno));
        sources_.bucket_mask = buckets - 1;
        meta = {MXG_IMAGE_MAGIC, MXG_SCHEMA, 0, sources_, {}};
        if (bpf_map_update_elem(fd(MapKind::meta), &zero, &meta, BPF_ANY) != 0)
            throw BpfError(error_text("cannot write map mxg_meta", errno));
    }
    for (const auto& [kind, entries] :
         {std::pair{MapKind::table_slot, 1u}, std::pair{MapKind::counters, uint32_t{MXG_COUNTERS}},
          std::pair{MapKind::feeds, uint32_t{MXG_FEED_COUNTERS}}, std::pair{MapKind::replies, 1u},
          std::pair{MapKind::pressure, uint32_t{MXG_PRESSURES}},
          std::pair{MapKind::connections, 1u}, std::pair{MapKind::sockets, 0u},
          std::pair{MapKind::by_hand, 1u}, std::pair{MapKind::samples, possible_cpus()},
          std::pair{MapKind::replay, 1u}})
        if (fd(kind) < 0)
            create(kind, entries);
    if (fd(MapKind::seen) < 0)
        create(MapKind::seen, mxg_seen_mask(buckets - 1) + 1);
}

GateMaps GateMaps::make(uint64_t capacity, const uint64_t (&key)[2])
{
    GateMaps maps;
    std::vector<std::string> notes;
    maps.complete(capacity, &notes);
    std::memcpy(maps.sources_.key, key, sizeof(key));
    return maps;
}

void GateMaps::publish(const std::vector<mxg_line>& image)
{
    if (const std::string error = verify_image(image.data(), image.size()); !error.empty())
        throw BpfError("the policy table is refused: " + error);
    const Fd pages = create_pages(image.size());
    {
        const Mapping memory(pages.get(), entries_of(pages.get()) * sizeof(mxg_page), true);
        std::memcpy(memory.data(), image.data(), image.size() * sizeof(mxg_line));
    }
    bpf_map_freeze(pages.get());
    // The kernel returns from this only when no running program can still hold the old map.
    const uint32_t zero = 0;
    const int fd_value = pages.get();
    if (bpf_map_update_elem(fd(MapKind::table_slot), &zero, &fd_value, BPF_ANY) != 0)
        throw BpfError(error_text("cannot put the policy table in force", errno));
}

Mapping GateMaps::map_image() const
{
    const uint32_t zero = 0;
    uint32_t id = 0;
    if (bpf_map_lookup_elem(fd(MapKind::table_slot), &zero, &id) != 0)
        return {};
    const Fd pages(bpf_map_get_fd_by_id(id));
    if (!pages)
        return {};
    return {pages.get(), entries_of(pages.get()) * sizeof(mxg_page), false};
}

std::vector<mxg_line> GateMaps::current_image() const
{
    const Mapping memory = map_image();
    if (memory.bytes() == 0)
        return {};
    const auto* lines = static_cast<const mxg_line*>(memory.data());
    const size_t count = static_cast<const mxg_image_header*>(memory.data())->lines;
    return {lines, lines + std::min(count, memory.bytes() / sizeof(mxg_line))};
}

int64_t GateMaps::generation() const
{
    const uint32_t zero = 0;
    uint32_t id = 0;
    if (bpf_map_lookup_elem(fd(MapKind::table_slot), &zero, &id) != 0)
        return -1;
    const Fd pages(bpf_map_get_fd_by_id(id));
    if (!pages)
        return -1;
    const Mapping memory(pages.get(), sizeof(mxg_page), false);
    return static_cast<int64_t>(static_cast<const mxg_image_header*>(memory.data())->generation);
}

std::vector<uint32_t> GateMaps::connections() const
{
    const uint32_t zero = 0;
    std::vector<uint32_t> out(MXG_MAX_CLASSES);
    bpf_map_lookup_elem(fd(MapKind::connections), &zero, out.data());
    return out;
}

std::vector<CounterValue> GateMaps::counters() const
{
    return read_per_cpu(fd(MapKind::counters), MXG_COUNTERS);
}

SourcePressure GateMaps::source_pressure() const
{
    SourcePressure out;
    for (const CounterValue& value : read_per_cpu(fd(MapKind::pressure), MXG_PRESSURES))
        (value.index == MXG_EVICTED ? out.evicted : out.overflowed) = value.packets;
    return out;
}

std::vector<CounterValue> GateMaps::feed_counters() const
{
    return read_per_cpu(fd(MapKind::feeds), MXG_FEED_COUNTERS);
}

std::vector<CounterValue> GateMaps::reply_counters() const
{
    std::vector<mxg_replies> cores(possible_cpus());
    std::vector<CounterValue> out;
    const uint32_t zero = 0;
    if (bpf_map_lookup_elem(fd(MapKind::replies), &zero, cores.data()) != 0)
        throw BpfError(error_text("cannot read the counters of answers", errno));
    for (uint32_t i = 0; i < MXG_REPLY_COUNTERS; i++) {
        uint64_t sum = 0;
        for (const mxg_replies& core : cores)
            sum += core.count[i];
        if (sum != 0)
            out.push_back({i, sum});
    }
    return out;
}

mxg_ring* GateMaps::rings()
{
    if (!rings_map_.data())
        rings_map_ = Mapping(fd(MapKind::samples), possible_cpus() * sizeof(mxg_ring), true);
    return static_cast<mxg_ring*>(rings_map_.data());
}

mxg_gate GateMaps::gate()
{
    if (!state_map_.data()) {
        state_map_ = Mapping(fd(MapKind::sources), source_bytes(), true);
        syns_map_ = Mapping(fd(MapKind::seen), seen_bytes(sources_), true);
        connections_map_ =
            Mapping(fd(MapKind::connections), sizeof(uint32_t) * MXG_MAX_CLASSES, true);
        by_hand_map_ = Mapping(fd(MapKind::by_hand), sizeof(mxg_overrides), true);
    }
    mxg_gate out{};
    out.sources = sources_;
    out.buckets = static_cast<mxg_bucket*>(state_map_.data());
    out.seen = static_cast<mxg_seen_line*>(syns_map_.data());
    out.connections = static_cast<uint32_t*>(connections_map_.data());
    out.overrides = static_cast<const mxg_overrides*>(by_hand_map_.data());
    return out;
}

void GateMaps::put_overrides(const std::vector<mxg_override>& overrides)
{
    const Mapping memory(fd(MapKind::by_hand), sizeof(mxg_overrides), true);
    mxgate::put_overrides(static_cast<mxg_overrides*>(memory.data()), overrides);
}

mxg_bucket* GateMaps::buckets()
{
    if (!buckets_map_.data())
        buckets_map_ = Mapping(fd(MapKind::sources), source_bytes(), false);
    return static_cast<mxg_bucket*>(buckets_map_.data());
}

// Entries that mxgated was filling when it was killed (Reconciler): as they are busy for ever, no
// new sender would get in whose ways they are among. No program of the kernel stays in the middle: where
// one was held up for so long, it finds its entry gone, and nothing is charged for once.
void GateMaps::free_abandoned()
{
    const Mapping memory(fd(MapKind::sources), source_bytes(), true);
    std::vector<mxg_source*> busy;
    auto* buckets = static_cast<mxg_bucket*>(memory.data());
    for (uint64_t i = 0; i < mxg_all_buckets(sources_.bucket_mask); i++)
        for (mxg_source& source : buckets[i].way)
            if (mxg_load32(&source.tag) == MXG_TAG_BUSY)
                busy.push_back(&source);
    if (busy.empty())
        return;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    for (mxg_source* source : busy)
        __sync_bool_compare_and_swap(&source->tag, MXG_TAG_BUSY, 0u);
}

const mxg_seen_line* GateMaps::seen()
{
    if (!seen_map_.data())
        seen_map_ = Mapping(fd(MapKind::seen), seen_bytes(sources_), false);
    return static_cast<const mxg_seen_line*>(seen_map_.data());
}

void GateMaps::count_sources()
{
    sweep_.step(buckets(), sources_);
    half_open_.step(seen(), sources_, monotonic_ns());
}

std::vector<uint32_t> GateMaps::half_open()
{
    return half_open_.begun() ? half_open_.of_classes()
                              : mxgate::half_open(seen(), sources_, monotonic_ns());
}

void GateMaps::drain_samples(const std::function<void(const mxg_sample&)>& take)
{
    drain_rings(rings(), possible_cpus(), take);
}

uint64_t GateMaps::samples_lost()
{
    return mxgate::samples_lost(rings(), possible_cpus());
}

bool GateMaps::find_source(const mxg_prefix& prefix, mxg_source* out)
{
    return mxgate::find_source(buckets(), sources_, prefix, out);
}

uint64_t GateMaps::visit_sources(uint64_t from, const VisitSource& visit)
{
    return mxgate::visit_sources(buckets(), sources_, from, visit);
}

SourceFill GateMaps::source_fill()
{
    return sweep_.begun() ? sweep_.fill(sources_) : mxgate::source_fill(buckets(), sources_);
}

}  // namespace mxgate
