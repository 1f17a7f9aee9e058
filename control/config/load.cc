// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <filesystem>

#include "control/config/reader.h"
#include "dataplane/core/image.h"
#include "dataplane/core/sources.h"

namespace mxgate {
namespace {

constexpr size_t kMaxFileBytes = 16 << 20;
constexpr size_t kMaxClasses = MXG_MAX_CLASSES;
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

// Checked only: parent levels have an effect through ceilings of classes (`levels` of a class),
// which this version refuses, so there is nothing to store.
void Reader::read_levels(const YamlNode& node)
{
    const Section fields = section(node, "levels", {"ipv6", "ipv4"});
    for (const auto& [family, bits] : {std::pair{"ipv6", 128}, std::pair{"ipv4", 32}}) {
        const YamlEntry* entry = fields.find(family);
        if (entry == nullptr)
            continue;
        if (entry->value->kind != YamlNode::Kind::list)
            wrong_kind(report_, *entry->value, "a list of prefix lengths");
        std::vector<int64_t> seen;
        for (const YamlNode* item : entry->value->items) {
            const auto length = read_integer(report_, *item, 1, bits);
            if (length && std::find(seen.begin(), seen.end(), *length) != seen.end())
                error_at(report_, *item, fmt::format("level {} stands twice", *length));
            seen.push_back(length.value_or(0));
        }
    }
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

void Reader::read_class(const YamlEntry& entry)
{
    ClassConfig result;
    result.where = {path_, entry.line, entry.column};
    YamlNode name;
    name.kind = YamlNode::Kind::scalar;
    name.text = entry.key;
    name.line = entry.line;
    name.column = entry.column;
    read_name(report_, name);
    result.name = entry.key;
    const Section fields = section(
        *entry.value, "class",
        {"action", "mode", "rate", "burst", "charge", "deny_with", "retry_wait", "retry_extend"});
    if (fields.is_map()) {
        fields.require("action");
        result.mode =
            fields.choice<Mode>("mode", {{"enforce", Mode::enforce}, {"monitor", Mode::monitor}})
                .value_or(result.mode);
        const auto action = fields.choice<Action>("action", {{"pass", Action::pass},
                                                             {"limit", Action::limit},
                                                             {"drop", Action::drop},
                                                             {"reset", Action::reset},
                                                             {"unreachable", Action::unreachable}});
        if (action) {
            result.action = *action;
            read_limit(fields, result);
        }
    }
    // A broken class is kept by name, so that what refers to it is not reported as well.
    if (config_.classes.size() == kMaxClasses)
        error_at(report_, entry, fmt::format("more than {} classes", kMaxClasses));
    config_.classes.push_back(std::move(result));
}

void Reader::read_limit(const Section& fields, ClassConfig& into)
{
    if (into.action != Action::limit) {
        for (const char* key :
             {"rate", "burst", "charge", "deny_with", "retry_wait", "retry_extend"})
            if (const YamlEntry* entry = fields.find(key))
                error_at(report_, *entry,
                         fmt::format("`{}` has no effect without `action: limit`", key));
        return;
    }
    fields.choice<int>("charge", {{"syn", 0}});
    fields.choice<int>("deny_with", {{"drop", 0}});
    const YamlEntry* rate = fields.find("rate");
    const YamlEntry* burst = fields.find("burst");
    uint64_t tokens = 1;
    if (burst != nullptr)
        tokens = read_number(report_, *burst->value, 1, UINT32_MAX).value_or(1);
    if (rate != nullptr) {
        into.rate = read_rate(report_, *rate->value);
    } else if (burst != nullptr) {
        error_at(report_, *burst, "`burst` has no effect without `rate`");
    } else if (!tree_.truncated && !fields.has_refused_key()) {
        error_at(report_, *fields.find("action")->value,
                 "`action: limit` without any limit; write for example `rate: 30/min`");
    }
    read_retry(fields, into);
    if (!into.rate)
        return;
    into.rate->burst = static_cast<uint32_t>(tokens);
    // The planes keep a bucket as the time it takes to fill, in 63 bits of nanoseconds.
    constexpr uint64_t kMaxFillNs = 1ULL << 62;
    if (into.rate->period_ns / into.rate->count > kMaxFillNs / tokens)
        error_at(report_, burst != nullptr ? *burst->value : *rate->value,
                 "this bucket takes more than a century to fill");
}

void Reader::read_retry(const Section& fields, ClassConfig& into)
{
    const auto extend = fields.choice<bool>("retry_extend", {{"true", true}, {"false", false}});
    if (const YamlEntry* wait = fields.find("retry_wait")) {
        into.retry_wait_ns = read_duration(report_, *wait->value).value_or(0);
        into.retry_extend = extend.value_or(false);
    } else if (const YamlEntry* entry = fields.find("retry_extend")) {
        error_at(report_, *entry, "`retry_extend` has no effect without `retry_wait`");
    }
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
