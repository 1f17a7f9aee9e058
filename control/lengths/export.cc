// SPDX-License-Identifier: BSD-2-Clause
#include "control/lengths/export.h"

#include <fmt/format.h>

#include <algorithm>

#include "control/net/address_text.h"
#include "control/net/nesting.h"

namespace mxgate {
namespace {

// RFC 6890 and its registry: the parts that customers might have, but nobody may announce.
constexpr const char* kNotPublic[] = {"10.0.0.0/8",     "100.64.0.0/10", "127.0.0.0/8",
                                      "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16",
                                      "224.0.0.0/3",    "0.0.0.0/8",     "fc00::/7",
                                      "fe80::/10",      "ff00::/8",      "::/8"};

bool is_public(const mxg_prefix& prefix)
{
    return std::none_of(std::begin(kNotPublic), std::end(kNotPublic), [&](const char* text) {
        const mxg_prefix other = parse_prefix(text)->prefix;
        return prefix_contains(other, prefix) || prefix_contains(prefix, other);
    });
}

}  // namespace

PrefixlenFile export_prefixlen(const std::vector<LengthList>& lists)
{
    PrefixlenFile out;
    std::vector<LengthEntry> all;
    for (const LengthList& list : lists)
        all.insert(all.end(), list.entries.begin(), list.entries.end());
    std::stable_sort(all.begin(), all.end(), [](const LengthEntry& a, const LengthEntry& b) {
        return prefix_before(prefix_of(a), prefix_of(b));
    });
    out.text = "# prefix,end-site prefix length,end sites (RFC 9977)\r\n";
    const LengthEntry* before = nullptr;
    for (const LengthEntry& entry : all) {
        const mxg_prefix prefix = prefix_of(entry);
        if (before && !prefix_before(prefix_of(*before), prefix)) {
            if (before->site_length != entry.site_length || before->end_sites != entry.end_sites)
                out.notes.push_back(fmt::format("{} is stated twice; /{} is written",
                                                to_string(prefix), before->site_length));
            continue;
        }
        before = &entry;
        if (!is_public(prefix)) {
            out.notes.push_back(to_string(prefix) + " is not public and left out");
            continue;
        }
        out.text += fmt::format("{},{},{}\r\n", to_string(prefix),
                                entry.site_length ? std::to_string(entry.site_length) : "",
                                entry.end_sites ? std::to_string(entry.end_sites) : "");
        out.entries++;
    }
    return out;
}

}  // namespace mxgate
