// SPDX-License-Identifier: BSD-2-Clause
#include "control/lengths/export.h"

#include <fmt/format.h>

#include <algorithm>

#include "control/net/address_text.h"
#include "control/net/nesting.h"
#include "control/net/public.h"

namespace mxgate {
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
