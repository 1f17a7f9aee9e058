// SPDX-License-Identifier: BSD-2-Clause
// Addresses and prefixes as the test tools need them: text in, random or numbered hosts out.
// Kept apart from the gate's own parser, which these tools help to test.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

namespace mxgate::tools {

struct Address {
    int family = AF_INET6;
    std::array<uint8_t, 16> bytes{};
    size_t size() const { return family == AF_INET6 ? 16 : 4; }
};

struct Prefix {
    Address first;
    size_t length = 0;

    // The address of this prefix whose host bits are those of the 128-bit number `high:low`.
    Address host(uint64_t high, uint64_t low) const
    {
        Address address = first;
        const size_t bits = first.size() * 8;
        for (size_t i = 0; i < bits - length; ++i) {
            const bool set = ((i < 64 ? low >> i : high >> (i - 64)) & 1) != 0;
            const size_t bit = bits - 1 - i;
            const auto mask = static_cast<uint8_t>(0x80 >> (bit % 8));
            uint8_t& byte = address.bytes[bit / 8];
            byte = static_cast<uint8_t>(set ? byte | mask : byte & ~mask);
        }
        return address;
    }
};

inline Address parse_address(const std::string& text)
{
    Address address;
    address.family = text.find(':') != std::string::npos ? AF_INET6 : AF_INET;
    if (inet_pton(address.family, text.c_str(), address.bytes.data()) != 1) {
        throw std::runtime_error("not an address: " + text);
    }
    return address;
}

inline Prefix parse_prefix(const std::string& text)
{
    const size_t slash = text.find('/');
    Prefix prefix{parse_address(text.substr(0, slash))};
    const size_t longest = prefix.first.size() * 8;
    prefix.length = slash == std::string::npos ? longest : std::stoul(text.substr(slash + 1));
    if (prefix.length > longest) {
        throw std::runtime_error("prefix length out of range: " + text);
    }
    return prefix;
}

// All of `texts`, which must be of the family of `to`.
inline std::vector<Prefix> parse_prefixes(const std::vector<std::string>& texts, const Address& to)
{
    std::vector<Prefix> prefixes;
    for (const std::string& text : texts) {
        prefixes.push_back(parse_prefix(text));
        if (prefixes.back().first.family != to.family) {
            throw std::runtime_error("not of the target's address family: " + text);
        }
    }
    return prefixes;
}

inline std::string to_string(const Address& address)
{
    std::array<char, INET6_ADDRSTRLEN> text{};
    inet_ntop(address.family, address.bytes.data(), text.data(), text.size());
    return text.data();
}

struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t size = 0;
    const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

inline SocketAddress socket_address(const Address& address, uint16_t port)
{
    SocketAddress result;
    if (address.family == AF_INET6) {
        sockaddr_in6 in6{};
        in6.sin6_family = AF_INET6;
        in6.sin6_port = htons(port);
        std::memcpy(&in6.sin6_addr, address.bytes.data(), 16);
        std::memcpy(&result.storage, &in6, result.size = sizeof in6);
    } else {
        sockaddr_in in{};
        in.sin_family = AF_INET;
        in.sin_port = htons(port);
        std::memcpy(&in.sin_addr, address.bytes.data(), 4);
        std::memcpy(&result.storage, &in, result.size = sizeof in);
    }
    return result;
}

}  // namespace mxgate::tools
