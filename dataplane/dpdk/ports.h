// SPDX-License-Identifier: BSD-2-Clause
// DPDK's environment and its Ethernet ports.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dataplane/state/memory.h"

struct rte_mempool;

namespace mxgate {

// What the operator asks of the DPDK plane (gate.dpdk).
struct DpdkSettings {
    enum class Topology { inline_wire, host };
    std::vector<std::string> ports;  // PCI addresses, or vdevs with their arguments
    Topology topology = Topology::inline_wire;
    std::vector<uint32_t> cores;   // one worker each
    std::vector<std::string> eal;  // further arguments of EAL, in the operator's words
    std::string exception;         // host: the vdev into the kernel; empty: chosen here
    uint32_t mtu = 1500;           // bytes of an IP packet
    uint32_t idle_us = 0;          // sleep of a worker without frames; 0: it polls on
};

// What a machine has that start-up depends on.
struct DpdkMachine {
    uint64_t free_huge_pages = 0;  // of 2 MiB or 1 GiB
    bool huge_page_folder = false;
    bool vhost_net = false;
};
DpdkMachine look_at_machine();

// The port's name for DPDK: of "net_tap0,iface=x" what stands before the comma.
std::string port_name(const std::string& port);
bool is_vdev(const std::string& port);

// All ports in the order of lanes: those of the configuration, then the exception port of host.
std::vector<std::string> all_ports(const DpdkSettings& settings, const DpdkMachine& machine);

// EAL's arguments, program first. `prefix` keeps the files of two planes apart.
std::vector<std::string> eal_arguments(const DpdkSettings& settings, const DpdkMachine& machine,
                                       const std::string& prefix);

// rte_eal_init; throws PlaneError with EAL's reason and what to do about it.
void start_eal(std::vector<std::string> arguments);

// A port as it came up.
struct PortReport {
    std::string name, driver, mac;
    uint16_t id = 0;
    int numa = -1;  // node; -1: not known
    uint32_t queues = 1;
    uint32_t mtu = 0;
    bool link = false;
    bool rss = false;
    std::vector<std::string> missing;  // what was wished for and is not had
};

// Configures and starts `ports`, `workers` queues each or as many as the one with the fewest has.
// Throws PlaneError. The reports are in the order of `ports`.
class Ports
{
public:
    Ports(const std::vector<std::string>& ports, const DpdkSettings& settings);
    ~Ports();
    Ports(const Ports&) = delete;
    Ports& operator=(const Ports&) = delete;

    const std::vector<PortReport>& reports() const { return reports_; }
    uint32_t queues() const { return queues_; }

private:
    void hold(PortReport& port, unsigned interface);
    void configure(PortReport& port, const DpdkSettings& settings, bool promiscuous);
    static void set_mtu(PortReport& port, uint32_t wanted);
    void start(PortReport& port);

    std::vector<Fd> held_;  // the kernel's interfaces
    rte_mempool* pool_ = nullptr;
    std::vector<PortReport> reports_;
    uint32_t queues_ = 0;
};

}  // namespace mxgate
