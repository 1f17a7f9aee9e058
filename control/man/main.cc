// SPDX-License-Identifier: BSD-2-Clause
// Run by the build: writes the manual pages and the shell completion of all programs to a folder.
#include <fmt/format.h>

#include <fstream>

#include "control/appliance/command.h"
#include "control/cli/command.h"
#include "control/daemon/command.h"
#include "control/man/pages.h"

int main(int argc, char** argv)
{
    using namespace mxgate;
    if (argc != 2) {
        fmt::print(stderr, "usage: mxgate-pages FOLDER\n");
        return kExitUsage;
    }
    CliGiven given;
    DaemonOptions daemon;
    ApplianceOptions appliance;
    CLI::App mxgate, mxgated, dpdk;
    describe_mxgate(mxgate, given);
    describe_mxgated(mxgated, daemon);
    describe_mxgate_dpdk(dpdk, appliance);
    const auto write = [&](const std::string& name, const std::string& text) {
        std::ofstream file(std::string(argv[1]) + "/" + name);
        file << text;
        return static_cast<bool>(file.flush());
    };
    const bool written = write("mxgate.1", man_page(mxgate, 1)) &&
                         write("mxgated.8", man_page(mxgated, 8)) &&
                         write("mxgate-dpdk.8", man_page(dpdk, 8)) &&
                         write("mxgate.bash", bash_completion({&mxgate, &mxgated, &dpdk}));
    if (!written)
        fmt::print(stderr, "mxgate-pages: cannot write to {}\n", argv[1]);
    return written ? 0 : kExitError;
}
