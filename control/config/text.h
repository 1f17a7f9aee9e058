// SPDX-License-Identifier: BSD-2-Clause
// Small helpers for messages and input files.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mxgate {

// Text from an input file for a message: in backquotes, cut when long, and pure ASCII (other bytes
// become \xNN) so that no file can send control sequences to a terminal or break JSON.
std::string show(std::string_view text);

// ASCII letters in lower case.
std::string lower(std::string_view text);

// The candidate with the smallest edit distance to `text`; empty if there are no candidates.
std::string_view nearest(std::string_view text, const std::vector<std::string_view>& candidates);

// Reads a whole file of at most `max_bytes` into `out`; the reason if that fails.
std::optional<std::string> read_file(const std::string& path, size_t max_bytes, std::string& out);

}  // namespace mxgate
