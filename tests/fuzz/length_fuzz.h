// SPDX-License-Identifier: BSD-2-Clause
// What must hold for any bytes given as a source of end-site lengths.
#pragma once

#include <cstdint>
#include <cstdlib>

#include "control/feeds/input.h"
#include "control/lengths/length_list.h"
#include "control/net/address_text.h"

namespace mxgate {

inline void check_log(const std::vector<RejectedLine>& log, uint64_t count)
{
    if (log.size() > kRejectsKept || log.size() > count)
        abort();
    // Messages go to terminals and into JSON.
    for (const RejectedLine& line : log)
        for (const char c : line.reason)
            if (c < ' ' || c > '~')
                abort();
}

// `read` is one of the readers of control/lengths.
template <class Read>
int fuzz_lengths(const uint8_t* data, size_t size, Read read)
{
    FeedInput input = FeedInput::of_text({reinterpret_cast<const char*>(data), size}, 1 << 20);
    const LengthList list = read(input);
    check_log(list.rejects, list.rejected);
    check_log(list.warnings, list.warning_count);
    const LengthEntry* before = nullptr;
    for (const LengthEntry& entry : list.entries) {
        const mxg_prefix prefix = prefix_of(entry);
        const auto back = parse_prefix(to_string(prefix));
        if (!back || back->host_bits_set || back->prefix.length != prefix.length ||
            !mxg_same_address(back->prefix.address, prefix.address))
            abort();
        if (entry.site_length == 0 ? entry.end_sites == 0
                                   : entry.site_length < entry.length ||
                                         entry.site_length > mxg_family_bits(entry.family))
            abort();
        if (before && before->family == entry.family && before->hi == entry.hi &&
            before->lo == entry.lo && before->length == entry.length)
            abort();
        before = &entry;
    }
    return 0;
}

}  // namespace mxgate
