// SPDX-License-Identifier: BSD-2-Clause
// One SYN as an Ethernet frame, with correct checksums.
#pragma once

#include <net/ethernet.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>

#include <array>
#include <cstdint>
#include <cstring>

#include "tests/tools/prefix.h"

namespace mxgate::tools {

using Mac = std::array<uint8_t, 6>;

inline uint64_t sum_words(const void* data, size_t size, uint64_t sum)
{
    const auto* bytes = static_cast<const uint8_t*>(data);
    for (size_t i = 0; i < size; i += 2) {
        sum += static_cast<uint64_t>(bytes[i] << 8 | bytes[i + 1]);
    }
    return sum;
}

inline uint16_t fold(uint64_t sum)
{
    while (sum >> 16 != 0) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return htons(static_cast<uint16_t>(~sum));
}

struct Frame {
    alignas(8) std::array<uint8_t, 96> bytes{};
    size_t size = 0;
};

inline size_t write_ip(uint8_t* out, const Address& from, const Address& to, size_t tcp_size)
{
    if (to.family == AF_INET6) {
        ip6_hdr ip{};
        ip.ip6_flow = htonl(6U << 28);
        ip.ip6_plen = htons(static_cast<uint16_t>(tcp_size));
        ip.ip6_nxt = IPPROTO_TCP;
        ip.ip6_hlim = 64;
        std::memcpy(&ip.ip6_src, from.bytes.data(), 16);
        std::memcpy(&ip.ip6_dst, to.bytes.data(), 16);
        std::memcpy(out, &ip, sizeof ip);
        return sizeof ip;
    }
    iphdr ip{};
    ip.version = 4;
    ip.ihl = 5;
    ip.tot_len = htons(static_cast<uint16_t>(sizeof ip + tcp_size));
    ip.frag_off = htons(IP_DF);
    ip.ttl = 64;
    ip.protocol = IPPROTO_TCP;
    std::memcpy(&ip.saddr, from.bytes.data(), 4);
    std::memcpy(&ip.daddr, to.bytes.data(), 4);
    ip.check = fold(sum_words(&ip, sizeof ip, 0));
    std::memcpy(out, &ip, sizeof ip);
    return sizeof ip;
}

struct Syn {
    Mac source_mac;
    Mac gateway;
    Address from;
    Address to;
    uint16_t port = 25;
};

// Writes `syn` into `frame`; the source port and the initial sequence number come from `random`.
inline void write_syn(Frame& frame, const Syn& syn, uint64_t random)
{
    const auto& [source_mac, gateway, from, to, port] = syn;
    uint8_t* out = frame.bytes.data();
    std::memcpy(out, gateway.data(), 6);
    std::memcpy(out + 6, source_mac.data(), 6);
    const uint16_t type = htons(to.family == AF_INET6 ? ETHERTYPE_IPV6 : ETHERTYPE_IP);
    std::memcpy(out + 12, &type, sizeof type);

    constexpr size_t kTcpSize = sizeof(tcphdr) + TCPOLEN_MAXSEG;
    uint8_t* tcp_out = out + ETHER_HDR_LEN + write_ip(out + ETHER_HDR_LEN, from, to, kTcpSize);
    tcphdr tcp{};
    tcp.source = htons(static_cast<uint16_t>(1024 + (random & 0xffff) % (65536 - 1024)));
    tcp.dest = htons(port);
    tcp.seq = static_cast<uint32_t>(random >> 32);
    tcp.doff = kTcpSize / 4;
    tcp.syn = 1;
    tcp.window = htons(64240);
    std::memcpy(tcp_out, &tcp, sizeof tcp);
    const uint16_t mss = to.family == AF_INET6 ? 1440 : 1460;
    const uint8_t option[TCPOLEN_MAXSEG] = {
        TCPOPT_MAXSEG, TCPOLEN_MAXSEG, static_cast<uint8_t>(mss >> 8), static_cast<uint8_t>(mss)};
    std::memcpy(tcp_out + sizeof tcp, option, sizeof option);

    uint64_t sum = sum_words(from.bytes.data(), from.size(), IPPROTO_TCP + kTcpSize);
    sum = sum_words(to.bytes.data(), to.size(), sum);
    tcp.check = fold(sum_words(tcp_out, kTcpSize, sum));
    std::memcpy(tcp_out, &tcp, sizeof tcp);
    frame.size = static_cast<size_t>(tcp_out - out) + kTcpSize;
}

}  // namespace mxgate::tools
