// SPDX-License-Identifier: BSD-2-Clause
// What the configuration and the machine make of EAL's arguments and the list of ports.
#include <gmock/gmock.h>

#include <algorithm>

#include "dataplane/dpdk/ports.h"

namespace mxgate {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Not;

const DpdkMachine kBare{};
const DpdkMachine kHuge{512, true, true};

DpdkSettings wire()
{
    DpdkSettings out;
    out.ports = {"net_af_packet0,iface=a", "net_af_packet1,iface=b"};
    out.cores = {2, 5};
    return out;
}

DpdkSettings host()
{
    DpdkSettings out;
    out.topology = DpdkSettings::Topology::host;
    out.ports = {"0000:01:00.0"};
    out.cores = {0, 1, 2};
    return out;
}

// The word after `name`; empty if there is none.
std::string value_of(const std::vector<std::string>& words, const std::string& name)
{
    const auto found = std::find(words.begin(), words.end(), name);
    return found == words.end() || found + 1 == words.end() ? "" : *(found + 1);
}

TEST(DpdkSettingsTest, PortsOfTheWire)
{
    EXPECT_THAT(all_ports(wire(), kHuge),
                ElementsAre("net_af_packet0,iface=a", "net_af_packet1,iface=b"));
    EXPECT_EQ(port_name("net_af_packet0,iface=a"), "net_af_packet0");
    EXPECT_EQ(port_name("0000:01:00.0"), "0000:01:00.0");
}

// The best way into the kernel that the machine has, unless the operator names one.
TEST(DpdkSettingsTest, ExceptionPort)
{
    EXPECT_THAT(all_ports(host(), kBare), ElementsAre("0000:01:00.0", "net_tap0,iface=mxgate0"));
    EXPECT_THAT(
        all_ports(host(), kHuge),
        ElementsAre("0000:01:00.0",
                    "virtio_user0,path=/dev/vhost-net,iface=mxgate0,queues=3,queue_size=1024"));
    DpdkSettings named = host();
    named.exception = "net_tap9,iface=mx";
    EXPECT_THAT(all_ports(named, kHuge), ElementsAre("0000:01:00.0", "net_tap9,iface=mx"));
}

TEST(DpdkSettingsTest, CoresAndFiles)
{
    const auto words = eal_arguments(wire(), kHuge, "mxgate");
    EXPECT_EQ(value_of(words, "--lcores").substr(0, 13), "0@2,1@5,127@(");
    EXPECT_EQ(value_of(words, "--main-lcore"), "127");
    EXPECT_EQ(value_of(words, "--file-prefix"), "mxgate");
}

TEST(DpdkSettingsTest, Devices)
{
    const auto vdevs = eal_arguments(wire(), kHuge, "mxgate");
    EXPECT_EQ(std::count(vdevs.begin(), vdevs.end(), "--vdev"), 2);
    EXPECT_THAT(vdevs, Contains("net_af_packet1,iface=b"));
    EXPECT_THAT(vdevs, Contains("--no-pci"));
    const auto pci = eal_arguments(host(), kHuge, "mxgate");
    EXPECT_EQ(value_of(pci, "-a"), "0000:01:00.0");
    EXPECT_THAT(pci, Not(Contains("--no-pci")));
}

// EAL is quiet, unless the operator wants to hear it: what stands last holds.
TEST(DpdkSettingsTest, OperatorsWordsAreLast)
{
    DpdkSettings loud = wire();
    loud.eal = {"--log-level=lib.eal:debug"};
    const auto words = eal_arguments(loud, kHuge, "mxgate");
    EXPECT_EQ(words.back(), "--log-level=lib.eal:debug");
    EXPECT_EQ(words.at(words.size() - 2), "--log-level=*:warning");
}

// Huge pages where the machine has some, unless the operator says how.
TEST(DpdkSettingsTest, Memory)
{
    EXPECT_THAT(eal_arguments(wire(), kHuge, "mxgate"), Not(Contains("--no-huge")));
    EXPECT_THAT(eal_arguments(wire(), kHuge, "mxgate"), Not(Contains("-m")));
    const DpdkMachine no_folder{512, false, false}, no_pages{0, true, false};
    for (const DpdkMachine& machine : {kBare, no_folder, no_pages})
        EXPECT_THAT(eal_arguments(wire(), machine, "mxgate"), Contains("--no-huge"));
    DpdkSettings large = wire();
    large.mtu = 9000;
    const auto megabytes = [](const DpdkSettings& settings) {
        return std::stoul(value_of(eal_arguments(settings, kBare, "mxgate"), "-m"));
    };
    EXPECT_GT(megabytes(large), megabytes(wire()));
    DpdkSettings told = wire();
    told.eal = {"--in-memory"};
    EXPECT_THAT(eal_arguments(told, kBare, "mxgate"), Not(Contains("--no-huge")));
    told.eal = {"--no-huge", "-m", "4096"};
    const auto words = eal_arguments(told, kHuge, "mxgate");
    EXPECT_EQ(std::count(words.begin(), words.end(), "-m"), 1);
    EXPECT_EQ(value_of(words, "-m"), "4096");
}

}  // namespace
}  // namespace mxgate
