// SPDX-License-Identifier: BSD-2-Clause
#include "control/cli/command.h"

#include <fmt/format.h>

#include "control/config/text.h"
#include "control/gate/list_compile.h"

namespace mxgate {
CLI::App* add_verb(CLI::App& app, CliGiven& given, const std::string& name, const std::string& what,
                   const std::string& example, std::function<int()> run)
{
    CLI::App* verb = app.add_subcommand(name, what);
    verb->footer("Example:\n  " + example);
    verb->add_flag("--json", given.options.json, "JSON lines on standard output, for scripts");
    verb->callback([&given, run = std::move(run)] {
        if (!given.run)  // a verb below this one may have been given
            given.run = run;
    });
    return verb;
}

namespace {

void add_fetch(CLI::App* verb, bool& fetch)
{
    verb->add_flag("--fetch", fetch,
                   "fetch lists with `url` or `exec` even if mxgated has versions of them");
}

void add_table_verbs(CLI::App& app, CliGiven& g)
{
    CLI::App* verb =
        add_verb(app, g, "check", "validate a configuration and read every feed it names",
                 "mxgate check /etc/mxgate/mxgate.yaml", [&] { return check(g.options, g.check); });
    verb->add_option("CONFIG", g.check.config, "configuration file (YAML)")->required();
    add_fetch(verb, g.check.fetch);
    verb->add_flag("--all-rejects", g.check.all_rejects,
                   fmt::format("name every broken line, not the first {} of each list alone;\n"
                               "beyond {} more of them the rest is counted",
                               kRejectsKept, kAllRejects));

    verb = add_verb(app, g, "compile", "merge all feeds of a configuration into a policy table",
                    "mxgate compile /etc/mxgate/mxgate.yaml -o table.mxg",
                    [&] { return compile_table(g.options, g.config, g.output, g.fetch); });
    verb->add_option("CONFIG", g.config, "configuration file (YAML)")->required();
    verb->add_option("-o,--output", g.output,
                     "table file to write; what is there and is no table is not replaced")
        ->required();
    add_fetch(verb, g.fetch);

    verb = add_verb(app, g, "lookup",
                    "say what a table holds for addresses: class, feed, prefix, end-site length,\n"
                    "where the length comes from, source prefix (tab-separated, in this order)",
                    "mxgate lookup table.mxg 2001:db8::1 192.0.2.1\n"
                    "  mxgate lookup table.mxg - --json < addresses.txt",
                    [&] { return lookup(g.options, g.table, g.addresses); });
    verb->add_option("TABLE", g.table, "table file made by `mxgate compile`")->required();
    verb->add_option("ADDRESS", g.addresses, "addresses; `-` reads them from standard input")
        ->required();
}

void add_replay(CLI::App& app, CliGiven& g)
{
    CLI::App* verb = add_verb(
        app, g, "replay",
        "run captured frames through a plane, with the capture's time as the clock.\n"
        "`model` needs no privilege; `xdp` loads the program into the kernel and runs it there,\n"
        "`dpdk` starts mxgate-dpdk with a port of its own; no interface or running gate is touched",
        "mxgate replay mxgate.yaml smtp.pcap --plane model --verdicts\n"
        "  mxgate replay mxgate.yaml *.pcap --plane xdp --json",
        [&] { return replay(g.options, g.replay); });
    verb->add_option("CONFIG", g.replay.config, "configuration file (YAML)")->required();
    verb->add_option("PCAP", g.replay.files, "capture files, in order; state carries on")
        ->required();
    verb->add_option("--plane", g.replay.plane, "instead of gate.plane of the configuration")
        ->check(CLI::IsMember({"model", "xdp", "dpdk"}));
    verb->add_flag("--verdicts", g.replay.verdicts,
                   "one line per frame; the summary then goes to standard error");
}

void add_what_if(CLI::App& app, CliGiven& g)
{
    CLI::App* verb = add_verb(
        app, g, "what-if",
        "run a configuration over a log of connections that were, and say who would have been\n"
        "denied or limited: by class, by feed, and the senders that were hit most. The log's\n"
        "time is the clock; no running gate is asked or touched. Logs, packed or not, and told\n"
        "by content: of Postfix; tables of Unix time, MX, address and host name with tabs\n"
        "between them; captures (pcap, pcapng). What a log says of a connection's length is not\n"
        "looked at",
        "mxgate what-if new.yaml --trace /var/log/mail.log\n"
        "  journalctl -u 'postfix*' --since -1d | mxgate what-if new.yaml --trace - --json",
        [&] { return what_if(g.options, g.what_if); });
    verb->add_option("CONFIG", g.what_if.config, "configuration file (YAML)")->required();
    verb->add_option("--trace", g.what_if.traces,
                     "logs, the oldest first; state carries on; `-` is standard input")
        ->required();
    verb->add_option("--limit", g.what_if.limit, "how many senders, the most hit first")
        ->capture_default_str();
    add_fetch(verb, g.what_if.fetch);
}

void add_live_verbs(CLI::App& app, CliGiven& g)
{
    add_verb(app, g, "status", "what the gate is doing, and how", "mxgate status",
             [&] { return status(g.options); });

    CLI::App* verb = add_verb(app, g, "counters", "packets by verdict, reason, class and family",
                              "mxgate counters --watch 1", [&] {
                                  return counters(g.options, g.watch,
                                                  g.feeds     ? "feeds"
                                                  : g.replies ? "replies"
                                                              : "counters");
                              });
    CLI::Option* watch =
        verb->add_option("--watch", g.watch, "again every so many seconds, with rates")
            ->check(CLI::Range(0.1, 3600.0));
    verb->add_flag("--feeds", g.feeds, "connection attempts by the feed that decided them")
        ->excludes(watch);
    verb->add_flag("--replies", g.replies, "what became of verdicts reset and unreachable")
        ->excludes(watch)
        ->excludes("--feeds");

    verb = add_verb(app, g, "refused",
                    "senders refused of late, with reason, feed and count of samples",
                    "mxgate refused --limit 20", [&] { return refused(g.options, g.limit); });
    verb->add_option("--limit", g.limit, "how many, the most refused first")->capture_default_str();

    verb = add_verb(app, g, "top",
                    "the source prefixes with most open connections, and those of each class;\n"
                    "on a terminal a live view",
                    "mxgate top --limit 20", [&] { return top(g.options, g.limit); });
    verb->add_option("--limit", g.limit, "how many, the most first")->capture_default_str();

    verb =
        add_verb(app, g, "watch",
                 "a stream of sampled denials as they happen, a JSON line each, with source\n"
                 "port and microseconds. What is left out, by --rate or because it was too much\n"
                 "to sample, is counted in lines of kind `lost`, at most one a second. Goes on\n"
                 "over a restart of mxgated",
                 "mxgate watch\n  mxgate watch --rate 1000 | jq 'select(.class == \"bad\")'",
                 [&] { return mxgate::watch(g.options, g.stream); });
    verb->add_option("--rate", g.stream.rate,
                     "lines a second at most; of more the newest are shown")
        ->check(CLI::Range(0.1, 4000.0))
        ->capture_default_str();
    verb->add_option("--count", g.stream.count, "end after so many lines");

    verb = add_verb(app, g, "explain",
                    "the whole answer on an address: class and why, source prefix, budget left,\n"
                    "recent refusals",
                    "mxgate explain 2001:db8::25", [&] { return explain(g.options, g.address); });
    verb->add_option("ADDRESS", g.address, "IPv4 or IPv6 address")->required();

    verb = add_verb(app, g, "reload",
                    "read configuration and feeds again; a new table that fails is refused and\n"
                    "the old one stays",
                    "mxgate reload", [&] { return reload(g.options, g.force); });
    verb->add_flag("--force", g.force,
                   "take the new table though it newly denies many, or those of good classes, and\n"
                   "versions of feeds that changed by more than `max_change`");
}

void add_attach_verbs(CLI::App& app, CliGiven& g)
{
    CLI::App* verb =
        add_verb(app, g, "attach",
                 "attach the gate to the configured interfaces; where mxgated does not\n"
                 "run, feeds are compiled here and the gate works without it",
                 "mxgate attach --config /etc/mxgate/mxgate.yaml",
                 [&] { return attach(g.options, g.attach_config, g.last_good); });
    verb->add_option("--config", g.attach_config, "configuration file, where mxgated does not run")
        ->capture_default_str();
    verb->add_flag("--last-good", g.last_good,
                   "with the last good table, no feed is read; for the boot, before the network");

    add_verb(app, g, "detach",
             "the emergency switch: take the gate off every interface and remove\n"
             "its pins; needs no daemon",
             "mxgate detach", [&] { return detach(g.options); });
}

// CLI11 misses a verb before it sees that a word is none.
std::string failure_text(const CLI::App* app, const CLI::Error& error)
{
    const std::vector<std::string> unknown = app->remaining();
    if (!app->get_subcommands().empty() || unknown.empty() || unknown.front().starts_with('-'))
        return CLI::FailureMessage::simple(app, error);
    std::vector<std::string_view> verbs;
    for (const CLI::App* verb : app->get_subcommands([](const CLI::App*) { return true; }))
        verbs.push_back(verb->get_name());
    return fmt::format("{} is not a verb; did you mean `{}`? `mxgate --help` has them all\n",
                       show(unknown.front()), nearest(unknown.front(), verbs));
}

}  // namespace

void describe_mxgate(CLI::App& app, CliGiven& given)
{
    app.name("mxgate");
    app.description(
        "mxgate: a gate before the MX that judges the prefix a connection comes from.\n"
        "Offline verbs (check, compile, lookup, replay, what-if) need no daemon; the others ask "
        "mxgated.");
    app.require_subcommand(1);
    app.failure_message(failure_text);
    app.set_version_flag("--version", MXGATE_VERSION);
    app.footer(
        "Exit codes: 0 done; 1 the input or the gate is at fault; 2 the command line is.\n"
        "`mxgate VERB --help` explains a verb, with an example.");
    app.fallthrough();  // --run-dir and its kin may stand after the verb
    add_folders(app, given.options);
    add_table_verbs(app, given);
    add_replay(app, given);
    add_what_if(app, given);
    add_live_verbs(app, given);
    add_feed_verbs(app, given);
    add_attach_verbs(app, given);
    add_by_hand_verbs(app, given);
    add_lengths_verbs(app, given);
}

}  // namespace mxgate
