// SPDX-License-Identifier: BSD-2-Clause
// The log of a program, to standard error: for people on a terminal, for the journal under systemd,
// for machines as JSON lines.
#pragma once

#include <map>
#include <string>

namespace mxgate {

enum class LogFormat {
    automatic,  // journal where standard error is the journal's, else text
    text,       // time, program, level, message; coloured on a terminal
    journal,    // "<6>message": sd-daemon(3)'s priority before each line
    json,       // an object a line: time, level, program, message
};
inline const std::map<std::string, LogFormat> kLogFormats = {{"auto", LogFormat::automatic},
                                                             {"text", LogFormat::text},
                                                             {"journal", LogFormat::journal},
                                                             {"json", LogFormat::json}};

// From now on spdlog writes so. `level` as spdlog calls it.
void start_log(const std::string& program, const std::string& level,
               LogFormat format = LogFormat::automatic);

}  // namespace mxgate
