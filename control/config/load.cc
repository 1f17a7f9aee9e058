// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <filesystem>

#include "control/config/reader.h"
#include "dataplane/core/image.h"
#include "dataplane/core/sources.h"

namespace mxgate {
namespace {

constexpr size_t kMaxFileBytes = 16 << 20;
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
        config.text = text;
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
