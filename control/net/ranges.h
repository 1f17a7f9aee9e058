// SPDX-License-Identifier: BSD-2-Clause
// Ranges of addresses as prefixes.
#pragma once

#include <cstdint>

#include "dataplane/core/address.h"

namespace mxgate {

// An address of either family on one 128-bit line of numbers; IPv4 in the top 32 bits.
using Wide = unsigned __int128;

inline Wide number_of(const mxg_address& address)
{
    return static_cast<Wide>(address.hi) << 64 | address.lo;
}

// The bits beyond `length`: as the last address of a prefix has them.
inline Wide rest_of(uint32_t length)
{
    return length == 128 ? 0 : ~Wide{0} >> length;
}

inline bool same_prefix(const mxg_prefix& a, const mxg_prefix& b)
{
    return a.length == b.length && mxg_same_address(a.address, b.address);
}

inline Wide last_of(const mxg_prefix& prefix)
{
    return number_of(prefix.address) | rest_of(prefix.length);
}

inline mxg_prefix prefix_at(Wide first, uint32_t family, uint32_t length)
{
    return {{static_cast<uint64_t>(first >> 64), static_cast<uint64_t>(first), family, 0}, length};
}

// Calls `use(prefix)` for the fewest prefixes that make up [first, last], ascending; at most 254.
// `last` covers the low bits that its family does not use: last_of() of an address.
template <class Use>
void split_range(Wide first, Wide last, uint32_t family, Use use)
{
    const uint32_t bits = mxg_family_bits(family);
    for (;;) {
        // The largest block that starts here: as long as `first` is aligned and `last` not passed.
        uint32_t length = 0;
        while (length < bits && ((first & rest_of(length)) != 0 || last - first < rest_of(length)))
            length++;
        use(prefix_at(first, family, length));
        const Wide covered = rest_of(length);
        if (last - first <= covered)
            return;
        first += covered + 1;
    }
}

}  // namespace mxgate
