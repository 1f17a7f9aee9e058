// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "ebpf/xdp_plane.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <xdp/libxdp.h>

#include <cerrno>
#include <cstring>
#include <functional>

#include "ebpf/gate.skel.h"
#include "ebpf/shared.h"

namespace mxgate {
namespace {

constexpr const char* kProgramName = "mxgate";

int silent(enum libbpf_print_level, const char*, va_list)
{
    return 0;
}

int silent_xdp(enum libxdp_print_level, const char*, va_list)
{
    return 0;
}

bpf_map* map_of(gate_bpf* skeleton, MapKind kind)
{
    return bpf_object__find_map_by_name(skeleton->obj, map_name(kind));
}

bpf_prog_info program_info(int fd, uint32_t* map_ids = nullptr, uint32_t count = 0)
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

// Whether a program is a gate; `slot_id` not 0: the gate with this table slot.
bool is_gate(const bpf_prog_info& info, const uint32_t* map_ids, uint32_t slot_id)
{
    if (std::strcmp(info.name, kProgramName) != 0)
        return false;
    for (uint32_t i = 0; i < info.nr_map_ids; i++) {
        const Fd map(bpf_map_get_fd_by_id(map_ids[i]));
        bpf_map_info map_info{};
        uint32_t size = sizeof(map_info);
        if (map && bpf_obj_get_info_by_fd(map.get(), &map_info, &size) == 0 &&
            std::strcmp(map_info.name, map_name(MapKind::table_slot)) == 0)
            return slot_id == 0 || map_info.id == slot_id;
    }
    return false;
}

bool is_gate(uint32_t program_id, uint32_t slot_id)
{
    uint32_t map_ids[64];
    const Fd program(bpf_prog_get_fd_by_id(program_id));
    return program && is_gate(program_info(program.get(), map_ids, 64), map_ids, slot_id);
}

const char* mode_name(enum xdp_attach_mode mode)
{
    return mode == XDP_MODE_SKB ? "generic" : mode == XDP_MODE_HW ? "offloaded" : "native";
}

// What libxdp sees on an interface.
class Multiprog
{
public:
    explicit Multiprog(int index) : multiprog_(xdp_multiprog__get_from_ifindex(index))
    {
        if (libxdp_get_error(multiprog_) != 0)
            multiprog_ = nullptr;
    }
    ~Multiprog() { xdp_multiprog__close(multiprog_); }
    Multiprog(const Multiprog&) = delete;
    Multiprog& operator=(const Multiprog&) = delete;

    explicit operator bool() const { return multiprog_ != nullptr; }
    bool alone() const { return xdp_multiprog__is_legacy(multiprog_); }
    const char* mode() const { return mode_name(xdp_multiprog__attach_mode(multiprog_)); }
    xdp_program* main() const { return xdp_multiprog__main_prog(multiprog_); }

    // The gate's program here, nullptr if there is none.
    xdp_program* gate(uint32_t slot_id) const
    {
        if (alone())
            return main() && is_gate(xdp_program__id(main()), slot_id) ? main() : nullptr;
        for (xdp_program* p = xdp_multiprog__next_prog(nullptr, multiprog_); p;
             p = xdp_multiprog__next_prog(p, multiprog_))
            if (is_gate(xdp_program__id(p), slot_id))
                return p;
        return nullptr;
    }

private:
    xdp_multiprog* multiprog_;
};

uint32_t pinned_slot_id(const std::string& dir)
{
    const Fd slot(bpf_obj_get((dir + "/" + map_name(MapKind::table_slot)).c_str()));
    return slot ? map_id(slot.get()) : 0;
}

constexpr const char* kAlone =
    "single program: this kernel or driver refuses libxdp's dispatcher, no other XDP program can "
    "be added";

void for_each_gate(
    const std::string& dir,
    const std::function<void(int index, const char* name, const Multiprog&, xdp_program*)>& call)
{
    const uint32_t slot_id = pinned_slot_id(dir);
    struct if_nameindex* all = ::if_nameindex();
    for (struct if_nameindex* i = all; i && i->if_index != 0; i++) {
        const Multiprog multiprog(static_cast<int>(i->if_index));
        xdp_program* gate = multiprog ? multiprog.gate(slot_id) : nullptr;
        if (gate)
            call(static_cast<int>(i->if_index), i->if_name, multiprog, gate);
    }
    ::if_freenameindex(all);
}

// Whether a program over the table slot pinned under `dir` is loaded, whoever holds it.
bool attached_elsewhere(const std::string& dir)
{
    const uint32_t slot_id = pinned_slot_id(dir);
    uint32_t id = 0;
    while (slot_id != 0 && bpf_prog_get_next_id(id, &id) == 0)
        if (is_gate(id, slot_id))
            return true;
    return false;
}

// 0, or a negative errno value.
int detach(int index, const Multiprog& multiprog, xdp_program* gate)
{
    if (!multiprog.alone())
        return xdp_program__detach(gate, index, XDP_MODE_UNSPEC, 0);
    LIBBPF_OPTS(bpf_xdp_attach_opts, options, .old_prog_fd = xdp_program__fd(gate));
    const bool generic = std::strcmp(multiprog.mode(), "generic") == 0;
    const uint32_t mode = generic ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE;
    return bpf_xdp_detach(index, mode | XDP_FLAGS_REPLACE, &options);
}

Attachment describe(const char* name, const Multiprog& multiprog, xdp_program* gate)
{
    Attachment out{name, multiprog.mode(), !multiprog.alone(), xdp_program__id(gate), {}};
    if (multiprog.alone())
        out.remark = kAlone;
    return out;
}

}  // namespace

XdpProgram::XdpProgram(const GateMaps& maps, bool replay)
{
    libbpf_set_print(silent);
    libxdp_set_print(silent_xdp);
    skeleton_ = gate_bpf__open();
    if (!skeleton_)
        throw BpfError(error_text("cannot open the XDP program", errno));
    for (size_t i = 0; i < kMapKinds; i++) {
        const auto kind = static_cast<MapKind>(i);
        if (bpf_map__reuse_fd(map_of(skeleton_, kind), maps.fd(kind)) != 0)
            throw BpfError(error_text(std::string("cannot use map ") + map_name(kind), errno));
    }
    auto& settings = const_cast<mxg_program_settings&>(skeleton_->rodata->settings);
    settings.sources = maps.source_settings();
    settings.replay = replay;
}

XdpProgram::~XdpProgram()
{
    // The libxdp handle refers to the skeleton's object; closing either detaches nothing.
    if (program_)
        xdp_program__close(program_);
    gate_bpf__destroy(skeleton_);
}

int XdpProgram::load()
{
    const int fd = bpf_program__fd(skeleton_->progs.mxgate);
    if (fd >= 0)
        return fd;
    bpf_program__set_type(skeleton_->progs.mxgate, BPF_PROG_TYPE_XDP);
    if (gate_bpf__load(skeleton_) != 0)
        throw BpfError(error_text("the kernel refuses the XDP program", errno));
    return bpf_program__fd(skeleton_->progs.mxgate);
}

Attachment XdpProgram::attach(const std::string& interface, AttachWish wish)
{
    const int index = static_cast<int>(::if_nametoindex(interface.c_str()));
    if (index == 0)
        throw BpfError("no interface `" + interface + "`");
    const Multiprog there(index);
    if (!there)
        return attach_fresh(index, interface, wish);
    if (there.gate(0) && there.alone())
        return replace(index, interface, wish);
    if (there.alone())
        throw BpfError(interface + ": another XDP program is attached there (`" +
                       xdp_program__name(there.main()) +
                       "`), and not through libxdp's dispatcher, "
                       "so the gate cannot be added beside it; take it off first");
    // Behind a dispatcher: the new one goes in before the old one comes out.
    Attachment out = attach_fresh(index, interface, wish);
    if (xdp_program* old = there.gate(0)) {
        const int error = xdp_program__detach(old, index, XDP_MODE_UNSPEC, 0);
        if (error != 0)
            throw BpfError(
                error_text(interface + ": cannot remove the gate's old program", -error));
    }
    return out;
}

Attachment XdpProgram::attach_fresh(int index, const std::string& interface, AttachWish wish)
{
    if (!program_) {
        program_ = xdp_program__from_bpf_obj(skeleton_->obj, "xdp.frags");
        if (const long error = libxdp_get_error(program_); error != 0) {
            program_ = nullptr;
            throw BpfError(error_text("libxdp refuses the program", static_cast<int>(-error)));
        }
    }
    int error = wish == AttachWish::generic
                    ? -EOPNOTSUPP
                    : xdp_program__attach(program_, index, XDP_MODE_NATIVE, 0);
    std::string remark;
    if (error != 0) {
        if (wish == AttachWish::native)
            throw BpfError(error_text(interface + ": no native XDP (`attach: native`)", -error));
        if (wish == AttachWish::automatic)
            remark = std::string("no native XDP (") + std::strerror(-error) + "); ";
        error = xdp_program__attach(program_, index, XDP_MODE_SKB, 0);
        if (error != 0)
            throw BpfError(error_text(interface + ": cannot attach the XDP program", -error));
    }
    const Multiprog now(index);
    xdp_program* gate = now ? now.gate(0) : nullptr;
    if (!gate)
        throw BpfError(interface + ": the XDP program was attached and is gone again");
    Attachment out = describe(interface.c_str(), now, gate);
    out.remark = remark + out.remark;
    return out;
}

Attachment XdpProgram::replace(int index, const std::string& interface, AttachWish wish)
{
    const Multiprog there(index);
    const bool native = std::strcmp(there.mode(), "native") == 0;
    if ((wish == AttachWish::native && !native) || (wish == AttachWish::generic && native))
        throw BpfError(interface + ": the gate is attached there in " + there.mode() +
                       " mode; run `mxgate detach` first to change the mode");
    LIBBPF_OPTS(bpf_xdp_attach_opts, options, .old_prog_fd = xdp_program__fd(there.main()));
    const uint32_t flags = XDP_FLAGS_REPLACE | (native ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE);
    const int error = bpf_xdp_attach(index, load(), flags, &options);
    if (error != 0)
        throw BpfError(error_text(interface + ": cannot replace the gate's program", -error));
    const Multiprog now(index);
    return describe(interface.c_str(), now, now.main());
}

std::vector<Attachment> find_attachments(const std::string& dir)
{
    std::vector<Attachment> out;
    libxdp_set_print(silent_xdp);
    for_each_gate(dir, [&](int, const char* name, const Multiprog& multiprog, xdp_program* gate) {
        out.push_back(describe(name, multiprog, gate));
    });
    return out;
}

std::vector<std::string> detach_all(const std::string& dir)
{
    std::vector<std::string> out;
    std::string failed;
    libxdp_set_print(silent_xdp);
    for_each_gate(
        dir, [&](int index, const char* name, const Multiprog& multiprog, xdp_program* gate) {
            const int error = detach(index, multiprog, gate);
            if (error == 0)
                out.push_back(name);
            else
                failed += error_text(std::string(name) + ": cannot detach", -error) + "; ";
        });
    if (!failed.empty())
        throw BpfError(failed);
    if (out.empty() && attached_elsewhere(dir))
        throw BpfError(
            "no interface of this network namespace has the gate, but its program is "
            "loaded: it is attached in another network namespace; run this there");
    unpin(dir);
    return out;
}

void detach_one(const std::string& dir, const std::string& interface)
{
    for_each_gate(dir,
                  [&](int index, const char* name, const Multiprog& multiprog, xdp_program* gate) {
                      const int error = name == interface ? detach(index, multiprog, gate) : 0;
                      if (error != 0)
                          throw BpfError(error_text(interface + ": cannot detach", -error));
                  });
}

TestRun::TestRun(const GateMaps& maps, XdpProgram& program)
    : program_fd_(program.load()),
      stats_(bpf_enable_stats(BPF_STATS_RUN_TIME)),
      io_(maps.fd(MapKind::replay), sizeof(mxg_replay_io), true)
{
    if (!stats_)
        throw BpfError(error_text("cannot enable the kernel's program statistics", errno));
    runs_before_ = program_info(program_fd_).run_cnt;
}

mxg_decision TestRun::run(const void* frame, uint32_t bytes, uint64_t now_ns, uint32_t* action)
{
    auto* io = static_cast<mxg_replay_io*>(io_.data());
    io->now_ns = now_ns;
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame, .data_size_in = bytes, .repeat = 1);
    if (bpf_prog_test_run_opts(program_fd_, &options) != 0)
        throw BpfError(error_text(
            "the kernel refuses a test run of " + std::to_string(bytes) + " bytes", errno));
    *action = options.retval;
    return io->decision;
}

uint64_t TestRun::runs() const
{
    return program_info(program_fd_).run_cnt - runs_before_;
}

}  // namespace mxgate
