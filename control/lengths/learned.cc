// SPDX-License-Identifier: BSD-2-Clause
#include "control/lengths/learned.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "control/net/address_text.h"

namespace mxgate {
namespace {

constexpr uint32_t kNetworkBits = 64;  // the interface identifier begins here (RFC 7136)

uint64_t hash_of(uint64_t key)
{
    key ^= key >> 31;
    key *= 0x9e3779b97f4a7c15ULL;
    return key ^ key >> 29;
}

bool is_kept(uint64_t network, uint32_t dropped_bits)
{
    return (hash_of(network >> 16) >> 20 & ((1ULL << dropped_bits) - 1)) == 0;
}

// Lower end of the 95 % interval of a share.
double wilson(double hits, double all)
{
    constexpr double z = 1.96;
    const double share = hits / all;
    const double middle = share + z * z / (2 * all);
    const double spread = z * std::sqrt(share * (1 - share) / all + z * z / (4 * all * all));
    return (middle - spread) / (1 + z * z / all);
}

// The /64s of one prefix as if customers had prefixes of `length`.
struct Fit {
    uint64_t sites = 0;
    uint64_t fitting = 0;
    uint64_t odd = 0;  // sites whose last bit is set
};

Fit fit(const std::vector<uint64_t>& networks, uint32_t length)
{
    const uint32_t rest = kNetworkBits - length;
    const uint64_t half = 1ULL << (rest - 1);
    Fit out;
    for (size_t from = 0; from < networks.size();) {
        const uint64_t site = networks[from] >> rest;
        size_t to = from;
        while (to < networks.size() && networks[to] >> rest == site)
            to++;
        const bool sibling = (from > 0 && networks[from - 1] >> rest == (site ^ 1)) ||
                             (to < networks.size() && networks[to] >> rest == (site ^ 1));
        const uint64_t first = networks[from] - (site << rest);
        const uint64_t last = networks[to - 1] - (site << rest);
        const bool one_network = to - from == 1 && first == 0;
        const bool several =
            to - from > 1 && !sibling && (first == 0 || (first < half && last >= half));
        out.sites++;
        out.fitting += one_network || several;
        out.odd += site & 1;
        from = to;
    }
    return out;
}

// Customers are spread over a bit that belongs to the provider; a bit of the customer's own that
// happens to be unused is all zeros.
bool last_bit_varies(const Fit& f)
{
    return f.odd * 5 >= f.sites && f.odd * 5 <= f.sites * 4;
}

}  // namespace

LengthLearner::LengthLearner(std::vector<mxg_prefix> prefixes)
{
    std::erase_if(prefixes, [](const mxg_prefix& prefix) {
        return prefix.address.family != MXG_FAMILY_IPV6 || prefix.length >= kNetworkBits;
    });
    std::sort(prefixes.begin(), prefixes.end(), prefix_before);
    prefixes.erase(std::unique(prefixes.begin(), prefixes.end(), same_prefix), prefixes.end());
    prefixes_ = Nesting(std::move(prefixes));
}

void LengthLearner::observe(const mxg_address& address)
{
    if (address.family != MXG_FAMILY_IPV6)
        return;
    const uint32_t place = prefixes_.longest({address, 128});
    if (place == Nesting::kNone)
        return;
    Seen& seen = seen_[place];
    seen.observed++;
    if (!is_kept(address.hi, seen.dropped_bits))
        return;
    if (seen.networks.size() < kMaxNetworks)
        seen.networks.insert(address.hi);
    else if (!seen.full && !seen.networks.contains(address.hi))
        thin(seen);
}

// Drops half of the /48s, whole, so that what is left of a customer is all of it. Where all is in
// one /48 there is nothing to drop; then no more are taken.
void LengthLearner::thin(Seen& seen)
{
    const uint64_t any = *seen.networks.begin() >> 16;
    const bool one = std::all_of(seen.networks.begin(), seen.networks.end(),
                                 [&](uint64_t network) { return network >> 16 == any; });
    seen.full = one || seen.dropped_bits == 40;
    if (seen.full)
        return;
    seen.dropped_bits++;
    std::erase_if(seen.networks,
                  [&](uint64_t network) { return !is_kept(network, seen.dropped_bits); });
}

std::vector<LearnedLength> LengthLearner::hints() const
{
    std::vector<LearnedLength> out;
    for (uint32_t place = 0; place < prefixes_.size(); place++) {
        const auto found = seen_.find(place);
        if (found == seen_.end())
            continue;
        const Seen& seen = found->second;
        std::vector<uint64_t> networks(seen.networks.begin(), seen.networks.end());
        std::sort(networks.begin(), networks.end());
        LearnedLength best;
        // The longest of equals: too fine costs memory, too coarse hits neighbours.
        for (uint32_t length = std::max(prefixes_[place].length, 1u); length < kNetworkBits;
             length++) {
            const Fit f = fit(networks, length);
            if (f.sites < kLeastSites || !last_bit_varies(f))
                continue;
            const double confidence =
                wilson(static_cast<double>(f.fitting), static_cast<double>(f.sites));
            if (confidence >= kLeastConfidence && confidence >= best.confidence)
                best = {prefixes_[place], length,          confidence,
                        f.sites,          networks.size(), seen.observed};
        }
        if (best.length != 0)
            out.push_back(best);
    }
    return out;
}

std::string learned_csv(const std::vector<LearnedLength>& hints)
{
    std::string out =
        "# prefix,end-site length,end sites (RFC 9977); learned from sources seen\r\n";
    for (const LearnedLength& hint : hints)
        out += fmt::format("{},{}, # confidence {:.2f}: {} sites, {} networks, {} addresses\r\n",
                           to_string(hint.prefix), hint.length, hint.confidence, hint.sites,
                           hint.networks, hint.observed);
    return out;
}

}  // namespace mxgate
