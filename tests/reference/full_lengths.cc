// SPDX-License-Identifier: BSD-2-Clause
#include "tests/reference/full_lengths.h"

#include <cstdlib>
#include <filesystem>
#include <set>
#include <stdexcept>

#include "control/feeds/input.h"
#include "control/net/address_text.h"
#include "control/net/ranges.h"
#include "tests/reference/random_policy.h"

namespace mxgate::reference {
namespace {

void read_lines(const std::string& path, const std::function<void(std::string_view)>& take)
{
    FeedInput input = FeedInput::of_file(path, 1 << 30);
    for (std::string_view line; input.next_line(line);)
        take(line);
    if (input.failure())
        throw std::runtime_error(path + ": " + *input.failure());
}

void read_routes(const std::string& path, World& world)
{
    read_lines(path, [&](std::string_view line) {
        if (const auto parsed = parse_prefix(line.substr(0, line.find('\t'))))
            world.routes.push_back(from(parsed->prefix));
    });
}

// registry|cc|type|start|value|date|status|…: of IPv6 the length, of IPv4 the number of addresses.
void read_delegated(const std::string& path, World& world)
{
    read_lines(path, [&](std::string_view line) {
        std::vector<std::string> fields(1);
        for (const char c : line)
            if (c == '|')
                fields.emplace_back();
            else
                fields.back() += c;
        const auto start = fields.size() > 6 ? parse_address(fields[3]) : std::nullopt;
        if (!start)
            return;
        auto& into = fields[6] == "assigned" ? world.assigned : world.allocated;
        const Number value = std::stoull(fields[4]);
        if (start->family == MXG_FAMILY_IPV6)
            into.push_back({from(*start), static_cast<int>(value)});
        else
            split_range(number_of(*start), number_of(*start) + (value << 96) - 1, MXG_FAMILY_IPV4,
                        [&](const mxg_prefix& part) { into.push_back(from(part)); });
    });
}

}  // namespace

World generated_world()
{
    std::mt19937_64 random(3);
    World world;
    for (int i = 0; i < 20'000; i++) {
        const Number registry = Number{0x2001 + random() % 4 * 0x400} << 112;
        const Address site{6, registry | Number{random() % 4096 * 8} << 96};
        world.allocated.push_back(cut(site, random() % 3 == 0 ? 29 : 32));
        const Address inside{6, site.value | Number{random() >> 32} << 64};
        world.routes.push_back(cut(inside, 32 + static_cast<int>(random() % 17)));
        world.assigned.push_back(cut(inside, 48));
        const Address ipv4{4, static_cast<uint32_t>(random())};
        world.allocated.push_back(cut(ipv4, 8 + static_cast<int>(random() % 17)));
    }
    return world;
}

std::optional<World> real_world()
{
    const char* folder = std::getenv("MXGATE_TEST_DATA");
    const std::string root = folder ? folder : "";
    const std::string routes = root + "/bgp/ris-whois/fib6-20241220-peers10.tsv.xz";
    if (!folder || !std::filesystem::exists(routes))
        return std::nullopt;
    World world;
    read_routes(routes, world);
    for (const char* file :
         {"delegated-lacnic-extended-2024.xz", "delegated-afrinic-extended-2026.xz",
          "delegated-ripencc-2014.xz", "delegated-apnic-2014.xz"})
        read_delegated(root + "/rir/" + file, world);
    return world;
}

FullLengths::FullLengths(const World& world) : policy_(plain_case())
{
    for (const char* name : {"good", "mixed", "bad"})
        policy_.add_feed(name, name, 0);
    for (const Prefix& route : world.routes) {
        const auto feed = static_cast<uint32_t>(route.first.value >> 80) % 3;
        policy_.feeds[feed].push_back({route, false});
        feeds_.add(route, feed);
        all_.push_back(route);
    }
    feeds_.finish();
    fill(LengthFormat::csv, world.allocated, 16);
    fill(LengthFormat::prefixlen, world.allocated, 2);
    fill(LengthFormat::rpsl, world.assigned, 1);
}

// Of every `one_in`-th prefix, and of some prefixes inside it, a length; most trusted first.
void FullLengths::fill(LengthFormat format, const std::vector<Prefix>& around, size_t one_in)
{
    const bool registry = format == LengthFormat::rpsl;
    const size_t feed =
        policy_.add_length_feed("lengths" + std::to_string(lengths_.size()), format);
    lengths_.emplace_back();
    std::set<std::string> seen;
    for (Prefix prefix : around) {
        if (random_() % one_in != 0)
            continue;
        for (int depth = 0; depth < (registry ? 1 : 3); depth++) {
            const int width = prefix.first.width();
            if (registry && (prefix.length < 1 || prefix.length > 64))
                break;
            const int room = registry ? 1 : width - prefix.length + 1;
            const int site = std::max(
                1, prefix.length + static_cast<int>(random_() % static_cast<size_t>(room)));
            if (!seen.insert(to_string(prefix)).second)
                break;
            policy_.length_feeds[feed].push_back({prefix, static_cast<uint32_t>(site)});
            lengths_.back().add(prefix, static_cast<uint32_t>(site));
            all_.push_back(prefix);
            prefix = cut(inside_of(prefix),
                         std::min(width, prefix.length + 1 + static_cast<int>(random_() % 12)));
        }
    }
    lengths_.back().finish();
}

Address FullLengths::inside_of(const Prefix& prefix)
{
    Address at = random_address(random_, prefix.first.family);
    const Number open = last_of(prefix).value ^ prefix.first.value;
    at.value = prefix.first.value | (at.value & open);
    return at;
}

Address FullLengths::any_address()
{
    const Prefix& near = all_[random_() % all_.size()];
    switch (random_() % 4) {
        case 0: {
            const auto edges = edges_of({near});
            return edges[random_() % edges.size()];
        }
        case 1: {
            Address at = random_address(random_, 6);
            at.value = Number{1} << 125 | at.value >> 3;  // 2000::/3
            return at;
        }
        default:
            return inside_of(near);
    }
}

void FullLengths::each(size_t count, const std::function<void(const Answer&)>& check)
{
    constexpr size_t kBatch = 1'000'000;  // 32 MB
    while (count > 0) {
        std::vector<Address> batch(std::min(count, kBatch));
        for (Address& address : batch)
            address = any_address();
        std::sort(batch.begin(), batch.end(), before);
        check_batch(batch, check);
        count -= batch.size();
    }
}

void FullLengths::check_batch(const std::vector<Address>& ascending,
                              const std::function<void(const Answer&)>& check) const
{
    const auto feeds = feeds_.ask(ascending);
    std::vector<std::vector<const uint32_t*>> lengths;
    for (const NestedSweep& source : lengths_)
        lengths.push_back(source.ask(ascending));
    for (size_t i = 0; i < ascending.size(); i++) {
        Answer answer{ascending[i], feeds[i], ascending[i].family == 4 ? 32u : 64u};
        for (const auto& source : lengths)
            if (source[i]) {
                answer.length = *source[i];
                break;
            }
        check(answer);
    }
}

}  // namespace mxgate::reference
