// SPDX-License-Identifier: BSD-2-Clause
// Tables of end-site lengths as comma-separated values.
#pragma once

#include <string>

#include "control/feeds/input.h"
#include "control/lengths/length_list.h"

namespace mxgate {

// RFC 9977: `prefix,end-site length,end sites`, exactly two commas; `#` begins a comment. What is
// erroneous is rejected, the rest taken: host bits, a length out of range or shorter than the
// prefix, a count that is no number. Without a length, an entry with a count states that count
// alone, and an entry with neither is ignored.
LengthList read_prefixlen(FeedInput& input);

// RFC 8805, as a table of sites: of `prefix,…` each prefix is one end site, whatever the other
// fields say. A bare address is a full-length prefix.
LengthList read_geofeed(FeedInput& input);

// The names of the columns of an operator's table; empty: the usual names are tried.
struct CsvColumns {
    std::string prefix;
    std::string length;
    std::string end_sites;
};

// A table with a header line, fields parted by `,`, `;` or tab, quoted as in RFC 4180 (but no line
// breaks inside a field). Without a length column, or where it is empty, the prefix itself is one
// end site. Host bits are cleared with a warning: the table is the operator's own.
LengthList read_csv(FeedInput& input, const CsvColumns& columns);

}  // namespace mxgate
