// SPDX-License-Identifier: BSD-2-Clause
#include "ebpf/sockets_open.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>

#include "dataplane/state/memory.h"

namespace mxgate {
namespace {

uint16_t port_of(const Fd& socket)
{
    sockaddr_in at{};
    socklen_t bytes = sizeof(at);
    EXPECT_EQ(::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&at), &bytes), 0);
    return ntohs(at.sin_port);
}

// Both ends of a connection are open here: one that was accepted, and one that the host began.
TEST(SocketsOpen, WhatWasAcceptedAndNotWhatTheHostBegan)
{
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* address = reinterpret_cast<sockaddr*>(&at);
    Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::bind(listener.get(), address, sizeof(at)), 0);
    ASSERT_EQ(::listen(listener.get(), 1), 0);
    at.sin_port = htons(port_of(listener));
    const Fd began(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::connect(began.get(), address, sizeof(at)), 0);
    const Fd accepted(::accept(listener.get(), nullptr, nullptr));
    ASSERT_TRUE(accepted);
    const auto open_at = [](uint16_t port) {
        const std::vector<mxg_packet> all = sockets_open();
        return std::count_if(all.begin(), all.end(), [&](const mxg_packet& packet) {
            return packet.destination_port == port;
        });
    };
    EXPECT_EQ(open_at(port_of(accepted)), 1);
    EXPECT_EQ(open_at(port_of(began)), 0);
}

}  // namespace
}  // namespace mxgate
