// SPDX-License-Identifier: BSD-2-Clause
// The section `aggregation`: end-site lengths and where they come from.
#include "control/config/reader.h"
#include "dataplane/core/image.h"

namespace mxgate {

void Reader::read_aggregation(const YamlNode& node)
{
    const Section fields = section(node, "aggregation",
                                   {"default", "lengths", "embedded", "shared_cap", "feeds",
                                    "learned", "trust_store", "crls"});
    if (const YamlEntry* entry = fields.find("default")) {
        const Section lengths = section(*entry->value, "default", {"ipv6", "ipv4"});
        if (const YamlEntry* ipv6 = lengths.find("ipv6"))
            config_.default_length_ipv6 =
                static_cast<uint32_t>(read_integer(report_, *ipv6->value, 1, 128).value_or(64));
        if (const YamlEntry* ipv4 = lengths.find("ipv4"))
            config_.default_length_ipv4 =
                static_cast<uint32_t>(read_integer(report_, *ipv4->value, 1, 32).value_or(32));
    }
    if (const YamlEntry* lengths = fields.find("lengths"))
        read_lengths(*lengths->value);
    if (const YamlEntry* cap = fields.find("shared_cap"))
        config_.shared_cap = static_cast<uint32_t>(
            read_number(report_, *cap->value, 1, 1u << MXG_MAX_SHARE).value_or(64));
    if (const YamlEntry* embedded = fields.find("embedded"))
        read_embedded(*embedded->value);
    config_.apply_learned =
        fields.choice<bool>("learned", {{"show", false}, {"apply", true}}).value_or(false);
    if (const YamlEntry* store = fields.find("trust_store"))
        config_.trust_store = read_path(*store);
    if (const YamlEntry* crls = fields.find("crls")) {
        config_.crls = read_path(*crls);
        if (!fields.has("trust_store"))
            error_at(report_, *crls, "`crls` has no effect without `trust_store`");
    }
    if (const YamlEntry* feeds = fields.find("feeds"))
        read_length_feeds(*feeds->value);
}

void Reader::read_lengths(const YamlNode& node)
{
    std::map<std::string, int> lines;  // of each prefix
    if (node.kind != YamlNode::Kind::list)
        wrong_kind(report_, node, "a list of maps with `prefix` and `length`");
    for (const YamlNode* item : node.items) {
        LengthConfig entry;
        entry.where = location(*item);
        const Section fields =
            section(*item, "entry of `lengths`", {"prefix", "length", "end_sites"});
        const YamlEntry* prefix_entry = fields.require("prefix");
        const YamlEntry* sites_entry = fields.find("end_sites");
        const YamlEntry* length_entry =
            sites_entry != nullptr ? fields.find("length") : fields.require("length");
        if (sites_entry != nullptr)
            entry.end_sites = static_cast<uint32_t>(
                read_number(report_, *sites_entry->value, 1, UINT32_MAX).value_or(0));
        if (prefix_entry == nullptr || (length_entry == nullptr && sites_entry == nullptr))
            continue;
        const auto prefix = read_prefix(report_, *prefix_entry->value);
        const auto length =
            length_entry == nullptr
                ? std::optional<int64_t>(0)
                : read_integer(report_, *length_entry->value, 1,
                               prefix ? mxg_family_bits(prefix->address.family) : 128);
        if (prefix) {
            const auto [first, is_new] = lines.try_emplace(to_string(*prefix), item->line);
            if (!is_new)
                error_at(report_, *prefix_entry->value,
                         fmt::format("{} stands in line {} already", first->first, first->second));
        }
        if (!prefix || !length)
            continue;
        if (length_entry != nullptr && *length < prefix->length)
            error_at(report_, *length_entry->value,
                     fmt::format("the end-site length {} is shorter than the prefix {}", *length,
                                 to_string(*prefix)));
        entry.prefix = *prefix;
        entry.length = static_cast<uint32_t>(*length);
        config_.lengths.push_back(std::move(entry));
    }
}

// A path, made absolute; empty if there is none, which is reported.
std::string Reader::read_path(const YamlEntry& entry)
{
    const auto path = read_text(report_, *entry.value, "the path of a file");
    if (path && path->empty())
        error_at(report_, *entry.value, "the path is empty");
    return path && !path->empty() ? resolve(*path) : std::string{};
}

void Reader::read_length_feeds(const YamlNode& node)
{
    constexpr size_t kMaxLengthFeeds = 1000;
    if (node.kind != YamlNode::Kind::list)
        wrong_kind(report_, node, "a list of sources of lengths");
    for (size_t i = 0; i < node.items.size(); i++) {
        if (i == kMaxLengthFeeds)
            error_at(report_, *node.items[i],
                     fmt::format("more than {} sources of lengths", kMaxLengthFeeds));
        read_length_feed(*node.items[i]);
    }
    check_discover();
}

void Reader::read_length_feed(const YamlNode& node)
{
    LengthFeedConfig feed;
    feed.where = location(node);
    const Section fields = section(node, "length feed",
                                   {"name", "format", "path", "url", "refresh", "expire", "timeout",
                                    "proxy", "tls", "guard", "assigned", "columns", "discover"});
    if (!fields.is_map())
        return;
    if (const YamlEntry* entry = fields.require("name")) {
        feed.name = read_name(report_, *entry->value).value_or("");
        const auto [first, is_new] = length_feed_lines_.try_emplace(feed.name, entry->line);
        if (!is_new && !feed.name.empty())
            error_at(report_, *entry->value,
                     fmt::format("length feed `{}` stands in line {} already", feed.name,
                                 first->second));
    }
    fields.require("format");
    const auto format =
        fields.choice<LengthFormat>("format", {{"prefixlen", LengthFormat::prefixlen},
                                               {"rpsl", LengthFormat::rpsl},
                                               {"nrtm4", LengthFormat::nrtm4},
                                               {"geofeed", LengthFormat::geofeed},
                                               {"csv", LengthFormat::csv},
                                               {"learned", LengthFormat::learned}});
    feed.format = format.value_or(feed.format);
    feed.path = read_origin(fields, feed.fetch, feed.expire_ns, false);
    if (const YamlEntry* entry = fields.find("guard")) {
        const Section guard = section(*entry->value, "guard", {"min_entries"});
        if (const YamlEntry* least = guard.find("min_entries"))
            feed.min_entries = read_number(report_, *least->value, 0, UINT32_MAX).value_or(1);
    }
    feed.assigned =
        fields.choice<bool>("assigned", {{"use", true}, {"ignore", false}}).value_or(true);
    const bool objects = format == LengthFormat::rpsl || format == LengthFormat::nrtm4;
    if (const YamlEntry* entry = fields.find("assigned"); entry != nullptr && format && !objects)
        error_at(report_, *entry, "`assigned` has no effect without `format: rpsl` or `nrtm4`");
    if (const YamlEntry* entry = fields.find("columns")) {
        if (format && format != LengthFormat::csv)
            error_at(report_, *entry, "`columns` has no effect without `format: csv`");
        read_columns(*entry->value, feed);
    }
    config_.length_feeds.push_back(std::move(feed));
}

void Reader::read_columns(const YamlNode& node, LengthFeedConfig& into)
{
    const Section columns = section(node, "columns", {"prefix", "length", "end_sites"});
    into.prefix_column = columns.text_of("prefix").value_or("");
    into.length_column = columns.text_of("length").value_or("");
    into.end_sites_column = columns.text_of("end_sites").value_or("");
}

}  // namespace mxgate
