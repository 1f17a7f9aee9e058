// SPDX-License-Identifier: BSD-2-Clause
#include "control/lengths/discovery.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "control/config/text.h"
#include "control/lengths/csv.h"
#include "control/net/address_text.h"

namespace mxgate {
namespace {

constexpr uint32_t kNone = Nesting::kNone;
constexpr uint64_t kMaxText = 1 << 30;

// Printable ASCII without blanks, and a host: enough to hand it to a client.
bool is_https(std::string_view url)
{
    constexpr std::string_view kScheme = "https://";
    return url.starts_with(kScheme) && url.size() > kScheme.size() &&
           std::all_of(url.begin(), url.end(), [](char c) { return c > ' ' && c <= '~'; });
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
    for (const mxg_prefix& part : range)
        references_.push_back({part, url, object.line});
    for (const auto* urls : {&object.prefixlen, &object.prefixlen_remarks})
        for (const std::string& other : *urls)
            if (other != url)
                log_.warn(object.line, fmt::format("a second file is not used: {}", show(other)));
}

void Discovery::index()
{
    std::stable_sort(references_.begin(), references_.end(),
                     [](const PrefixlenReference& a, const PrefixlenReference& b) {
                         return prefix_before(a.range, b.range);
                     });
    std::vector<mxg_prefix> ranges;
    for (const PrefixlenReference& reference : references_)
        ranges.push_back(reference.range);
    ranges_ = Nesting(std::move(ranges));
}

// The reference with the longest range around `prefix` whose file was fetched, or kNone.
uint32_t Discovery::most_specific(const mxg_prefix& prefix) const
{
    uint32_t at = ranges_.longest(prefix);
    while (at != kNone && !fetched_[file_of_[at]])
        at = ranges_.parent(at);
    return at;
}

void Discovery::confine(DiscoveredFile& file, size_t number) const
{
    LengthList kept;
    std::swap(kept.entries, file.list.entries);
    for (const LengthEntry& entry : kept.entries) {
        const mxg_prefix prefix = prefix_of(entry);
        const uint32_t nearest = most_specific(prefix);
        uint32_t own = nearest;
        while (own != kNone && file_of_[own] != number)
            own = ranges_.parent(own);
        if (own == kNone) {
            file.outside++;
            file.list.reject(entry.line, fmt::format("{} lies in no object that names this file",
                                                     to_string(prefix)));
        } else if (own != nearest) {
            file.list.reject(entry.line,
                             fmt::format("{} lies in {}, which has a file of its own",
                                         to_string(prefix), to_string(references_[nearest].range)));
        } else {
            carve(entry, number, file.list);
        }
    }
    file.list.finish();
}

// Adds `entry` without the ranges inside it that have another file.
void Discovery::carve(const LengthEntry& entry, size_t number, LengthList& into) const
{
    const mxg_prefix prefix = prefix_of(entry);
    const Wide end = last_of(prefix);
    const auto add = [&](const mxg_prefix& part) {
        if (entry.site_length == 0 || entry.site_length >= part.length)
            into.add(part, entry.site_length, entry.end_sites, entry.line);
    };
    Wide from = number_of(prefix.address);
    auto at = static_cast<size_t>(
        std::lower_bound(references_.begin(), references_.end(), prefix,
                         [](const PrefixlenReference& r, const mxg_prefix& key) {
                             return prefix_before(r.range, key);
                         }) -
        references_.begin());
    bool carved = false;
    for (; at < references_.size() && prefix_contains(prefix, references_[at].range); at++) {
        const mxg_prefix& range = references_[at].range;
        const Wide first = number_of(range.address);
        if (file_of_[at] == number || !fetched_[file_of_[at]] || range.length == prefix.length ||
            first < from)
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

std::vector<DiscoveredFile> Discovery::run(const Fetch& fetch, const TrustStore* trust)
{
    index();
    std::vector<DiscoveredFile> files;
    std::map<std::string, size_t> numbers;
    file_of_.clear();
    fetched_.clear();
    for (const PrefixlenReference& reference : references_) {
        const auto [at, is_new] = numbers.try_emplace(reference.url, files.size());
        file_of_.push_back(at->second);
        if (!is_new)
            continue;
        DiscoveredFile file;
        file.url = reference.url;
        const FetchedFile got = fetch(reference.url);
        file.fetch_error = got.error;
        if (got.error.empty()) {
            FeedInput input = FeedInput::of_text(got.text, kMaxText);
            file.list = read_prefixlen(input);
            file.fetch_error = file.list.error;
            if (trust != nullptr && file.list.error.empty()) {
                const SignatureCheck check = trust->check(got.text, file.list);
                file.signature = check.reason;
                if (check.state == SignatureCheck::State::valid)
                    file.origin = LengthOrigin::signed_prefixlen;
            }
        }
        fetched_.push_back(file.fetch_error.empty());
        files.push_back(std::move(file));
    }
    for (size_t i = 0; i < files.size(); i++)
        if (fetched_[i])
            confine(files[i], i);
    return files;
}

}  // namespace mxgate
