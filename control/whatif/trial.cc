// SPDX-License-Identifier: BSD-2-Clause
#include "control/whatif/trial.h"

#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "control/net/address_text.h"
#include "control/text/names.h"
#include "dataplane/core/native.h"

#include "dataplane/core/decide.h"

namespace mxgate {
namespace {

constexpr size_t kEthernet = 14;
constexpr size_t kIpv4 = kEthernet + sizeof(iphdr), kIpv6 = kEthernet + sizeof(ip6_hdr);

void put64(std::vector<uint8_t>& bytes, size_t at, uint64_t value, size_t size = 8)
{
    for (size_t i = 0; i < size; i++)
        bytes[at + i] = static_cast<uint8_t>(value >> (56 - 8 * i));
}

void put_address(std::vector<uint8_t>& bytes, size_t at, const mxg_address& address)
{
    if (address.family == MXG_FAMILY_IPV4)
        return put64(bytes, at, address.hi, 4);
    put64(bytes, at, address.hi);
    put64(bytes, at + 8, address.lo);
}

void put_tcp(std::vector<uint8_t>& bytes, size_t at, uint16_t port)
{
    tcphdr tcp{};
    tcp.dest = htons(port);
    tcp.doff = sizeof(tcp) / 4;
    tcp.syn = 1;
    std::memcpy(&bytes[at], &tcp, sizeof(tcp));
}

// A SYN without its source: planes look at no checksum.
std::vector<uint8_t> syn_to(const mxg_address& service, uint16_t port)
{
    const bool ipv6 = service.family == MXG_FAMILY_IPV6;
    std::vector<uint8_t> out((ipv6 ? kIpv6 : kIpv4) + sizeof(tcphdr));
    out[12] = ipv6 ? 0x86 : 0x08;
    out[13] = ipv6 ? 0xdd : 0x00;
    if (ipv6) {
        ip6_hdr ip{};
        ip.ip6_flow = htonl(6u << 28);
        ip.ip6_plen = htons(sizeof(tcphdr));
        ip.ip6_nxt = IPPROTO_TCP;
        std::memcpy(&out[kEthernet], &ip, sizeof(ip));
        put_address(out, kEthernet + offsetof(ip6_hdr, ip6_dst), service);
    } else {
        iphdr ip{};
        ip.version = 4;
        ip.ihl = sizeof(ip) / 4;
        ip.tot_len = htons(sizeof(ip) + sizeof(tcphdr));
        ip.protocol = IPPROTO_TCP;
        std::memcpy(&out[kEthernet], &ip, sizeof(ip));
        put_address(out, kEthernet + offsetof(iphdr, daddr), service);
    }
    put_tcp(out, ipv6 ? kIpv6 : kIpv4, port);
    return out;
}

// To the first service that has an address of the family.
std::vector<uint8_t> syn_of_family(const Config& config, uint32_t family)
{
    for (const ServiceConfig& service : config.gate.services)
        for (const mxg_prefix& prefix : service.addresses)
            if (prefix.address.family == family) {
                mxg_address host = prefix.address;
                // Of a prefix some address inside, which is not the unspecified one.
                if (prefix.length < mxg_family_bits(family))
                    (family == MXG_FAMILY_IPV4 ? host.hi : host.lo) |=
                        family == MXG_FAMILY_IPV4 ? 1ULL << 32 : 1;
                return syn_to(host, service.ports.front().first);
            }
    return {};
}

void add(Tally& to, const Tally& one)
{
    to.attempts += one.attempts;
    to.denied += one.denied;
    to.limited += one.limited;
}

// One attempt with this verdict.
Tally tally_of(const mxg_decision& decision)
{
    Tally out;
    out.attempts = 1;
    const bool by_limit = decision.class_id != MXG_NO_CLASS && decision.reason != MXG_CLASS;
    if (decision.verdict != MXG_PASS)
        (by_limit ? out.limited : out.denied) = 1;
    return out;
}

void note_hit(SenderTally& sender, const mxg_decision& decision, uint64_t time_us)
{
    const mxg_prefix prefix = source_prefix(decision);
    if (sender.hit() == 1) {
        sender.first_hit_us = time_us;
        sender.example = prefix;
    }
    sender.last_hit_us = time_us;
    sender.hit_by_feed[decision.feed]++;
    sender.hit_by_class[decision.class_id]++;
    sender.hit_by_reason[decision.reason]++;
    sender.prefixes_hit.emplace(prefix.address.family, prefix.address.hi, prefix.address.lo,
                                prefix.length);
}

}  // namespace

Trial::Trial(const Config& config, const PolicyTable& table)
    : plane_(make_model_plane(table, config.source_capacity)),
      syn_ipv4_(syn_of_family(config, MXG_FAMILY_IPV4)),
      syn_ipv6_(syn_of_family(config, MXG_FAMILY_IPV6))
{
}

mxg_decision Trial::decide(const std::vector<uint8_t>& frame, uint64_t time_us)
{
    clock_us_ = std::max(clock_us_, time_us);  // it never runs backwards
    return plane_->decide(frame, clock_us_ * 1000);
}

void Trial::arrive(const Arrival& arrival)
{
    const bool ipv6 = arrival.client.family == MXG_FAMILY_IPV6;
    std::vector<uint8_t>& syn = ipv6 ? syn_ipv6_ : syn_ipv4_;
    if (syn.empty()) {
        unserved++;
        return;
    }
    // A connection of its own: source port and sequence number count on.
    const size_t tcp = ipv6 ? kIpv6 : kIpv4;
    put_address(syn, tcp - (ipv6 ? 32 : 8), arrival.client);
    put64(syn, tcp, static_cast<uint64_t>(1024 + connections_ % 64000) << 48, 2);
    put64(syn, tcp + offsetof(tcphdr, seq), static_cast<uint64_t>(connections_++) << 32, 4);
    const mxg_decision decision = decide(syn, arrival.time_us);
    if (mxg_effect(&decision) == MXG_PASS)
        shake_hands(syn, ipv6);
    if (decision.reason == MXG_MARTIAN)
        local++;  // a connection there was, but none over the network
    else
        count(decision, arrival.name);
}

// The log knows of connections that were completed: what handshakes are charged must see them. How
// long they stayed open it does not say, so they are over at once.
void Trial::shake_hands(const std::vector<uint8_t>& syn, bool ipv6)
{
    const size_t tcp = ipv6 ? kIpv6 : kIpv4, bytes = ipv6 ? 16 : 4;
    const auto sender = syn.begin() + static_cast<long>(tcp - 2 * bytes);
    const auto service = sender + static_cast<long>(bytes);
    const auto flags_at = tcp + 13, ack_at = tcp + offsetof(tcphdr, ack_seq);
    std::vector<uint8_t> answer = syn, acknowledgement = syn;
    std::swap_ranges(answer.begin() + (sender - syn.begin()),
                     answer.begin() + (service - syn.begin()),
                     answer.begin() + (service - syn.begin()));
    std::swap_ranges(&answer[tcp], &answer[tcp + 2], &answer[tcp + 2]);
    put64(answer, tcp + offsetof(tcphdr, seq), 0, 4);
    put64(answer, ack_at, static_cast<uint64_t>(connections_) << 32, 4);  // its sequence number + 1
    answer[flags_at] = TH_SYN | TH_ACK;
    decide(answer, clock_us_);
    put64(acknowledgement, tcp + offsetof(tcphdr, seq), static_cast<uint64_t>(connections_) << 32,
          4);
    put64(acknowledgement, ack_at, 1ULL << 32, 4);
    acknowledgement[flags_at] = TH_ACK;
    decide(acknowledgement, clock_us_);
    answer[flags_at] = TH_RST;
    decide(answer, clock_us_);
}

void Trial::see(const CapturedFrame& frame)
{
    const mxg_decision decision = decide(frame.bytes, frame.time_us);
    if (decision.reason == MXG_ESTABLISHED)
        return;
    if (decision.class_id != MXG_NO_CLASS || decision.verdict != MXG_PASS)
        count(decision, {});
}

void Trial::count(const mxg_decision& decision, std::string_view name)
{
    const Tally one = tally_of(decision);
    if (all.attempts == 0)
        first_us = clock_us_;
    last_us = clock_us_;
    add(all, one);
    monitored += one.hit() > 0 && !decision.enforced;
    if (decision.class_id == MXG_NO_CLASS) {
        unjudged += one.denied;
        return;
    }
    add(classes[decision.class_id], one);
    add(feeds[decision.feed], one);
    SenderTally& sender =
        senders[name.empty() ? to_string(source_prefix(decision)) : names_.sender_of(name)];
    add(sender, one);
    if (one.hit() > 0)
        note_hit(sender, decision, clock_us_);
}

}  // namespace mxgate
