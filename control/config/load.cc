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
constexpr uint64_t kMaxCapacity = MXG_MAX_SOURCES;

}  // namespace

Config Reader::read()
{
    const Section top =
        section(*tree_.root, "configuration",
                {"gate", "sources", "aggregation", "classes", "default_class", "feeds", "metrics"});
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
    if (const YamlEntry* metrics = top.find("metrics"))
        read_metrics(*metrics->value);
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
    const Section fields =
        section(*entry.value, "class", {"action", "mode", "rate", "burst", "charge", "deny_with"});
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
        for (const char* key : {"rate", "burst", "charge", "deny_with"})
            if (const YamlEntry* entry = fields.find(key))
                error_at(report_, *entry,
                         fmt::format("`{}` has no effect without `action: limit`", key));
        return;
    }
    fields.choice<int>("charge", {{"syn", 0}});
    into.deny_with = fields
                         .choice<Action>("deny_with", {{"drop", Action::drop},
                                                       {"reset", Action::reset},
                                                       {"unreachable", Action::unreachable}})
                         .value_or(into.deny_with);
    const RateLimit bucket = read_bucket(fields, {});
    if (bucket.count != 0)
        into.rate = bucket;
    if (fields.has("rate"))
        return;
    if (const YamlEntry* burst = fields.find("burst"))
        error_at(report_, *burst, "`burst` has no effect without `rate`");
    else if (!tree_.truncated && !fields.has_refused_key())
        error_at(report_, *fields.find("action")->value,
                 "`action: limit` without any limit; write for example `rate: 30/min`");
}

RateLimit Reader::read_bucket(const Section& fields, RateLimit bucket)
{
    // The planes keep a bucket as the time it takes to fill, in 63 bits of nanoseconds.
    constexpr uint64_t kMaxFillNs = 1ULL << 62;
    const YamlEntry* rate = fields.find("rate");
    const YamlEntry* burst = fields.find("burst");
    if (burst != nullptr)
        bucket.burst = static_cast<uint32_t>(
            read_number(report_, *burst->value, 1, UINT32_MAX).value_or(bucket.burst));
    if (rate != nullptr) {
        const RateLimit read = read_rate(report_, *rate->value).value_or(RateLimit{});
        bucket.count = read.count;
        bucket.period_ns = read.period_ns;
    }
    if (bucket.count != 0 && bucket.period_ns / bucket.count > kMaxFillNs / bucket.burst)
        error_at(report_, burst != nullptr ? *burst->value : *rate->value,
                 "this bucket takes more than a century to fill");
    return bucket;
}

void Reader::use_default_classes()
{
    constexpr uint64_t kMinute = 60'000'000'000;
    const auto add = [&](const char* name, Action action, std::optional<RateLimit> rate) {
        config_.classes.push_back({name, action, Mode::enforce, rate, Action::drop, {path_, 0, 0}});
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
