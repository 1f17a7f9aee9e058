// SPDX-License-Identifier: BSD-2-Clause
// What a process gives up before it looks at anything that came from the network.
#pragma once

#include <string>

namespace mxgate {

inline constexpr char kWorkerUser[] = "mxgate-worker";

// Of root: becomes `mxgate-worker`, or `nobody` where there is no such user. Of anybody: no
// capabilities, no way to new ones by exec, no core dumps; the first to go when memory runs out,
// and gone with its parent. Throws std::runtime_error: then it must end.
void give_up_rights();

enum class Task {
    compile,  // computes with what it is handed: opens nothing, no sockets, no processes
    fetch,    // besides, TCP and UDP, files that everybody may read
    program,  // runs a program: all but what changes the system, which fails with EPERM
};

// Installs the seccomp filter of a task; what `compile` and `fetch` may not do kills the process.
// Throws std::runtime_error.
void confine(Task task);

}  // namespace mxgate
