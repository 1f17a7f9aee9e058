// SPDX-License-Identifier: BSD-2-Clause
// `diff`: what changes between two tables, in entries and for senders.
#include <fmt/format.h>

#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "control/api/client.h"
#include "control/cli/verbs.h"
#include "control/net/address_text.h"
#include "control/table/table_diff.h"

namespace mxgate {
namespace {

using nlohmann::json;

json class_or_null(const std::string& name)
{
    return name.empty() ? json(nullptr) : json(name);
}

void print_change(const EntryChange& c, bool as_json)
{
    const std::string prefix = to_string(c.prefix);
    if (as_json)
        fmt::print("{}\n", json{{"prefix", prefix},
                                {"feed", c.feed},
                                {"before", class_or_null(c.before)},
                                {"after", class_or_null(c.after)}}
                               .dump());
    else if (c.before.empty())
        fmt::print("+ {} {} ({})\n", prefix, c.after, c.feed);
    else if (c.after.empty())
        fmt::print("- {} {} ({})\n", prefix, c.before, c.feed);
    else
        fmt::print("~ {} {} -> {} ({})\n", prefix, c.before, c.after, c.feed);
}

mxg_prefix sender_of(const std::string& text, const std::string& where)
{
    const auto parsed = parse_prefix(text);
    if (!parsed)
        throw std::runtime_error(where + ": not an address or prefix: " + text.substr(0, 64));
    return parsed->prefix;
}

std::vector<mxg_prefix> read_senders(const CliOptions& options, const std::string& path)
{
    std::vector<mxg_prefix> out;
    if (path.empty()) {
        try {
            for (const json& sender : api_get(options.run_dir, "/v1/senders"))
                out.push_back(sender_of(sender.get<std::string>(), "mxgated"));
        } catch (const NoDaemon& error) {
            fmt::print(stderr, "mxgate: {}; senders: none, name some with --senders\n",
                       error.what());
        }
        return out;
    }
    std::ifstream file;
    if (path != "-")
        file.open(path);
    if (path != "-" && !file)
        throw std::runtime_error(path + ": cannot be read");
    std::istream& in = path == "-" ? std::cin : file;
    std::string line;
    for (uint64_t number = 1; std::getline(in, line); number++)
        if (!line.empty() && line[0] != '#')
            out.push_back(sender_of(line, fmt::format("{}:{}", path, number)));
    return out;
}

}  // namespace

int diff(const CliOptions& options, const std::string& before_path, const std::string& after_path,
         const std::string& senders_path)
{
    const PolicyTable before = read_table(before_path), after = read_table(after_path);
    const std::vector<mxg_prefix> senders = read_senders(options, senders_path);
    uint64_t entries = 0, changed = 0, denied = 0;
    for_each_change(before, after, [&](const EntryChange& change) {
        entries++;
        print_change(change, options.json);
    });
    for (const mxg_prefix& sender : senders) {
        const SenderView was = view_of(before, sender.address), is = view_of(after, sender.address);
        if (was.class_name == is.class_name && was.denied == is.denied)
            continue;
        changed++;
        denied += is.denied && !was.denied;
        if (options.json)
            fmt::print("{}\n", json{{"sender", to_string(sender)},
                                    {"before", was.class_name},
                                    {"after", is.class_name},
                                    {"newly_denied", is.denied && !was.denied}}
                                   .dump());
        else
            fmt::print("sender {} {} -> {}{}\n", to_string(sender), was.class_name, is.class_name,
                       is.denied && !was.denied ? " (newly denied)" : "");
    }
    if (options.json)
        fmt::print("{}\n", json{{"generations", {before.info.generation, after.info.generation}},
                                {"entries", entries},
                                {"senders", senders.size()},
                                {"senders_changed", changed},
                                {"newly_denied", denied}}
                               .dump());
    else
        fmt::print(
            "generation {} to {}: {} entries differ; of {} senders {} change class, {} "
            "are newly denied\n",
            before.info.generation, after.info.generation, entries, senders.size(), changed,
            denied);
    return 0;
}

}  // namespace mxgate
