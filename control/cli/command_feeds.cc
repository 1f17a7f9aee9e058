// SPDX-License-Identifier: BSD-2-Clause
// The verbs about feeds, classes and what changes between tables.
#include "control/cli/command.h"

namespace mxgate {

void add_feed_verbs(CLI::App& app, CliGiven& g)
{
    CLI::App* feeds =
        add_verb(app, g, "feeds",
                 "each feed and source of lengths: state, age, entries, next fetch, last error",
                 "mxgate feeds", [&] { return mxgate::feeds(g.options); });

    CLI::App* verb =
        add_verb(*feeds, g, "fetch",
                 "fetch a list, or all, as soon as can be; what comes of it shows in\n"
                 "`mxgate feeds`",
                 "mxgate feeds fetch drop-v6", [&] { return feeds_fetch(g.options, g.feed); });
    verb->add_option("NAME", g.feed, "of the list; all, if it is left out");

    verb = add_verb(*feeds, g, "rollback",
                    "take back the version of a feed that is in force: the one before is in force\n"
                    "until there is a newer one; it is not used even if it comes again",
                    "mxgate feeds rollback drop-v6",
                    [&] { return feeds_rollback(g.options, g.feed, g.undo); });
    verb->add_option("NAME", g.feed, "of the feed")->required();
    verb->add_flag("--undo", g.undo, "use the newest version again");

    add_verb(app, g, "classes", "each class: its action, entries of feeds in it, packets",
             "mxgate classes", [&] { return classes(g.options); });

    verb = add_verb(app, g, "diff",
                    "what changes between two tables: entries of feeds (`+`, `-`, `~`), and the\n"
                    "senders seen whose class changes (`sender`)",
                    "mxgate compile mxgate.yaml -o new.mxg\n"
                    "  mxgate diff /var/lib/mxgate/table.mxg new.mxg",
                    [&] { return diff(g.options, g.table, g.other_table, g.senders); });
    verb->add_option("BEFORE", g.table, "table file")->required();
    verb->add_option("AFTER", g.other_table, "table file")->required();
    verb->add_option("--senders", g.senders,
                     "addresses or prefixes, a file or `-`, in place of those mxgated has seen");
}

}  // namespace mxgate
