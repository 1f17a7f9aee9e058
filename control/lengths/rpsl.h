// SPDX-License-Identifier: BSD-2-Clause
// Registry objects: inetnum and inet6num as RPSL text (RFC 2622, RFC 4012), in RIPE's split files,
// alone, or inside an NRTM version 4 snapshot; ARIN's NetRange and Comment as well.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "control/feeds/input.h"
#include "control/lengths/length_list.h"

namespace mxgate {

// Of an object only what says something about lengths; values are without comments.
struct RpslObject {
    uint32_t line = 0;  // its first line, or its record in a snapshot
    uint8_t family = 0;
    std::string range;  // as written: a prefix, or `first - last`
    std::string status;
    std::string assignment_size;
    std::vector<std::string> prefixlen;          // values of `prefixlen:`
    std::vector<std::string> prefixlen_remarks;  // URLs of `remarks: Prefixlen URL`
    std::string damage;                          // not empty: why it cannot be read
};

// Calls `use` for every inetnum and inet6num, one at a time, whatever their number. What ends the
// input early is in its failure().
void for_each_object(FeedInput& input, const std::function<void(const RpslObject&)>& use);

// The same for an NRTM version 4 snapshot; `error` says why it is none.
void for_each_nrtm_object(FeedInput& input, const std::function<void(const RpslObject&)>& use,
                          std::string& error);

// The prefixes that make up an object's range; empty, with the reason, if it is none.
std::vector<mxg_prefix> range_of(const RpslObject& object, std::string& reason);

struct RegistryOptions {
    bool nrtm = false;
    bool assigned = true;  // take ASSIGNED objects as well
};

// AGGREGATED-BY-LIR objects, at most two levels deep, hold end sites of `assignment-size`; what
// lies directly inside one must have just that length. An ASSIGNED object of at most /64 is one end
// site. Objects of other status are ignored.
LengthList read_registry(FeedInput& input, const RegistryOptions& options);

}  // namespace mxgate
