// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <filesystem>

#include "control/config/reader.h"
#include "dataplane/core/image.h"
#include "dataplane/core/sources.h"

namespace mxgate {
namespace {

constexpr size_t kMaxFileBytes = 16 << 20;
constexpr size_t kMaxFeeds = MXG_MAX_FEEDS;
constexpr uint64_t kMaxCapacity = MXG_MAX_SOURCES;

}  // namespace

Config Reader::read()
{
    const Section top =
        section(*tree_.root, "configuration",
                {"gate", "sources", "aggregation", "classes", "default_class", "feeds"});
    if (!top.is_map())
        return config_;
    if (const YamlEntry* gate = top.require("gate"))
        read_gate(*gate->value);
    if (const YamlEntry* sources = top.find("sources"))
        read_sources(*sources->value);
    if (const YamlEntry* aggregation = top.find("aggregation"))
        read_aggregation(*aggregation->value);
    if (const YamlEntry* classes = top.find("classes"))
        read_classes(*classes->value);
    else
        use_default_classes();
    read_default_class(top);
    if (const YamlEntry* feeds = top.find("feeds"))
        read_feeds(*feeds->value);
    return config_;
}

void Reader::read_sources(const YamlNode& node)
{
    const Section fields = section(node, "sources", {"capacity", "levels"});
    if (!fields.is_map())
        return;
    if (const YamlEntry* capacity = fields.find("capacity"))
        config_.source_capacity = read_number(report_, *capacity->value, 1, kMaxCapacity)
                                      .value_or(config_.source_capacity);
    if (const YamlEntry* levels = fields.find("levels"))
        read_levels(*levels->value);
}

void Reader::read_levels(const YamlNode& node)
{
    const Section fields = section(node, "levels", {"ipv6", "ipv4"});
    const auto read = [&](const char* family, int64_t bits, std::vector<uint32_t>& into) {
        const YamlEntry* entry = fields.find(family);
        if (entry == nullptr)
            return;
        if (entry->value->kind != YamlNode::Kind::list)
            wrong_kind(report_, *entry->value, "a list of prefix lengths");
        for (const YamlNode* item : entry->value->items) {
            const auto length = read_integer(report_, *item, 1, bits);
            if (!length)
                continue;
            const auto bits_of = static_cast<uint32_t>(*length);
            if (std::find(into.begin(), into.end(), bits_of) != into.end())
                error_at(report_, *item, fmt::format("level {} stands twice", *length));
            else if (into.size() == MXG_LEVELS)
                error_at(report_, *item,
                         fmt::format("more than {} levels of one family", MXG_LEVELS));
            else
                into.push_back(bits_of);
        }
        std::sort(into.rbegin(), into.rend());
    };
    read("ipv6", 128, config_.levels_ipv6);
    read("ipv4", 32, config_.levels_ipv4);
}

void Reader::read_aggregation(const YamlNode& node)
{
    const Section fields = section(node, "aggregation", {"default", "lengths"});
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
}

void Reader::read_lengths(const YamlNode& node)
{
    std::map<std::string, int> lines;  // of each prefix
    if (node.kind != YamlNode::Kind::list)
        wrong_kind(report_, node, "a list of maps with `prefix` and `length`");
    for (const YamlNode* item : node.items) {
        LengthConfig entry;
        entry.where = location(*item);
        const Section fields = section(*item, "entry of `lengths`", {"prefix", "length"});
        const YamlEntry* prefix_entry = fields.require("prefix");
        const YamlEntry* length_entry = fields.require("length");
        if (prefix_entry == nullptr || length_entry == nullptr)
            continue;
        const auto prefix = read_prefix(report_, *prefix_entry->value);
        const auto length = read_integer(report_, *length_entry->value, 1,
                                         prefix ? mxg_family_bits(prefix->address.family) : 128);
        if (prefix) {
            const auto [first, is_new] = lines.try_emplace(to_string(*prefix), item->line);
            if (!is_new)
                error_at(report_, *prefix_entry->value,
                         fmt::format("{} stands in line {} already", first->first, first->second));
        }
        if (!prefix || !length)
            continue;
        if (*length < prefix->length)
            error_at(report_, *length_entry->value,
                     fmt::format("the end-site length {} is shorter than the prefix {}", *length,
                                 to_string(*prefix)));
        entry.prefix = *prefix;
        entry.length = static_cast<uint32_t>(*length);
        config_.lengths.push_back(std::move(entry));
    }
}

void Reader::read_classes(const YamlNode& node)
{
    if (node.kind != YamlNode::Kind::map) {
        wrong_kind(report_, node, "a map of classes");
        return;
    }
    if (node.entries.empty())
        error_at(report_, node, "expected a map of classes, found an empty map");
    for (const YamlEntry& entry : node.entries)
        read_class(entry);
}

void Reader::use_default_classes()
{
    constexpr uint64_t kMinute = 60'000'000'000;
    const auto add = [&](const char* name, Action action, std::optional<RateLimit> rate) {
        ClassConfig made;
        made.name = name;
        made.action = action;
        made.rate = rate;
        made.where = {path_, 0, 0};
        config_.classes.push_back(std::move(made));
    };
    add("good", Action::pass, std::nullopt);
    add("unknown", Action::limit, RateLimit{30, kMinute, 10});
    add("mixed", Action::limit, RateLimit{6, kMinute, 3});
    add("bad", Action::drop, std::nullopt);
    config_.default_class = "unknown";
}

void Reader::read_default_class(const Section& top)
{
    const YamlEntry* classes = top.find("classes");
    if (const YamlEntry* entry = top.find("default_class")) {
        const auto name = read_text(report_, *entry->value, "the name of a class");
        if (name && check_class_name(*entry->value, *name))
            config_.default_class = *name;
    } else if (classes != nullptr && !tree_.truncated) {
        error_at(report_, *classes,
                 "`classes` without `default_class`: the class of senders in no feed");
    }
}

bool Reader::check_class_name(const YamlNode& node, std::string_view name)
{
    std::vector<std::string_view> names;
    for (const ClassConfig& known : config_.classes)
        names.push_back(known.name);
    if (std::find(names.begin(), names.end(), name) != names.end())
        return true;
    // With no class read at all, or the file cut short, the class may be there after all.
    if (!names.empty() && !tree_.truncated)
        error_at(report_, node,
                 fmt::format("unknown class {}; did you mean {}?", show(name),
                             show(nearest(name, names))));
    return false;
}

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
        section(node, "feed", {"name", "format", "path", "class", "priority", "guard", "widen"});
    if (!fields.is_map())
        return;
    if (const YamlEntry* entry = fields.require("name")) {
        feed.name = read_name(report_, *entry->value).value_or("");
        const auto [first, is_new] = feed_lines_.try_emplace(feed.name, entry->line);
        if (!is_new && !feed.name.empty())
            error_at(report_, *entry->value,
                     fmt::format("feed `{}` stands in line {} already", feed.name, first->second));
    }
    fields.require("format");
    feed.format = fields
                      .choice<FeedFormat>("format", {{"prefixes", FeedFormat::prefixes},
                                                     {"spamhaus-drop", FeedFormat::spamhaus_drop}})
                      .value_or(feed.format);
    // A feed with a URL needs no path; that it has a URL is reported already.
    if (const YamlEntry* entry = fields.has("url") ? fields.find("path") : fields.require("path")) {
        const auto path = read_text(report_, *entry->value, "the path of a file");
        if (path && path->empty())
            error_at(report_, *entry->value, "the path is empty");
        else if (path)
            feed.path = resolve(*path);
    }
    if (const YamlEntry* entry = fields.require("class")) {
        const auto name = read_text(report_, *entry->value, "the name of a class");
        if (name && check_class_name(*entry->value, *name))
            feed.class_name = *name;
    }
    if (const YamlEntry* entry = fields.find("priority"))
        feed.priority = static_cast<int32_t>(
            read_integer(report_, *entry->value, INT32_MIN, INT32_MAX).value_or(0));
    fields.choice<int>("widen", {{"none", 0}});
    if (const YamlEntry* entry = fields.find("guard")) {
        const Section guard = section(*entry->value, "guard", {"min_entries"});
        if (const YamlEntry* least = guard.find("min_entries"))
            feed.min_entries = read_number(report_, *least->value, 0, UINT32_MAX).value_or(1);
    }
    config_.feeds.push_back(std::move(feed));
}

std::string Reader::resolve(std::string_view path) const
{
    namespace fs = std::filesystem;
    std::error_code error;  // no current folder: then the path stays relative
    const fs::path file = fs::absolute(path_, error);
    return ((error ? fs::path(path_) : file).parent_path() / path).lexically_normal().string();
}

std::string to_string(const Diagnostic& diagnostic)
{
    const Location& where = diagnostic.where;
    std::string out = where.file;
    if (where.line > 0)
        out += fmt::format(":{}", where.line);
    if (where.line > 0 && where.column > 0)
        out += fmt::format(":{}", where.column);
    out += diagnostic.severity == Diagnostic::Severity::warning ? ": warning: " : ": ";
    return out + diagnostic.text;
}

ConfigResult parse_config(const std::string& text, const std::string& path)
{
    ConfigResult result;
    Report report(path);
    const YamlTree tree = parse_yaml(text, report);
    if (tree.root != nullptr && tree.root->kind != YamlNode::Kind::null) {
        Config config = Reader(path, tree, report).read();
        if (!report.has_errors())
            result.config = std::move(config);
    } else if (!tree.truncated) {
        report.error(1, 1, "the configuration is empty");
    }
    result.diagnostics = report.take();
    return result;
}

ConfigResult load_config(const std::string& path)
{
    std::string text;
    if (const auto failure = read_file(path, kMaxFileBytes, text)) {
        Report report(path);
        report.error(0, 0, *failure);
        return {std::nullopt, report.take()};
    }
    return parse_config(text, path);
}

}  // namespace mxgate
