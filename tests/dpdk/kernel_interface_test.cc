// SPDX-License-Identifier: BSD-2-Clause
// One gate for each of the kernel's interfaces.
#include "dataplane/dpdk/kernel_interface.h"

#include <gmock/gmock.h>
#include <net/if.h>
#include <unistd.h>

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
