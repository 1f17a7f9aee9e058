// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "ebpf/programs.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <functional>

#include "ebpf/gate_maps.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

namespace mxgate {
namespace {

constexpr uint32_t kMaxMaps = 64;

// The root, whatever is mounted where: a mount of our own that nobody sees.
Fd cgroup_root()
{
    const Fd context(::fsopen("cgroup2", FSOPEN_CLOEXEC));
    if (!context || ::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0)
        throw BpfError(error_text("no cgroup v2, which counts open connections", errno));
    const Fd mount(::fsmount(context.get(), FSMOUNT_CLOEXEC, 0));
    Fd root(mount ? ::openat(mount.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1);
    if (!root)
        throw BpfError(error_text("cannot open the root of cgroup v2", errno));
    return root;
}

void for_each_socket_program(int cgroup,
                             const std::function<void(int program_fd, uint32_t slot_id)>& call)
{
    uint32_t ids[kMaxMaps], count = kMaxMaps, flags = 0;
    if (bpf_prog_query(cgroup, BPF_CGROUP_SOCK_OPS, 0, &flags, ids, &count) != 0)
        throw BpfError(error_text("cannot ask what programs are on cgroup v2", errno));
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t slot = slot_of(ids[i], kSocketProgramName);
        const Fd program(slot != 0 ? bpf_prog_get_fd_by_id(ids[i]) : -1);
        if (program)
            call(program.get(), slot);
    }
}

}  // namespace

bpf_prog_info program_info(int fd, uint32_t* map_ids, uint32_t count)
{
    bpf_prog_info info{};
    uint32_t size = sizeof(info);
    info.nr_map_ids = count;
    info.map_ids = reinterpret_cast<uint64_t>(map_ids);
    if (bpf_obj_get_info_by_fd(fd, &info, &size) != 0)
        throw BpfError(error_text("cannot read what a program is", errno));
    return info;
}

uint32_t map_id(int fd)
{
    bpf_map_info info{};
    uint32_t size = sizeof(info);
    return bpf_obj_get_info_by_fd(fd, &info, &size) == 0 ? info.id : 0;
}

Fd map_of(uint32_t program_id, const char* map_name, const char* program_name)
{
    uint32_t map_ids[kMaxMaps];
    const Fd program(bpf_prog_get_fd_by_id(program_id));
    if (!program && errno != ENOENT)
        throw BpfError(error_text("cannot look at a loaded program", errno));
    if (!program)
        return Fd();
    const bpf_prog_info info = program_info(program.get(), map_ids, kMaxMaps);
    if (std::strcmp(info.name, program_name) != 0)
        return Fd();
    for (uint32_t i = 0; i < info.nr_map_ids; i++) {
        Fd map(bpf_map_get_fd_by_id(map_ids[i]));
        bpf_map_info map_info{};
        uint32_t size = sizeof(map_info);
        if (map && bpf_obj_get_info_by_fd(map.get(), &map_info, &size) == 0 &&
            std::strcmp(map_info.name, map_name) == 0)
            return map;
    }
    return Fd();
}

uint32_t slot_of(uint32_t program_id, const char* name)
{
    const Fd slot = map_of(program_id, map_name(MapKind::table_slot), name);
    return slot ? map_id(slot.get()) : 0;
}

bool is_gate(uint32_t program_id, uint32_t slot_id, const std::string& dir)
{
    const uint32_t slot = slot_of(program_id);
    if (slot == 0 || slot_id == 0 || slot == slot_id)
        return slot != 0;
    return !dir.empty() && pin_dir_in(map_of(program_id, map_name(MapKind::meta)).get()) == dir;
}

bool is_loaded(uint32_t slot_id)
{
    uint32_t id = 0;
    while (slot_id != 0 && bpf_prog_get_next_id(id, &id) == 0)
        if (is_gate(id, slot_id))
            return true;
    return false;
}

uint64_t netns_cookie()
{
    const Fd socket(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    uint64_t cookie = 0;
    socklen_t size = sizeof(cookie);
    if (::getsockopt(socket.get(), SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size) != 0)
        throw BpfError(error_text("cannot tell this network namespace from others", errno));
    return cookie;
}

void attach_sockets(int program_fd, uint32_t slot_id)
{
    const Fd root = cgroup_root();
    LIBBPF_OPTS(bpf_prog_attach_opts, options, .flags = BPF_F_ALLOW_MULTI);
    Fd old;
    std::set<uint32_t> orphans;  // of gates that are no more, such as of another version
    for_each_socket_program(root.get(), [&](int program, uint32_t slot) {
        if (slot == slot_id)
            old = Fd(::fcntl(program, F_DUPFD_CLOEXEC, 0));
        else if (!is_loaded(slot))
            orphans.insert(slot);
    });
    if (old) {
        options.flags |= BPF_F_REPLACE;
        options.replace_prog_fd = old.get();
    }
    if (bpf_prog_attach_opts(program_fd, root.get(), BPF_CGROUP_SOCK_OPS, &options) != 0)
        throw BpfError(error_text("cannot watch the connections of this host (sockops)", errno));
    if (!orphans.empty())
        detach_sockets(orphans);
}

void detach_sockets(const std::set<uint32_t>& slot_ids)
{
    const Fd root = cgroup_root();
    for_each_socket_program(root.get(), [&](int program, uint32_t slot) {
        if (slot_ids.count(slot) != 0 &&
            bpf_prog_detach2(program, root.get(), BPF_CGROUP_SOCK_OPS) != 0)
            throw BpfError(error_text("cannot take the program off cgroup v2", errno));
    });
}

}  // namespace mxgate
