// SPDX-License-Identifier: BSD-2-Clause
// What a feed says, as text that a test can compare.
#pragma once

#include <string>
#include <vector>

#include "control/feeds/feed.h"
#include "control/net/address_text.h"

namespace mxgate {

// Entries as `LINE [!]PREFIX[ =VALUE]`, VALUE as in the map, `?` where it is mapped to no class.
inline std::vector<std::string> entries(const Feed& feed, const FeedConfig& config = {})
{
    std::vector<std::string> out;
    for (const FeedEntry& entry : feed.entries) {
        std::string text =
            std::to_string(entry.line) + (entry.exclusion ? " !" : " ") + to_string(entry.prefix);
        if (entry.value == kSkipped)
            text += " ?";
        else if (entry.value != kNoValue)
            text += " =" + config.map.at(entry.value).value;
        out.push_back(text);
    }
    return out;
}

inline std::vector<std::string> rejects(const Feed& feed)
{
    std::vector<std::string> out;
    for (const RejectedLine& line : feed.rejects)
        out.push_back(std::to_string(line.line) + " " + line.reason);
    return out;
}

inline std::vector<std::string> texts(const std::vector<Diagnostic>& diagnostics)
{
    std::vector<std::string> out;
    for (const Diagnostic& diagnostic : diagnostics)
        out.push_back(to_string(diagnostic));
    return out;
}

}  // namespace mxgate
