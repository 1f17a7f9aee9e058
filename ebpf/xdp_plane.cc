// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "ebpf/xdp_plane.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <xdp/libxdp.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <memory>
#include <set>

#include "ebpf/gate.skel.h"
#include "ebpf/programs.h"
#include "ebpf/shared.h"

namespace mxgate {
namespace {

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

// What is on an interface. The kernel is asked itself; libxdp only about its own dispatchers,
// because each question to libxdp about another program leaves a descriptor open (1.3.1).
class OnInterface
{
public:
    explicit OnInterface(int index)
    {
        LIBBPF_OPTS(bpf_xdp_query_opts, options);
        if (const int error = bpf_xdp_query(index, 0, &options); error != 0)
            throw BpfError(error_text("cannot ask what XDP program is attached", -error));
        id_ = options.prog_id != 0 ? options.prog_id : options.drv_prog_id;
        mode_ = options.attach_mode == XDP_ATTACHED_SKB  ? "generic"
                : options.attach_mode == XDP_ATTACHED_HW ? "offloaded"
                                                         : "native";
        if (id_ == 0)
            return;
        fd_ = Fd(bpf_prog_get_fd_by_id(id_));
        if (!fd_)
            throw BpfError(error_text("cannot see what XDP program is attached", errno));
        name_ = program_info(fd_.get()).name;
        if (name_ != "xdp_dispatcher")
            return;
        multiprog_ = xdp_multiprog__get_from_ifindex(index);
        if (const long error = libxdp_get_error(multiprog_); error != 0)
            throw BpfError(error_text("libxdp cannot read its dispatcher",
                                      static_cast<int>(error < 0 ? -error : error)));
    }
    ~OnInterface()
    {
        if (multiprog_)
            xdp_multiprog__close(multiprog_);
    }
    OnInterface(const OnInterface&) = delete;
    OnInterface& operator=(const OnInterface&) = delete;

    bool empty() const { return id_ == 0; }
    bool alone() const { return multiprog_ == nullptr; }
    bool native() const { return mode_ == "native"; }
    const std::string& mode() const { return mode_; }
    const std::string& name() const { return name_; }
    int fd() const { return fd_.get(); }

    // The id of the gate's program here, 0 if there is none.
    uint32_t gate(uint32_t slot_id, const std::string& dir = {}) const
    {
        if (alone())
            return id_ != 0 && is_gate(id_, slot_id, dir) ? id_ : 0;
        for (xdp_program* p = nullptr; (p = xdp_multiprog__next_prog(p, multiprog_));)
            if (is_gate(xdp_program__id(p), slot_id, dir))
                return xdp_program__id(p);
        return 0;
    }

    // Takes program `id` off; 0, or a negative errno value.
    int detach(int index, uint32_t id) const
    {
        if (alone()) {
            LIBBPF_OPTS(bpf_xdp_attach_opts, options, .old_prog_fd = fd_.get());
            const uint32_t mode = native() ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE;
            return bpf_xdp_detach(index, mode | XDP_FLAGS_REPLACE, &options);
        }
        for (xdp_program* p = nullptr; (p = xdp_multiprog__next_prog(p, multiprog_));)
            if (xdp_program__id(p) == id)
                return xdp_program__detach(p, index, XDP_MODE_UNSPEC, 0);
        return -ENOENT;
    }

private:
    uint32_t id_ = 0;
    std::string mode_, name_;
    Fd fd_;
    xdp_multiprog* multiprog_ = nullptr;
};

// 0 where nothing is pinned; what may not be looked at is an error, not nothing.
uint32_t pinned_slot_id(const std::string& dir)
{
    const Fd slot(bpf_obj_get((dir + "/" + map_name(MapKind::table_slot)).c_str()));
    if (!slot && errno != ENOENT && errno != ENOTDIR)
        throw BpfError(error_text("cannot look at the pins under " + dir, errno));
    return slot ? map_id(slot.get()) : 0;
}

constexpr const char* kAlone =
    "single program: this kernel or driver refuses libxdp's dispatcher, no other XDP program can "
    "be added";

void for_each_gate(const std::string& dir,
                   const std::function<void(int index, const char* name, const OnInterface&,
                                            uint32_t gate_id)>& call)
{
    const uint32_t slot_id = pinned_slot_id(dir);
    const std::unique_ptr<struct if_nameindex, decltype(&::if_freenameindex)> all(
        ::if_nameindex(), ::if_freenameindex);
    if (!all)
        throw BpfError(error_text("cannot list the interfaces", errno));
    for (const struct if_nameindex* i = all.get(); i->if_index != 0; i++) {
        const OnInterface there(static_cast<int>(i->if_index));
        if (const uint32_t id = there.gate(slot_id, dir); id != 0)
            call(static_cast<int>(i->if_index), i->if_name, there, id);
    }
}

constexpr const char* kVeth =
    "veth: answers (reset, unreachable) arrive only where the other end has an XDP program too";

std::string driver_of(const std::string& interface)
{
    const Fd socket(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ethtool_drvinfo info{};
    info.cmd = ETHTOOL_GDRVINFO;
    ifreq request{};
    interface.copy(request.ifr_name, sizeof(request.ifr_name) - 1);
    request.ifr_data = reinterpret_cast<char*>(&info);
    return ::ioctl(socket.get(), SIOCETHTOOL, &request) == 0 ? info.driver : "";
}

Attachment describe(const std::string& name, const OnInterface& there, uint32_t gate_id)
{
    Attachment out{name, there.mode(), !there.alone(), gate_id, {}};
    if (there.alone())
        out.remark = kAlone;
    if (there.native() && driver_of(name) == "veth")
        out.remark += (out.remark.empty() ? "" : "; ") + std::string(kVeth);
    return out;
}

// The program reads Ethernet frames; on a tunnel without that header it would gate nothing.
int ethernet_index(const std::string& interface)
{
    const unsigned index = ::if_nametoindex(interface.c_str());
    if (index == 0)
        throw BpfError("no interface `" + interface + "`");
    const Fd socket(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq request{};
    interface.copy(request.ifr_name, sizeof(request.ifr_name) - 1);
    if (::ioctl(socket.get(), SIOCGIFHWADDR, &request) != 0)
        throw BpfError(error_text(interface + ": cannot ask for its type", errno));
    const int type = request.ifr_hwaddr.sa_family;
    if (type != ARPHRD_ETHER && type != ARPHRD_LOOPBACK)
        throw BpfError(interface + ": its frames have no Ethernet header (type " +
                       std::to_string(type) + "), so the gate cannot read them");
    return static_cast<int>(index);
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
    settings.netns_cookie = replay ? 0 : netns_cookie();
    bpf_program__set_autoload(skeleton_->progs.mxgate_sockets, !replay);
    meta_fd_ = maps.fd(MapKind::meta);
    sockets_fd_ = maps.fd(MapKind::sockets);
    slot_id_ = map_id(maps.fd(MapKind::table_slot));
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

void XdpProgram::attach_sockets()
{
    load();
    mxgate::attach_sockets(bpf_program__fd(skeleton_->progs.mxgate_sockets), slot_id_);
}

void check_interface(const std::string& interface)
{
    ethernet_index(interface);
}

// Whoever may attach a program but not open it by its number could not find it again, let alone
// take it off: known before anything is attached. There is no program 0.
static void check_may_open_programs()
{
    const Fd nothing(bpf_prog_get_fd_by_id(0));
    if (!nothing && errno == EPERM)
        throw BpfError("cannot open programs by their number: needs CAP_SYS_ADMIN");
}

Attachment XdpProgram::attach(const std::string& interface, AttachWish wish)
{
    check_may_open_programs();
    const int index = ethernet_index(interface);
    const OnInterface there(index);
    const uint32_t old = there.gate(0);
    Attachment out;
    if (there.empty()) {
        out = attach_fresh(index, interface, wish);
    } else if (there.alone() && old != 0) {
        out = replace(index, interface, wish);
    } else if (there.alone()) {
        throw BpfError(interface + ": another XDP program is attached there (`" + there.name() +
                       "`), and not through libxdp's dispatcher, so the gate cannot be added "
                       "beside it; take it off first");
    } else {
        // Behind a dispatcher the new one goes in before the old one comes out: for that moment
        // both judge, so nothing is let through, and attempts are charged twice.
        out = attach_fresh(index, interface, wish);
        if (const int error = old != 0 ? there.detach(index, old) : 0; error != 0)
            throw BpfError(
                error_text(interface + ": cannot remove the gate's old program", -error));
    }
    // The program does not use the pinned settings or the sockets' memory, but whoever finds it
    // must find them too.
    for (const int fd : {meta_fd_, sockets_fd_})
        bpf_prog_bind_map(bpf_program__fd(skeleton_->progs.mxgate), fd, nullptr);
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
        xdp_program__set_xdp_frags_support(program_, true);
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
    const OnInterface now(index);
    const uint32_t gate = now.gate(0);
    if (gate == 0)
        throw BpfError(interface + ": the XDP program was attached and is gone again");
    Attachment out = describe(interface, now, gate);
    out.remark = remark + out.remark;
    return out;
}

Attachment XdpProgram::replace(int index, const std::string& interface, AttachWish wish)
{
    const OnInterface there(index);
    const bool native = there.native();
    if ((wish == AttachWish::native && !native) || (wish == AttachWish::generic && native))
        throw BpfError(interface + ": the gate is attached there in " + there.mode() +
                       " mode; run `mxgate detach` first to change the mode");
    LIBBPF_OPTS(bpf_xdp_attach_opts, options, .old_prog_fd = there.fd());
    const uint32_t flags = XDP_FLAGS_REPLACE | (native ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE);
    const int error = bpf_xdp_attach(index, load(), flags, &options);
    if (error != 0)
        throw BpfError(error_text(interface + ": cannot replace the gate's program", -error));
    const OnInterface now(index);
    return describe(interface, now, now.gate(0));
}

std::vector<Attachment> find_attachments(const std::string& dir)
{
    std::vector<Attachment> out;
    libxdp_set_print(silent_xdp);
    for_each_gate(dir, [&](int, const char* name, const OnInterface& there, uint32_t gate) {
        out.push_back(describe(name, there, gate));
    });
    return out;
}

std::vector<std::string> detach_all(const std::string& dir)
{
    std::vector<std::string> out;
    std::string failed;
    libxdp_set_print(silent_xdp);
    std::set<uint32_t> slots{pinned_slot_id(dir)};
    for_each_gate(dir, [&](int index, const char* name, const OnInterface& there, uint32_t gate) {
        slots.insert(slot_of(gate));
        const int error = there.detach(index, gate);
        if (error == 0)
            out.push_back(name);
        else
            failed += error_text(std::string(name) + ": cannot detach", -error) + "; ";
    });
    if (!failed.empty())
        throw BpfError(failed);
    if (out.empty() && is_loaded(pinned_slot_id(dir)))
        throw BpfError(
            "no interface of this network namespace has the gate, but its program is "
            "loaded: it is attached in another network namespace; run this there");
    detach_sockets(slots);
    unpin(dir);
    return out;
}

void detach_one(const std::string& dir, const std::string& interface)
{
    for_each_gate(dir, [&](int index, const char* name, const OnInterface& there, uint32_t gate) {
        const int error = name == interface ? there.detach(index, gate) : 0;
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
    set_of_connection(true);
}

void TestRun::set_of_connection(bool is)
{
    static_cast<mxg_replay_io*>(io_.data())->of_connection = is;
}

mxg_decision TestRun::run(const void* frame, uint32_t bytes, uint64_t now_ns, uint32_t* action,
                          std::vector<uint8_t>* out)
{
    auto* io = static_cast<mxg_replay_io*>(io_.data());
    io->now_ns = now_ns;
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame, .data_size_in = bytes, .repeat = 1);
    if (out) {
        out->resize(std::max<size_t>(bytes, MXG_REPLY_MOST));
        options.data_out = out->data();
        options.data_size_out = static_cast<uint32_t>(out->size());
    }
    if (bpf_prog_test_run_opts(program_fd_, &options) != 0)
        throw BpfError(error_text(
            "the kernel refuses a test run of " + std::to_string(bytes) + " bytes", errno));
    *action = options.retval;
    if (out)
        out->resize(options.data_size_out);
    return io->decision;
}

uint64_t TestRun::runs() const
{
    return program_info(program_fd_).run_cnt - runs_before_;
}

}  // namespace mxgate
