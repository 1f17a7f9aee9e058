// SPDX-License-Identifier: BSD-2-Clause
#include "control/table/compile.h"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <tuple>

#include "control/table/embeddings.h"
#include "control/table/flatten.h"
#include "control/table/image_builder.h"
#include "control/table/widen.h"

namespace mxgate {
namespace {

// Larger wins: pass < limit < the denying ones; of one kind the later in the configuration.
uint32_t strictness(Action action, size_t order)
{
    const uint32_t kind = action == Action::pass ? 0 : action == Action::limit ? 1 : 2;
    return kind * 256 + static_cast<uint32_t>(order);
}

uint8_t deny_verdict(Action deny_with)
{
    return deny_with == Action::reset         ? MXG_RESET
           : deny_with == Action::unreachable ? MXG_UNREACHABLE
                                              : MXG_DROP;
}

// Up to whole nanoseconds: never more than the rate.
uint64_t interval_of(const RateLimit& rate)
{
    return (rate.period_ns + rate.count - 1) / rate.count;
}

mxg_ceiling ceiling_record(const CeilingConfig& config, uint32_t length)
{
    mxg_ceiling out{};
    if (config.rate) {
        out.interval_ns = interval_of(*config.rate);
        out.burst = config.rate->burst;
    }
    if (config.syn_guard) {
        out.guard_interval_ns = interval_of(*config.syn_guard);
        out.guard_burst = config.syn_guard->burst;
    }
    out.connections = config.connections;
    out.length = length;
    return out;
}

mxg_class class_record(const ClassConfig& config, size_t order)
{
    mxg_class out{};
    out.action = static_cast<uint8_t>(config.action);
    out.strictness = strictness(config.action, order);
    out.deny_verdict = deny_verdict(config.deny_with);
    if (config.mode == Mode::monitor)
        out.flags |= MXG_CLASS_MONITOR;
    if (config.any() || !config.levels.empty() || config.total_connections > 0)
        out.flags |= MXG_CLASS_LIMITS;
    if (config.retry_extend)
        out.flags |= MXG_CLASS_RETRY_EXTEND;
    if (config.charge == Charge::handshake)
        out.flags |= MXG_CLASS_HANDSHAKE;
    out.retry_wait_ns = config.retry_wait_ns;
    out.total_connections = config.total_connections;
    if (config.bandwidth > 0)
        out.byte_cost = ((1'000'000'000ULL << 20) + config.bandwidth - 1) / config.bandwidth;
    out.own = ceiling_record(config, 0);
    return out;
}

// The ceilings of a class in every level of `config`: those of IPv6, then those of IPv4.
std::vector<mxg_ceiling> level_records(const Config& config, const ClassConfig& c)
{
    std::vector<mxg_ceiling> out(2 * MXG_CEILINGS);
    for (const int family : {6, 4}) {
        const auto& lengths = family == 6 ? config.levels_ipv6 : config.levels_ipv4;
        for (size_t i = 0; i < lengths.size(); i++) {
            mxg_ceiling& record = out[(family == 6 ? 0 : MXG_CEILINGS) + i];
            record.length = lengths[i];
            for (const LevelConfig& level : c.levels)
                if (level.family == family && level.length == lengths[i])
                    record = ceiling_record(level.ceiling, level.length);
        }
    }
    return out;
}

mxg_service service_record(const mxg_prefix& prefix, const ServiceConfig& config)
{
    mxg_service out{};
    out.hi = prefix.address.hi;
    out.lo = prefix.address.lo;
    out.hi_mask = mxg_mask64(prefix.length);
    out.lo_mask = prefix.length > 64 ? mxg_mask64(prefix.length - 64) : 0;
    if (prefix.address.family == MXG_FAMILY_IPV4)
        out.lo_mask = 0;
    out.family = static_cast<uint8_t>(prefix.address.family);
    out.host = prefix.length == mxg_family_bits(prefix.address.family);
    for (size_t i = 0; i < MXG_MAX_PORT_RANGES; i++) {
        const bool there = i < config.ports.size();
        out.range[i] = {there ? config.ports[i].first : uint16_t{1},
                        there ? config.ports[i].last : uint16_t{0}};
    }
    return out;
}

uint32_t flags_of(const Config& config)
{
    const GateConfig& gate = config.gate;
    uint32_t flags = 0;
    for (const ClassConfig& c : config.classes)
        if (c.bandwidth > 0)
            flags |= MXG_FLAG_BANDWIDTH;
    if (gate.mode == Mode::monitor)
        flags |= MXG_FLAG_MONITOR;
    if (gate.fragments == DropOrPass::pass)
        flags |= MXG_FLAG_PASS_FRAGMENTS;
    if (gate.without_table == DropOrPass::drop)
        flags |= MXG_FLAG_NO_TABLE_DROP;
    return flags;
}

// Gives `names` numbers in `slots` (objects with name and retired): known names keep theirs, new
// ones take the first free number, or that of a retired name where all are taken.
template <typename Info>
std::vector<uint8_t> assign_numbers(const std::vector<std::string>& names, std::vector<Info>& slots,
                                    size_t limit)
{
    std::vector<uint8_t> numbers(names.size(), 0);
    std::vector<bool> placed(names.size(), false);
    for (Info& slot : slots)
        slot.retired = true;
    for (size_t i = 0; i < names.size(); i++)
        for (size_t s = 0; s < slots.size(); s++)
            if (slots[s].name == names[i]) {
                slots[s].retired = false;
                numbers[i] = static_cast<uint8_t>(s);
                placed[i] = true;
            }
    for (size_t i = 0; i < names.size(); i++) {
        if (placed[i])
            continue;
        size_t s = slots.size();
        if (s < limit)
            slots.emplace_back();
        else
            s = static_cast<size_t>(std::find_if(slots.begin(), slots.end(),
                                                 [](const Info& slot) { return slot.retired; }) -
                                    slots.begin());
        slots[s] = Info{};
        slots[s].name = names[i];
        numbers[i] = static_cast<uint8_t>(s);
    }
    return numbers;
}

// Entries that decide nothing, by number of feed and of source of lengths; exclusions do not count.
struct Shadowed {
    std::vector<uint64_t> feeds, lengths;
};

class Compiler
{
public:
    Compiler(const Config& config, uint64_t generation, const TableInfo* previous) : config_(config)
    {
        TableInfo& info = table_.info;
        if (previous)
            info = *previous;
        info.length_sources.clear();
        info.generation = generation;
        info.created = std::time(nullptr);
        info.config = config.file;
        info.default_class = config.default_class;
        info.default_length_ipv4 = static_cast<uint8_t>(config.default_length_ipv4);
        info.default_length_ipv6 = static_cast<uint8_t>(config.default_length_ipv6);
        number_classes();
        number_feeds();
        add_services();
        image_.generation = generation;
        image_.flags = flags_of(config);
        image_.embeddings = embedding_records(config.embedded);
        const RateLimit& replies = config.gate.replies;
        image_.reply_interval_ns = interval_of(replies);
        image_.reply_tolerance_ns = (replies.burst - 1) * image_.reply_interval_ns;
    }

    void add_lengths(LengthInputs& lengths)
    {
        table_.info.length_sources = std::move(lengths.sources);
        table_.entries = std::move(lengths.entries);
        standard_entries_ = lengths.standard;
        for (const SharedEntry& shared : lengths.shared)
            shared_.emplace_back(table_.entries[shared.entry], shared.end_sites);
        sort_entries(table_.entries);
        precedence_ = precedence_of(table_.info);
        site_lengths_.emplace(table_.entries, precedence_, table_.info.default_length_ipv4,
                              table_.info.default_length_ipv6);
    }

    void add_feed(size_t order, const Feed& feed, FeedReport& report)
    {
        const FeedConfig& config = config_.feeds[order];
        const uint8_t own_class = class_id(config.class_name);
        std::vector<uint8_t> class_of_value;
        for (const FeedMapping& mapping : config.map)
            class_of_value.push_back(class_id(mapping.class_name));
        table_.entries.reserve(table_.entries.size() + feed.entries.size());
        const size_t begin = table_.entries.size();
        for (const FeedEntry& from : feed.entries) {
            TableEntry entry = table_entry(from.prefix, from.line);
            entry.feed = feed_number_[order];
            entry.exclusion = from.exclusion;
            entry.class_id = from.value == kNoValue ? own_class : class_of_value[from.value];
            table_.entries.push_back(entry);
        }
        if (config_.feeds[order].widen)
            widen_from(begin, report);
    }

    PolicyTable finish(Shadowed& shadowed)
    {
        FlattenInput input;
        precedence_ = precedence_of(table_.info);
        sort_entries(table_.entries);
        shadowed.feeds = drop_repeated();
        shadowed.lengths.assign(table_.info.length_sources.size(), 0);
        place_shared();
        input.entries = &table_.entries;
        input.precedence = &precedence_;
        input.default_class = class_id(config_.default_class);
        input.default_length_ipv4 = table_.info.default_length_ipv4;
        input.default_length_ipv6 = table_.info.default_length_ipv6;
        input.shared = &table_.shared;
        input.shared_cap = config_.shared_cap;
        PolicySet policies;
        std::vector<bool> won(table_.entries.size(), false);
        image_.ipv4 = flatten(input, MXG_FAMILY_IPV4, policies, won);
        image_.ipv6 = flatten(input, MXG_FAMILY_IPV6, policies, won);
        image_.policies = policies.all();
        image_.prefixes = table_.entries.size() - standard_entries_;
        image_.feeds = static_cast<uint32_t>(table_.info.feeds.size());
        table_.plane = build_image(image_);
        for (size_t i = 0; i < won.size(); i++) {
            const TableEntry& entry = table_.entries[i];
            if (won[i] || (!is_length(entry) && entry.exclusion))
                continue;
            if (is_length(entry))
                shadowed.lengths[length_source(entry)] += entry.site_length != 0;
            else
                shadowed.feeds[entry.feed]++;
        }
        return std::move(table_);
    }

    // Now that the entries have their places.
    void place_shared()
    {
        const auto before = [](const TableEntry& a, const TableEntry& b) {
            return std::tie(a.family, a.hi, a.lo, a.length) <
                   std::tie(b.family, b.hi, b.lo, b.length);
        };
        const auto& entries = table_.entries;
        for (const auto& [entry, end_sites] : shared_) {
            auto at = std::lower_bound(entries.begin(), entries.end(), entry, before);
            while (at->feed != entry.feed)
                ++at;
            table_.shared.push_back({static_cast<uint32_t>(at - entries.begin()), end_sites});
        }
        std::sort(table_.shared.begin(), table_.shared.end(),
                  [](const SharedEntry& a, const SharedEntry& b) { return a.entry < b.entry; });
        const auto same_entry = [](const SharedEntry& a, const SharedEntry& b) {
            return a.entry == b.entry;
        };
        table_.shared.erase(std::unique(table_.shared.begin(), table_.shared.end(), same_entry),
                            table_.shared.end());
    }

    // Feeds repeat themselves; what a feed says twice counts once, in the strictest of the classes
    // it gives. How many of each feed went.
    std::vector<uint64_t> drop_repeated()
    {
        std::vector<uint64_t> gone(table_.info.feeds.size(), 0);
        const auto same = [](const TableEntry& a, const TableEntry& b) {
            return a.feed == b.feed && (is_length(a) || a.exclusion == b.exclusion) &&
                   a.family == b.family && a.length == b.length && a.hi == b.hi && a.lo == b.lo;
        };
        auto& entries = table_.entries;
        size_t kept = 0;
        for (const TableEntry& entry : entries) {
            if (kept == 0 || !same(entries[kept - 1], entry)) {
                entries[kept++] = entry;
                continue;
            }
            if (is_length(entry))
                continue;
            gone[entry.feed] += entry.exclusion ? 0 : 1;
            TableEntry& first = entries[kept - 1];
            if (image_.classes[entry.class_id].strictness >
                image_.classes[first.class_id].strictness)
                first = entry;
        }
        entries.resize(kept);
        return gone;
    }

    const SiteLengths& site_lengths() const { return *site_lengths_; }
    uint8_t feed_number(size_t order) const { return feed_number_[order]; }
    void set_no_table() { image_.flags |= MXG_FLAG_NO_TABLE; }

private:
    // Widens the entries from `begin` on, a feed's; exclusions stay as they are.
    void widen_from(size_t begin, FeedReport& report)
    {
        auto& entries = table_.entries;
        std::vector<TableEntry> before, after;
        for (size_t i = begin; i < entries.size(); i++) {
            TableEntry& entry = entries[i];
            if (entry.exclusion)
                continue;
            before.push_back(entry);
            widen(entry, *site_lengths_);
            after.push_back(entry);
            if (entry.widened_from == 0)
                continue;
            report.widened++;
            if (report.widened_examples.size() < kRejectsKept)
                report.widened_examples.push_back(
                    {entry.line, prefix_of(before.back()), prefix_of(entry)});
        }
        const auto more = [&](uint8_t family) {
            return static_cast<double>(covered(after, family) - covered(before, family));
        };
        report.newly_covered_ipv4 = more(MXG_FAMILY_IPV4);
        report.newly_covered_ipv6 = more(MXG_FAMILY_IPV6);
    }

    uint8_t class_id(const std::string& name) const
    {
        for (size_t i = 0; i < config_.classes.size(); i++)
            if (config_.classes[i].name == name)
                return class_number_[i];
        return 0;  // the configuration was checked: cannot be
    }

    void number_classes()
    {
        std::vector<std::string> names;
        for (const ClassConfig& c : config_.classes)
            names.push_back(c.name);
        auto& slots = table_.info.classes;
        class_number_ = assign_numbers(names, slots, MXG_MAX_CLASSES);
        image_.classes.resize(slots.size());
        image_.levels.resize(slots.size(), std::vector<mxg_ceiling>(2 * MXG_CEILINGS));
        for (size_t i = 0; i < names.size(); i++) {
            slots[class_number_[i]].action = action_name(config_.classes[i].action);
            image_.classes[class_number_[i]] = class_record(config_.classes[i], i);
            image_.levels[class_number_[i]] = level_records(config_, config_.classes[i]);
        }
    }

    void number_feeds()
    {
        std::vector<std::string> names;
        for (const FeedConfig& feed : config_.feeds)
            names.push_back(feed.name);
        auto& slots = table_.info.feeds;
        feed_number_ = assign_numbers(names, slots, MXG_MAX_FEEDS);
        for (size_t i = 0; i < names.size(); i++) {
            const FeedConfig& feed = config_.feeds[i];
            slots[feed_number_[i]] = {
                feed.name, feed.path, feed.class_name, feed.priority, static_cast<uint32_t>(i),
                false};
        }
    }

    void add_services()
    {
        for (const ServiceConfig& service : config_.gate.services)
            for (const mxg_prefix& address : service.addresses)
                image_.services.push_back(service_record(address, service));
    }

    const Config& config_;
    PolicyTable table_;
    ImageInput image_;
    size_t standard_entries_ = 0;  // that nobody configured
    std::vector<uint8_t> class_number_;
    std::vector<uint8_t> feed_number_;
    std::vector<std::pair<TableEntry, uint32_t>> shared_;  // entries with end sites
    Precedence precedence_{{}};
    std::optional<SiteLengths> site_lengths_;
};

Diagnostic warning(const std::string& file, uint32_t line, std::string text)
{
    Diagnostic out;
    out.severity = Diagnostic::Severity::warning;
    out.where.file = file;
    out.where.line = static_cast<int>(line);
    out.text = std::move(text);
    return out;
}

// What is wrong with a version of a feed; of rejected lines the first ones and a count.
void take(CompileResult& result, const Feed& feed, const std::string& path)
{
    auto& all = result.diagnostics;
    all.insert(all.end(), feed.errors.begin(), feed.errors.end());
    all.insert(all.end(), feed.warnings.begin(), feed.warnings.end());
    if (feed.warning_count > feed.warnings.size())
        all.push_back(warning(
            path, 0, std::to_string(feed.warning_count - feed.warnings.size()) + " more warnings"));
    for (const RejectedLine& line : feed.rejects)
        all.push_back(warning(line.file.empty() ? path : line.file, line.line, line.reason));
    if (feed.rejected > feed.rejects.size())
        all.push_back(warning(
            path, 0,
            std::to_string(feed.rejected - feed.rejects.size()) + " more lines are rejected"));
}

}  // namespace

const char* action_name(Action action)
{
    static constexpr const char* kNames[] = {"pass", "limit", "drop", "reset", "unreachable"};
    return kNames[static_cast<int>(action)];
}

CompileResult compile(const Config& config, uint64_t generation, const TableInfo* previous,
                      const SourceVersions* versions, const ReadFeed& read)
{
    const auto start = std::chrono::steady_clock::now();
    CompileResult result;
    Compiler compiler(config, generation, previous);
    bool refused = false;
    LengthInputs lengths = read_length_sources(config, versions);
    compiler.add_lengths(lengths);
    refused |= lengths.refused;
    result.lengths = std::move(lengths.reports);
    result.diagnostics.insert(result.diagnostics.end(), lengths.diagnostics.begin(),
                              lengths.diagnostics.end());
    for (size_t i = 0; i < config.feeds.size(); i++) {
        const Feed feed = read(config.feeds[i], compiler.site_lengths());
        take(result, feed, config.feeds[i].path);
        refused |= !feed.errors.empty();
        FeedReport report;
        report.name = config.feeds[i].name;
        report.entries = feed.entries.size();
        report.rejected = feed.rejected;
        report.skipped = feed.skipped;
        report.rejects = feed.rejects;
        compiler.add_feed(i, feed, report);
        result.feeds.push_back(std::move(report));
    }
    if (!refused) {
        try {
            Shadowed shadowed;
            result.table = compiler.finish(shadowed);
            for (size_t i = 0; i < result.feeds.size(); i++)
                result.feeds[i].shadowed = shadowed.feeds[compiler.feed_number(i)];
            for (LengthReport& report : result.lengths)
                for (uint32_t i = report.sources; i < report.sources_end; i++)
                    report.shadowed += shadowed.lengths[i];
        } catch (const std::length_error& error) {
            Diagnostic diagnostic;
            diagnostic.where.file = config.file;
            diagnostic.text = error.what();
            result.diagnostics.push_back(std::move(diagnostic));
        }
    }
    result.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return result;
}

PolicyTable empty_table(const Config& config, const TableInfo* previous)
{
    Compiler compiler(config, 0, previous);
    Shadowed shadowed;
    compiler.set_no_table();
    return compiler.finish(shadowed);
}

}  // namespace mxgate
