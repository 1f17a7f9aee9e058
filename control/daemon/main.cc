// SPDX-License-Identifier: BSD-2-Clause
// mxgated: the control plane's daemon, in the foreground. The gate does not depend on its life.
#include <pthread.h>
#include <signal.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <thread>

#include "control/api/server.h"
#include "control/daemon/command.h"
#include "control/daemon/service.h"
#include "control/gate/gate.h"
#include "control/gate/only_one.h"
#include "control/text/log.h"

namespace {

using mxgate::Gate;

sigset_t handled_signals()
{
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP})
        sigaddset(&set, signal);
    return set;
}

std::string state_of(Gate& gate)
{
    const nlohmann::json status = gate.status();
    return fmt::format("generation {} in force, mode {}",
                       status["table"]["generation"].get<uint64_t>(),
                       status["mode"].get<std::string>());
}

// Until SIGTERM or SIGINT; SIGHUP reloads.
void wait_for_end(Gate& gate, const mxgate::Service& service)
{
    const sigset_t set = handled_signals();
    for (;;) {
        int signal = 0;
        if (sigwait(&set, &signal) != 0 || signal != SIGHUP)
            return;
        service.reloading();
        try {
            gate.reload();
        } catch (const std::exception&) {
            // Logged and counted where it happened; the old table stays.
        }
        service.ready(state_of(gate));
    }
}

int serve(const mxgate::DaemonOptions& options)
{
    const mxgate::OnlyOne only(options.run_dir, options.state_dir);
    Gate gate({options.config, options.run_dir, options.state_dir, options.pin_dir});
    std::unique_ptr<mxgate::HttpListener> api, metrics;
    gate.start(Gate::From::feeds, [&](const mxgate::Config& config) {
        api = mxgate::serve_api(gate, options.run_dir);
        if (config.metrics)
            metrics = mxgate::serve_metrics(gate, *config.metrics);
    });
    api->open();
    gate.follow_feeds();
    if (metrics)
        metrics->open();
    mxgate::Service service;
    std::atomic<bool> ending = false;
    std::thread sampler([&] {
        while (!ending) {
            try {
                gate.tick();
            } catch (const std::exception& error) {
                spdlog::error("samples: {}", error.what());
            }
            service.alive();
            std::this_thread::sleep_for(std::chrono::milliseconds(100));
        }
    });
    spdlog::info("ready: control socket {}", mxgate::socket_path(options.run_dir));
    service.ready(state_of(gate));
    wait_for_end(gate, service);
    service.ending();
    ending = true;
    sampler.join();
    spdlog::info("ending; the gate stays attached (`mxgate detach` takes it off)");
    return 0;
}

}  // namespace

int main(int argc, char** argv)
{
    mxgate::DaemonOptions options;
    CLI::App app;
    mxgate::describe_mxgated(app, options);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    mxgate::start_log("mxgated", options.log_level, mxgate::kLogFormats.at(options.log_format));
    // Blocked before any thread starts, so that only wait_for_end sees them.
    const sigset_t set = handled_signals();
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    try {
        return serve(options);
    } catch (const std::exception& error) {
        spdlog::error("{}", error.what());
        return 1;
    }
}
