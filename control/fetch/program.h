// SPDX-License-Identifier: BSD-2-Clause
// A program whose standard output is a feed.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace mxgate {

struct ProgramOptions {
    std::vector<std::string> argv;  // argv[0] is an absolute path; no shell looks at any of it
    uint64_t max_bytes = 1ULL << 30;
    std::chrono::milliseconds timeout{600'000};
};

// Runs it with nothing to read, no open files and an environment of PATH alone, in a process group
// that is killed when it takes too long, writes too much, `*cancel` becomes true, or the caller's
// process ends in whatever way. Its output goes to `fd`. Nothing if it exits with 0, else the
// reason, with the end of what it wrote to standard error.
std::optional<std::string> run_program(const ProgramOptions& options, int fd,
                                       const std::atomic<bool>* cancel = nullptr);

}  // namespace mxgate
