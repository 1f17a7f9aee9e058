// SPDX-License-Identifier: BSD-2-Clause
// The running gate: configuration, table in force, maps and attachments. What mxgated holds, and
// what `mxgate attach` makes for a moment when there is no daemon.
#pragma once

#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "control/config/config.h"
#include "control/gate/refusals.h"
#include "control/table/compile.h"
#include "control/table/policy_table.h"
#include "ebpf/xdp_plane.h"

namespace mxgate {

struct GatePaths {
    std::string config;
    std::string pin_dir;
    std::string state_dir;  // holds the last good table
};

class GateError : public std::runtime_error
{
public:
    using std::runtime_error::runtime_error;
};

// Safe to call from several threads.
class Gate
{
public:
    explicit Gate(GatePaths paths);

    // Takes over what is there or starts from nothing: maps, a table, the program on every
    // interface. A feed at fault costs the new table, not the start: the last good one stays.
    // Throws GateError or BpfError; a gate that was attached before stays as it was.
    void start();

    // Reads configuration and feeds again and puts the new table in force. Throws GateError with
    // every error; then the old table stays and the failure is counted.
    nlohmann::json reload();

    // (Re-)attaches to the configured interfaces and pins the maps.
    nlohmann::json attach();

    nlohmann::json status();
    nlohmann::json counters();
    nlohmann::json refused(size_t limit);
    nlohmann::json explain(const mxg_address& address);

    // Takes the samples of the planes; to be called a few times a second.
    void drain_samples();

private:
    Config load();
    PolicyTable first_table();
    void keep_as_last_good();
    void publish(PolicyTable table);
    void attach_interfaces();
    void attach_sockets(XdpProgram& program);
    nlohmann::json source_state(const mxg_prefix& prefix, uint8_t class_id);

    std::mutex mutex_;
    GatePaths paths_;
    Config config_;
    PolicyTable table_;
    std::unique_ptr<TableReader> reader_;
    std::unique_ptr<GateMaps> maps_;
    std::vector<Attachment> attachments_;
    Refusals refusals_;
    uint64_t failed_reloads_ = 0;
    std::string last_error_;
};

// What can be said of a gate without its daemon: from pins and the last good table.
nlohmann::json status_from_pins(const GatePaths& paths);
nlohmann::json counters_from_pins(const GatePaths& paths);

// Path of the last good table.
std::string table_path(const std::string& state_dir);

// {"counters": [...], "feeds": [...]}: a list of counters each.
nlohmann::json counters_report(const GateMaps& maps, const TableInfo& info);
nlohmann::json attachments_report(const std::vector<Attachment>& attachments);
nlohmann::json explain_table(const TableReader& reader, const mxg_address& address);

// What the monotonic clock lacks to Unix time, in nanoseconds.
int64_t monotonic_to_unix_ns();

}  // namespace mxgate
