// SPDX-License-Identifier: BSD-2-Clause
// EAL: its arguments, and what they depend on.
#include <rte_eal.h>
#include <rte_errno.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>

#include "dataplane/dpdk/ports.h"
#include "dataplane/state/memory.h"

namespace mxgate {
namespace {

// The lcore that does no packets; workers are lcores 0, 1, ...
constexpr const char* kMainLcore = "127";

uint64_t number_in(const std::string& path)
{
    std::ifstream file(path);
    uint64_t out = 0;
    file >> out;
    return out;
}

bool has_huge_page_folder()
{
    std::ifstream mounts("/proc/mounts");
    std::string line;
    while (std::getline(mounts, line))
        if (line.find(" hugetlbfs ") != std::string::npos)
            return true;
    return false;
}

bool holds(const std::vector<std::string>& words, const std::string& word)
{
    return std::find(words.begin(), words.end(), word) != words.end();
}

// Buffers of all ports and some more; for memory without huge pages, which EAL takes at once.
uint64_t megabytes(const DpdkSettings& settings)
{
    const uint64_t buffers = 16384 * (static_cast<uint64_t>(settings.mtu) + 512) >> 20;
    return 128 + buffers * 2;
}

}  // namespace

DpdkMachine look_at_machine()
{
    DpdkMachine out;
    for (const char* size : {"2048kB", "1048576kB"})
        out.free_huge_pages += number_in("/sys/kernel/mm/hugepages/hugepages-" + std::string(size) +
                                         "/free_hugepages");
    out.huge_page_folder = has_huge_page_folder();
    out.vhost_net = ::access("/dev/vhost-net", R_OK | W_OK) == 0;
    return out;
}

std::string port_name(const std::string& port)
{
    return port.substr(0, port.find(','));
}

bool is_vdev(const std::string& port)
{
    return port.starts_with("net_") || port.starts_with("virtio_user");
}

std::vector<std::string> all_ports(const DpdkSettings& settings, const DpdkMachine& machine)
{
    std::vector<std::string> out = settings.ports;
    if (settings.topology != DpdkSettings::Topology::host)
        return out;
    if (!settings.exception.empty())
        out.push_back(settings.exception);
    else if (machine.vhost_net)
        out.push_back("virtio_user0,path=/dev/vhost-net,iface=mxgate0,queues=" +
                      std::to_string(settings.cores.size()) + ",queue_size=1024");
    else
        out.emplace_back("net_tap0,iface=mxgate0");
    return out;
}

std::vector<std::string> eal_arguments(const DpdkSettings& settings, const DpdkMachine& machine,
                                       const std::string& prefix)
{
    std::vector<std::string> out{"mxgate-dpdk"};
    std::string lcores;
    for (size_t i = 0; i < settings.cores.size(); i++)
        lcores += std::to_string(i) + "@" + std::to_string(settings.cores[i]) + ",";
    // The main lcore sleeps most of the time: any core will do.
    const long last = ::sysconf(_SC_NPROCESSORS_CONF) - 1;
    lcores += std::string(kMainLcore) + "@(0-" + std::to_string(last) + ")";
    out.insert(out.end(), {"--lcores", lcores, "--main-lcore", kMainLcore});
    out.insert(out.end(), {"--file-prefix", prefix, "--force-max-simd-bitwidth=512"});
    const bool told = holds(settings.eal, "--no-huge") || holds(settings.eal, "--in-memory") ||
                      holds(settings.eal, "--huge-dir");
    if (!told && (machine.free_huge_pages == 0 || !machine.huge_page_folder))
        out.emplace_back("--no-huge");
    if (holds(out, "--no-huge") && !holds(settings.eal, "-m"))
        out.insert(out.end(), {"-m", std::to_string(megabytes(settings))});
    bool pci = false;
    for (const std::string& port : all_ports(settings, machine)) {
        pci |= !is_vdev(port);
        out.insert(out.end(), {is_vdev(port) ? "--vdev" : "-a", port});
    }
    if (!pci)
        out.emplace_back("--no-pci");
    // What it detects and selects is for who debugs it: a later --log-level has the last word.
    out.emplace_back("--log-level=*:warning");
    out.insert(out.end(), settings.eal.begin(), settings.eal.end());
    return out;
}

void start_eal(std::vector<std::string> arguments)
{
    // EAL keeps pointers into the arguments.
    static std::vector<std::string> words;
    static std::vector<char*> argv;
    words = std::move(arguments);
    argv.clear();
    for (std::string& word : words)
        argv.push_back(word.data());
    argv.push_back(nullptr);
    if (rte_eal_init(static_cast<int>(words.size()), argv.data()) >= 0)
        return;
    std::string error = std::string("DPDK does not start: ") + rte_strerror(rte_errno);
    if (rte_errno == EACCES || rte_errno == EPERM || ::geteuid() != 0)
        error +=
            "; without root it needs CAP_NET_ADMIN, CAP_NET_RAW and CAP_IPC_LOCK, a writable "
            "hugetlbfs, and /dev/vfio for PCI ports";
    error += "; its own words stand above, its arguments were:";
    for (const std::string& word : words)
        error += " " + word;
    throw PlaneError(error);
}

}  // namespace mxgate
