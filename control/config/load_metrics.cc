// SPDX-License-Identifier: BSD-2-Clause
// The `metrics` section: where Prometheus finds the gate's counters.
#include <sys/un.h>

#include "control/config/reader.h"

namespace mxgate {
namespace {

constexpr size_t kMaxSocketPath = sizeof(sockaddr_un::sun_path) - 1;

// `HOST:PORT`, `[HOST]:PORT`; nothing if it is neither.
std::optional<Endpoint> parse_endpoint(std::string_view text)
{
    const size_t colon = text.rfind(':');
    if (colon == std::string_view::npos)
        return std::nullopt;
    std::string_view host = text.substr(0, colon);
    const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
    if (bracketed)
        host = host.substr(1, host.size() - 2);
    const auto address = parse_address(host);
    const auto port = parse_integer(text.substr(colon + 1));
    if (!address || bracketed != (address->family == MXG_FAMILY_IPV6) || !port || *port < 1 ||
        *port > UINT16_MAX)
        return std::nullopt;
    return Endpoint{"", std::string(host), static_cast<uint16_t>(*port)};
}

bool is_loopback(std::string_view host)
{
    const mxg_address address = *parse_address(host);
    return mxg_contains(parse_prefix("127.0.0.0/8")->prefix, address) ||
           mxg_contains(parse_prefix("::1")->prefix, address);
}

}  // namespace

void Reader::read_metrics(const YamlNode& node)
{
    const Section fields = section(node, "metrics", {"listen", "remote"});
    if (!fields.is_map())
        return;
    const bool remote =
        fields.choice<bool>("remote", {{"refuse", false}, {"allow", true}}).value_or(false);
    const YamlEntry* entry = fields.require("listen");
    const auto text = fields.text_of("listen");
    if (!text)
        return;
    const YamlNode& value = *entry->value;
    if (text->starts_with("/")) {
        if (text->size() > kMaxSocketPath)
            error_at(report_, value,
                     fmt::format("the path of a socket is at most {} bytes", kMaxSocketPath));
        config_.metrics = Endpoint{std::string(*text), "", 0};
        return;
    }
    config_.metrics = parse_endpoint(*text);
    if (!config_.metrics)
        error_at(report_, value,
                 fmt::format("{} is nothing to listen on; write for example `127.0.0.1:9911`, "
                             "`[::1]:9911` or the path of a socket",
                             show(*text)));
    else if (!remote && !is_loopback(config_.metrics->address))
        error_at(report_, value,
                 fmt::format("{} is not of this host alone: whoever reaches it reads the counters; "
                             "write `remote: allow` beside it if that is meant",
                             show(config_.metrics->address)));
}

}  // namespace mxgate
