// SPDX-License-Identifier: BSD-2-Clause
// `prefixes`: a prefix, an address or a range a line, `!` before what is carved out.
#include "control/feeds/readers.h"
#include "control/feeds/words.h"

namespace mxgate {

void read_prefixes(FeedInput& input, FeedBuilder& to)
{
    std::string_view line;
    while (!to.is_full() && input.next_line(line)) {
        line = trim(line.substr(0, line.find_first_of("#;")));
        if (line.empty())
            continue;
        to.count_line();
        Listing what;
        what.exclusion = line[0] == '!';
        to.add_text(trim(line.substr(what.exclusion ? 1 : 0)), input.line(), what);
    }
}

}  // namespace mxgate
