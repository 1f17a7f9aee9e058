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
    for (const std::string& word : exec)
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
    if (fields.has("path") + fields.has("url") + fields.has("exec") > 1)
        error_at(report_, *fields.find(fields.has("url") ? "url" : "exec"),
                 "a list comes from one place: `path`, `url` or `exec`");
    if (const YamlEntry* entry = fields.find("url"))
        read_url(*entry, fetch, of_feed);
    else if (const YamlEntry* program = fields.find("exec"))
        read_exec(*program, fetch);
    else if (const YamlEntry* file = fields.require("path"))
        path = of_feed ? read_path(*file->value) : read_path(*file);
    if (const YamlEntry* entry = fields.find("expire"))
        expire_ns = read_duration(report_, *entry->value);
    const bool by_url = fields.has("url");
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
