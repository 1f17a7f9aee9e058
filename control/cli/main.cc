// SPDX-License-Identifier: BSD-2-Clause
// mxgate: the command line. Every verb lives in a file of its own; this one only gathers them.
#include <fmt/format.h>

#include "control/cli/verbs.h"

namespace mxgate {

CLI::App* add_verb(CLI::App& app, CliOptions& options, const std::string& name,
                   const std::string& what, const std::string& example)
{
    CLI::App* verb = app.add_subcommand(name, what);
    verb->footer("Example:\n  " + example);
    verb->add_flag("--json", options.json, "JSON lines on standard output, for scripts");
    return verb;
}

void print_diagnostics(const std::vector<Diagnostic>& diagnostics)
{
    std::fflush(stdout);
    for (const Diagnostic& diagnostic : diagnostics)
        fmt::print(stderr, "{}\n", to_string(diagnostic));
}

}  // namespace mxgate

int main(int argc, char** argv)
{
    using namespace mxgate;
    CliOptions options;
    CLI::App app(
        "mxgate: a gate before the MX that judges the prefix a connection comes from.\n"
        "Offline verbs (check, compile, lookup, replay) need no daemon; the others ask mxgated.");
    app.require_subcommand(1);
    app.fallthrough();  // --run-dir and its kin may stand after the verb
    app.set_version_flag("--version", MXGATE_VERSION);
    app.add_option("--run-dir", options.run_dir, "folder of mxgated's control socket")
        ->envname("MXGATE_RUN_DIR")
        ->capture_default_str();
    app.add_option("--state-dir", options.state_dir, "folder of the last good table")
        ->envname("MXGATE_STATE_DIR")
        ->capture_default_str();
    app.add_option("--pin-dir", options.pin_dir, "bpffs folder of the gate's pins")
        ->envname("MXGATE_PIN_DIR")
        ->capture_default_str();
    app.footer(
        "Exit codes: 0 done; 1 the input or the gate is at fault; 2 the command line is.\n"
        "`mxgate VERB --help` explains a verb, with an example.");
    add_check(app, options);
    add_compile(app, options);
    add_lookup(app, options);
    add_replay(app, options);
    add_live_verbs(app, options);
    add_attach_verbs(app, options);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : kExitUsage;
    }
    try {
        return options.run();
    } catch (const std::exception& error) {
        std::fflush(stdout);
        fmt::print(stderr, "mxgate: {}\n", error.what());
        return kExitError;
    }
}
