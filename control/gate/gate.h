// SPDX-License-Identifier: BSD-2-Clause
// The running gate: configuration, table in force and plane. What mxgated holds, and what `mxgate
// attach` makes for a moment when there is no daemon.
#pragma once

#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "control/config/config.h"
#include "control/gate/refusals.h"
#include "control/plane/plane.h"
#include "control/table/compile.h"
#include "control/table/policy_table.h"

namespace mxgate {

class GateError : public std::runtime_error
{
public:
    using std::runtime_error::runtime_error;
};

// After start(), safe to call from several threads. Reports never wait for feeds to be read, a
// table to be compiled, or a disk; publishing never waits for more than one report.
class Gate
{
public:
    explicit Gate(GatePaths paths);

    enum class From { feeds, last_good_table };

    // Takes over what is there or starts from nothing: the plane's state, a table, the gate in its
    // place. A feed at fault costs the new table, not the start: the last good one stays.
    // `last_good_table`: no feed is read, and without such a table there is no start.
    // Throws GateError or PlaneError; a gate that was at work before stays as it was.
    void start(From from = From::feeds);

    // Reads configuration and feeds again and puts the new table in force. Throws GateError with
    // every error; then the old table stays and the failure is counted.
    nlohmann::json reload();

    // (Re-)attaches to the configured interfaces; with plane dpdk there is nothing to do.
    nlohmann::json attach();

    std::optional<Endpoint> metrics_endpoint();

    nlohmann::json status();
    nlohmann::json counters();
    nlohmann::json refused(size_t limit);
    nlohmann::json explain(const mxg_address& address);

    // Takes the plane's samples and sees to its process; to be called a few times a second.
    void tick();

private:
    Config load();
    PolicyTable first_table();
    PolicyTable last_good_table();
    void keep_as_last_good();
    void keep_lengths(const Config& config);
    uint64_t newest_generation();
    nlohmann::json take_config(const Config& fresh);
    void publish(PolicyTable table);
    nlohmann::json source_state(const TableView& view, uint8_t class_id);

    // One who makes a new table at a time. What that needs to be read (table_, config_) changes
    // with both held; mutex_ alone guards the rest, and is held for moments only.
    std::mutex publishing_;
    std::mutex mutex_;
    GatePaths paths_;
    Config config_;
    PolicyTable table_;
    std::unique_ptr<TableReader> reader_;
    std::unique_ptr<Plane> plane_;
    Refusals refusals_;
    uint64_t failed_reloads_ = 0;
    std::string last_error_;
};

// What can be said of a gate without its daemon: from its plane and the last good table.
nlohmann::json status_without_daemon(const GatePaths& paths);
nlohmann::json counters_without_daemon(const GatePaths& paths);

// Path of the last good table.
std::string table_path(const std::string& state_dir);

nlohmann::json explain_table(const TableReader& reader, const mxg_address& address);

// What the monotonic clock lacks to Unix time, in nanoseconds.
int64_t monotonic_to_unix_ns();

}  // namespace mxgate
