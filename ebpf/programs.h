// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The gate's programs among all that the kernel has, and its program on sockets.
#pragma once

#include <linux/bpf.h>

#include <cstdint>
#include <set>
#include <string>

#include "dataplane/state/memory.h"

namespace mxgate {

inline constexpr const char* kProgramName = "mxgate";
inline constexpr const char* kSocketProgramName = "mxgate_sockets";

bpf_prog_info program_info(int fd, uint32_t* map_ids = nullptr, uint32_t count = 0);
uint32_t map_id(int fd);

// The map of this name that a program uses, if there is one.
Fd map_of(uint32_t program_id, const char* map, const char* program_name = kProgramName);

// The id of the table slot of a program of this name, 0 if it is not of a gate.
uint32_t slot_of(uint32_t program_id, const char* name = kProgramName);

// Whether a program is a gate; `slot_id` not 0: the gate with this table slot, or the one whose
// maps say that they are pinned under `dir`, whatever is there.
bool is_gate(uint32_t program_id, uint32_t slot_id, const std::string& dir = {});

// Whether an XDP program over this table slot is loaded, whoever holds it.
bool is_loaded(uint32_t slot_id);

// Names this network namespace as long as the kernel runs.
uint64_t netns_cookie();

// On the root of cgroup v2, beside others' programs. Throws BpfError.
void attach_sockets(int program_fd, uint32_t slot_id);
void detach_sockets(const std::set<uint32_t>& slot_ids);

}  // namespace mxgate
