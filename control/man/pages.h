// SPDX-License-Identifier: BSD-2-Clause
// Manual pages and shell completion out of the same words as the help texts.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace mxgate {

// A page in man(7) for a program, with all its verbs and options.
std::string man_page(const CLI::App& app, int section);

// A completion script for bash, for all of `apps`.
std::string bash_completion(const std::vector<const CLI::App*>& apps);

}  // namespace mxgate
