// SPDX-License-Identifier: BSD-2-Clause
#include "perf/dpdk_tables.h"

#include <rte_errno.h>
#include <rte_fib6.h>
#include <rte_lpm6.h>
#include <rte_malloc.h>

#include <algorithm>
#include <stdexcept>

#include "perf/workload.h"

namespace mxgate::perf {
namespace {

// Blocks of 256 next hops that a 24-8-8-... trie needs for the entries: one for each different
// leading part of 24, 32, .. bits that a longer prefix goes through.
uint32_t blocks_needed(const std::vector<TableEntry>& entries)
{
    uint32_t count = 1;
    for (uint32_t depth = 24; depth < 128; depth += 8) {
        mxg_address last{~0ULL, ~0ULL, 0, 0};
        for (const TableEntry& entry : entries) {  // sorted
            const mxg_address lead = mxg_cut(prefix_of(entry).address, depth);
            if (entry.length > depth && (lead.hi != last.hi || lead.lo != last.lo)) {
                last = lead;
                count++;
            }
        }
    }
    return count;
}

// Blocks that rte_fib6 wants to have before it adds the entries in order: for each, those between
// the route around it and itself, unless a route in the same block has taken them.
uint32_t blocks_reserved(const std::vector<TableEntry>& entries)
{
    const auto blocks = [](uint32_t length) { return (std::max(length, 24u) + 7) / 8; };
    uint32_t count = 0;
    std::vector<mxg_prefix> around;
    for (size_t i = 0; i < entries.size(); i++) {
        const mxg_prefix prefix = prefix_of(entries[i]);
        while (!around.empty() && !mxg_contains(around.back(), prefix.address))
            around.pop_back();
        const uint32_t start = prefix.length / 8 * 8;
        const mxg_address block = mxg_cut(prefix.address, start);
        bool taken = false;
        for (size_t j = i; j > 0 && !taken; j--) {
            const mxg_prefix before = prefix_of(entries[j - 1]);
            if (!mxg_same_address(mxg_cut(before.address, start), block))
                break;
            taken = before.length > start;
        }
        if (!taken)
            count += blocks(prefix.length) - blocks(around.empty() ? 0 : around.back().length);
        around.push_back(prefix);
    }
    return count;
}

template <typename Add>
void add_all(const std::vector<TableEntry>& entries, const char* what, Add add)
{
    for (const TableEntry& entry : entries) {
        uint8_t bytes[16];
        to_bytes(prefix_of(entry).address, bytes);
        if (add(bytes, entry.length, entry.feed) != 0)
            throw std::runtime_error(std::string(what) + " fails: " + rte_strerror(rte_errno));
    }
}

}  // namespace

size_t heap_bytes()
{
    rte_malloc_socket_stats stats{};
    rte_malloc_get_socket_stats(0, &stats);
    return stats.heap_allocsz_bytes;
}

rte_fib6* make_fib6(const std::string& name, const std::vector<TableEntry>& entries)
{
    rte_fib6_conf conf{};
    conf.type = RTE_FIB6_TRIE;
    conf.default_nh = kDefaultClass;
    conf.max_routes = static_cast<int>(entries.size()) * 2;
    conf.trie.nh_sz = RTE_FIB6_TRIE_4B;
    conf.trie.num_tbl8 = blocks_reserved(entries) + 1024;
    rte_fib6* out = rte_fib6_create(("fib" + name).c_str(), 0, &conf);
    if (!out)
        throw std::runtime_error(std::string("rte_fib6_create: ") + rte_strerror(rte_errno));
    add_all(entries, "rte_fib6_add", [&](const uint8_t* bytes, uint8_t length, uint16_t hop) {
        return rte_fib6_add(out, bytes, length, hop);
    });
    return out;
}

rte_lpm6* make_lpm6(const std::string& name, const std::vector<TableEntry>& entries)
{
    const rte_lpm6_config conf{static_cast<uint32_t>(entries.size()) + 16,
                               blocks_needed(entries) + 1024, 0};
    rte_lpm6* out = rte_lpm6_create(("lpm" + name).c_str(), 0, &conf);
    if (!out)
        throw std::runtime_error(std::string("rte_lpm6_create: ") + rte_strerror(rte_errno));
    add_all(entries, "rte_lpm6_add", [&](const uint8_t* bytes, uint8_t length, uint16_t hop) {
        return rte_lpm6_add(out, bytes, length, hop);
    });
    return out;
}

}  // namespace mxgate::perf
