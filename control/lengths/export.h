// SPDX-License-Identifier: BSD-2-Clause
// The operator's own lengths as an RFC 9977 file that can be published.
#pragma once

#include <string>
#include <vector>

#include "control/lengths/length_list.h"

namespace mxgate {

struct PrefixlenFile {
    std::string text;                // UTF-8, lines with CRLF
    std::vector<std::string> notes;  // what was left out, and why
    size_t entries = 0;
};

// `lists` in order of precedence: of two entries for one prefix the first counts. Prefixes that
// are nobody's to publish (private, shared, link-local, loopback, multicast) are left out.
PrefixlenFile export_prefixlen(const std::vector<LengthList>& lists);

}  // namespace mxgate
