// SPDX-License-Identifier: BSD-2-Clause
#include "perf/workload.h"

#include <algorithm>
#include <cstdio>
#include <memory>
#include <stdexcept>

#include "control/net/address_text.h"
#include "control/table/flatten.h"
#include "control/table/image_builder.h"
#include "dataplane/core/native.h"
#include "dataplane/core/table.h"

namespace mxgate::perf {
namespace {

std::string quoted(const std::string& path)
{
    std::string out = "'";
    for (const char c : path)
        out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return out + "'";
}

mxg_prefix random_below(Random& random, const mxg_prefix& within, uint32_t length)
{
    mxg_prefix out{within.address, length};
    const mxg_address noise = {random.next(), random.next(), MXG_FAMILY_IPV6, 0};
    out.address.hi |= noise.hi & ~mxg_mask64(within.length);
    out.address.lo |= noise.lo & ~(within.length > 64 ? mxg_mask64(within.length - 64) : 0);
    out.address = mxg_cut(out.address, length);
    return out;
}

TableEntry entry_of(const mxg_prefix& prefix)
{
    TableEntry entry;
    entry.hi = prefix.address.hi;
    entry.lo = prefix.address.lo;
    entry.family = MXG_FAMILY_IPV6;
    entry.length = static_cast<uint8_t>(prefix.length);
    return entry;
}

bool same_prefix(const TableEntry& a, const TableEntry& b)
{
    return a.hi == b.hi && a.lo == b.lo && a.length == b.length;
}

void sort_unique(std::vector<TableEntry>& entries)
{
    sort_entries(entries);
    entries.erase(std::unique(entries.begin(), entries.end(), same_prefix), entries.end());
}

// A length as the routing table has them, for a prefix inside an allocation.
uint32_t random_length(Random& random)
{
    static constexpr struct {
        uint32_t length, percent;
    } kLengths[] = {{48, 53}, {44, 11}, {40, 11}, {36, 5}, {47, 4}, {46, 4},
                    {45, 2},  {42, 3},  {38, 2},  {34, 2}, {56, 2}, {33, 1}};
    uint64_t at = random.below(100);
    for (const auto& [length, percent] : kLengths) {
        if (at < percent)
            return length;
        at -= percent;
    }
    return 48;
}

}  // namespace

uint64_t Random::next()
{
    uint64_t z = state_ += 0x9e3779b97f4a7c15ULL;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

std::vector<mxg_prefix> load_routes(const std::string& path)
{
    const char* unpack = path.ends_with(".xz")   ? "xz -dc "
                         : path.ends_with(".gz") ? "gzip -dc "
                                                 : "cat ";
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(
        ::popen((unpack + quoted(path)).c_str(), "r"), ::pclose);
    if (!file)
        throw std::runtime_error("cannot run " + std::string(unpack));
    std::vector<mxg_prefix> out;
    char line[512];
    while (std::fgets(line, sizeof(line), file.get())) {
        const std::string_view text(line);
        const auto parsed = parse_prefix(text.substr(0, text.find_first_of(" \t\r\n")));
        if (parsed && parsed->prefix.address.family == MXG_FAMILY_IPV6 && parsed->prefix.length > 0)
            out.push_back(parsed->prefix);
    }
    if (out.empty())
        throw std::runtime_error("no IPv6 prefixes in " + path);
    return out;
}

std::vector<mxg_prefix> generate_routes(size_t count)
{
    static constexpr uint64_t kBlocks[] = {0x2001, 0x2400, 0x2600, 0x2800, 0x2a00, 0x2c00};
    Random random(1);
    std::vector<mxg_prefix> out;
    while (out.size() < count) {
        const uint64_t block = kBlocks[random.below(std::size(kBlocks))];
        const uint64_t place =
            block == 0x2001 ? random.below(1 << 14) << 32 : random.below(1 << 14) << 38;
        mxg_prefix allocation{{(block << 48) | place, 0, MXG_FAMILY_IPV6, 0}, 32};
        if (random.below(4) == 0)
            allocation.length = 29;
        allocation.address = mxg_cut(allocation.address, allocation.length);
        out.push_back(allocation);
        const uint64_t inside = random.below(3) == 0 ? random.below(40) : random.below(4);
        for (uint64_t i = 0; i < inside && out.size() < count; i++)
            out.push_back(random_below(random, allocation, random_length(random)));
    }
    return out;
}

std::vector<TableEntry> make_entries(const std::vector<mxg_prefix>& routes, size_t count)
{
    Random random(2);
    std::vector<TableEntry> out;
    for (const mxg_prefix& route : routes)
        out.push_back(entry_of(route));
    sort_unique(out);
    for (size_t i = out.size(); i > 1; i--)
        std::swap(out[i - 1], out[random.below(i)]);
    if (out.size() > count)
        out.resize(count);
    const size_t real = out.size();
    while (out.size() < count) {
        for (size_t missing = count - out.size(); missing > 0; missing--) {
            const mxg_prefix& route = routes[random.below(routes.size())];
            out.push_back(entry_of(random_below(random, route, std::max(64u, route.length))));
        }
        sort_unique(out);
    }
    sort_entries(out);
    for (TableEntry& entry : out)
        entry.feed = static_cast<uint16_t>(random.below(kFeeds));
    std::fprintf(stderr, "%zu prefixes: %zu routes, %zu synthetic /64s inside them\n", out.size(),
                 real, out.size() - real);
    return out;
}

std::vector<mxg_line> build_table(std::vector<TableEntry> entries)
{
    ImageInput image;
    FlattenInput input;
    PolicySet policies;
    std::vector<bool> won(entries.size(), false);
    const Precedence precedence({{0, 0}, {0, 1}, {0, 2}, {0, 3}});
    input.entries = &entries;
    input.precedence = &precedence;
    input.default_class = kDefaultClass;
    for (TableEntry& entry : entries)
        entry.class_id = static_cast<uint8_t>(entry.feed);
    for (uint32_t i = 0; i <= kDefaultClass; i++) {
        mxg_class row{};
        row.action = i % 2 == 0 ? MXG_ACTION_PASS : MXG_ACTION_DROP;
        row.strictness = i;
        row.deny_verdict = MXG_DROP;
        image.classes.push_back(row);
    }
    mxg_service service{};
    service.hi = 0x20010db800020000ULL;
    service.lo = 0x25;
    service.hi_mask = service.lo_mask = ~0ULL;
    service.range[0] = {25, 25};
    for (size_t i = 1; i < MXG_MAX_PORT_RANGES; i++)
        service.range[i] = {1, 0};
    service.family = MXG_FAMILY_IPV6;
    service.host = 1;
    image.services.push_back(service);
    image.generation = 1;
    image.ipv4 = flatten(input, MXG_FAMILY_IPV4, policies, won);
    image.ipv6 = flatten(input, MXG_FAMILY_IPV6, policies, won);
    image.policies = policies.all();
    image.prefixes = entries.size();
    image.feeds = kFeeds;
    return build_image(image);
}

std::vector<mxg_address> make_keys(const std::vector<TableEntry>& entries,
                                   const std::vector<mxg_line>& image, size_t count,
                                   uint32_t misses)
{
    Random random(3);
    const mxg_table table{image.data(), static_cast<uint32_t>(image.size())};
    const auto* header = reinterpret_cast<const mxg_image_header*>(image.data());
    const mxg_prefix global{{0x2000000000000000ULL, 0, MXG_FAMILY_IPV6, 0}, 3};
    std::vector<mxg_address> out;
    while (out.size() < count) {
        if (random.below(100) >= misses && !entries.empty()) {
            const TableEntry& entry = entries[random.below(entries.size())];
            out.push_back(random_below(random, prefix_of(entry), 128).address);
            continue;
        }
        mxg_address miss;
        do
            miss = random_below(random, global, 128).address;
        while (mxg_lookup(&table, header, &miss)->class_id != kDefaultClass);
        out.push_back(miss);
    }
    return out;
}

std::vector<mxg_prefix> routes_for(const std::string& path)
{
    if (path.empty()) {
        std::fprintf(stderr, "no --routes FILE: a generated routing table\n");
        return generate_routes(230000);
    }
    std::vector<mxg_prefix> routes = load_routes(path);
    std::fprintf(stderr, "%zu routes from the file given\n", routes.size());
    return routes;
}

void to_bytes(const mxg_address& address, uint8_t (&out)[16])
{
    for (int i = 0; i < 8; i++) {
        out[i] = static_cast<uint8_t>(address.hi >> (56 - 8 * i));
        out[i + 8] = static_cast<uint8_t>(address.lo >> (56 - 8 * i));
    }
}

}  // namespace mxgate::perf
