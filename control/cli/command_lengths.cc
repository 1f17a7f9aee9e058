// SPDX-License-Identifier: BSD-2-Clause
// The verbs about end-site lengths: `mxgate lengths ...` and `mxgate export ...`.
#include "control/cli/command.h"

namespace mxgate {

void add_lengths_verbs(CLI::App& app, CliGiven& g)
{
    CLI::App* lengths = app.add_subcommand("lengths", "sources of end-site prefix lengths");
    lengths->require_subcommand(1);
    const auto add_config = [](CLI::App* verb, std::string& config) {
        verb->add_option("--config", config, "configuration file (YAML)")->capture_default_str();
    };

    CLI::App* verb = add_verb(*lengths, g, "list", "each source, its age and its kept versions",
                              "mxgate lengths list --config mxgate.yaml",
                              [&] { return lengths_list(g.options, g.lengths.config); });
    add_config(verb, g.lengths.config);

    verb = add_verb(*lengths, g, "diff",
                    "what changed in a source: `+` new, `-` gone, `~` another length",
                    "mxgate lengths diff ripe\n  mxgate lengths diff ripe --from 3 --to 4",
                    [&] { return lengths_diff(g.options, g.lengths); });
    verb->add_option("NAME", g.lengths.name, "of aggregation.feeds")->required();
    verb->add_option("--from", g.lengths.from, "a kept version, in place of the one before");
    verb->add_option("--to", g.lengths.to, "a kept version, in place of the source's file");
    add_config(verb, g.lengths.config);

    verb = add_verb(*lengths, g, "rollback",
                    "take back a bad version of a source: the one before is in force until the\n"
                    "source has a new one",
                    "mxgate lengths rollback ripe",
                    [&] { return lengths_rollback(g.options, g.lengths); });
    verb->add_option("NAME", g.lengths.name, "of aggregation.feeds")->required();
    verb->add_flag("--undo", g.lengths.undo, "use the source's newest version again");
    add_config(verb, g.lengths.config);

    verb = add_verb(*lengths, g, "learn",
                    "guess end-site lengths from source addresses, as an RFC 9977 file for\n"
                    "`format: learned`",
                    "mxgate lengths learn --prefixes routes.txt addresses.txt > learned.csv",
                    [&] { return lengths_learn(g.options, g.learn); });
    verb->add_option("--prefixes", g.learn.prefixes,
                     "files of routed and of allocated prefixes, one a line")
        ->required();
    verb->add_option("ADDRESSES", g.learn.addresses, "file of addresses, one a line, or `-`")
        ->required();

    CLI::App* publish = app.add_subcommand("export", "what mxgate knows, for others");
    publish->require_subcommand(1);
    verb =
        add_verb(*publish, g, "prefixlen",
                 "the operator's own lengths (`lengths`, csv and geofeed tables) as an RFC 9977\n"
                 "file, ready to publish",
                 "mxgate export prefixlen --config mxgate.yaml -o prefixlen.csv",
                 [&] { return export_lengths(g.options, g.publish); });
    verb->add_option("-o,--output", g.publish.output, "file to write, in place of standard output");
    add_config(verb, g.publish.config);
}

}  // namespace mxgate
