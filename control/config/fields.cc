// SPDX-License-Identifier: BSD-2-Clause
#include "control/config/fields.h"

#include <algorithm>

namespace mxgate {
namespace {

using Kind = YamlNode::Kind;

// What the configuration language has and this version does not enforce. To refuse it is the point:
// a limit that is written but not applied would be worse than none. With `value`, only that value.
struct NotYet {
    std::string_view section;
    std::string_view key;
    std::string_view value;
    std::string_view remedy;
};

constexpr NotYet kNotYet[] = {
    {"feed", "learned", "", "remove it"},
};

const NotYet* find_not_yet(std::string_view section, std::string_view key, std::string_view value)
{
    for (const NotYet& entry : kNotYet)
        if (entry.section == section && entry.key == key && entry.value == value)
            return &entry;
    return nullptr;
}

std::string_view kind_name(const YamlNode& node)
{
    switch (node.kind) {
        case Kind::null:
            return "nothing";
        case Kind::scalar:
            return "a single value";
        case Kind::list:
            return "a list";
        case Kind::map:
            return "a map";
    }
    return "";
}

// The address that YAML took for a map: `2001:db8::` in a flow list is the key `2001:db8:`.
std::string address_read_as_map(const YamlNode& node)
{
    if (node.kind != Kind::map || node.entries.size() != 1 ||
        node.entries[0].value->kind != Kind::null)
        return {};
    std::string address = node.entries[0].key + ":";
    return parse_address(address) ? address : std::string{};
}

}  // namespace

void error_at(Report& report, const YamlNode& node, std::string text)
{
    report.error(node.line, node.column, std::move(text));
}

void error_at(Report& report, const YamlEntry& entry, std::string text)
{
    report.error(entry.line, entry.column, std::move(text));
}

Section::Section(const YamlTree& tree, const YamlNode& node, std::string_view name,
                 std::initializer_list<std::string_view> keys, Report& report)
    : tree_(tree), node_(node), name_(name), report_(report)
{
    if (!is_map()) {
        wrong_kind(report, node, "a map");
        return;
    }
    const std::vector<std::string_view> known(keys);
    for (const YamlEntry& entry : node.entries) {
        if (const NotYet* not_yet = find_not_yet(name, entry.key, "")) {
            has_refused_key_ = true;
            error_at(report, entry,
                     fmt::format("`{}` is not enforced by this version; {}", entry.key,
                                 not_yet->remedy));
        } else if (std::find(known.begin(), known.end(), entry.key) == known.end())
            error_at(report, entry,
                     fmt::format("unknown key {}; did you mean `{}`?", show(entry.key),
                                 nearest(entry.key, known)));
    }
}

const YamlEntry* Section::require(std::string_view key, std::string_view others) const
{
    const YamlEntry* entry = find(key);
    if (entry == nullptr && is_map() && !tree_.truncated)
        error_at(report_, node_, fmt::format("this {} has no `{}`{}", name_, key, others));
    return entry;
}

std::optional<std::string_view> Section::text_of(std::string_view key) const
{
    const YamlEntry* entry = find(key);
    return entry != nullptr ? read_text(report_, *entry->value, "a single value") : std::nullopt;
}

void Section::refuse_choice(std::string_view key, std::string_view text,
                            const std::vector<std::string_view>& names) const
{
    const YamlNode& value = *find(key)->value;
    if (const NotYet* not_yet = find_not_yet(name_, key, text))
        error_at(report_, value,
                 fmt::format("`{}: {}` is not available in this version; {}", key, text,
                             not_yet->remedy));
    else
        error_at(report_, value,
                 fmt::format("unknown value {} for `{}`; did you mean `{}`?", show(text), key,
                             nearest(text, names)));
}

void wrong_kind(Report& report, const YamlNode& node, std::string_view expected)
{
    const std::string address = address_read_as_map(node);
    if (!address.empty())
        error_at(report, node,
                 fmt::format("YAML reads this as a map; write \"{}\" in quotes", address));
    else
        error_at(report, node, fmt::format("expected {}, found {}", expected, kind_name(node)));
}

std::optional<std::string_view> read_text(Report& report, const YamlNode& node,
                                          std::string_view expected)
{
    if (node.kind == Kind::scalar)
        return node.text;
    wrong_kind(report, node, expected);
    return std::nullopt;
}

std::vector<const YamlNode*> read_list(Report& report, const YamlNode& node,
                                       std::string_view expected)
{
    if (node.kind != Kind::list)
        wrong_kind(report, node, expected);
    else if (node.items.empty())
        error_at(report, node, fmt::format("expected {}, found an empty list", expected));
    return node.items;
}

std::optional<std::string> read_name(Report& report, const YamlNode& node)
{
    constexpr size_t kMaxName = 63;
    constexpr std::string_view kAllowed =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    const auto text = read_text(report, node, "a name");
    if (!text)
        return std::nullopt;
    if (text->empty() || text->size() > kMaxName ||
        text->find_first_not_of(kAllowed) != std::string_view::npos) {
        error_at(report, node,
                 fmt::format("{} is not a name; a name is 1 to {} letters, digits, `.`, `_`, `-`",
                             show(*text), kMaxName));
        return std::nullopt;
    }
    return std::string(*text);
}

std::optional<int64_t> read_integer(Report& report, const YamlNode& node, int64_t least,
                                    int64_t most)
{
    const auto text = read_text(report, node, "a whole number");
    if (!text)
        return std::nullopt;
    const auto value = parse_integer(*text);
    if (!value)
        error_at(report, node, fmt::format("{} is not a whole number", show(*text)));
    else if (*value < least || *value > most)
        error_at(report, node, fmt::format("{} is not within {} to {}", *value, least, most));
    else
        return value;
    return std::nullopt;
}

std::optional<uint64_t> read_number(Report& report, const YamlNode& node, uint64_t least,
                                    uint64_t most)
{
    const auto text = read_text(report, node, "a number");
    if (!text)
        return std::nullopt;
    const auto value = parse_number(*text);
    if (!value)
        error_at(report, node,
                 fmt::format("{} is not a number; write for example `250`, `64k`, `1M` or `16Mi`",
                             show(*text)));
    else if (*value < least || *value > most)
        error_at(report, node, fmt::format("{} is not within {} to {}", *value, least, most));
    else
        return value;
    return std::nullopt;
}

std::optional<uint64_t> read_duration(Report& report, const YamlNode& node)
{
    const auto text = read_text(report, node, "a duration");
    if (!text)
        return std::nullopt;
    const auto value = parse_duration(*text);
    if (!value)
        error_at(report, node,
                 fmt::format("{} is not a duration; write for example `500ms`, `60s`, `10min`, "
                             "`2h` or `7d`",
                             show(*text)));
    else if (*value == 0)
        error_at(report, node, "a duration must be more than 0");
    else
        return value;
    return std::nullopt;
}

std::optional<double> read_share(Report& report, const YamlNode& node)
{
    const auto text = read_text(report, node, "a share");
    if (!text)
        return std::nullopt;
    const auto share = parse_share(*text);
    if (!share)
        error_at(report, node,
                 fmt::format("{} is not a share; write for example `50%`", show(*text)));
    return share;
}

std::optional<RateLimit> read_rate(Report& report, const YamlNode& node)
{
    const auto text = read_text(report, node, "a rate");
    if (!text)
        return std::nullopt;
    const auto rate = parse_rate(*text);
    if (!rate)
        error_at(report, node,
                 fmt::format("{} is not a rate; write for example `30/min`, `1/10min` or `500/s`",
                             show(*text)));
    else if (rate->count == 0 || rate->period_ns == 0)
        error_at(report, node, "a rate must be more than 0; `action: drop` refuses everything");
    else if (rate->count > rate->period_ns)
        error_at(report, node, "a rate must be at most 1 per nanosecond");
    else
        return rate;
    return std::nullopt;
}

std::optional<uint64_t> read_bandwidth(Report& report, const YamlNode& node)
{
    constexpr uint64_t kLeast = 1000, kMost = 100'000'000'000;
    const auto text = read_text(report, node, "a bandwidth");
    if (!text)
        return std::nullopt;
    const auto bytes = parse_bandwidth(*text);
    if (!bytes)
        error_at(report, node,
                 fmt::format("{} is not a bandwidth; write for example `64kB/s` or `1MB/s`",
                             show(*text)));
    else if (*bytes < kLeast || *bytes > kMost)
        error_at(report, node, "a bandwidth must be within 1kB/s to 100GB/s");
    else
        return bytes;
    return std::nullopt;
}

std::optional<mxg_prefix> read_prefix(Report& report, const YamlNode& node)
{
    const auto text = read_text(report, node, "an address or prefix");
    if (!text)
        return std::nullopt;
    const auto parsed = parse_prefix(*text);
    if (!parsed) {
        error_at(report, node, fmt::format("{} is not an address or prefix", show(*text)));
        return std::nullopt;
    }
    if (parsed->host_bits_set)
        report.warning(node.line, node.column,
                       fmt::format("host bits are set; {} is read as {}", show(*text),
                                   to_string(parsed->prefix)));
    return parsed->prefix;
}

bool overlap(const mxg_prefix& a, const mxg_prefix& b)
{
    return a.length <= b.length ? mxg_contains(a, b.address) : mxg_contains(b, a.address);
}

}  // namespace mxgate
