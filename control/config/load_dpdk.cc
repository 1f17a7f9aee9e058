// SPDX-License-Identifier: BSD-2-Clause
// The `gate.dpdk` section: the ports of the DPDK plane, and the cores that serve them.
#include <algorithm>

#include "control/config/reader.h"

namespace mxgate {
namespace {

constexpr uint64_t kLeastMtu = 1280;  // RFC 8200
constexpr uint64_t kMostMtu = 16110;
constexpr int64_t kMostCore = 1023;
constexpr size_t kMostCores = 127;
constexpr std::string_view kPciDigits = "0123456789abcdefABCDEF:.";

// A PCI address as "0000:01:00.0", or "01:00.0".
bool is_pci(std::string_view text)
{
    const std::string_view device = text.substr(0, text.find(','));
    return device.find_first_not_of(kPciDigits) == std::string_view::npos &&
           device.find(':') != std::string_view::npos && device.find('.') != std::string_view::npos;
}

bool is_vdev(std::string_view text)
{
    return text.starts_with("net_") || text.starts_with("virtio_user");
}

std::string_view device(std::string_view port)
{
    return port.substr(0, port.find(','));
}

}  // namespace

void Reader::read_dpdk(const Section& gate)
{
    const bool wanted = config_.gate.plane == PlaneKind::dpdk;
    const YamlEntry* entry = gate.find("dpdk");
    if (entry == nullptr)
        return;
    DpdkConfig& dpdk = config_.gate.dpdk;
    const Section fields =
        section(*entry->value, "dpdk section",
                {"ports", "topology", "cores", "eal", "exception", "mtu", "idle"});
    if (!fields.is_map())
        return;
    if (!wanted)
        report_.warning(entry->line, entry->column, "`dpdk` has no effect without `plane: dpdk`");
    dpdk.topology = fields
                        .choice<Topology>("topology", {{"inline", Topology::inline_wire},
                                                       {"host", Topology::host}})
                        .value_or(dpdk.topology);
    if (const YamlEntry* ports = wanted ? fields.require("ports") : fields.find("ports"))
        read_port_names(*ports->value);
    if (const YamlEntry* cores = fields.find("cores"))
        read_cores(*cores->value);
    if (const YamlEntry* eal = fields.find("eal"); eal && eal->value->kind == YamlNode::Kind::list)
        for (const YamlNode* item : eal->value->items)
            dpdk.eal.emplace_back(read_text(report_, *item, "an argument of EAL").value_or(""));
    else if (eal)
        wrong_kind(report_, *eal->value, "a list of EAL's arguments, one word each");
    if (const YamlEntry* exception = fields.find("exception")) {
        dpdk.exception = read_text(report_, *exception->value, "a vdev").value_or("");
        if (!is_vdev(dpdk.exception))
            error_at(report_, *exception->value,
                     fmt::format("{} is no vdev into the kernel; write for example "
                                 "\"net_tap0,iface=mxgate0\"",
                                 show(dpdk.exception)));
        else if (dpdk.topology != Topology::host)
            error_at(report_, *exception, "`exception` goes with `topology: host`");
    }
    if (const YamlEntry* mtu = fields.find("mtu"))
        dpdk.mtu = static_cast<uint32_t>(
            read_number(report_, *mtu->value, kLeastMtu, kMostMtu).value_or(dpdk.mtu));
    if (const YamlEntry* idle = fields.find("idle"))
        dpdk.idle_ns = read_duration(report_, *idle->value).value_or(0);
    if (dpdk.idle_ns > 10'000'000)
        error_at(report_, *fields.find("idle"), "more than 10ms would lose frames");
}

void Reader::read_port_names(const YamlNode& node)
{
    DpdkConfig& dpdk = config_.gate.dpdk;
    for (const YamlNode* item : read_list(report_, node, "a list of ports")) {
        const auto text = read_text(report_, *item, "a port");
        if (!text)
            continue;
        if (!is_pci(*text) && !is_vdev(*text))
            error_at(report_, *item,
                     fmt::format("{} is no port of DPDK; write a PCI address (\"0000:01:00.0\") or "
                                 "a vdev (\"net_af_packet0,iface=eth0\")",
                                 show(*text)));
        else if (std::any_of(dpdk.ports.begin(), dpdk.ports.end(), [&](const std::string& other) {
                     return device(other) == device(*text);
                 }))
            error_at(report_, *item, fmt::format("port {} stands twice", show(device(*text))));
        else
            dpdk.ports.emplace_back(*text);
    }
    const size_t wanted = dpdk.topology == Topology::host ? 1 : 2;
    if (config_.gate.plane == PlaneKind::dpdk && node.kind == YamlNode::Kind::list &&
        node.items.size() != wanted)
        error_at(report_, node,
                 fmt::format("`topology: {}` has {}; found {}", wanted == 1 ? "host" : "inline",
                             wanted == 1 ? "one port" : "two ports", node.items.size()));
}

void Reader::read_cores(const YamlNode& node)
{
    std::vector<uint32_t>& cores = config_.gate.dpdk.cores;
    cores.clear();
    for (const YamlNode* item : read_list(report_, node, "a list of CPU numbers")) {
        const auto core = read_integer(report_, *item, 0, kMostCore);
        if (!core)
            continue;
        if (std::find(cores.begin(), cores.end(), *core) != cores.end())
            error_at(report_, *item, fmt::format("core {} stands twice", *core));
        else
            cores.push_back(static_cast<uint32_t>(*core));
    }
    if (cores.size() > kMostCores)
        error_at(report_, node, fmt::format("more than {} cores", kMostCores));
}

}  // namespace mxgate
