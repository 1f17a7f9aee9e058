// SPDX-License-Identifier: BSD-2-Clause
// DPDK's IPv6 look-up structures, made as small as no add fails.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "control/table/entries.h"

struct rte_fib6;
struct rte_lpm6;

namespace mxgate::perf {

// Bytes taken from DPDK's heap.
size_t heap_bytes();

// Over sorted entries; the next hop of each is its feed, of all else kDefaultClass. Throws
// std::runtime_error. To be freed with rte_fib6_free, rte_lpm6_free.
rte_fib6* make_fib6(const std::string& name, const std::vector<TableEntry>& entries);
rte_lpm6* make_lpm6(const std::string& name, const std::vector<TableEntry>& entries);

}  // namespace mxgate::perf
