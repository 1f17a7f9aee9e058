// SPDX-License-Identifier: BSD-2-Clause
// `widen: end_site`: what a feed lists is widened to the end site that it lies in, because the
// sender owns all of that.
#pragma once

#include <cstdint>
#include <vector>

#include "control/table/entries.h"

namespace mxgate {

// The end-site length that holds for a prefix as a whole.
class SiteLengths
{
public:
    // `entries` are sorted and lengths, all of them; sets their parents. The vector may grow
    // afterwards.
    SiteLengths(std::vector<TableEntry>& entries, const Precedence& precedence,
                uint8_t default_ipv4, uint8_t default_ipv6);

    uint8_t of(const TableEntry& prefix) const;

private:
    const std::vector<TableEntry>& entries_;
    const Precedence& precedence_;
    size_t count_;
    uint8_t default_ipv4_, default_ipv6_;
};

// Widens `entry` if it is longer than the end site there.
void widen(TableEntry& entry, const SiteLengths& lengths);

// How many addresses of a family the prefixes cover, each counted once; modulo 2^128, so that
// differences are exact. Sorts `entries`.
Wide covered(std::vector<TableEntry>& entries, uint8_t family);

}  // namespace mxgate
