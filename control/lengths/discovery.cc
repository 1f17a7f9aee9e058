// SPDX-License-Identifier: BSD-2-Clause
#include "control/lengths/discovery.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "control/config/text.h"
#include "control/net/address_text.h"

namespace mxgate {
namespace {

constexpr uint32_t kNone = Nesting::kNone;
constexpr size_t kMaxReferences = 1 << 18;

// Printable ASCII without blanks, and a host: enough to hand it to a client.
bool is_https(std::string_view url)
{
    constexpr std::string_view kScheme = "https://";
    return url.starts_with(kScheme) && url.size() > kScheme.size() && url[kScheme.size()] != '/' &&
           std::all_of(url.begin(), url.end(), [](char c) { return c > ' ' && c <= '~'; });
}

// How specific: of IPv4 a /24 is as much as a /48 of IPv6.
uint32_t narrowness(const mxg_prefix& range)
{
    return range.address.family == MXG_FAMILY_IPV4 ? 2 * range.length : range.length;
}

}  // namespace

void Discovery::take(const RpslObject& object)
{
    const auto& named = object.prefixlen.empty() ? object.prefixlen_remarks : object.prefixlen;
    if (named.empty())
        return;
    log_.records++;
    if (!object.damage.empty())
        return log_.reject(object.line, object.damage);
    const std::string& url = named.front();
    if (!is_https(url))
        return log_.reject(object.line, "not an https URL: " + show(url));
    std::string reason;
    const std::vector<mxg_prefix> range = range_of(object, reason);
    if (range.empty())
        return log_.reject(object.line, reason);
    if (references_.size() + range.size() > kMaxReferences)
        return log_.reject(object.line,
                           fmt::format("more than {} ranges with files", kMaxReferences));
    for (const mxg_prefix& part : range)
        references_.push_back({part, url, object.line});
    for (const auto* urls : {&object.prefixlen, &object.prefixlen_remarks})
        for (const std::string& other : *urls)
            if (other != url)
                log_.warn(object.line, fmt::format("a second file is not used: {}", show(other)));
}

std::vector<std::string> Discovery::files() const
{
    std::map<std::string, uint32_t> widest;
    for (const PrefixlenReference& reference : references_) {
        const uint32_t here = narrowness(reference.range);
        const auto [at, is_new] = widest.try_emplace(reference.url, here);
        at->second = std::min(at->second, here);
    }
    std::vector<std::pair<uint32_t, std::string>> order;
    for (const auto& [url, narrow] : widest)
        order.emplace_back(narrow, url);
    std::sort(order.begin(), order.end());
    std::vector<std::string> out;
    for (auto& [narrow, url] : order)
        out.push_back(std::move(url));
    return out;
}

void Discovery::settle(const std::set<std::string>& files)
{
    std::erase_if(references_, [&](const PrefixlenReference& r) { return !files.contains(r.url); });
    std::stable_sort(references_.begin(), references_.end(),
                     [](const PrefixlenReference& a, const PrefixlenReference& b) {
                         return prefix_before(a.range, b.range);
                     });
    std::vector<mxg_prefix> ranges;
    for (const PrefixlenReference& reference : references_)
        ranges.push_back(reference.range);
    ranges_ = Nesting(std::move(ranges));
}

uint64_t Discovery::confine(const std::string& url, LengthList& list) const
{
    uint64_t outside = 0;
    LengthList kept;
    std::swap(kept.entries, list.entries);
    for (const LengthEntry& entry : kept.entries) {
        const mxg_prefix prefix = prefix_of(entry);
        const uint32_t nearest = ranges_.longest(prefix);
        uint32_t own = nearest;
        while (own != kNone && references_[own].url != url)
            own = ranges_.parent(own);
        if (own == kNone) {
            outside++;
            list.reject(entry.line, fmt::format("{} lies in no object that names this file",
                                                to_string(prefix)));
        } else if (own != nearest) {
            list.reject(entry.line,
                        fmt::format("{} lies in {}, which has a file of its own", to_string(prefix),
                                    to_string(references_[nearest].range)));
        } else {
            carve(entry, url, list);
        }
    }
    list.finish();
    return outside;
}

// Adds `entry` without the ranges inside it that have another file.
void Discovery::carve(const LengthEntry& entry, const std::string& url, LengthList& into) const
{
    const mxg_prefix prefix = prefix_of(entry);
    const Wide end = last_of(prefix);
    const auto add = [&](const mxg_prefix& part) {
        if (entry.site_length == 0 || entry.site_length >= part.length)
            into.add(part, entry.site_length, entry.end_sites, entry.line);
    };
    Wide from = number_of(prefix.address);
    auto at = std::lower_bound(references_.begin(), references_.end(), prefix,
                               [](const PrefixlenReference& r, const mxg_prefix& key) {
                                   return prefix_before(r.range, key);
                               });
    bool carved = false;
    for (; at != references_.end() && prefix_contains(prefix, at->range); ++at) {
        const mxg_prefix& range = at->range;
        const Wide first = number_of(range.address);
        if (at->url == url || range.length == prefix.length || first < from)
            continue;
        carved = true;
        if (first > from)
            split_range(from, first - 1, entry.family, add);
        if (last_of(range) == end)
            return;
        from = last_of(range) + 1;
    }
    if (carved)
        split_range(from, end, entry.family, add);
    else
        into.add(prefix, entry.site_length, entry.end_sites, entry.line);
}

}  // namespace mxgate
