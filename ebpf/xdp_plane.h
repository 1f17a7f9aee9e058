// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The XDP program: loaded over the maps, attached to interfaces, run on single frames.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "ebpf/gate_maps.h"

struct gate_bpf;
struct xdp_program;

namespace mxgate {

enum class AttachWish { automatic, native, generic };

// How the program sits on an interface.
struct Attachment {
    std::string interface;
    std::string mode;            // "native" or "generic"
    bool beside_others = false;  // through libxdp's dispatcher, other programs may live beside it
    uint32_t program_id = 0;
    std::string remark;  // why not native, why alone, what is lost; empty if all is as wished
};

class XdpProgram
{
public:
    // Prepares the program over `maps`, not loaded yet. `replay`: clock and decision go through
    // the replay map.
    XdpProgram(const GateMaps& maps, bool replay);
    ~XdpProgram();
    XdpProgram(const XdpProgram&) = delete;
    XdpProgram& operator=(const XdpProgram&) = delete;

    // Attaches; where a gate's program is on the interface already it is replaced atomically.
    // Throws BpfError: no such interface, no native mode where it is wished for, other program.
    Attachment attach(const std::string& interface, AttachWish wish);

    // Counts the connections of this network namespace's sockets, from now on: puts the program on
    // the root of cgroup v2, in the place of that of the same gate. After attach().
    void attach_sockets();

    // Loads without attaching and gives the program's descriptor; for test runs.
    int load();

private:
    Attachment attach_fresh(int index, const std::string& interface, AttachWish wish);
    Attachment replace(int index, const std::string& interface, AttachWish wish);

    gate_bpf* skeleton_ = nullptr;
    xdp_program* program_ = nullptr;
    int meta_fd_ = -1, sockets_fd_ = -1;  // of the maps
    uint32_t slot_id_ = 0;
};

// Throws BpfError unless `interface` is there and carries Ethernet frames.
void check_interface(const std::string& interface);

// The gates on all interfaces of this network namespace whose table slot is pinned under `dir`;
// every gate where nothing is pinned there.
std::vector<Attachment> find_attachments(const std::string& dir);

// Takes the gate off every interface that find_attachments gives and removes the pins. Needs no
// daemon. Returns the interfaces; throws BpfError only when an interface cannot be freed.
std::vector<std::string> detach_all(const std::string& dir);

// Takes the gate off one interface; pins stay.
void detach_one(const std::string& dir, const std::string& interface);

// Frames one at a time through the loaded program (BPF_PROG_TEST_RUN), with a clock of its own.
class TestRun
{
public:
    TestRun(const GateMaps& maps, XdpProgram& program);

    // Whether the next frames belong to an open connection, which else the kernel is asked; true at
    // first.
    void set_of_connection(bool is);

    // The decision on `frame` at `now_ns`; `action` is what the program returned (XDP_PASS, ...).
    // `out`, unless null: the frame as the program left it.
    mxg_decision run(const void* frame, uint32_t bytes, uint64_t now_ns, uint32_t* action,
                     std::vector<uint8_t>* out = nullptr);

    // How often the kernel says the program ran since this object was made.
    uint64_t runs() const;

private:
    int program_fd_;
    Fd stats_;
    Mapping io_;
    uint64_t runs_before_ = 0;
};

}  // namespace mxgate
