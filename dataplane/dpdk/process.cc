// SPDX-License-Identifier: BSD-2-Clause
#include "dataplane/dpdk/process.h"

#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <signal.h>

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

#include "dataplane/dpdk/handover.h"
#include "dataplane/dpdk/live_table.h"
#include "dataplane/dpdk/plane_state.h"
#include "dataplane/dpdk/telemetry.h"
#include "dataplane/dpdk/worker.h"

#include "dataplane/core/burst_wide.h"

namespace mxgate {
namespace {

constexpr int kWaitMs = 100;

sigset_t ending_signals()
{
    sigset_t out;
    sigemptyset(&out);
    sigaddset(&out, SIGTERM);
    sigaddset(&out, SIGINT);
    return out;
}

bool told_to_end()
{
    const sigset_t signals = ending_signals();
    const timespec at_once{};
    return ::sigtimedwait(&signals, nullptr, &at_once) > 0;
}

// `file-prefix` of EAL: one for each run directory, "mxgate" for the usual one.
std::string file_prefix(const std::string& run_dir)
{
    if (run_dir == "/run/mxgate")
        return "mxgate";
    std::string out = run_dir;
    std::replace(out.begin(), out.end(), '/', '-');
    return "mxgate" + out;
}

// inline: both ways judged alike. host: what comes from the kernel is the host's own.
std::vector<Lane> lanes_of(const DpdkSettings& settings, const std::vector<PortReport>& ports,
                           uint16_t queue)
{
    const bool host = settings.topology == DpdkSettings::Topology::host;
    Lane there{ports[0].id, ports[1].id, queue, true, host};
    Lane back{ports[1].id, ports[0].id, queue, !host, false};
    return {there, back};
}

// The kernel takes frames that are for its own interface: the exception port has the NIC's address.
void take_address(const PortReport& from, const PortReport& to)
{
    rte_ether_addr mac{};
    if (rte_eth_macaddr_get(from.id, &mac) == 0)
        rte_eth_dev_default_mac_addr_set(to.id, &mac);
}

std::string report_text(const PortReport& port)
{
    std::string out = "port " + port.name + ": driver " + port.driver + ", " + port.mac +
                      ", NUMA node " + (port.numa < 0 ? "not known" : std::to_string(port.numa)) +
                      ", " + std::to_string(port.queues) +
                      (port.queues == 1 ? " queue" : " queues") + (port.rss ? " by RSS" : "") +
                      ", MTU " + std::to_string(port.mtu) + ", link " + (port.link ? "up" : "down");
    for (const std::string& missing : port.missing)
        out += "; not to be had: " + missing;
    return out;
}

std::string ports_json(const std::vector<PortReport>& ports)
{
    nlohmann::json out = nlohmann::json::array();
    for (const PortReport& port : ports) {
        std::string remark;
        for (const std::string& missing : port.missing)
            remark.append(remark.empty() ? "not to be had: " : ", ").append(missing);
        out.push_back({{"port", port.name},
                       {"driver", port.driver},
                       {"mac", port.mac},
                       {"numa", port.numa},
                       {"queues", port.queues},
                       {"rss", port.rss},
                       {"mtu", port.mtu},
                       {"link", port.link},
                       {"remark", remark}});
    }
    return out.dump();
}

// The workers, each on its lcore.
class Crew
{
public:
    Crew(const DpdkSettings& settings, const Ports& ports, const PlaneState& state,
         LiveTable& table)
        : idle_us_(settings.idle_us)
    {
        for (uint32_t i = 0; i < ports.queues(); i++)
            workers_.push_back(std::make_unique<Worker>(
                i, lanes_of(settings, ports.reports(), static_cast<uint16_t>(i)), state, table));
        for (uint32_t i = 0; i < workers_.size(); i++) {
            jobs_.push_back({workers_[i].get(), this});
        }
        for (uint32_t i = 0; i < workers_.size(); i++)
            if (rte_eal_remote_launch(work, &jobs_[i], i) != 0)
                throw PlaneError("no worker on lcore " + std::to_string(i));
    }
    ~Crew()
    {
        stop_ = true;
        for (uint32_t i = 0; i < workers_.size(); i++)
            rte_eal_wait_lcore(i);
    }
    Crew(const Crew&) = delete;
    Crew& operator=(const Crew&) = delete;

private:
    struct Job {
        Worker* worker;
        const Crew* crew;
    };

    static int work(void* argument)
    {
        const Job& job = *static_cast<Job*>(argument);
        job.worker->run(job.crew->stop_, job.crew->idle_us_);
        return 0;
    }

    std::vector<std::unique_ptr<Worker>> workers_;
    std::vector<Job> jobs_;
    std::atomic<bool> stop_ = false;
    uint32_t idle_us_;
};

// Takes images: those of mxgated, and at the start the one of the process before.
class Tables
{
public:
    Tables(const DpdkProcess& process, PlaneState& state, LiveTable& table)
        : process_(process), dir_(plane_dir(process.run_dir)), state_(state), table_(table)
    {
    }

    void begin()
    {
        const std::vector<mxg_line> kept = PlaneState::read_table(dir_);
        try {
            if (!kept.empty()) {
                put_in_force(kept.data(), kept.size());
                return;
            }
        } catch (const PlaneError& error) {
            process_.warn(std::string("the table of the last run: ") + error.what());
        }
        put_in_force(process_.first_image.data(), process_.first_image.size());
    }

    // The reason of a refusal, or empty.
    std::string take(const Fd& memfd)
    {
        try {
            const std::vector<mxg_line> image = read_sealed(memfd);
            put_in_force(image.data(), image.size());
            keep(image);
        } catch (const PlaneError& error) {
            state_.state().meta.table_failures++;
            process_.warn(error.what());
            return error.what();
        }
        return {};
    }

private:
    // For the next start; a full memory file system costs that, not the table.
    void keep(const std::vector<mxg_line>& image)
    {
        try {
            PlaneState::keep_table(dir_, image.data(), image.size());
        } catch (const PlaneError& error) {
            process_.warn("the table is in force but cannot be kept for the next start: " +
                          std::string(error.what()));
        }
    }

    void put_in_force(const mxg_line* lines, size_t count)
    {
        table_.publish(lines, count);
        state_.state().meta.generation = table_.generation();
        process_.say("generation " + std::to_string(table_.generation()) + " in force, " +
                     std::to_string(table_.bytes()) + " bytes");
    }

    const DpdkProcess& process_;
    std::string dir_;
    PlaneState& state_;
    LiveTable& table_;
};

const char* cpu_text()
{
    switch (mxg_vectors_here()) {
        case MXG_AVX512:
            return "CPU with AVX-512: look-ups and hashes of a burst side by side";
        case MXG_AVX2:
            return "CPU with AVX2: hashes of a burst side by side; not to be had: AVX-512, for "
                   "look-ups";
        case MXG_SCALAR:
            break;
    }
    return "not to be had: AVX2 or AVX-512; look-ups and hashes one by one";
}

void say_ports(const DpdkProcess& process, const Ports& ports, PlaneState& state)
{
    for (const PortReport& port : ports.reports())
        process.say(report_text(port));
    process.say(rte_eal_has_hugepages() ? "packet buffers in huge pages"
                                        : "packet buffers in 4 KiB pages: no huge pages are free");
    process.say(cpu_text());
    process.say("source table of " + std::to_string(source_bytes(state.source_settings())) +
                " bytes in " + state.sources_in());
    process.say(std::to_string(ports.queues()) + " of " +
                std::to_string(process.settings.cores.size()) + " cores at work");
    const std::string json = ports_json(ports.reports());
    auto& meta = state.state().meta;
    std::memset(meta.ports, 0, sizeof(meta.ports));
    if (json.size() < sizeof(meta.ports))
        json.copy(meta.ports, json.size());
    meta.workers = ports.queues();
}

}  // namespace

void run_dpdk(const DpdkProcess& process)
{
    const sigset_t signals = ending_signals();
    ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // before EAL makes threads
    const std::string dir = plane_dir(process.run_dir);
    std::vector<std::string> notes;
    PlaneState state = PlaneState::take_over(dir, process.capacity, &notes);
    for (const std::string& note : notes)
        process.warn(note);
    const DpdkMachine machine = look_at_machine();
    start_eal(eal_arguments(process.settings, machine, file_prefix(process.run_dir)));
    {
        const Ports ports(all_ports(process.settings, machine), process.settings);
        if (process.settings.topology == DpdkSettings::Topology::host)
            take_address(ports.reports()[0], ports.reports()[1]);
        say_ports(process, ports, state);
        LiveTable table(kMaxWorkers);
        Tables tables(process, state, table);
        tables.begin();
        HandoverServer server(handover_path(process.run_dir));
        const Telemetry telemetry(state);
        const Crew crew(process.settings, ports, state, table);
        process.say("ready: " + handover_path(process.run_dir));
        process.ready();
        while (!told_to_end()) {
            server.serve(kWaitMs, [&](const Fd& memfd) { return tables.take(memfd); });
            if (table.workers_go_round())
                process.alive();
        }
        process.ending();
    }
    state.state().meta.process = 0;
    rte_eal_cleanup();
}

}  // namespace mxgate
