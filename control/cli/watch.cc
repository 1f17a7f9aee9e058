// SPDX-License-Identifier: BSD-2-Clause
// `watch`: what happens, as it happens, in bounded lines a second.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <nlohmann/json.hpp>
#include <thread>

#include "control/api/client.h"
#include "control/cli/verbs.h"

namespace mxgate {
namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr double kPause = 0.25;  // between two questions, seconds

class Watch
{
public:
    Watch(const CliOptions& options, const WatchRequest& request)
        : options_(options),
          pause_(std::max(kPause, 1 / request.rate)),
          limit_(std::max<uint64_t>(static_cast<uint64_t>(request.rate * pause_), 1)),
          left_(request.count > 0 ? request.count : UINT64_MAX)
    {
    }

    // Until --count lines are there. Throws NoDaemon if there is none at the start.
    void run()
    {
        take(ask(), false);  // from now on
        auto next = Clock::now();
        while (left_ > 0) {
            next += std::chrono::duration_cast<Clock::duration>(Seconds(pause_));
            std::this_thread::sleep_until(next);
            try {
                take(ask(), true);
                missed_ = false;
            } catch (const NoDaemon& error) {
                if (!missed_)
                    fmt::print(stderr, "mxgate: {}; waiting for it\n", error.what());
                missed_ = true;
                next = std::max(next, Clock::now());
            }
        }
    }

private:
    json ask() const
    {
        std::string query = fmt::format("/v1/watch?limit={}", std::min(limit_, left_));
        for (const auto& [name, number] : next_.items())
            query += fmt::format("&{}={}", name, number.get<uint64_t>());
        return api_get(options_.run_dir, query);
    }

    void take(const json& answer, bool show)
    {
        const auto samples = answer["samples_lost"].get<uint64_t>();
        next_ = answer["next"];
        if (show) {
            lost_ += answer["lost"].get<uint64_t>();
            // A new gate counts from 0.
            lost_ += samples >= samples_lost_ ? samples - samples_lost_ : samples;
            for (const json& line : answer["lines"])
                fmt::print("{}\n", line.dump());
            left_ -= std::min<uint64_t>(left_, answer["lines"].size());
            print_lost();
        }
        samples_lost_ = samples;
        std::fflush(stdout);
    }

    void print_lost()
    {
        const auto now = Clock::now();
        if (lost_ == 0 || now - lost_told_ < std::chrono::seconds(1))
            return;
        const auto time = std::chrono::duration_cast<std::chrono::microseconds>(
            std::chrono::system_clock::now().time_since_epoch());
        const json line{
            {"kind", "lost"}, {"time", static_cast<double>(time.count()) / 1e6}, {"lines", lost_}};
        fmt::print("{}\n", line.dump());
        lost_told_ = now;
        lost_ = 0;
    }

    const CliOptions& options_;
    double pause_;
    uint64_t limit_, left_;
    json next_ = json::object();
    uint64_t lost_ = 0, samples_lost_ = 0;
    Clock::time_point lost_told_{};
    bool missed_ = false;
};

}  // namespace

int watch(const CliOptions& options, const WatchRequest& request)
{
    Watch(options, request).run();
    return 0;
}

}  // namespace mxgate
