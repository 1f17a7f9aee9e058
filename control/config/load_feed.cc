// SPDX-License-Identifier: BSD-2-Clause
// The `feeds` section: which lists, in which format, and what they mean.
#include <algorithm>

#include "control/config/reader.h"
#include "dataplane/core/image.h"

namespace mxgate {
namespace {

constexpr size_t kMaxFeeds = MXG_MAX_FEEDS;
constexpr size_t kMaxMapped = 250;  // values of one feed
constexpr uint64_t kMaxFeedBytes = 1ULL << 40;

// The keys that only some formats have.
struct FormatKey {
    FeedFormat format;
    std::string_view key;
    bool required;
};
constexpr FormatKey kFormatKeys[] = {
    {FeedFormat::rbldnsd, "dataset", true},
    {FeedFormat::rbldnsd, "map", false},
};

bool has_key(FeedFormat format, std::string_view key)
{
    return std::any_of(std::begin(kFormatKeys), std::end(kFormatKeys),
                       [&](const FormatKey& k) { return k.format == format && k.key == key; });
}

// An A record as rbldnsd's files give it: `127.0.0.2`, or `2` for short.
std::optional<std::string> a_record(std::string_view text)
{
    const std::string whole = text.find('.') == std::string_view::npos
                                  ? fmt::format("127.0.0.{}", text)
                                  : std::string(text);
    const auto address = parse_address(whole);
    if (!address || address->family != MXG_FAMILY_IPV4)
        return std::nullopt;
    return whole;
}

}  // namespace

void Reader::read_feeds(const YamlNode& node)
{
    if (node.kind != YamlNode::Kind::list)
        wrong_kind(report_, node, "a list of feeds");
    for (size_t i = 0; i < node.items.size(); i++) {
        if (i == kMaxFeeds)
            error_at(report_, *node.items[i], fmt::format("more than {} feeds", kMaxFeeds));
        read_feed(*node.items[i]);
    }
}

void Reader::read_feed(const YamlNode& node)
{
    FeedConfig feed;
    feed.where = location(node);
    const Section fields = section(node, "feed",
                                   {"name", "format", "path", "class", "priority", "guard", "widen",
                                    "max_size", "map", "dataset"});
    if (!fields.is_map())
        return;
    if (const YamlEntry* entry = fields.require("name")) {
        feed.name = read_name(report_, *entry->value).value_or("");
        const auto [first, is_new] = feed_lines_.try_emplace(feed.name, entry->line);
        if (!is_new && !feed.name.empty())
            error_at(report_, *entry->value,
                     fmt::format("feed `{}` stands in line {} already", feed.name, first->second));
    }
    read_feed_format(fields, feed);
    // A feed with a URL needs no path; that it has a URL is reported already.
    if (const YamlEntry* entry = fields.has("url") ? fields.find("path") : fields.require("path"))
        feed.path = read_path(*entry->value);
    read_feed_class(fields, feed);
    if (const YamlEntry* entry = fields.find("priority"))
        feed.priority = static_cast<int32_t>(
            read_integer(report_, *entry->value, INT32_MIN, INT32_MAX).value_or(0));
    if (const YamlEntry* entry = fields.find("max_size"))
        feed.max_size =
            read_number(report_, *entry->value, 1, kMaxFeedBytes).value_or(feed.max_size);
    fields.choice<int>("widen", {{"none", 0}});
    if (const YamlEntry* entry = fields.find("guard")) {
        const Section guard = section(*entry->value, "guard", {"min_entries"});
        if (const YamlEntry* least = guard.find("min_entries"))
            feed.min_entries = read_number(report_, *least->value, 0, UINT32_MAX).value_or(1);
    }
    config_.feeds.push_back(std::move(feed));
}

std::string Reader::read_path(const YamlNode& node) const
{
    const auto path = read_text(report_, node, "the path of a file");
    if (path && path->empty())
        error_at(report_, node, "the path is empty");
    return path && !path->empty() ? resolve(*path) : "";
}

void Reader::read_feed_format(const Section& fields, FeedConfig& into)
{
    fields.require("format");
    const auto format =
        fields.choice<FeedFormat>("format", {{"prefixes", FeedFormat::prefixes},
                                             {"spamhaus-drop", FeedFormat::spamhaus_drop},
                                             {"rbldnsd", FeedFormat::rbldnsd}});
    if (!format)
        return;
    into.format = *format;
    for (const FormatKey& known : kFormatKeys) {
        if (known.format == *format && known.required)
            fields.require(known.key);
        else if (fields.has(known.key) && !has_key(*format, known.key))
            error_at(report_, *fields.find(known.key),
                     fmt::format("`{}` has no effect with `format: {}`", known.key,
                                 *fields.text_of("format")));
    }
    into.dataset =
        fields.choice<RbldnsdDataset>("dataset", kRbldnsdDatasets).value_or(into.dataset);
}

void Reader::read_feed_class(const Section& fields, FeedConfig& into)
{
    const YamlEntry* map = fields.find("map");
    // With a map, a feed without a class says: what is not mapped, skip.
    if (const YamlEntry* entry = map != nullptr ? fields.find("class") : fields.require("class")) {
        const auto name = read_text(report_, *entry->value, "the name of a class");
        if (name && check_class_name(*entry->value, *name))
            into.class_name = *name;
    }
    if (map == nullptr)
        return;
    if (map->value->kind != YamlNode::Kind::map)
        wrong_kind(report_, *map->value, "a map from values to classes");
    else if (map->value->entries.empty())
        error_at(report_, *map->value, "expected a map from values to classes, found an empty one");
    if (map->value->entries.size() > kMaxMapped)
        error_at(report_, *map, fmt::format("more than {} values", kMaxMapped));
    for (const YamlEntry& entry : map->value->entries)
        read_mapping(entry, into);
}

void Reader::read_mapping(const YamlEntry& entry, FeedConfig& into)
{
    const auto value = a_record(entry.key);
    if (!value)
        error_at(
            report_, entry,
            fmt::format("{} is not an A value; write for example `127.0.0.2`", show(entry.key)));
    const auto class_name = read_text(report_, *entry.value, "the name of a class");
    if (!value || !class_name || !check_class_name(*entry.value, *class_name))
        return;
    for (const FeedMapping& known : into.map)
        if (known.value == *value)
            error_at(report_, entry, fmt::format("value {} stands twice", show(*value)));
    into.map.push_back({*value, std::string(*class_name)});
}

}  // namespace mxgate
