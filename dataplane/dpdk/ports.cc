// SPDX-License-Identifier: BSD-2-Clause
#include "dataplane/dpdk/ports.h"

#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include <algorithm>
#include <cstdlib>

#include "dataplane/core/image.h"
#include "dataplane/dpdk/kernel_interface.h"

namespace mxgate {
namespace {

constexpr uint16_t kDescriptors = 1024;
constexpr uint32_t kMostRoom = UINT16_MAX - RTE_PKTMBUF_HEADROOM;
constexpr uint32_t kEthernetBytes = RTE_ETHER_HDR_LEN + 2 * RTE_VLAN_HLEN;
// All flows of one pair of addresses and ports on one queue.
constexpr uint64_t kHashed = RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_IPV6 |
                             RTE_ETH_RSS_NONFRAG_IPV6_TCP;

void check(int result, const PortReport& port, const char* what)
{
    if (result < 0)
        throw PlaneError("port " + port.name + ": " + what + ": " + rte_strerror(-result));
}

rte_eth_dev_info info_of(const PortReport& port)
{
    rte_eth_dev_info info{};
    check(rte_eth_dev_info_get(port.id, &info), port, "no information");
    return info;
}

PortReport find(const std::string& spec)
{
    PortReport out;
    out.name = port_name(spec);
    if (rte_eth_dev_get_port_by_name(out.name.c_str(), &out.id) != 0)
        throw PlaneError("port " + spec +
                         ": DPDK has no such port; is the name right, is a PCI device bound to "
                         "vfio-pci (dpdk-devbind.py --status), is its driver installed?");
    return out;
}

// What DPDK will configure: a driver that names no limit has that of its frames.
uint32_t most_mtu(const rte_eth_dev_info& info)
{
    if (info.max_mtu != 0 && info.max_mtu != UINT16_MAX)
        return info.max_mtu;
    const uint32_t around = RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN;
    return info.max_rx_pktlen > around ? info.max_rx_pktlen - around : UINT16_MAX;
}

// Buffers of net_af_packet must hold what its ring does: "net_af_packet0,framesz=16384".
uint32_t ring_frame(const std::string& spec)
{
    const size_t at = spec.find(",framesz=");
    return at == std::string::npos
               ? 0
               : static_cast<uint32_t>(std::strtoul(spec.c_str() + at + 9, nullptr, 10));
}

uint16_t descriptors(const rte_eth_desc_lim& limit)
{
    uint16_t out = kDescriptors;
    if (limit.nb_max != 0)
        out = std::min(out, limit.nb_max);
    return std::max(out, limit.nb_min);
}

}  // namespace

Ports::Ports(const std::vector<std::string>& ports, const DpdkSettings& settings)
{
    queues_ = static_cast<uint32_t>(settings.cores.size());
    uint32_t room = std::max<uint32_t>(settings.mtu + kEthernetBytes + RTE_ETHER_CRC_LEN,
                                       RTE_MBUF_DEFAULT_DATAROOM);
    for (const std::string& spec : ports) {
        room = std::max(room, std::min(ring_frame(spec), kMostRoom));
        reports_.push_back(find(spec));
        const rte_eth_dev_info info = info_of(reports_.back());
        hold(reports_.back(), info.if_index);
        queues_ = std::min<uint32_t>({queues_, info.max_rx_queues, info.max_tx_queues});
    }
    const auto count =
        static_cast<uint32_t>(reports_.size()) * queues_ * 2 * kDescriptors + 4096 + queues_ * 512;
    pool_ = rte_pktmbuf_pool_create(
        "mxgate", count, 256, 0, static_cast<uint16_t>(room + RTE_PKTMBUF_HEADROOM), SOCKET_ID_ANY);
    if (!pool_)
        throw PlaneError("no memory for " + std::to_string(count) + " packet buffers of " +
                         std::to_string(room) + " bytes: " + rte_strerror(rte_errno) +
                         "; give EAL more with `eal: [\"-m\", \"MEGABYTES\"]` or huge pages");
    const bool wire = settings.topology == DpdkSettings::Topology::inline_wire;
    for (PortReport& port : reports_)
        configure(port, settings, wire);
    for (PortReport& port : reports_)
        start(port);
}

Ports::~Ports()
{
    for (const PortReport& port : reports_) {
        rte_eth_dev_stop(port.id);
        rte_eth_dev_close(port.id);
    }
    rte_mempool_free(pool_);
}

void Ports::hold(PortReport& port, unsigned interface)
{
    const std::string name = find_interface(interface).name;
    if (name.empty())
        return;
    held_.push_back(hold_interface(interface, name));
    if (!held_.back())
        port.missing.push_back("certainty that no other gate uses " + name);
}

void Ports::configure(PortReport& port, const DpdkSettings& settings, bool promiscuous)
{
    const rte_eth_dev_info info = info_of(port);
    rte_eth_conf conf{};
    port.driver = info.driver_name;
    port.numa = rte_eth_dev_socket_id(port.id);
    port.queues = queues_;
    const uint64_t hashed = kHashed & info.flow_type_rss_offloads;
    port.rss = queues_ > 1 && hashed != 0;
    if (port.rss) {
        conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
        conf.rx_adv_conf.rss_conf.rss_hf = hashed;
    }
    if (settings.cores.size() > queues_)
        port.missing.push_back(std::to_string(settings.cores.size()) + " queues for as many cores");
    else if (queues_ > 1 && !port.rss)
        port.missing.push_back("RSS: the device spreads flows over queues in its own way");
    // The kernel takes the outer tag off, and the driver puts it back as 0x8100 whatever it was.
    if (port.driver == "net_af_packet")
        port.missing.push_back("802.1ad: such an outer tag leaves as 802.1Q");
    conf.rxmode.mtu = std::min(settings.mtu, most_mtu(info));
    // No LRO and no VLAN stripping: what passes is sent on as it came.
    conf.txmode.offloads = info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
    const auto queues = static_cast<uint16_t>(queues_);
    check(rte_eth_dev_configure(port.id, queues, queues, &conf), port, "cannot be configured");
    const auto node = static_cast<unsigned>(port.numa);
    for (uint16_t queue = 0; queue < queues; queue++) {
        check(rte_eth_rx_queue_setup(port.id, queue, descriptors(info.rx_desc_lim), node, nullptr,
                                     pool_),
              port, "no receive queue");
        check(rte_eth_tx_queue_setup(port.id, queue, descriptors(info.tx_desc_lim), node, nullptr),
              port, "no send queue");
    }
    // A bump in the wire takes every frame; a host its own and, for neighbours, all groups'.
    const int heard =
        promiscuous ? rte_eth_promiscuous_enable(port.id) : rte_eth_allmulticast_enable(port.id);
    if (heard != 0 && heard != -ENOTSUP)
        check(heard, port, "cannot hear all frames");
    set_mtu(port, settings.mtu);
}

// net_af_packet knows of 1500 and passes what the kernel's interface does: that is not made less.
void Ports::set_mtu(PortReport& port, uint32_t wanted)
{
    const rte_eth_dev_info info = info_of(port);
    uint16_t configured = 0;
    rte_eth_dev_get_mtu(port.id, &configured);
    port.mtu = find_interface(info.if_index).mtu;
    if (port.mtu == 0)
        port.mtu = configured;
    if (port.mtu < wanted && most_mtu(info) >= wanted &&
        rte_eth_dev_set_mtu(port.id, static_cast<uint16_t>(wanted)) == 0)
        port.mtu = wanted;
    if (port.mtu < wanted)
        port.missing.push_back("an MTU of " + std::to_string(wanted));
}

void Ports::start(PortReport& port)
{
    check(rte_eth_dev_start(port.id), port, "does not start");
    rte_eth_link link{};
    port.link = rte_eth_link_get_nowait(port.id, &link) == 0 && link.link_status != 0;
    rte_ether_addr mac{};
    char text[RTE_ETHER_ADDR_FMT_SIZE] = "";
    if (rte_eth_macaddr_get(port.id, &mac) == 0)
        rte_ether_format_addr(text, sizeof(text), &mac);
    port.mac = text;
}

}  // namespace mxgate
