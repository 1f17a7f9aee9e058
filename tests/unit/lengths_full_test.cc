// SPDX-License-Identifier: BSD-2-Clause
// Classes and end-site lengths of tables as large as the Internet's, against one hash table per
// prefix length. The real ones: routing table, registries' delegated statistics, and lengths
// nested in those; 10 million addresses.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <map>

#include "control/feeds/input.h"
#include "control/net/address_text.h"
#include "control/net/ranges.h"
#include "tests/reference/longest_match.h"
#include "tests/reference/random_policy.h"
#include "tests/unit/table_check.h"

namespace mxgate {
namespace {

using reference::Address;
using reference::LongestMatch;
using reference::Number;
using reference::PolicyCase;
using reference::Prefix;

struct World {
    std::vector<Prefix> routes;     // classes
    std::vector<Prefix> assigned;   // registry: each an end site
    std::vector<Prefix> allocated;  // where publishers and operators state lengths
};

class Checker
{
public:
    explicit Checker(const World& world)
    {
        for (const char* name : {"good", "mixed", "bad"})
            policy_.add_feed(name, name, 0);
        for (const Prefix& route : world.routes) {
            const auto feed = static_cast<uint32_t>(route.first.value >> 80) % 3;
            policy_.feeds[feed].push_back({route, false});
            feeds_.add(route, feed);
        }
        fill(LengthFormat::csv, world.allocated, 16);
        fill(LengthFormat::prefixlen, world.allocated, 2);
        fill(LengthFormat::rpsl, world.assigned, 1);
    }

    void check(size_t addresses)
    {
        const PolicyTable table = policy_.compile();
        std::vector<Prefix> all;
        for (const TableEntry& entry : table.entries)
            all.push_back(reference::from(prefix_of(entry)));
        size_t wrong = 0;
        for (size_t i = 0; i < addresses; i++)
            wrong += !same(table, address(all));
        EXPECT_EQ(wrong, 0u);
    }

private:
    // Of every `one_in`-th prefix, and of some prefixes inside it, a length; most trusted first.
    void fill(LengthFormat format, const std::vector<Prefix>& around, size_t one_in)
    {
        const size_t feed =
            policy_.add_length_feed("lengths" + std::to_string(lengths_.size()), format);
        lengths_.emplace_back();
        std::map<std::string, bool> seen;
        for (size_t i = 0; i < around.size(); i++) {
            Prefix prefix = around[i];
            if (random_() % one_in != 0)
                continue;
            for (int depth = 0; depth < 3; depth++) {
                const int width = prefix.first.width();
                const bool registry = format == LengthFormat::rpsl;
                if (registry && (prefix.length < 1 || prefix.length > 64 || depth > 0))
                    break;
                const int room = width - prefix.length + 1;
                const int site =
                    registry
                        ? prefix.length
                        : std::max(1, prefix.length +
                                          static_cast<int>(random_() % static_cast<size_t>(room)));
                if (!seen.emplace(to_string(prefix), true).second)
                    break;
                policy_.length_feeds[feed].push_back({prefix, static_cast<uint32_t>(site)});
                lengths_.back().add(prefix, static_cast<uint32_t>(site));
                Address inside = inside_of(prefix);
                prefix = reference::cut(
                    inside, std::min(width, prefix.length + 1 + static_cast<int>(random_() % 12)));
            }
        }
    }

    Address inside_of(const Prefix& prefix)
    {
        Address at = reference::random_address(random_, prefix.first.family);
        const Number open = reference::last_of(prefix).value ^ prefix.first.value;
        at.value = prefix.first.value | (at.value & open);
        return at;
    }

    Address address(const std::vector<Prefix>& all)
    {
        const Prefix& near = all[random_() % all.size()];
        switch (random_() % 4) {
            case 0: {
                const auto edges = reference::edges_of({near});
                return edges[random_() % edges.size()];
            }
            case 1: {
                Address at = reference::random_address(random_, 6);
                at.value = Number{1} << 125 | at.value >> 3;  // 2000::/3
                return at;
            }
            default:
                return inside_of(near);
        }
    }

    bool same(const PolicyTable& table, const Address& at) const
    {
        const mxg_policy* policy = look_up(table.plane, at);
        const uint32_t* feed = feeds_.ask(at);
        uint32_t length = at.family == 4 ? 32 : 64;
        for (const LongestMatch& source : lengths_)
            if (const uint32_t* stated = source.ask(at)) {
                length = *stated;
                break;
            }
        return policy && policy->length == length &&
               (feed ? policy->feed == *feed : policy->feed == MXG_NO_FEED);
    }

    std::mt19937_64 random_{7};
    PolicyCase policy_ = reference::plain_case();
    LongestMatch feeds_;
    std::vector<LongestMatch> lengths_;
};

TEST(FullLengths, Generated)
{
    std::mt19937_64 random(3);
    World world;
    for (int i = 0; i < 20'000; i++) {
        const Number registry = Number{0x2001 + random() % 4 * 0x400} << 112;
        const Address site{6, registry | Number{random() % 4096 * 8} << 96};
        world.allocated.push_back(reference::cut(site, random() % 3 == 0 ? 29 : 32));
        const Address inside{6, site.value | Number{random() >> 32} << 64};
        world.routes.push_back(reference::cut(inside, 32 + static_cast<int>(random() % 17)));
        world.assigned.push_back(reference::cut(inside, 48));
        const Address ipv4{4, static_cast<uint32_t>(random())};
        world.allocated.push_back(reference::cut(ipv4, 8 + static_cast<int>(random() % 17)));
    }
    Checker(world).check(300'000);
}

void read_routes(const std::string& path, World& world)
{
    FeedInput input = FeedInput::of_file(path, 1 << 30);
    for (std::string_view line; input.next_line(line);)
        if (const auto parsed = parse_prefix(line.substr(0, line.find('\t'))))
            world.routes.push_back(reference::from(parsed->prefix));
    EXPECT_FALSE(input.failure());
}

// registry|cc|type|start|value|date|status|…: of IPv6 the length, of IPv4 the number of addresses.
void read_delegated(const std::string& path, World& world)
{
    FeedInput input = FeedInput::of_file(path, 1 << 30);
    for (std::string_view line; input.next_line(line);) {
        std::vector<std::string> fields(1);
        for (const char c : line)
            if (c == '|')
                fields.emplace_back();
            else
                fields.back() += c;
        const auto start = fields.size() > 6 ? parse_address(fields[3]) : std::nullopt;
        if (!start)
            continue;
        auto& into = fields[6] == "assigned" ? world.assigned : world.allocated;
        const Number value = std::stoull(fields[4]);
        if (start->family == MXG_FAMILY_IPV6)
            into.push_back({reference::from(*start), static_cast<int>(value)});
        else
            split_range(number_of(*start), number_of(*start) + (value << 96) - 1, MXG_FAMILY_IPV4,
                        [&](const mxg_prefix& part) { into.push_back(reference::from(part)); });
    }
    EXPECT_FALSE(input.failure());
}

TEST(FullLengths, Real)
{
    const char* folder = std::getenv("MXGATE_TEST_DATA");
    if (!folder)
        GTEST_SKIP() << "MXGATE_TEST_DATA is not set";
    const std::string routes = std::string(folder) + "/bgp/ris-whois/fib6-20241220-peers10.tsv.xz";
    if (!std::filesystem::exists(routes))
        GTEST_SKIP() << "there is no " << routes;
    World world;
    read_routes(routes, world);
    for (const char* file :
         {"delegated-lacnic-extended-2024.xz", "delegated-afrinic-extended-2026.xz",
          "delegated-ripencc-2014.xz", "delegated-apnic-2014.xz"})
        read_delegated(std::string(folder) + "/rir/" + file, world);
    ASSERT_GT(world.routes.size(), 200'000u);
    ASSERT_GT(world.assigned.size(), 4'000u);
    ASSERT_GT(world.allocated.size(), 50'000u);
    Checker(world).check(10'000'000);
}

}  // namespace
}  // namespace mxgate
