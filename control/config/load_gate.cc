// SPDX-License-Identifier: BSD-2-Clause
// The `gate` section: what is guarded, and how.
#include <algorithm>

#include "control/config/reader.h"
#include "control/net/ranges.h"
#include "dataplane/core/image.h"

namespace mxgate {
namespace {

constexpr size_t kMaxAddresses = MXG_MAX_SERVICE_ADDRESSES;  // over all services
constexpr size_t kMaxPortRanges = MXG_MAX_PORT_RANGES;       // of one service

bool overlap(const PortRange& a, const PortRange& b)
{
    return a.first <= b.last && b.first <= a.last;
}

}  // namespace

void Reader::read_gate(const YamlNode& node)
{
    GateConfig& gate = config_.gate;
    const Section fields =
        section(node, "gate",
                {"plane", "interfaces", "attach", "dpdk", "mode", "services", "fragments",
                 "without_table", "stale_after", "stale", "replies", "blast_radius"});
    if (!fields.is_map())
        return;
    gate.plane =
        fields.choice<PlaneKind>("plane", {{"xdp", PlaneKind::xdp}, {"dpdk", PlaneKind::dpdk}})
            .value_or(gate.plane);
    gate.attach = fields
                      .choice<AttachMode>("attach", {{"auto", AttachMode::automatic},
                                                     {"native", AttachMode::native},
                                                     {"generic", AttachMode::generic}})
                      .value_or(gate.attach);
    gate.mode =
        fields.choice<Mode>("mode", {{"enforce", Mode::enforce}, {"monitor", Mode::monitor}})
            .value_or(gate.mode);
    gate.fragments = fields
                         .choice<DropOrPass>(
                             "fragments", {{"drop", DropOrPass::drop}, {"pass", DropOrPass::pass}})
                         .value_or(gate.fragments);
    gate.without_table = fields
                             .choice<DropOrPass>("without_table", {{"pass", DropOrPass::pass},
                                                                   {"drop", DropOrPass::drop}})
                             .value_or(gate.without_table);
    gate.stale_counts =
        fields.choice<bool>("stale", {{"keep", true}, {"default_class", false}}).value_or(true);
    if (const YamlEntry* after = fields.find("stale_after"))
        gate.stale_after_ns = read_duration(report_, *after->value);
    else if (!gate.stale_counts)
        error_at(report_, *fields.find("stale"),
                 "`stale: default_class` needs `stale_after`; write for example `stale_after: 7d`");
    read_replies(fields);
    read_blast_radius(fields);
    read_dpdk(fields);
    if (const YamlEntry* interfaces = fields.find("interfaces"))
        read_interfaces(*interfaces->value);
    if (const YamlEntry* services = fields.require("services"))
        read_services(*services->value);
}

void Reader::read_replies(const Section& gate)
{
    const YamlEntry* entry = gate.find("replies");
    if (entry == nullptr)
        return;
    const Section fields = section(*entry->value, "replies", {"rate", "burst"});
    if (fields.is_map())
        config_.gate.replies = read_bucket(fields, config_.gate.replies);
}

void Reader::read_interfaces(const YamlNode& node)
{
    constexpr size_t kMaxInterfaceName = 15;
    std::vector<std::string>& names = config_.gate.interfaces;
    for (const YamlNode* item : read_list(report_, node, "a list of interfaces")) {
        const auto text = read_text(report_, *item, "the name of an interface");
        if (!text)
            continue;
        if (text->empty() || text->size() > kMaxInterfaceName || *text == "." || *text == ".." ||
            text->find_first_of("/: \t\n") != std::string_view::npos)
            error_at(report_, *item,
                     fmt::format("{} is not the name of an interface", show(*text)));
        else if (std::find(names.begin(), names.end(), *text) != names.end())
            error_at(report_, *item, fmt::format("interface {} stands twice", show(*text)));
        else
            names.emplace_back(*text);
    }
}

void Reader::read_services(const YamlNode& node)
{
    for (const YamlNode* item : read_list(report_, node, "a list of services"))
        read_service(*item);
    check_shared_services();
}

void Reader::read_service(const YamlNode& node)
{
    ServiceConfig service;
    service.where = location(node);
    const Section fields = section(node, "service", {"name", "addresses", "ports"});
    if (!fields.is_map())
        return;
    if (const YamlEntry* entry = fields.require("name")) {
        service.name = read_name(report_, *entry->value).value_or("");
        const auto [first, is_new] = service_lines_.try_emplace(service.name, entry->line);
        if (!is_new && !service.name.empty())
            error_at(
                report_, *entry->value,
                fmt::format("service `{}` stands in line {} already", service.name, first->second));
    }
    address_nodes_.emplace_back();
    if (const YamlEntry* entry = fields.require("addresses"))
        read_addresses(*entry->value, service);
    if (const YamlEntry* entry = fields.find("ports"))
        read_ports(*entry->value, service);
    else
        service.ports = {PortRange{}};
    config_.gate.services.push_back(std::move(service));
}

void Reader::read_addresses(const YamlNode& node, ServiceConfig& service)
{
    for (const YamlNode* item : read_list(report_, node, "a list of addresses")) {
        const auto prefix = read_prefix(report_, *item);
        if (!prefix)
            continue;
        const mxg_address& address = prefix->address;
        if (++address_count_ == kMaxAddresses + 1)
            error_at(report_, *item,
                     fmt::format("more than {} addresses over all services; write a prefix",
                                 kMaxAddresses));
        if (address_count_ > kMaxAddresses)
            return;
        if (address.hi == 0 && address.lo == 0 && prefix->length > 0) {
            error_at(report_, *item,
                     fmt::format("{} is no service; for all addresses write \"{}/0\"",
                                 show(item->text), to_string(address)));
            continue;
        }
        if (address.family == MXG_FAMILY_IPV6 && address.hi == 0 && address.lo >> 32 == 0xffff) {
            error_at(report_, *item,
                     fmt::format("{} never stands in a packet; write the IPv4 address",
                                 show(item->text)));
            continue;
        }
        if (std::any_of(service.addresses.begin(), service.addresses.end(),
                        [&](const mxg_prefix& other) { return same_prefix(other, *prefix); })) {
            error_at(report_, *item, fmt::format("{} stands twice", to_string(*prefix)));
            continue;
        }
        service.addresses.push_back(*prefix);
        address_nodes_.back().push_back(item);
    }
}

void Reader::read_ports(const YamlNode& node, ServiceConfig& service)
{
    for (const YamlNode* item : read_list(report_, node, "a list of ports")) {
        const auto text = read_text(report_, *item, "a port or a range of ports");
        if (!text)
            continue;
        const auto range = parse_ports(*text);
        if (!range) {
            error_at(
                report_, *item,
                fmt::format("{} is not a port; write for example `25` or `1-65535`", show(*text)));
            continue;
        }
        for (const PortRange& other : service.ports)
            if (overlap(other, *range)) {
                error_at(report_, *item, "this overlaps with an earlier port of the service");
                break;
            }
        service.ports.push_back(*range);
        if (service.ports.size() > kMaxPortRanges) {
            error_at(report_, *item,
                     fmt::format("more than {} port ranges in one service", kMaxPortRanges));
            return;
        }
    }
}

// Two services must not both claim a packet.
void Reader::check_shared_services()
{
    const auto& services = config_.gate.services;
    const auto shared = [&](size_t later, const mxg_prefix& prefix) -> const ServiceConfig* {
        for (size_t i = 0; i < later; i++)
            for (const mxg_prefix& other : services[i].addresses)
                for (const PortRange& a : services[i].ports)
                    for (const PortRange& b : services[later].ports)
                        if (overlap(other, prefix) && overlap(a, b))
                            return &services[i];
        return nullptr;
    };
    for (size_t later = 1; later < services.size(); later++)
        for (size_t i = 0; i < services[later].addresses.size(); i++)
            if (const ServiceConfig* other = shared(later, services[later].addresses[i]))
                error_at(report_, *address_nodes_[later][i],
                         fmt::format("service `{}` (line {}) has this address and port already",
                                     other->name, other->where.line));
}

}  // namespace mxgate
