// SPDX-License-Identifier: BSD-2-Clause
#include "dataplane/dpdk/kernel_interface.h"

#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>

namespace mxgate {
namespace {

constexpr int kTries = 10;
constexpr useconds_t kPauseUs = 10'000;

}  // namespace

KernelInterface find_interface(unsigned index)
{
    ifreq request{};
    const Fd any(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (index == 0 || !::if_indextoname(index, request.ifr_name))
        return {};
    KernelInterface out{request.ifr_name, 0};
    if (::ioctl(any.get(), SIOCGIFMTU, &request) == 0)
        out.mtu = static_cast<uint32_t>(request.ifr_mtu);
    if (::ioctl(any.get(), SIOCGIFHWADDR, &request) != 0)
        return out;
    const int type = request.ifr_hwaddr.sa_family;
    if (type != ARPHRD_ETHER && type != ARPHRD_LOOPBACK)
        throw PlaneError(out.name + ": its frames have no Ethernet header (type " +
                         std::to_string(type) + "), so the gate cannot read them");
    return out;
}

// An abstract name: it is of the network namespace, as the interface is, and goes with the process.
Fd hold_interface(unsigned index, const std::string& name)
{
    const std::string held = "mxgate-port-" + std::to_string(index);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    held.copy(address.sun_path + 1, sizeof(address.sun_path) - 1);
    const auto* at = reinterpret_cast<const sockaddr*>(&address);
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + held.size());
    Fd out;
    // Who has the name and does not listen is no mxgate-dpdk, or one that is just about to, or
    // gone.
    for (int tries = 0;; tries++) {
        out = Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        if (::bind(out.get(), at, length) == 0 && ::listen(out.get(), 16) == 0)
            return out;
        if (errno != EADDRINUSE)
            throw PlaneError(system_text(name + " cannot be held", errno));
        if (::connect(out.get(), at, length) == 0)
            break;
        if (errno != ECONNREFUSED)
            throw PlaneError(name + " is already a port of mxgate-dpdk; stop that first");
        if (tries == kTries)
            return Fd();
        ::usleep(kPauseUs);
    }
    ucred peer{};
    socklen_t bytes = sizeof(peer);
    if (::getsockopt(out.get(), SOL_SOCKET, SO_PEERCRED, &peer, &bytes) != 0 ||
        (peer.uid != 0 && peer.uid != ::geteuid()))
        return Fd();
    throw PlaneError(name + " is already a port of mxgate-dpdk, process " +
                     std::to_string(peer.pid) + "; stop that first");
}

}  // namespace mxgate
