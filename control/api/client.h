// SPDX-License-Identifier: BSD-2-Clause
// The CLI's end of the control socket.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

namespace mxgate {

// The daemon does not answer: not running, or not for us.
class NoDaemon : public std::runtime_error
{
public:
    using std::runtime_error::runtime_error;
};

// There is none.
class NotRunning : public NoDaemon
{
public:
    using NoDaemon::NoDaemon;
};

// The daemon's answer; a change takes what time it takes. Throws NoDaemon, or std::runtime_error
// with the daemon's own words.
nlohmann::json api_get(const std::string& run_dir, const std::string& path);
using Parameters = std::multimap<std::string, std::string>;
nlohmann::json api_post(const std::string& run_dir, const std::string& path,
                        const Parameters& parameters = {});

}  // namespace mxgate
