// SPDX-License-Identifier: BSD-2-Clause
#include "tests/frames/generator.h"

#include "tests/reference/embedded.h"
#include "tests/reference/policy_case.h"

namespace mxgate::frames {

using reference::Address;
using reference::Number;
using reference::Prefix;

Generator::Generator(const Config& config, std::vector<Prefix> known, uint64_t seed)
    : random_(seed), embedded_(config.embedded)
{
    known_[0].push_back({{4, 0}, 0});
    known_[1].push_back({{6, Number{1} << 125}, 3});  // 2000::/3
    for (const Prefix& prefix : known)
        known_[prefix.first.family == 6].push_back(prefix);
    for (const ServiceConfig& service : config.gate.services) {
        for (const mxg_prefix& prefix : service.addresses)
            services_.push_back(reference::from(prefix));
        ports_.insert(ports_.end(), service.ports.begin(), service.ports.end());
    }
    for (int i = 0; i < 24; i++)
        for (const auto& family : known_)
            regulars_.push_back(inside(family[below(static_cast<uint32_t>(family.size()))]));
}

Address Generator::inside(const Prefix& prefix)
{
    const Number noise = Number{random_()} << 64 | random_();
    const Prefix all{{prefix.first.family, 0}, 0};
    const Address any{prefix.first.family, noise & reference::last_of(all).value};
    const Number host = any.value & (reference::last_of(prefix).value ^ prefix.first.value);
    return {prefix.first.family, prefix.first.value | host};
}

Address Generator::destination()
{
    Prefix service = services_[below(static_cast<uint32_t>(services_.size()))];
    Address out = inside(service);
    if (one_in(12))
        out.value ^= Number{1} << below(static_cast<uint32_t>(out.width()));
    return out;
}

Address Generator::strange_source(const Address& destination)
{
    if (destination.family == 4) {
        static const char* const kStrange[] = {"0.0.0.0",   "127.0.0.1",       "127.255.255.255",
                                               "224.0.0.1", "239.255.255.255", "240.0.0.1",
                                               "0.0.0.1",   "255.255.255.255", "128.0.0.0"};
        return reference::address(kStrange[below(9)]);
    }
    static const char* const kStrange[] = {"::",
                                           "::1",
                                           "::2",
                                           "ff02::1",
                                           "ff00::",
                                           "fe80::1",
                                           "fc00::1",
                                           "::ffff:127.0.0.1",
                                           "::ffff:0.0.0.0",
                                           "2002::1",
                                           "2002:7f00:1::1",
                                           "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
                                           "2001::1fff:ffff",
                                           "2001::ffff:ffff",
                                           "64:ff9b::224.0.0.1",
                                           "64:ff9b:0:1::224.0.0.1"};
    return reference::address(kStrange[below(16)]);
}

Address Generator::source(const Address& destination)
{
    const bool six = destination.family == 6;
    if (one_in(40))
        return destination;
    if (one_in(25))
        return strange_source(destination);
    if (one_in(30)) {  // a host of our own
        for (const Prefix& service : services_)
            if (service.first.family == destination.family && one_in(2))
                return service.first;
    }
    if (!one_in(4))
        for (int tries = 0; tries < 8; tries++) {
            const Address regular = regulars_[below(static_cast<uint32_t>(regulars_.size()))];
            if (regular.family == destination.family)
                return regular;
        }
    if (six && one_in(4)) {
        const Address four =
            one_in(2) ? regulars_[below(24) * 2]
                      : inside(known_[0][below(static_cast<uint32_t>(known_[0].size()))]);
        const auto carriers = reference::carriers_of(four, embedded_, random_());
        return carriers[below(static_cast<uint32_t>(carriers.size()))];
    }
    const auto& prefixes = known_[six];
    return inside(prefixes[below(static_cast<uint32_t>(prefixes.size()))]);
}

uint16_t Generator::port()
{
    if (one_in(8))
        return static_cast<uint16_t>(below(65536));
    const PortRange& range = ports_[below(static_cast<uint32_t>(ports_.size()))];
    if (one_in(16))
        return static_cast<uint16_t>(one_in(2) ? range.first - 1 : range.last + 1);
    const uint32_t ports = static_cast<uint32_t>(range.last - range.first) + 1;
    return static_cast<uint16_t>(range.first + below(ports));
}

uint8_t Generator::flags()
{
    if (one_in(8))
        return static_cast<uint8_t>(below(256));
    static const uint8_t kUsual[] = {
        kSyn, kSyn, kSyn, kSyn | kEce | kCwr, kSyn | kAck, kAck, kAck | kPush, kFin | kAck, kRst};
    return kUsual[below(9)];
}

void Generator::chain(Frame& frame)
{
    static const uint8_t kTypes[] = {kHopByHop, kRouting, kDestinationOptions, kAuthentication};
    const uint32_t headers = one_in(3) ? below(11) : below(4);
    for (uint32_t i = 0; i < headers; i++) {
        const uint8_t type = kTypes[below(4)];
        const size_t bytes = one_in(6) ? 8 * (1 + below(64)) : 8 * (1 + below(3));
        frame.extension(type, type == kAuthentication ? bytes + 4 * below(2) : bytes);
        if (one_in(24))
            frame.set(1, 1, below(256));  // its length
        if (one_in(10))
            frame.fragment(static_cast<uint16_t>(one_in(2) ? 0 : below(8192)), one_in(2));
    }
}

void Generator::network(Frame& frame)
{
    const Address to = destination();
    frame.ip(source(to), to);
    if (to.family == 4) {
        if (one_in(5))
            frame.ip_options(4 * below(11));
        if (one_in(8))
            frame.fragment(static_cast<uint16_t>(one_in(2) ? below(3) : below(8192)), one_in(2));
        if (one_in(30))
            frame.set(0, 1, below(256));  // version and header length
        if (one_in(30))
            frame.set(2, 2, below(200));  // total length
        return;
    }
    if (one_in(40))
        frame.set(4, 2, one_in(2) ? 0 : below(200));  // payload length
    if (one_in(3))
        chain(frame);
    else if (one_in(12))
        frame.fragment(static_cast<uint16_t>(below(4)), one_in(2));
}

void Generator::transport(Frame& frame)
{
    if (one_in(12)) {
        frame.udp(port()).data(below(20));
        return;
    }
    if (one_in(40)) {
        frame.protocol(static_cast<uint8_t>(below(256))).data(below(60));
        return;
    }
    frame.tcp(flags(), port(), static_cast<uint16_t>(below(65536)));
    if (one_in(3))
        frame.tcp_options(4 * below(11));
    if (one_in(30))
        frame.set(12, 1, below(256));  // data offset
    if (one_in(4))
        frame.data(below(one_in(20) ? 3000 : 40));
}

void Generator::mutate(Bytes& frame)
{
    if (one_in(12))
        for (uint32_t flips = 1 + below(3); flips > 0; flips--)
            frame[below(static_cast<uint32_t>(frame.size()))] ^=
                static_cast<uint8_t>(1u << below(8));
    if (one_in(12))
        frame.resize(14 + below(static_cast<uint32_t>(frame.size()) - 13));
    if (one_in(12))
        frame.resize(frame.size() + below(64), 0xaa);
    if (one_in(200))
        for (uint8_t& byte : frame)
            byte = one_in(3) ? static_cast<uint8_t>(below(256)) : byte;
}

Bytes Generator::next()
{
    if (recent_.size() == 32 && one_in(6))
        return recent_[below(32)];
    Bytes out = fresh();
    if (recent_.size() < 32)
        recent_.push_back(out);
    else
        recent_[below(32)] = out;
    return out;
}

Bytes Generator::fresh()
{
    Frame frame;
    if (one_in(60))
        frame.set(12, 2, one_in(2) ? 0x0806 : below(65536));
    if (one_in(5))
        for (uint32_t tags = 1 + below(one_in(4) ? 4 : 2); tags > 0; tags--)
            frame.vlan(one_in(2) ? 0x88a8 : 0x8100);
    network(frame);
    transport(frame);
    Bytes out = frame.bytes();
    mutate(out);
    return out;
}

}  // namespace mxgate::frames
