// SPDX-License-Identifier: BSD-2-Clause
// mxgate: reads the command line and runs the verb that was given.
#include <fmt/format.h>

#include <cstdio>

#include "control/cli/command.h"

int main(int argc, char** argv)
{
    using namespace mxgate;
    CliGiven given;
    CLI::App app;
    describe_mxgate(app, given);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : kExitUsage;
    }
    try {
        const int code = given.run();
        if (std::fflush(stdout) != 0 || std::ferror(stdout))
            throw std::runtime_error("cannot write to standard output");
        return code;
    } catch (const std::exception& error) {
        std::fflush(stdout);
        fmt::print(stderr, "mxgate: {}\n", error.what());
        return kExitError;
    }
}
