// SPDX-License-Identifier: BSD-2-Clause
// The section `classes`.
#include <algorithm>

#include "control/config/reader.h"
#include "dataplane/core/image.h"

namespace mxgate {
namespace {

constexpr size_t kMaxClasses = MXG_MAX_CLASSES;
constexpr std::initializer_list<const char*> kOfAttempts = {
    "rate", "burst", "charge", "retry_wait", "retry_extend", "syn_guard", "levels", "deny_with"};

}  // namespace

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
        {"action", "mode", "rate", "burst", "charge", "deny_with", "retry_wait", "retry_extend",
         "syn_guard", "levels", "connections", "total_connections", "bandwidth"});
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
            read_limits(fields, result);
        }
    }
    // A broken class is kept by name, so that what refers to it is not reported as well.
    if (config_.classes.size() == kMaxClasses)
        error_at(report_, entry, fmt::format("more than {} classes", kMaxClasses));
    config_.classes.push_back(std::move(result));
}

void Reader::read_limits(const Section& fields, ClassConfig& into)
{
    if (into.action != Action::limit)
        for (const char* key : kOfAttempts)
            if (const YamlEntry* entry = fields.find(key))
                error_at(report_, *entry,
                         fmt::format("`{}` has no effect without `action: limit`", key));
    if (into.action != Action::limit && into.action != Action::pass)
        for (const char* key : {"connections", "total_connections", "bandwidth"})
            if (const YamlEntry* entry = fields.find(key))
                error_at(report_, *entry,
                         fmt::format("`{}` has no effect on a class that lets nobody in", key));
    if (const YamlEntry* total = fields.find("total_connections"))
        into.total_connections = read_count(*total->value);
    if (const YamlEntry* connections = fields.find("connections"))
        into.connections = read_count(*connections->value);
    if (const YamlEntry* bandwidth = fields.find("bandwidth"))
        into.bandwidth = read_bandwidth(report_, *bandwidth->value).value_or(0);
    if (into.action != Action::limit)
        return;
    into.charge =
        fields.choice<Charge>("charge", {{"handshake", Charge::handshake}, {"syn", Charge::syn}})
            .value_or(into.charge);
    into.deny_with = fields
                         .choice<Action>("deny_with", {{"drop", Action::drop},
                                                       {"reset", Action::reset},
                                                       {"unreachable", Action::unreachable}})
                         .value_or(into.deny_with);
    read_ceiling(fields, into);
    read_retry(fields, into);
    if (const YamlEntry* levels = fields.find("levels"))
        read_class_levels(*levels->value, into);
    if (!into.any() && into.levels.empty() && into.total_connections == 0 && into.bandwidth == 0 &&
        !fields.has("rate") && !fields.has("burst") && !fields.has("bandwidth") &&
        !fields.has("levels") && !fields.has("connections") && !fields.has("total_connections") &&
        !fields.has("syn_guard") && !tree_.truncated && !fields.has_refused_key())
        error_at(report_, *fields.find("action")->value,
                 "`action: limit` without any limit; write for example `rate: 30/min`");
}

uint32_t Reader::read_count(const YamlNode& node)
{
    return static_cast<uint32_t>(read_number(report_, node, 1, UINT32_MAX).value_or(0));
}

void Reader::read_ceiling(const Section& fields, CeilingConfig& into)
{
    read_optional_bucket(fields, into.rate);
    if (const YamlEntry* guard = fields.find("syn_guard")) {
        const Section bucket = section(*guard->value, "syn_guard", {"rate", "burst"});
        if (bucket.is_map() && bucket.require("rate") != nullptr)
            read_optional_bucket(bucket, into.syn_guard);
    }
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

void Reader::read_optional_bucket(const Section& fields, std::optional<RateLimit>& into)
{
    const RateLimit bucket = read_bucket(fields, {});
    if (bucket.count != 0)
        into = bucket;
    const YamlEntry* burst = fields.find("burst");
    if (burst != nullptr && !fields.has("rate"))
        error_at(report_, *burst, "`burst` has no effect without `rate`");
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

void Reader::read_class_levels(const YamlNode& node, ClassConfig& into)
{
    const Section families = section(node, "levels", {"ipv6", "ipv4"});
    for (const int family : {6, 4}) {
        const YamlEntry* entry = families.find(family == 6 ? "ipv6" : "ipv4");
        if (entry == nullptr)
            continue;
        if (entry->value->kind != YamlNode::Kind::map) {
            wrong_kind(report_, *entry->value, "a map of prefix lengths");
            continue;
        }
        for (const YamlEntry& level : entry->value->entries)
            read_level(level, family, into);
    }
}

void Reader::read_level(const YamlEntry& entry, int family, ClassConfig& into)
{
    const auto& known = family == 6 ? config_.levels_ipv6 : config_.levels_ipv4;
    LevelConfig level;
    level.family = family;
    const auto length = parse_integer(entry.key);
    if (!length || std::find(known.begin(), known.end(), *length) == known.end()) {
        error_at(report_, entry,
                 fmt::format("level {} is not in `sources.levels`", show(entry.key)));
        return;
    }
    level.length = static_cast<uint32_t>(*length);
    const Section fields =
        section(*entry.value, "level", {"rate", "burst", "connections", "syn_guard"});
    if (!fields.is_map())
        return;
    if (const YamlEntry* connections = fields.find("connections"))
        level.ceiling.connections = read_count(*connections->value);
    read_ceiling(fields, level.ceiling);
    if (entry.value->entries.empty())
        error_at(report_, entry, "a level without any ceiling; write for example `rate: 30/min`");
    into.levels.push_back(level);
}

}  // namespace mxgate
