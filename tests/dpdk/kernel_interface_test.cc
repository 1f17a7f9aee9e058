// SPDX-License-Identifier: BSD-2-Clause
// One gate for each of the kernel's interfaces.
#include "dataplane/dpdk/kernel_interface.h"

#include <gmock/gmock.h>
#include <net/if.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>

namespace mxgate {
namespace {

// A number that no interface has, and no other run of this test.
unsigned some_index()
{
    return 1u << 30 | static_cast<unsigned>(::getpid());
}

TEST(KernelInterfaceTest, OneHolderAtATime)
{
    const Fd first = hold_interface(some_index(), "eth7");
    ASSERT_TRUE(first);
    try {
        const Fd second = hold_interface(some_index(), "eth7");
        FAIL() << "held twice";
    } catch (const PlaneError& error) {
        EXPECT_THAT(error.what(), ::testing::HasSubstr("eth7"));
        EXPECT_THAT(error.what(), ::testing::HasSubstr(std::to_string(::getpid())));
    }
    EXPECT_TRUE(hold_interface(some_index() + 1, "eth8")) << "another interface is free";
}

// Any local user can have the name; only a gate listens.
TEST(KernelInterfaceTest, WhoDoesNotListenIsNoGate)
{
    const std::string name = "mxgate-port-" + std::to_string(some_index() + 3);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    name.copy(address.sun_path + 1, sizeof(address.sun_path) - 1);
    const Fd other(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::bind(other.get(), reinterpret_cast<const sockaddr*>(&address),
                     static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size())),
              0);
    EXPECT_FALSE(hold_interface(some_index() + 3, "eth7")) << "not held, and no error";
}

TEST(KernelInterfaceTest, FreeAgainWithItsHolderGone)
{
    for (int i = 0; i < 2; i++)
        EXPECT_TRUE(hold_interface(some_index() + 2, "eth7"));
}

TEST(KernelInterfaceTest, WhatTheKernelSaysOfIt)
{
    const KernelInterface loopback = find_interface(::if_nametoindex("lo"));
    EXPECT_EQ(loopback.name, "lo");
    EXPECT_GE(loopback.mtu, 1500u);
    EXPECT_EQ(find_interface(0).name, "") << "a port of DPDK's own";
}

}  // namespace
}  // namespace mxgate
