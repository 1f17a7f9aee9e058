// SPDX-License-Identifier: BSD-2-Clause
// `check` and `compile`: from configuration and feeds to a table, or to what is wrong with them.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "control/cli/offline.h"
#include "control/cli/verbs.h"
#include "control/fetch/versions.h"
#include "control/net/address_text.h"
#include "control/table/compile.h"
#include "dataplane/state/state_view.h"

namespace mxgate {
namespace {

using nlohmann::json;

json rejects_json(const std::vector<RejectedLine>& rejects)
{
    json out = json::array();
    for (const RejectedLine& line : rejects) {
        out.push_back({{"line", line.line}, {"reason", line.reason}});
        if (!line.file.empty())
            out.back()["file"] = line.file;
    }
    return out;
}

json to_json(const FeedReport& feed)
{
    json examples = json::array();
    for (const WidenedEntry& entry : feed.widened_examples)
        examples.push_back(
            {{"line", entry.line}, {"from", to_string(entry.from)}, {"to", to_string(entry.to)}});
    return {
        {"feed", feed.name},
        {"entries", feed.entries},
        {"rejected", feed.rejected},
        {"rejects", rejects_json(feed.rejects)},
        {"skipped", feed.skipped},
        {"shadowed", feed.shadowed},
        {"widened", feed.widened},
        {"widened_examples", examples},
        {"newly_covered", {{"ipv4", feed.newly_covered_ipv4}, {"ipv6", feed.newly_covered_ipv6}}}};
}

void print_feed(const FeedReport& feed, bool as_json)
{
    if (as_json) {
        fmt::print("{}\n", to_json(feed).dump());
        return;
    }
    fmt::print("feed {}: {} entries, {} rejected, {} skipped, {} shadowed\n", feed.name,
               feed.entries, feed.rejected, feed.skipped, feed.shadowed);
    if (feed.widened == 0)
        return;
    const WidenedEntry& first = feed.widened_examples.front();
    fmt::print(
        "  {} widened to the end site, as line {}: {} to {}; newly covered: about {:.3g} IPv4 "
        "addresses, {:.3g} IPv6 addresses\n",
        feed.widened, first.line, to_string(first.from), to_string(first.to),
        feed.newly_covered_ipv4, feed.newly_covered_ipv6);
}

void print_lengths(const LengthReport& lengths, bool as_json)
{
    if (as_json)
        fmt::print("{}\n", json{{"lengths", lengths.name},
                                {"origin", origin_name(lengths.origin)},
                                {"entries", lengths.entries},
                                {"rejected", lengths.rejected},
                                {"rejects", rejects_json(lengths.rejects)},
                                {"ignored", lengths.ignored},
                                {"shadowed", lengths.shadowed}}
                               .dump());
    else
        fmt::print("lengths {} ({}): {} entries, {} rejected, {} state none, {} shadowed\n",
                   lengths.name, origin_name(lengths.origin), lengths.entries, lengths.rejected,
                   lengths.ignored, lengths.shadowed);
}

void print_sources(const CompileResult& compiled, bool as_json)
{
    for (const LengthReport& lengths : compiled.lengths)
        print_lengths(lengths, as_json);
    for (const FeedReport& feed : compiled.feeds)
        print_feed(feed, as_json);
}

size_t errors_in(const std::vector<Diagnostic>& all)
{
    return static_cast<size_t>(std::count_if(all.begin(), all.end(), [](const Diagnostic& d) {
        return d.severity == Diagnostic::Severity::error;
    }));
}

struct Inputs {
    ConfigResult loaded;
    std::map<std::string, std::string> stamps;  // of length lists, by name, before they are read
    CompileResult compiled;
    size_t errors = 0, warnings = 0;
};

// Loads and compiles, prints what is wrong; what can be compiled is, so that all errors show.
Inputs read_inputs(const std::string& path, uint64_t generation, const TableInfo* previous,
                   const std::string& state_dir, OfflineHow how)
{
    Inputs in;
    in.loaded = load_config(path);
    print_diagnostics(in.loaded.diagnostics);
    in.errors = errors_in(in.loaded.diagnostics);
    in.warnings = in.loaded.diagnostics.size() - in.errors;
    if (in.loaded.config) {
        for (const LengthFeedConfig& feed : in.loaded.config->length_feeds)
            in.stamps[feed.name] = stamp_of(feed.path);
        in.compiled = compile_offline(*in.loaded.config, state_dir, how, generation, previous);
        print_diagnostics(in.compiled.diagnostics);
        const size_t errors = errors_in(in.compiled.diagnostics);
        in.errors += errors;
        in.warnings += in.compiled.diagnostics.size() - errors;
    }
    return in;
}

// The table that is replaced: its numbers are kept. A damaged one is simply replaced.
std::optional<TableInfo> info_of(const std::string& path)
{
    std::error_code error;
    if (!std::filesystem::is_regular_file(path, error))
        return std::nullopt;
    try {
        return read_table(path).info;
    } catch (const TableError&) {
        return std::nullopt;
    }
}

}  // namespace

void print_diagnostics(const std::vector<Diagnostic>& diagnostics)
{
    std::fflush(stdout);
    for (const Diagnostic& diagnostic : diagnostics)
        fmt::print(stderr, "{}\n", to_string(diagnostic));
}

int check(const CliOptions& options, const CheckRequest& request)
{
    const std::string& path = request.config;
    const Inputs in =
        read_inputs(path, 1, nullptr, options.state_dir, {request.fetch, request.all_rejects});
    print_sources(in.compiled, options.json);
    const bool ok = in.errors == 0 && in.compiled.table;
    uint64_t source_bytes = 0;
    if (in.loaded.config)
        source_bytes = state_bytes(in.loaded.config->source_capacity);
    const uint64_t plane_bytes = ok ? in.compiled.table->plane_bytes() : 0;
    if (options.json)
        fmt::print("{}\n", json{{"config", path},
                                {"ok", ok},
                                {"errors", in.errors},
                                {"warnings", in.warnings},
                                {"plane_bytes", plane_bytes},
                                {"source_table_bytes", source_bytes}}
                               .dump());
    else if (ok)
        fmt::print(
            "{}: good; memory in the kernel: policy table {:.1f} MiB, source table {:.1f} "
            "MiB\n",
            path, static_cast<double>(plane_bytes) / 1048576,
            static_cast<double>(source_bytes) / 1048576);
    else
        fmt::print("{}: {} error{}\n", path, in.errors, in.errors == 1 ? "" : "s");
    return ok ? 0 : kExitError;
}

int compile_table(const CliOptions& options, const std::string& config, const std::string& output,
                  bool fetch)
{
    if (std::filesystem::exists(output) && !is_table_file(output))
        throw std::runtime_error(output +
                                 ": is there and is no policy table, so it is not replaced; name "
                                 "another file, or remove this one first");
    const std::optional<TableInfo> previous = info_of(output);
    const auto start = std::chrono::steady_clock::now();
    const Inputs in =
        read_inputs(config, previous ? previous->generation + 1 : 1,
                    previous ? &*previous : nullptr, options.state_dir, {fetch, false});
    print_sources(in.compiled, options.json);
    if (in.errors > 0 || !in.compiled.table)
        return kExitError;
    const PolicyTable& table = *in.compiled.table;
    const uint64_t file_bytes = write_table(table, output);
    // Where there is a state folder of ours, `mxgate lengths rollback` can take a version back.
    SourceVersions versions(options.state_dir + "/lengths");
    if (::access(options.state_dir.c_str(), W_OK) == 0)
        for (const LengthFeedConfig& feed : in.loaded.config->length_feeds)
            versions.keep(feed.name, feed.path, in.stamps.at(feed.name));
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const auto* counts = reinterpret_cast<const mxg_image_counts*>(&table.plane[1]);
    const uint64_t generation = table.info.generation;
    if (options.json)
        fmt::print("{}\n", json{{"generation", generation},
                                {"prefixes", counts->prefixes},
                                {"intervals", counts->intervals},
                                {"plane_bytes", table.plane_bytes()},
                                {"file_bytes", file_bytes},
                                {"seconds", seconds}}
                               .dump());
    else
        fmt::print(
            "{}: generation {}, {} prefixes in {} intervals; planes map {} bytes "
            "({:.1f} a prefix), file {} bytes; {:.3f} s\n",
            output, generation, counts->prefixes, counts->intervals, table.plane_bytes(),
            static_cast<double>(table.plane_bytes()) /
                static_cast<double>(std::max<uint64_t>(counts->prefixes, 1)),
            file_bytes, seconds);
    return 0;
}

}  // namespace mxgate
