// SPDX-License-Identifier: BSD-2-Clause
// The verb `top`: who holds most connections.
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "control/api/client.h"
#include "control/cli/verbs.h"

namespace mxgate {
namespace {

using nlohmann::json;

void print_top(const json& now)
{
    json classes = json::object();
    for (const char* state : {"connections", "half_open"})
        for (const auto& [name, count] : now[state].items())
            classes[name][state] = count;
    for (const auto& [name, counts] : classes.items())
        fmt::print("class {:<12} {} open, {} half-open\n", name, counts.value("connections", 0),
                   counts.value("half_open", 0));
    fmt::print("{:>8}  {:>10}  {:>10}  {:<12} {}\n", "open", "admitted", "denied", "class",
               "source prefix");
    for (const json& h : now["holders"])
        fmt::print("{:>8}  {:>10}  {:>10}  {:<12} {}\n", h["open"].dump(), h["admitted"].dump(),
                   h["denied"].dump(), h["class"].get<std::string>(),
                   h["source_prefix"].get<std::string>());
}

}  // namespace

int top(const CliOptions& options, size_t limit)
{
    const bool live = ::isatty(STDOUT_FILENO) != 0 && !options.json;
    for (;;) {
        const json now = api_get(options.run_dir, "/v1/top?limit=" + std::to_string(limit));
        if (live)
            fmt::print("\x1b[H\x1b[2J{:%H:%M:%S}\n", fmt::gmtime(std::time(nullptr)));
        if (options.json)
            for (const json& holder : now["holders"])
                fmt::print("{}\n", holder.dump());
        else
            print_top(now);
        if (!live)
            return 0;
        std::fflush(stdout);
        std::this_thread::sleep_for(std::chrono::seconds(1));
    }
}

}  // namespace mxgate
