// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The pins of a gate's maps. A start may be cut off between any two of them, so mxg_meta, which
// says what the others are and how sources are hashed, is pinned last: while it is there, they
// belong together.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/magic.h>
#include <net/if.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>

#include "ebpf/gate_maps.h"
#include "ebpf/programs.h"

namespace mxgate {
namespace {

constexpr const char* kFresh = "_new";  // until it has its name

std::string pin_path(const std::string& dir, MapKind kind)
{
    return dir + "/" + map_name(kind);
}

// Nothing where there is no such map, or one of another size.
std::optional<mxg_pinned_meta> read_meta(int fd)
{
    const uint32_t zero = 0;
    mxg_pinned_meta meta{};
    bpf_map_info info{};
    uint32_t size = sizeof(info);
    if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size) != 0 ||
        info.value_size != sizeof(meta) || bpf_map_lookup_elem(fd, &zero, &meta) != 0)
        return {};
    return meta;
}

// Who may not look does not know whether there is one.
std::string why_none(const std::string& dir)
{
    const Fd meta(bpf_obj_get(pin_path(dir, MapKind::meta).c_str()));
    if (!meta && (errno == EACCES || errno == EPERM))
        return error_text("cannot look at the pins under " + dir, errno) +
               "; that needs root: or ask mxgated, as a member of group mxgate";
    return "no gate is pinned under " + dir;
}

bool is_of_this_version(int meta_fd)
{
    const auto meta = read_meta(meta_fd);
    return meta && meta->magic == MXG_IMAGE_MAGIC && meta->schema == MXG_SCHEMA;
}

}  // namespace

std::string pin_dir_in(int meta_fd)
{
    const auto meta = read_meta(meta_fd);
    return meta ? std::string(meta->pin_dir, ::strnlen(meta->pin_dir, sizeof(meta->pin_dir))) : "";
}

GateMaps GateMaps::pinned(const std::string& dir)
{
    GateMaps maps;
    for (size_t i = 0; i < kMapKinds; i++)
        maps.fds_[i] = Fd(bpf_obj_get(pin_path(dir, static_cast<MapKind>(i)).c_str()));
    return maps;
}

GateMaps GateMaps::open_pinned(const std::string& dir)
{
    GateMaps maps = pinned(dir);
    if (maps.fd(MapKind::meta) < 0 || maps.fd(MapKind::table_slot) < 0)
        throw BpfError(why_none(dir));
    if (!is_of_this_version(maps.fd(MapKind::meta)))
        throw BpfError("the gate pinned under " + dir + " was made by another version of mxgate");
    maps.sources_ = read_meta(maps.fd(MapKind::meta))->sources;
    return maps;
}

// Those of the first gate that is attached to one of them.
GateMaps GateMaps::of_program(const std::vector<std::string>& interfaces)
{
    for (const std::string& name : interfaces) {
        uint32_t id = 0;
        const unsigned index = ::if_nametoindex(name.c_str());
        if (index == 0 || bpf_xdp_query_id(static_cast<int>(index), 0, &id) != 0 || id == 0)
            continue;
        GateMaps maps;
        for (size_t i = 0; i < kMapKinds; i++)
            maps.fds_[i] = map_of(id, map_name(static_cast<MapKind>(i)));
        if (maps.fd(MapKind::meta) >= 0)
            return maps;
    }
    return {};
}

// Maps found by way of a program whose own pins are alive belong to another gate.
void GateMaps::refuse_another_gate(const std::string& dir) const
{
    const std::string other = pin_dir_in(fd(MapKind::meta));
    const Fd slot(bpf_obj_get(pin_path(other, MapKind::table_slot).c_str()));
    if (other != dir && slot)
        throw BpfError("the gate pinned under " + other +
                       " is attached there already; use its --pin-dir, or detach it first");
}

GateMaps GateMaps::take_over(const std::string& dir, const std::vector<std::string>& interfaces,
                             uint64_t capacity, std::vector<std::string>* notes)
{
    ensure_bpffs();
    GateMaps maps = pinned(dir);
    if (!is_of_this_version(maps.fd(MapKind::meta))) {
        const bool any = std::any_of(maps.fds_.begin(), maps.fds_.end(),
                                     [](const Fd& fd) { return static_cast<bool>(fd); });
        maps = of_program(interfaces);
        maps.refuse_another_gate(dir);
        if (!is_of_this_version(maps.fd(MapKind::meta))) {
            if (any || maps.fd(MapKind::meta) >= 0)
                notes->push_back(
                    "maps of another version of mxgate, or of a start that was cut "
                    "off, were there: state and counters start anew");
            maps = {};
        }
    }
    const bool kept = maps.fd(MapKind::sources) >= 0;
    maps.complete(capacity, notes);
    maps.name_pins(dir);
    if (kept)
        maps.free_abandoned();
    return maps;
}

// Before anything is attached or pinned: by this a program is known to be of this gate.
void GateMaps::name_pins(const std::string& dir) const
{
    const uint32_t zero = 0;
    mxg_pinned_meta meta{MXG_IMAGE_MAGIC, MXG_SCHEMA, 0, sources_, {}};
    if (dir.size() >= sizeof(meta.pin_dir))
        throw BpfError("the name of the pins' folder is too long: " + dir);
    dir.copy(meta.pin_dir, sizeof(meta.pin_dir) - 1);
    if (bpf_map_update_elem(fd(MapKind::meta), &zero, &meta, BPF_ANY) != 0)
        throw BpfError(error_text("cannot write map mxg_meta", errno));
}

void GateMaps::pin(const std::string& dir) const
{
    std::error_code ignored;
    std::filesystem::create_directories(dir, ignored);
    ::chmod(dir.c_str(), 0700);
    const auto is_pinned = [&](MapKind kind) {
        const Fd there(bpf_obj_get(pin_path(dir, kind).c_str()));
        return there && map_id(there.get()) == map_id(fd(kind));
    };
    if (!is_pinned(MapKind::meta))
        ::unlink(pin_path(dir, MapKind::meta).c_str());
    static_assert(MapKind::meta > MapKind::samples && MapKind::replay > MapKind::meta,
                  "mxg_meta is the last to be pinned");
    for (size_t i = 0; i < static_cast<size_t>(MapKind::replay); i++) {
        const auto kind = static_cast<MapKind>(i);
        if (is_pinned(kind))
            continue;
        // A pin cannot be replaced in place: pin beside it and rename over it.
        const std::string path = pin_path(dir, kind), fresh = path + kFresh;
        ::unlink(fresh.c_str());
        if (bpf_obj_pin(fd(kind), fresh.c_str()) != 0 || ::rename(fresh.c_str(), path.c_str()) != 0)
            throw BpfError(error_text("cannot pin " + path, errno));
    }
}

void unpin(const std::string& dir)
{
    for (size_t i = 0; i < kMapKinds; i++)
        for (const char* end : {"", kFresh})
            ::unlink((pin_path(dir, static_cast<MapKind>(i)) + end).c_str());
    ::rmdir(dir.c_str());
}

void ensure_bpffs()
{
    struct statfs status {
    };
    const char* root = "/sys/fs/bpf";
    if (::statfs(root, &status) == 0 && status.f_type == BPF_FS_MAGIC)
        return;
    if (::mount("bpf", root, "bpf", 0, "mode=0700") != 0)
        throw BpfError(error_text("cannot mount bpffs on /sys/fs/bpf", errno));
}

}  // namespace mxgate
