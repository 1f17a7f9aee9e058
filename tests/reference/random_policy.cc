// SPDX-License-Identifier: BSD-2-Clause
#include "tests/reference/random_policy.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "dataplane/core/overrides.h"

namespace mxgate::reference {
namespace {

// Every kind of embedded address, NAT64 with each of its lengths.
#define EMBEDDED                                                                          \
    "aggregation:\n"                                                                      \
    "  default: {ipv6: 64, ipv4: 32}\n"                                                   \
    "  embedded:\n"                                                                       \
    "    nat64: [\"2a64:32::/32\", \"2a64:40:4000::/40\", \"2a64:48:4848::/48\","         \
    " \"2a64:56:5656:5600::/56\", \"2a64:64:6464:6464::/64\", \"64:ff9b:1:fffe::/96\"]\n" \
    "    sixrd:\n"                                                                        \
    "      - {prefix: \"2a6d:120::/28\", ipv4_mask_length: 0}\n"                          \
    "      - {prefix: \"2a6e:100::/40\", ipv4_mask_length: 8, ipv4_prefix: 198.0.0.0}\n"  \
    "      - {prefix: \"2a6e:200:7000::/37\", ipv4_prefix: 203.0.112.0/20}\n"             \
    "    isatap: [\"2001:db8:15a::/48\", \"2001:db8:15b::/64\"]\n"
constexpr const char* kEmbeddedGate =
    "gate: {services: [{name: mx, addresses: [192.0.2.25]}]}\n" EMBEDDED;

constexpr const char* kClasses[] = {"good", "unknown", "mixed", "bad"};

class Maker
{
public:
    explicit Maker(uint64_t seed) : random_(seed) {}

    PolicyCase make(size_t entries)
    {
        const size_t feeds = 1 + below(6);
        for (size_t i = 0; i < feeds; i++)
            case_.add_feed("feed" + std::to_string(i), kClasses[below(4)],
                           static_cast<int>(below(3)) * 10);
        for (size_t i = 0; i < feeds; i++)
            case_.config.feeds[i].widen = below(3) == 0;
        for (size_t i = 0; i < entries; i++)
            case_.feeds[below(feeds)].push_back({next(), below(8) == 0});
        add_lengths(entries / 8);
        for (LengthConfig& length : case_.config.lengths)
            if (length.end_sites != 0 && below(4) == 0)
                length.length = 0;
        case_.config.embedded = PolicyCase::from_yaml(kEmbeddedGate).config.embedded;
        return std::move(case_);
    }

private:
    uint32_t below(size_t limit) { return static_cast<uint32_t>(random_() % limit); }

    Prefix next()
    {
        Prefix out = made_.empty() || below(3) == 0 ? fresh() : beside(made_[below(made_.size())]);
        made_.push_back(out);
        return out;
    }

    Prefix fresh()
    {
        const int family = below(4) == 0 ? 4 : 6;
        Address at = random_address(random_, family);
        const int width = at.width();
        const uint32_t kind = below(10);
        if (kind == 0)
            at.value = 0;
        if (kind == 1)
            at.value = last_of({{family, 0}, 0}).value;
        if (kind == 2 && family == 6)
            at.value = Number{0xffff} << 32 | static_cast<uint32_t>(at.value);  // mapped
        return cut(at, static_cast<int>(below(static_cast<size_t>(width) + 1)));
    }

    // Inside, around, next to, or the same.
    Prefix beside(const Prefix& known)
    {
        const int width = known.first.width();
        switch (below(6)) {
            case 0:
                return known;
            case 1:
                return cut(known.first,
                           static_cast<int>(below(static_cast<size_t>(known.length) + 1)));
            case 2:
                if (known.length > 0) {  // the other half of what is around it
                    Prefix out = known;
                    out.first.value ^= Number{1} << (width - known.length);
                    return out;
                }
                return known;
            case 3:
                return cut(last_of(known), width);
            case 4: {  // in the same /64, longer
                Address at = known.first;
                if (at.family == 6)
                    at.value ^= random_() & (below(2) == 0 ? 0xff : ~0ULL);
                return cut(at, at.family == 6 ? 65 + static_cast<int>(below(64)) : 32);
            }
            default: {
                Address at = random_address(random_, known.first.family);
                const Number inside = last_of(known).value ^ known.first.value;
                at.value = known.first.value | (at.value & inside);
                const size_t room = static_cast<size_t>(width - known.length) + 1;
                return cut(at, known.length + static_cast<int>(below(room)));
            }
        }
    }

    // One source says nothing twice of a prefix: contradictions are another test's matter.
    std::optional<Prefix> fresh_in(std::set<std::string>& seen)
    {
        const Prefix where = next();
        if (!seen.insert(to_string(unmapped(where))).second)
            return std::nullopt;
        return where;
    }

    // Of some prefixes how many end sites share them.
    uint32_t end_sites() { return below(3) == 0 ? 1 + below(below(2) == 0 ? 9 : 200) : 0; }

    uint32_t site_length_in(const Prefix& where)
    {
        const size_t room = static_cast<size_t>(where.first.width() - where.length) + 1;
        return std::max(1u, static_cast<uint32_t>(where.length) + below(room));
    }

    void add_lengths(size_t count)
    {
        std::set<std::string> seen;
        for (size_t i = 0; i < count; i++)
            if (const auto where = fresh_in(seen))
                case_.add_length(*where, site_length_in(*where), end_sites());
        constexpr LengthFormat kFormats[] = {LengthFormat::prefixlen, LengthFormat::rpsl,
                                             LengthFormat::csv, LengthFormat::learned};
        case_.config.apply_learned = below(2) == 0;
        for (size_t sources = below(6), source = 0; source < sources; source++) {
            const LengthFormat format = kFormats[below(4)];
            case_.add_length_feed("length" + std::to_string(source), format);
            add_length_lines(format, case_.length_feeds[source], count);
        }
    }

    void add_length_lines(LengthFormat format, std::vector<LengthLine>& lines, size_t count)
    {
        std::set<std::string> seen;
        for (size_t i = 0; i < count; i++) {
            const auto where = fresh_in(seen);
            if (!where ||
                (format == LengthFormat::rpsl && (where->length < 1 || where->length > 64)))
                continue;
            lines.push_back({*where,
                             format == LengthFormat::rpsl ? static_cast<uint32_t>(where->length)
                                                          : site_length_in(*where),
                             end_sites()});
        }
    }

    std::mt19937_64 random_;
    PolicyCase case_ = plain_case();
    std::vector<Prefix> made_;
};

}  // namespace

PolicyCase plain_case()
{
    return PolicyCase::from_yaml(
        "gate:\n"
        "  plane: xdp\n"
        "  interfaces: [eth0]\n"
        "  services:\n"
        "    - {name: mx, addresses: [\"2001:db8:2::25\", 192.0.2.25], ports: [25]}\n"
        "classes:\n"
        "  good: {action: pass}\n"
        "  unknown: {action: limit, rate: 30/min, charge: syn, burst: 10}\n"
        "  mixed: {action: limit, rate: 6/min, charge: syn, burst: 3}\n"
        "  bad: {action: drop}\n"
        "default_class: unknown\n");
}

PolicyCase random_case(uint64_t seed, size_t entries)
{
    return Maker(seed).make(entries);
}

const char* const kMxServices =
    "    - {name: mx, addresses: [\"2001:db8:2::25\", 192.0.2.25], ports: [25, 465, 587-600]}\n"
    "    - {name: net, addresses: [\"2001:db8:77::/48\", 198.51.100.0/24], ports: [25]}\n";
const char* const kAllServices =
    "    - {name: all, addresses: [\"::/0\", 0.0.0.0/0], ports: [1-65535]}\n";

PolicyCase random_gate(uint64_t seed, const std::string& gate, const std::string& services,
                       const std::string& mixed)
{
    PolicyCase out = PolicyCase::from_yaml(
        "gate:\n"
        "  plane: xdp\n"
        "  interfaces: [eth0]\n" +
        gate + "  services:\n" + services +
        "sources: {levels: {ipv6: [40, 48, 8], ipv4: [24, 2]}}\n" EMBEDDED
        "classes:\n"
        "  good: {action: pass, bandwidth: 20kB/s}\n"
        "  unknown: {action: limit, rate: 60/min, charge: syn, burst: 4, levels: {ipv6: {48: "
        "{rate: 90/min,"
        " burst: 4}, 8: {rate: 30/min, burst: 150}}, ipv4: {2: {rate: 30/min, burst: 150}}}}\n"
        "  mixed: {action: limit, rate: 6/min, charge: syn" +
        mixed +
        "}\n"
        "  bad: {action: drop}\n"
        "default_class: unknown\n");
    PolicyCase random = random_case(seed, 150);
    out.config.feeds = random.config.feeds;
    out.config.lengths = random.config.lengths;
    out.feeds = random.feeds;
    const size_t feed = out.add_feed("embedded", "bad", 30);
    out.add(feed, "2002:c612::/32");
    out.add(feed, "203.0.113.0/24");
    out.add(feed, "2001:db8:bad::/48");
    return out;
}

std::vector<Gate::ByHand> random_by_hand(std::mt19937_64& random, const Config& config,
                                         const std::vector<Prefix>& prefixes, uint64_t now_ns)
{
    std::map<std::string, Gate::ByHand> out;  // of one prefix one
    std::set<std::pair<int, int>> lengths;
    while (out.size() < 40) {
        const Prefix& near = prefixes[random() % prefixes.size()];
        const int most = near.first.family == 4 ? 32 : 128;
        const int length =
            std::min(most, std::max(0, near.length + static_cast<int>(random() % 9) - 4));
        lengths.insert({near.first.family, length});
        if (lengths.size() > MXG_OVERRIDE_LENGTHS) {
            lengths.erase({near.first.family, length});
            break;
        }
        const Prefix prefix = cut(near.first, length);
        const uint64_t until = random() % 2 ? UINT64_MAX : now_ns + random() % 10'000'000'000;
        out[to_string(prefix)] = {prefix, config.classes[random() % config.classes.size()].name,
                                  until};
    }
    std::vector<Gate::ByHand> all;
    for (auto& [name, entry] : out)
        all.push_back(std::move(entry));
    return all;
}

std::vector<Address> edges_of(const std::vector<Prefix>& prefixes)
{
    std::vector<Address> out;
    for (const Prefix& prefix : prefixes) {
        const Number end = last_of({{prefix.first.family, 0}, 0}).value;
        const Address first = prefix.first, last = last_of(prefix);
        out.push_back(first);
        out.push_back(last);
        out.push_back({first.family, (first.value - 1) & end});
        out.push_back({last.family, (last.value + 1) & end});
    }
    return out;
}

Address random_address(std::mt19937_64& random, int family)
{
    if (family == 4)
        return {4, static_cast<uint32_t>(random())};
    return {6, Number{random()} << 64 | random()};
}

}  // namespace mxgate::reference
