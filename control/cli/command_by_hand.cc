// SPDX-License-Identifier: BSD-2-Clause
// What the command line has for setting classes by hand.
#include "control/cli/command.h"

namespace mxgate {
namespace {

void add_common(CLI::App& verb, ByHandRequest& request)
{
    verb.add_option("PREFIX", request.prefixes, "IPv4 or IPv6 prefixes of any length")->required();
    verb.add_option("--for", request.duration, "how long, for example `2h` or `7d`; else for ever");
    verb.add_option("--reason", request.reason, "why, for `mxgate overrides` and `explain`");
}

}  // namespace

void add_by_hand_verbs(CLI::App& app, CliGiven& g)
{
    const auto act = [&g](const char* action) {
        return [&g, action] {
            g.by_hand.action = action;
            return set_by_hand(g.options, g.by_hand);
        };
    };
    CLI::App* verb =
        add_verb(app, g, "allow",
                 "let the senders of a prefix in, whatever the feeds say: the first\n"
                 "class with `action: pass`; kept over restarts",
                 "mxgate allow 2001:db8:5::/48 --for 2h --reason \"ticket 4711\"", act("allow"));
    add_common(*verb, g.by_hand);
    verb = add_verb(app, g, "deny",
                    "refuse the senders of a prefix, whatever the feeds say: the first class\n"
                    "that refuses; kept over restarts",
                    "mxgate deny 192.0.2.0/24 --for 30min --reason \"list bombing\"", act("deny"));
    add_common(*verb, g.by_hand);
    verb = add_verb(app, g, "class",
                    "give the senders of a prefix a class, whatever the feeds say; kept over\n"
                    "restarts",
                    "mxgate class 2001:db8:6::/48 --as mixed --for 1d", act(""));
    add_common(*verb, g.by_hand);
    verb->add_option("--as", g.by_hand.class_name, "name of the class")->required();

    verb =
        add_verb(app, g, "forget", "take back what was set by hand", "mxgate forget 192.0.2.0/24",
                 [&g] { return forget(g.options, g.by_hand.prefixes); });
    verb->add_option("PREFIX", g.by_hand.prefixes, "prefixes as they were given")->required();

    add_verb(app, g, "overrides", "what is set by hand: by whom, when, why, until when",
             "mxgate overrides", [&g] { return overrides(g.options); });
}

}  // namespace mxgate
