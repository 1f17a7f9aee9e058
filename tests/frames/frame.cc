// SPDX-License-Identifier: BSD-2-Clause
#include "tests/frames/frame.h"

#include <atomic>

#include "tests/reference/policy_case.h"

namespace mxgate::frames {
namespace {

constexpr size_t kIpv4Source = 12, kIpv4Destination = 16, kIpv6Source = 8, kIpv6Destination = 24;

void put_address(Bytes& bytes, size_t offset, const reference::Address& address)
{
    const size_t size = static_cast<size_t>(address.width()) / 8;
    for (size_t i = 0; i < size; i++)
        bytes[offset + i] = static_cast<uint8_t>(address.value >> (8 * (size - 1 - i)));
}

}  // namespace

void put(Bytes& bytes, size_t offset, size_t width, uint64_t value)
{
    for (size_t i = 0; i < width && offset + i < bytes.size(); i++)
        bytes[offset + i] = static_cast<uint8_t>(value >> (8 * (width - 1 - i)));
}

Frame::Frame()
{
    push(Kind::ethernet, 0, 14);
    layers_.back().bytes = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0, 0};
}

Frame::Layer& Frame::push(Kind kind, uint16_t number, size_t bytes)
{
    layers_.push_back({kind, number, Bytes(bytes, 0), {}});
    return layers_.back();
}

Frame& Frame::vlan(uint16_t tpid)
{
    push(Kind::vlan, tpid, 4);
    return *this;
}

Frame& Frame::ipv4(const reference::Address& source, const reference::Address& destination)
{
    Bytes& bytes = push(Kind::ipv4, 0x0800, 20).bytes;
    bytes[0] = 0x45;
    bytes[8] = 64;
    put_address(bytes, kIpv4Source, source);
    put_address(bytes, kIpv4Destination, destination);
    return *this;
}

Frame& Frame::ipv6(const reference::Address& source, const reference::Address& destination)
{
    Bytes& bytes = push(Kind::ipv6, 0x86dd, 40).bytes;
    bytes[0] = 0x60;
    bytes[6] = kNoNext;
    bytes[7] = 64;
    put_address(bytes, kIpv6Source, source);
    put_address(bytes, kIpv6Destination, destination);
    return *this;
}

Frame& Frame::ip(const reference::Address& source, const reference::Address& destination)
{
    return source.family == 4 ? ipv4(source, destination) : ipv6(source, destination);
}

Frame& Frame::ip(const std::string& source, const std::string& destination)
{
    return ip(reference::address(source), reference::address(destination));
}

Frame& Frame::extension(uint8_t type, size_t bytes)
{
    Bytes& header = push(Kind::extension, type, bytes).bytes;
    header[0] = kNoNext;
    if (type == kAuthentication)
        header[1] = static_cast<uint8_t>(bytes / 4 - 2);
    else if (type != kFragmentHeader)
        header[1] = static_cast<uint8_t>(bytes / 8 - 1);
    return *this;
}

Frame& Frame::fragment(uint16_t offset, bool more)
{
    if (layers_.back().kind == Kind::ipv4)
        return set(6, 2, static_cast<uint64_t>(more) << 13 | offset);
    extension(kFragmentHeader);
    put(layers_.back().bytes, 2, 2, static_cast<uint64_t>(offset) << 3 | more);
    put(layers_.back().bytes, 4, 4, 0x12345678);
    return *this;
}

Frame& Frame::ip_options(size_t bytes)
{
    Layer& ip = layers_.back();
    ip.bytes.resize(ip.bytes.size() + bytes, 1);  // no-operation
    ip.bytes[0] = static_cast<uint8_t>(0x40 | ip.bytes.size() / 4);
    return *this;
}

Frame& Frame::tcp(uint8_t flags, uint16_t destination_port, uint16_t source_port)
{
    Bytes& bytes = push(Kind::payload, 6, 20).bytes;
    put(bytes, 0, 2, source_port);
    put(bytes, 2, 2, destination_port);
    static std::atomic<uint32_t> sequence{0x01020304};
    put(bytes, 4, 4, sequence++);
    bytes[12] = 0x50;
    bytes[13] = flags;
    put(bytes, 14, 2, 0xffff);
    return *this;
}

Frame& Frame::tcp_options(size_t bytes)
{
    Bytes& tcp = layers_.back().bytes;
    tcp.resize(tcp.size() + bytes, 1);  // no-operation
    tcp[12] = static_cast<uint8_t>(tcp.size() / 4 << 4);
    return *this;
}

Frame& Frame::udp(uint16_t destination_port, uint16_t source_port)
{
    Bytes& bytes = push(Kind::payload, 17, 8).bytes;
    put(bytes, 0, 2, source_port);
    put(bytes, 2, 2, destination_port);
    put(bytes, 4, 2, 8);
    return *this;
}

Frame& Frame::protocol(uint8_t number)
{
    push(Kind::payload, number, 0);
    return *this;
}

Frame& Frame::data(size_t bytes, uint8_t fill)
{
    push(Kind::payload, kNoNext, 0).bytes.assign(bytes, fill);
    return *this;
}

Frame& Frame::set(size_t offset, size_t width, uint64_t value)
{
    layers_.back().overrides.push_back({offset, width, value});
    return *this;
}

Frame& Frame::cut(size_t bytes)
{
    cut_ = bytes;
    return *this;
}

Frame& Frame::trailer(size_t bytes)
{
    trailer_ = bytes;
    return *this;
}

// From the last layer to the first: names of what follows, and how long it is.
void Frame::complete(std::vector<Layer>& layers) const
{
    size_t behind = 0;
    for (size_t i = layers.size(); i-- > 0;) {
        Layer& layer = layers[i];
        const bool last = i + 1 == layers.size();
        const uint16_t next = last ? uint16_t{kNoNext} : layers[i + 1].number;
        if (layer.kind == Kind::ethernet || layer.kind == Kind::vlan)
            put(layer.bytes, layer.bytes.size() - 2, 2, last ? 0 : next);
        if (layer.kind == Kind::ipv4) {
            put(layer.bytes, 2, 2, layer.bytes.size() + behind);
            layer.bytes[9] = static_cast<uint8_t>(next);
        }
        if (layer.kind == Kind::ipv6) {
            put(layer.bytes, 4, 2, behind);
            layer.bytes[6] = static_cast<uint8_t>(next);
        }
        if (layer.kind == Kind::extension && !layer.bytes.empty())
            layer.bytes[0] = static_cast<uint8_t>(next);
        behind += layer.bytes.size();
        for (const Override& o : layer.overrides)
            put(layer.bytes, o.offset, o.width, o.value);
    }
}

Bytes Frame::bytes() const
{
    std::vector<Layer> layers = layers_;
    complete(layers);
    Bytes out;
    for (const Layer& layer : layers)
        out.insert(out.end(), layer.bytes.begin(), layer.bytes.end());
    out.resize(out.size() + trailer_, 0xaa);
    if (out.size() > cut_)
        out.resize(cut_);
    return out;
}

}  // namespace mxgate::frames
