// SPDX-License-Identifier: BSD-2-Clause
// The running gate: configuration, table in force and plane. What mxgated holds, and what `mxgate
// attach` makes for a moment when there is no daemon.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "control/config/config.h"
#include "control/gate/events.h"
#include "control/gate/exhaustion.h"
#include "control/gate/feed_attempt.h"
#include "control/gate/feed_keeper.h"
#include "control/gate/feed_service.h"
#include "control/gate/overrides.h"
#include "control/gate/pressure.h"
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

// A new table would newly deny too much; see `gate.blast_radius`.
class DeniesTooMuch : public GateError
{
public:
    using GateError::GateError;
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
    // `prepare`: what else must succeed, such as taking ports; what it throws ends the start.
    // Throws GateError or PlaneError; a gate that was at work before stays as it was.
    void start(From from = From::feeds, const std::function<void(const Config&)>& prepare = {});

    // Reads configuration and feeds again and puts the new table in force. Throws GateError with
    // every error; then the old table stays and the failure is counted. `force`: neither
    // `max_change` of a feed nor `blast_radius` has a say.
    nlohmann::json reload(bool force = false);

    // From now on feeds are fetched and files are watched, by threads of their own, which make new
    // tables as these change. A list at fault then costs its new version, not the table.
    void follow_feeds();

    // Makes a new table of the versions that came, or (`files_changed`) of what files have now;
    // what goes wrong is an event. False: the process that reads lists died, or what is in force is
    // not kept on disk; try_again() later.
    bool update_feeds(bool files_changed);
    // Where only the table is still to be kept, that; else as if files had changed.
    bool try_again();

    // Fetches a list, or (empty) all, as soon as can be; the answer does not wait for it.
    nlohmann::json fetch(const std::string& name);

    // Takes the version in force of a feed back, until there is a newer one; `undo`: takes all that
    // back. Throws GateError.
    nlohmann::json roll_back(const std::string& name, bool undo);

    nlohmann::json feeds();
    nlohmann::json classes();
    // Events with a number greater than `after`, the oldest first.
    nlohmann::json events(uint64_t after, size_t limit);
    // Source prefixes with an attempt in the last day, of classes with limits; of many a sample.
    nlohmann::json senders();

    // (Re-)attaches to the configured interfaces; with plane dpdk there is nothing to do.
    nlohmann::json attach();

    // By hand: a class for a prefix, at once and over restarts. Throw std::invalid_argument for
    // what was asked wrongly, std::runtime_error where it cannot be done; nothing has changed then.
    nlohmann::json set_override(const OverrideRequest& request);
    nlohmann::json forget_override(const std::string& prefix);
    nlohmann::json overrides();

    nlohmann::json status();
    nlohmann::json counters();
    nlohmann::json refused(size_t limit);
    // Who holds most connections; a round of the source table old.
    nlohmann::json top(size_t limit);
    // What happened after verdict number `after`, at most `limit` of those, and after event number
    // `after_event`.
    nlohmann::json watch(uint64_t after, uint64_t after_event, size_t limit);
    static constexpr uint64_t kFromNow = UINT64_MAX;
    nlohmann::json explain(const mxg_address& address);

    // Takes the plane's samples and sees to its process; to be called a few times a second.
    void tick();

private:
    Config load();
    PolicyTable first_table();
    PolicyTable last_good_table();
    void keep_as_last_good();
    bool is_kept() const { return unkept_.empty() && !keeper_.has_unkept(); }
    // `only_deliveries`: nothing but versions that came may have changed.
    nlohmann::json renew(FeedAttempt& attempt, const Config& fresh, bool force,
                         bool only_deliveries = false);
    bool try_update(std::map<SourceKey, Delivery>& deliveries, bool files_changed,
                    FeedAttempt::Stay stay, std::optional<SourceKey> but = {});
    bool update_each_file();
    void let_expire();
    bool is_stale() const;
    void look_at_age();
    void check_blast_radius(const PolicyTable& before, const PolicyTable& after,
                            const BlastRadius& allowed);
    std::vector<mxg_prefix> senders_seen();
    // `once`: an event only if it is not what was wrong the last time.
    void fail(const std::string& what, const std::string& error, bool once = false);
    uint64_t newest_generation();
    nlohmann::json take_config(const Config& fresh);
    void publish(PolicyTable table);
    void put_overrides();
    void change_overrides(const std::function<void(Overrides&)>& change);
    const Override* override_of(const TableAnswer& answer);
    uint8_t class_of(const TableAnswer& answer);
    nlohmann::json source_state(const TableView& view, uint8_t class_id);

    // One who makes a new table at a time. What that needs to be read (table_, config_) changes
    // with both held; mutex_ alone guards the rest, and is held for moments only. One at a time
    // changes what is set by hand.
    std::mutex publishing_;
    std::mutex overriding_;
    std::mutex mutex_;
    GatePaths paths_;
    Config config_;
    PolicyTable table_;
    std::unique_ptr<TableReader> reader_;
    std::unique_ptr<Plane> plane_;
    Refusals refusals_;
    Overrides overrides_;
    Exhaustion exhaustion_;
    Pressure pressure_;
    bool again_ = false;  // a table is still to be made of what there is; with publishing_ held
    std::string unkept_;  // why the table in force is not on disk; with publishing_ held
    nlohmann::json needs_restart_ = nlohmann::json::array();  // keys that wait for one
    bool was_stale_ = false;                                  // the last time that anybody looked
    uint64_t failed_reloads_ = 0;
    std::string last_error_;
    Events events_;
    FeedKeeper keeper_;
    std::unique_ptr<FeedService> service_;  // the last: its threads use all of the others
};

// What can be said of a gate without its daemon: from its plane and the last good table.
nlohmann::json status_without_daemon(const GatePaths& paths);
nlohmann::json counters_without_daemon(const GatePaths& paths);

// Path of the last good table.
std::string table_path(const std::string& state_dir);

// Paths of the local files that feeds and lengths are read from.
std::vector<std::string> local_files(const Config& config);

// All errors as one text; warnings go to the log.
std::string errors_of(const std::vector<Diagnostic>& diagnostics);
void log_feeds(const CompileResult& compiled);

nlohmann::json explain_table(const TableReader& reader, const mxg_address& address);

}  // namespace mxgate
