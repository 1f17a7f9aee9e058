// SPDX-License-Identifier: BSD-2-Clause
// The `feeds` section: which lists, in which format, and what they mean.
#include <algorithm>
#include <set>

#include "control/config/reader.h"
#include "dataplane/core/image.h"

namespace mxgate {
namespace {

constexpr size_t kMaxFeeds = MXG_MAX_FEEDS;
constexpr size_t kMaxMapped = 250;  // values of one feed
constexpr int64_t kMaxColumn = 1000;
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
    {FeedFormat::cidr, "map", false},
    {FeedFormat::ipset, "set", false},
    {FeedFormat::csv, "columns", true},
    {FeedFormat::csv, "delimiter", false},
    {FeedFormat::csv, "map", false},
    {FeedFormat::csv, "asns", false},
    {FeedFormat::tsv, "columns", true},
    {FeedFormat::tsv, "map", false},
    {FeedFormat::tsv, "asns", false},
    {FeedFormat::json, "select", true},
    {FeedFormat::delegated_extended, "country", false},
    {FeedFormat::delegated_extended, "status", false},
    {FeedFormat::delegated_extended, "opaque_id", false},
    {FeedFormat::mrt, "asns", true},
};

bool has_key(FeedFormat format, std::string_view key)
{
    return std::any_of(std::begin(kFormatKeys), std::end(kFormatKeys),
                       [&](const FormatKey& k) { return k.format == format && k.key == key; });
}

// The steps of `prefixes[].ip_prefix`; nothing if a step is empty or brackets are not `[]`.
std::optional<std::vector<std::string>> path_steps(std::string_view text)
{
    std::vector<std::string> steps;
    for (bool first = true; first || !text.empty(); first = false) {
        if (!first && !text.starts_with('['))
            text.remove_prefix(1);  // the dot
        const std::string_view name = text.substr(0, text.find_first_of(".["));
        text.remove_prefix(name.size());
        if (!name.empty())
            steps.emplace_back(name);
        else if (!text.starts_with("[]"))
            return std::nullopt;
        while (text.starts_with("[]")) {
            steps.emplace_back("[]");
            text.remove_prefix(2);
        }
        if (text.starts_with('[') || text == ".")
            return std::nullopt;
    }
    return steps;
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
    const Section fields =
        section(node, "feed",
                {"name",     "format",  "path",    "url",      "exec",     "refresh",   "expire",
                 "timeout",  "proxy",   "tls",     "class",    "priority", "guard",     "widen",
                 "max_size", "map",     "dataset", "set",      "columns",  "delimiter", "select",
                 "asns",     "country", "status",  "opaque_id"});
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
    check_pair(fields, "map", "value");
    check_pair(fields, "asns", "asn");
    feed.path = read_origin(fields, feed.fetch, feed.expire_ns, true);
    if (feed.fetch.is_fetched() && !feed.expire_ns && !config_.gate.stale_counts) {
        feed.expire_ns = config_.gate.stale_after_ns;
        if (feed.expire_ns && *feed.expire_ns < feed.fetch.refresh_ns)
            error_at(report_, node,
                     "with `gate.stale_after` the list would count no longer before it is fetched "
                     "again; give it a shorter `refresh`, or an `expire` of its own");
    }
    for (const FeedConfig& other : config_.feeds)
        if (feed.path == "-" && other.path == "-")
            error_at(report_, *fields.find("path")->value,
                     fmt::format("feed `{}` reads standard input already", other.name));
    read_feed_class(fields, feed);
    if (const YamlEntry* entry = fields.find("priority"))
        feed.priority = static_cast<int32_t>(
            read_integer(report_, *entry->value, INT32_MIN, INT32_MAX).value_or(0));
    if (const YamlEntry* entry = fields.find("max_size"))
        feed.max_size =
            read_number(report_, *entry->value, 1, kMaxFeedBytes).value_or(feed.max_size);
    feed.widen =
        fields.choice<bool>("widen", {{"none", false}, {"end_site", true}}).value_or(false);
    if (const YamlEntry* entry = fields.find("guard"))
        read_guard(*entry->value, feed);
    config_.feeds.push_back(std::move(feed));
}

void Reader::read_guard(const YamlNode& node, FeedConfig& into)
{
    const Section guard = section(node, "guard", {"min_entries", "max_change", "shortest"});
    if (const YamlEntry* least = guard.find("min_entries"))
        into.min_entries = read_number(report_, *least->value, 0, UINT32_MAX).value_or(1);
    if (const YamlEntry* most = guard.find("max_change"))
        into.guard.max_change = read_share(report_, *most->value);
    const YamlEntry* entry = guard.find("shortest");
    if (entry == nullptr)
        return;
    const Section shortest = section(*entry->value, "shortest", {"ipv6", "ipv4"});
    if (const YamlEntry* ipv6 = shortest.find("ipv6"))
        into.guard.shortest_ipv6 =
            static_cast<uint32_t>(read_integer(report_, *ipv6->value, 0, 128).value_or(0));
    if (const YamlEntry* ipv4 = shortest.find("ipv4"))
        into.guard.shortest_ipv4 =
            static_cast<uint32_t>(read_integer(report_, *ipv4->value, 0, 32).value_or(0));
    if (!into.fetch.is_fetched())
        error_at(report_, *entry,
                 "`shortest` has no effect on a local file: that is your own word");
}

std::string Reader::read_path(const YamlNode& node)
{
    const auto path = read_text(report_, node, "the path of a file");
    if (path && path->empty())
        error_at(report_, node, "the path is empty");
    if (!path || path->empty())
        return "";
    if (*path != "-")
        return resolve(*path);
    config_.standard_input = Location{path_, node.line, node.column};
    return std::string(*path);
}

void Reader::read_feed_format(const Section& fields, FeedConfig& into)
{
    fields.require("format");
    const auto format =
        fields.choice<FeedFormat>("format", {{"prefixes", FeedFormat::prefixes},
                                             {"spamhaus-drop", FeedFormat::spamhaus_drop},
                                             {"rbldnsd", FeedFormat::rbldnsd},
                                             {"cidr", FeedFormat::cidr},
                                             {"ipset", FeedFormat::ipset},
                                             {"csv", FeedFormat::csv},
                                             {"tsv", FeedFormat::tsv},
                                             {"json", FeedFormat::json},
                                             {"delegated-extended", FeedFormat::delegated_extended},
                                             {"mrt", FeedFormat::mrt}});
    if (!format)
        return;
    into.format = *format;
    std::set<std::string_view> seen;  // most keys are of several formats
    for (const FormatKey& known : kFormatKeys) {
        if (known.format == *format && known.required)
            fields.require(known.key);
        else if (seen.insert(known.key).second && fields.has(known.key) &&
                 !has_key(*format, known.key))
            error_at(report_, *fields.find(known.key),
                     fmt::format("`{}` has no effect with `format: {}`", known.key,
                                 *fields.text_of("format")));
    }
    into.dataset =
        fields.choice<RbldnsdDataset>("dataset", kRbldnsdDatasets).value_or(into.dataset);
    if (const auto set = fields.text_of("set"))
        into.set = *set;
    if (const YamlEntry* entry = fields.find("asns"))
        into.asns = read_path(*entry->value);
    if (const YamlEntry* entry = fields.find("columns"))
        read_columns(*entry->value, into);
    if (const YamlEntry* entry = fields.find("delimiter")) {
        const auto text = read_text(report_, *entry->value, "one character");
        if (text && (text->size() != 1 || *text == "\"" || *text == "\n"))
            error_at(report_, *entry->value,
                     fmt::format("{} is not a delimiter; write one character, for example \";\"",
                                 show(*text)));
        else if (text)
            into.delimiter = text->front();
    }
    if (const YamlEntry* entry = fields.find("select"))
        for (const YamlNode* item : one_or_list(*entry->value))
            read_json_path(*item, into);
    for (const auto& [key, list] :
         {std::pair{"country", &into.country}, std::pair{"status", &into.status},
          std::pair{"opaque_id", &into.opaque_id}})
        if (const YamlEntry* entry = fields.find(key))
            for (const YamlNode* item : one_or_list(*entry->value))
                if (const auto text = read_text(report_, *item, "text"))
                    list->emplace_back(*text);
}

std::vector<const YamlNode*> Reader::one_or_list(const YamlNode& node)
{
    if (node.kind == YamlNode::Kind::scalar)
        return {&node};
    return read_list(report_, node, "a value or a list of values");
}

void Reader::read_json_path(const YamlNode& node, FeedConfig& into)
{
    const auto text = read_text(report_, node, "a path such as `prefixes[].ip_prefix`");
    if (!text)
        return;
    const auto steps = path_steps(*text);
    if (!steps)
        error_at(report_, node,
                 fmt::format("{} is not a path; write for example `prefixes[].ip_prefix`, `*` for "
                             "every member of an object",
                             show(*text)));
    else
        into.select.push_back({std::string(*text), *steps});
}

void Reader::read_columns(const YamlNode& node, FeedConfig& into)
{
    FeedColumns& columns = into.columns;
    const Section fields =
        section(node, "columns", {"prefix", "address", "length", "first", "last", "value", "asn"});
    if (!fields.is_map())
        return;
    for (const auto& [key, column] :
         {std::pair{"prefix", &columns.prefix}, std::pair{"address", &columns.address},
          std::pair{"length", &columns.length}, std::pair{"first", &columns.first},
          std::pair{"last", &columns.last}, std::pair{"value", &columns.value},
          std::pair{"asn", &columns.asn}}) {
        const auto name = fields.text_of(key);
        if (!name)
            continue;
        const auto number = parse_integer(*name);
        if (name->empty() || (number && (*number < 1 || *number > kMaxColumn)))
            error_at(report_, *fields.find(key)->value,
                     fmt::format("{} is not a column; write its name in the header, or its number "
                                 "from 1",
                                 show(*name)));
        else
            *column = *name;
    }
    const bool by_length = fields.has("address") || fields.has("length");
    const bool by_range = fields.has("first") || fields.has("last");
    if (fields.has("prefix") + by_length + by_range != 1 ||
        fields.has("address") != fields.has("length") || fields.has("first") != fields.has("last"))
        error_at(report_, node,
                 "name either `prefix`, or `address` and `length`, or `first` and `last`");
}

// Keys that have no effect without each other.
void Reader::check_pair(const Section& fields, const char* key, const char* column)
{
    const YamlEntry* columns = fields.find("columns");
    if (columns == nullptr || columns->value->kind != YamlNode::Kind::map)
        return;
    const YamlEntry* in_columns = columns->value->find(column);
    if (fields.has(key) && in_columns == nullptr)
        error_at(report_, *fields.find(key),
                 fmt::format("`{}` has no effect without `{}` in `columns`", key, column));
    if (!fields.has(key) && in_columns != nullptr)
        error_at(report_, *in_columns,
                 fmt::format("`{}` has no effect without `{}` of the feed", column, key));
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
    std::optional<std::string> value = entry.key;
    if (into.format == FeedFormat::rbldnsd)
        value = a_record(entry.key);
    else if (into.format == FeedFormat::cidr)
        value = lower(entry.key);
    if (!value)
        error_at(
            report_, entry,
            fmt::format("{} is not an A value; write for example `127.0.0.2`", show(entry.key)));
    const auto class_name = read_text(report_, *entry.value, "the name of a class");
    if (!class_name || !check_class_name(*entry.value, *class_name) || !value)
        return;
    for (const FeedMapping& known : into.map)
        if (known.value == *value)
            error_at(report_, entry, fmt::format("value {} stands twice", show(*value)));
    into.map.push_back({*value, std::string(*class_name)});
}

}  // namespace mxgate
