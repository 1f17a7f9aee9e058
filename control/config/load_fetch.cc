// SPDX-License-Identifier: BSD-2-Clause
// Where the lists of feeds and of lengths come from, and how much a new table may change.
#include <algorithm>

#include "control/config/reader.h"

namespace mxgate {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;
// What publishers of lists ask for, at the least.
constexpr uint64_t kLeastRefreshOfUrl = 15 * 60 * kSecond;
constexpr uint64_t kLeastRefreshOfProgram = 10 * kSecond;
constexpr size_t kMaxUrl = 2048;
constexpr uint64_t kMaxDiscovered = 30'000;  // files; each is a source of the table
constexpr uint64_t kMaxDiscoveredSize = 64 << 20;

// `http` or `https`; empty if it is no URL with a host, without blanks and control characters.
std::string scheme_of(std::string_view url)
{
    const size_t end = url.find("://");
    const bool odd = std::any_of(url.begin(), url.end(), [](char c) {
        return static_cast<unsigned char>(c) <= ' ' || c == 0x7f;
    });
    if (end == std::string_view::npos || odd || url.size() > kMaxUrl)
        return {};
    const std::string scheme = lower(url.substr(0, end));
    const std::string_view host = url.substr(end + 3);
    const bool known = scheme == "http" || scheme == "https";
    return known && !host.empty() && !host.starts_with('/') ? scheme : std::string{};
}

}  // namespace

std::string FetchConfig::source() const
{
    std::string out = url;
    if (discovers())
        out = "files named by objects of";
    for (const std::string& word : discovers() ? discover.objects : exec)
        out += (out.empty() ? "" : " ") + word;
    return out;
}

std::string FetchConfig::shown() const
{
    const size_t begin = url.find("://");
    if (begin == std::string::npos)
        return source();
    const size_t host_end = url.find_first_of("/?#", begin + 3);
    const size_t at = url.substr(0, host_end).rfind('@');
    return at == std::string::npos ? url : url.substr(0, begin + 3) + url.substr(at + 1);
}

std::string Reader::read_origin(const Section& fields, FetchConfig& fetch,
                                std::optional<uint64_t>& expire_ns, bool of_feed)
{
    std::string path;
    const bool discovers = !of_feed && fields.has("discover");
    if (fields.has("path") + fields.has("url") + fields.has("exec") + discovers > 1)
        error_at(report_,
                 *fields.find(fields.has("url")    ? "url"
                              : fields.has("exec") ? "exec"
                                                   : "discover"),
                 of_feed ? "a list comes from one place: `path`, `url` or `exec`"
                         : "a list comes from one place: `path`, `url`, `exec` or `discover`");
    if (const YamlEntry* entry = fields.find("url"))
        read_url(*entry, fetch, of_feed);
    else if (discovers)
        read_discover(*fields.find("discover")->value, fetch);
    else if (const YamlEntry* program = fields.find("exec"))
        read_exec(*program, fetch);
    else if (const YamlEntry* file = fields.require(
                 "path", of_feed ? ", `url` or `exec`" : ", `url`, `exec` or `discover`"))
        path = of_feed ? read_path(*file->value) : read_path(*file);
    if (const YamlEntry* entry = fields.find("expire"))
        expire_ns = read_duration(report_, *entry->value);
    const bool by_url = fields.has("url") || discovers;
    for (const char* key : {"refresh", "timeout", "proxy", "tls"}) {
        const YamlEntry* entry = fields.find(key);
        const bool of_programs = key[0] == 'r' || key[1] == 'i';  // refresh, timeout
        if (entry != nullptr && !by_url && !(of_programs && fields.has("exec")))
            error_at(report_, *entry, fmt::format("`{}` has no effect without `url`", key));
    }
    if (const YamlEntry* entry = fields.find("refresh")) {
        const uint64_t least = by_url ? kLeastRefreshOfUrl : kLeastRefreshOfProgram;
        fetch.refresh_ns = read_duration(report_, *entry->value).value_or(fetch.refresh_ns);
        if (fetch.refresh_ns < least)
            error_at(report_, *entry->value,
                     by_url ? "more often than every 15min is not polite to who serves the list"
                            : "more often than every 10s");
        if (expire_ns && *expire_ns < fetch.refresh_ns)
            error_at(report_, *entry->value, "the list would expire before it is fetched again");
    }
    if (const YamlEntry* entry = fields.find("timeout"))
        fetch.timeout_ns = read_duration(report_, *entry->value).value_or(fetch.timeout_ns);
    if (const auto proxy = fields.text_of("proxy")) {
        fetch.proxy = *proxy;
        if (scheme_of(*proxy).empty())
            error_at(report_, *fields.find("proxy")->value,
                     "this is no proxy; write for example `http://proxy.example:3128`");
    }
    if (const YamlEntry* entry = fields.find("tls"))
        read_tls(*entry, fetch);
    return path;
}

void Reader::read_url(const YamlEntry& entry, FetchConfig& into, bool of_feed)
{
    const auto text = read_text(report_, *entry.value, "a URL");
    if (!text)
        return;
    into.url = *text;
    const std::string scheme = scheme_of(*text);
    if (scheme.empty())
        error_at(report_, *entry.value,
                 fmt::format("{} is not a URL of http or https", show(*text)));
    else if (!of_feed && scheme != "https")
        error_at(report_, *entry.value, "lengths are fetched by https only");
}

void Reader::read_discover(const YamlNode& node, FetchConfig& into)
{
    into.refresh_ns = 24 * 3600 * kSecond;
    into.timeout_ns = 60 * kSecond;
    const Section fields = section(node, "discover", {"objects", "files", "max_size", "hosts"});
    DiscoverConfig& discover = into.discover;
    if (const YamlEntry* entry = fields.require("objects"))
        for (const YamlNode* item : one_or_list(*entry->value))
            discover.objects.push_back(read_name(report_, *item).value_or(""));
    if (const YamlEntry* entry = fields.find("files"))
        discover.files = read_number(report_, *entry->value, 1, kMaxDiscovered).value_or(1);
    if (const YamlEntry* entry = fields.find("max_size"))
        discover.max_size =
            read_number(report_, *entry->value, 1000, kMaxDiscoveredSize).value_or(1000);
    discover.any_host =
        fields.choice<bool>("hosts", {{"public", false}, {"any", true}}).value_or(false);
}

// Now that all names are known.
void Reader::check_discover()
{
    uint64_t files = 0;
    for (const LengthFeedConfig& feed : config_.length_feeds) {
        const auto error = [&](std::string text) {
            report_.error(feed.where.line, feed.where.column, std::move(text));
        };
        if (!feed.fetch.discovers())
            continue;
        files += feed.fetch.discover.files;
        if (files > kMaxDiscovered)
            error(fmt::format("more than {} `files` over all that `discover`", kMaxDiscovered));
        if (feed.format != LengthFormat::prefixlen)
            error("`discover` finds files of `format: prefixlen`");
        for (const std::string& name : feed.fetch.discover.objects) {
            const auto found =
                std::find_if(config_.length_feeds.begin(), config_.length_feeds.end(),
                             [&](const LengthFeedConfig& other) { return other.name == name; });
            if (found == config_.length_feeds.end())
                error(fmt::format("`objects`: there is no length feed `{}`", name));
            else if (found->format != LengthFormat::rpsl && found->format != LengthFormat::nrtm4)
                error(fmt::format("`objects`: `{}` is not of `format: rpsl` or `nrtm4`", name));
        }
    }
}

void Reader::read_exec(const YamlEntry& entry, FetchConfig& into)
{
    for (const YamlNode* item : one_or_list(*entry.value))
        if (const auto word = read_text(report_, *item, "a program, or an argument"))
            into.exec.emplace_back(*word);
    if (!into.exec.empty() && !into.exec[0].starts_with('/'))
        error_at(report_, *entry.value,
                 fmt::format("{} is not an absolute path; `exec` is a program and its arguments, "
                             "[/usr/local/bin/list, --all]; no shell looks at it",
                             show(into.exec[0])));
}

void Reader::read_tls(const YamlEntry& entry, FetchConfig& into)
{
    const Section tls = section(*entry.value, "tls", {"ca", "certificate", "key"});
    for (const auto& [key, file] :
         {std::pair{"ca", &into.ca}, std::pair{"certificate", &into.certificate},
          std::pair{"key", &into.key}})
        if (const YamlEntry* path = tls.find(key))
            *file = read_path(*path);
    if (into.discovers() && tls.has("certificate"))
        error_at(report_, *tls.find("certificate"),
                 "`certificate` is not shown to servers that `discover` finds");
    if (tls.has("key") && !tls.has("certificate"))
        error_at(report_, *tls.find("key"), "`key` has no effect without `certificate`");
}

void Reader::read_blast_radius(const Section& gate)
{
    const YamlEntry* entry = gate.find("blast_radius");
    if (entry == nullptr)
        return;
    BlastRadius& into = config_.gate.blast_radius;
    const Section fields = section(*entry->value, "blast_radius", {"share", "senders", "good"});
    if (const YamlEntry* share = fields.find("share"))
        into.share = read_share(report_, *share->value).value_or(into.share);
    if (const YamlEntry* senders = fields.find("senders"))
        into.senders = read_number(report_, *senders->value, 1, UINT32_MAX).value_or(into.senders);
    into.good = fields.choice<bool>("good", {{"refuse", false}, {"deny", true}}).value_or(false);
}

}  // namespace mxgate
