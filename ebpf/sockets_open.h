// SPDX-License-Identifier: BSD-2-Clause
// The TCP connections that this network namespace has accepted, from the kernel itself (sock_diag(7)):
// not those that it began itself.
#pragma once

#include <vector>

#include "dataplane/core/packet.h"

namespace mxgate {

// Each as a packet of its peer: source, destination and their ports. Those that wait after their
// end (TIME_WAIT) are over. Throws BpfError.
std::vector<mxg_packet> sockets_open();

}  // namespace mxgate
