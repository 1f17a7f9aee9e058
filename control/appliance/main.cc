// SPDX-License-Identifier: BSD-2-Clause
// mxgate-dpdk: the DPDK plane's process. It reads the ports from the configuration and the policy
// table from mxgated; without mxgated it goes on with the table it has.
#include <spdlog/spdlog.h>

#include "control/appliance/command.h"
#include "control/config/config.h"
#include "control/daemon/service.h"
#include "control/table/compile.h"
#include "control/text/log.h"
#include "dataplane/dpdk/process.h"
#include "dataplane/dpdk/replay.h"

namespace {

using namespace mxgate;

DpdkSettings settings_of(const DpdkConfig& config)
{
    DpdkSettings out;
    out.ports = config.ports;
    out.topology = config.topology == Topology::host ? DpdkSettings::Topology::host
                                                     : DpdkSettings::Topology::inline_wire;
    out.cores = config.cores;
    out.eal = config.eal;
    out.exception = config.exception;
    out.mtu = config.mtu;
    out.idle_us = static_cast<uint32_t>((config.idle_ns + 999) / 1000);
    return out;
}

int run(const ApplianceOptions& options)
{
    const ConfigResult loaded = load_config(options.config);
    for (const Diagnostic& diagnostic : loaded.diagnostics)
        spdlog::log(diagnostic.severity == Diagnostic::Severity::error ? spdlog::level::err
                                                                       : spdlog::level::warn,
                    "{}", to_string(diagnostic));
    if (!loaded.config)
        return 1;
    const Config& config = *loaded.config;
    if (config.gate.plane != PlaneKind::dpdk) {
        spdlog::error("{}: `gate.plane` is not dpdk; mxgate-dpdk has nothing to do", config.file);
        return 1;
    }
    if (config.gate.dpdk.ports.empty()) {
        spdlog::error("{}: `gate.dpdk` names no ports", config.file);
        return 1;
    }
    DpdkProcess process;
    process.settings = settings_of(config.gate.dpdk);
    process.run_dir = options.run_dir;
    process.capacity = config.source_capacity;
    process.first_image = empty_table(config).plane;
    process.say = [](const std::string& text) { spdlog::info("{}", text); };
    process.warn = [](const std::string& text) { spdlog::warn("{}", text); };
    Service service;
    process.ready = [&] {
        service.ready(fmt::format("{} ports, topology {}", config.gate.dpdk.ports.size(),
                                  config.gate.dpdk.topology == Topology::host ? "host" : "inline"));
    };
    process.alive = [&] { service.alive(); };
    process.ending = [&] { service.ending(); };
    run_dpdk(process);
    spdlog::info("ended: its ports are closed, nothing passes through them any more");
    return 0;
}

}  // namespace

int main(int argc, char** argv)
{
    ApplianceOptions options;
    CLI::App app;
    describe_mxgate_dpdk(app, options);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    start_log("mxgate-dpdk", "info");
    try {
        if (options.replay >= 0) {
            serve_replay(options.replay);
            return 0;
        }
        return run(options);
    } catch (const std::exception& error) {
        spdlog::error("{}", error.what());
        return 1;
    }
}
