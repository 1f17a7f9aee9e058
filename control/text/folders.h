// SPDX-License-Identifier: BSD-2-Clause
// Where mxgated and mxgate meet: the same folders, options and environment for both.
#pragma once

#include <string>

namespace mxgate {

struct Folders {
    std::string run_dir = "/run/mxgate";
    std::string state_dir = "/var/lib/mxgate";
    std::string pin_dir = "/sys/fs/bpf/mxgate";
};

// `app` is a CLI::App; a template, so that only those who have one include CLI11.
template <typename App>
void add_folders(App& app, Folders& folders)
{
    const auto add = [&](const char* option, std::string& into, const char* what,
                         const char* variable) {
        app.add_option(option, into, what)->envname(variable)->capture_default_str();
    };
    add("--run-dir", folders.run_dir, "folder of mxgated's control socket", "MXGATE_RUN_DIR");
    add("--state-dir", folders.state_dir, "folder of the last good table", "MXGATE_STATE_DIR");
    add("--pin-dir", folders.pin_dir, "bpffs folder of the gate's pins", "MXGATE_PIN_DIR");
}

}  // namespace mxgate
