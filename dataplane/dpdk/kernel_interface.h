// SPDX-License-Identifier: BSD-2-Clause
// The kernel's interface behind a port (net_af_packet, net_af_xdp, net_tap, mlx5), in the network
// namespace of this process.
#pragma once

#include <cstdint>
#include <string>

#include "dataplane/state/memory.h"

namespace mxgate {

struct KernelInterface {
    std::string name;
    uint32_t mtu = 0;  // bytes of an IP packet
};

// The one with this number, 0 for a port without any: then empty. Throws PlaneError where its
// frames have no Ethernet header: all of them would pass unread.
KernelInterface find_interface(unsigned index);

// Keeps any other mxgate-dpdk off the interface for as long as the result lives; packet sockets
// would not, and each frame would be sent on by both. Throws PlaneError where another is there;
// empty where a user who runs no gate is in the way.
Fd hold_interface(unsigned index, const std::string& name);

}  // namespace mxgate
