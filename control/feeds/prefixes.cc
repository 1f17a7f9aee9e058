// SPDX-License-Identifier: BSD-2-Clause
// `prefixes`: a prefix, an address or a range a line, `!` before what is carved out.
#include <algorithm>

#include "control/feeds/readers.h"
#include "control/feeds/words.h"

namespace mxgate {

void read_prefixes(FeedInput& input, FeedBuilder& to)
{
    std::string_view line;
    while (!to.is_full() && input.next_line(line)) {
        const auto comment =
            std::find_if(line.begin(), line.end(), [](char c) { return c == '#' || c == ';'; });
        line = trim({line.begin(), comment});
        if (line.empty())
            continue;
        to.count_line();
        Listing what;
        what.exclusion = line[0] == '!';
        to.add_text(trim(line.substr(what.exclusion ? 1 : 0)), input.line(), what);
    }
}

}  // namespace mxgate
