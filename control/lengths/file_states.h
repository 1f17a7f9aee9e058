// SPDX-License-Identifier: BSD-2-Clause
// What is known of prefixlen files beside their copies; survives the process.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace mxgate {

// A text of a file that an operator took back, with the version of the list that it came in.
struct RefusedText {
    std::string sha256;
    uint64_t version = 0;
};

struct FileState {
    int64_t next = 0;       // Unix time of the next fetch
    unsigned failures = 0;  // in a row
    std::string error;      // of the last fetch; empty: it was good
    std::vector<RefusedText> refused;
};
using FileStates = std::map<std::string, FileState>;  // by URL

// None, if what is there is damaged: then all files are due.
FileStates read_states(const std::string& folder);

// Throws std::filesystem::filesystem_error.
void write_states(const std::string& folder, const FileStates& states);

}  // namespace mxgate
