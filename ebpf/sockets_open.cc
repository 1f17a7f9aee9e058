// SPDX-License-Identifier: BSD-2-Clause
#include "ebpf/sockets_open.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <set>

#include "dataplane/core/native.h"

#include "dataplane/core/frame.h"
#include "ebpf/gate_maps.h"

namespace mxgate {
namespace {

constexpr uint32_t kOpen = 1u << TCP_ESTABLISHED | 1u << TCP_FIN_WAIT1 | 1u << TCP_FIN_WAIT2 |
                           1u << TCP_CLOSE_WAIT | 1u << TCP_LAST_ACK | 1u << TCP_CLOSING;
constexpr const char* kLocalPorts = "/proc/sys/net/ipv4/ip_local_port_range";
constexpr uint8_t kTimeWaitTimer = 3;  // of idiag_timer

mxg_address address_of(uint8_t family, const __be32 (&words)[4])
{
    if (family == AF_INET)
        return mxg_ipv4_address(ntohl(words[0]));
    __u64 wire[2];
    std::memcpy(wire, words, sizeof(wire));
    const mxg_address out = mxg_ipv6_address(wire);
    const bool mapped = out.hi == 0 && out.lo >> 32 == 0xffff;  // on the wire it is IPv4
    return mapped ? mxg_ipv4_address(static_cast<__u32>(out.lo)) : out;
}

struct Sockets {
    std::vector<mxg_packet> open;
    std::set<uint16_t> listening;  // ports
};

void take(const inet_diag_msg& message, Sockets& out)
{
    if (message.idiag_state == TCP_LISTEN)
        out.listening.insert(ntohs(message.id.idiag_sport));
    if (message.idiag_state == TCP_LISTEN || message.idiag_timer == kTimeWaitTimer)
        return;
    mxg_packet packet{};
    packet.kind = MXG_FRAME_TCP;
    packet.source = address_of(message.idiag_family, message.id.idiag_dst);
    packet.destination = address_of(message.idiag_family, message.id.idiag_src);
    packet.source_port = ntohs(message.id.idiag_dport);
    packet.destination_port = ntohs(message.id.idiag_sport);
    out.open.push_back(packet);
}

// False: the dump is over.
bool take_all(const char* buffer, ssize_t bytes, Sockets& out)
{
    auto left = static_cast<uint32_t>(bytes);
    for (const auto* head = reinterpret_cast<const nlmsghdr*>(buffer); NLMSG_OK(head, left);
         head = NLMSG_NEXT(head, left)) {
        if (head->nlmsg_type == NLMSG_DONE)
            return false;
        if (head->nlmsg_type == NLMSG_ERROR)
            throw BpfError(error_text("the kernel does not list its sockets",
                                      -static_cast<const nlmsgerr*>(NLMSG_DATA(head))->error));
        take(*static_cast<const inet_diag_msg*>(NLMSG_DATA(head)), out);
    }
    return true;
}

void dump(uint8_t family, Sockets& out)
{
    const Fd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
    struct {
        nlmsghdr head;
        inet_diag_req_v2 body;
    } request{};
    request.head.nlmsg_len = sizeof(request);
    request.head.nlmsg_type = SOCK_DIAG_BY_FAMILY;
    request.head.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    request.body.sdiag_family = family;
    request.body.sdiag_protocol = IPPROTO_TCP;
    request.body.idiag_states = kOpen | 1u << TCP_LISTEN;
    if (!socket || ::send(socket.get(), &request, sizeof(request), 0) < 0)
        throw BpfError(error_text("cannot ask the kernel for its sockets", errno));
    std::vector<char> buffer(1 << 16);
    for (bool more = true; more;) {
        const ssize_t got = ::recv(socket.get(), buffer.data(), buffer.size(), 0);
        if (got < 0 && errno != EINTR)
            throw BpfError(error_text("cannot read the kernel's sockets", errno));
        more = got < 0 || (got > 0 && take_all(buffer.data(), got, out));
    }
}

}  // namespace

// The host's own are those from ports that it gives out itself and on which nobody listens. (That
// nobody listens is not enough: a server that restarts has connections still.)
std::vector<mxg_packet> sockets_open()
{
    Sockets all;
    dump(AF_INET, all);
    dump(AF_INET6, all);
    uint32_t first = 1, last = 0;
    std::ifstream(kLocalPorts) >> first >> last;
    std::erase_if(all.open, [&](const mxg_packet& packet) {
        const uint16_t port = packet.destination_port;
        return port >= first && port <= last && !all.listening.contains(port);
    });
    return std::move(all.open);
}

}  // namespace mxgate
