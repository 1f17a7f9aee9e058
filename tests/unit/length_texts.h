// SPDX-License-Identifier: BSD-2-Clause
// What a length source accepted and rejected, as text to compare with.
#pragma once

#include <fmt/format.h>

#include <string>
#include <vector>

#include "control/feeds/input.h"
#include "control/lengths/length_list.h"
#include "control/net/address_text.h"

namespace mxgate {

inline FeedInput length_input(std::string_view text)
{
    return FeedInput::of_text(text, 1 << 30);
}

// "3: 2001:db8::/32 /56" or "3: 192.0.2.0/24 /32 x500", in order of address.
inline std::vector<std::string> accepted(const LengthList& list)
{
    std::vector<std::string> out;
    for (const LengthEntry& entry : list.entries)
        out.push_back(fmt::format("{}: {} /{}{}", entry.line, to_string(prefix_of(entry)),
                                  entry.site_length,
                                  entry.end_sites ? fmt::format(" x{}", entry.end_sites) : ""));
    return out;
}

// "7: reason", in order of line.
inline std::vector<std::string> rejected(const LengthList& list)
{
    std::vector<std::string> out;
    for (const RejectedLine& line : list.rejects)
        out.push_back(fmt::format("{}: {}", line.line, line.reason));
    return out;
}

}  // namespace mxgate
