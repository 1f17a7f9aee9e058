// SPDX-License-Identifier: BSD-2-Clause
// A data plane as the control plane sees it: it takes tables and keeps state, wherever it runs.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "control/config/config.h"
#include "dataplane/core/image.h"
#include "dataplane/core/overrides.h"
#include "dataplane/state/memory.h"
#include "dataplane/state/state_view.h"

namespace mxgate {

struct GatePaths {
    std::string config;
    std::string run_dir;    // of mxgated's socket, and of the DPDK plane's state
    std::string state_dir;  // holds the last good table
    std::string pin_dir;    // of the XDP plane's maps
};

// Calls from one thread at a time. What cannot be done throws PlaneError, and nothing has changed.
class Plane
{
public:
    virtual ~Plane() = default;

    virtual const char* name() const = 0;

    // Puts the gate into the way of packets, as `config` says, or finds it there. After this a
    // table is in force wherever publish() was called before. A gate of the other plane is taken
    // out of the way as soon as this one is at work.
    virtual void engage(const Config& config) = 0;

    // Verifies and puts `image` in force, atomically. Where the plane's process is away for the
    // moment, when it comes back: see tick().
    virtual void publish(const std::vector<mxg_line>& image) = 0;

    // What the operator set by hand, in place of what was there; kept like the source table. Where
    // the plane's process has not been there yet, when it comes.
    virtual void put_overrides(const std::vector<mxg_override>& overrides) = 0;

    // To be called a few times a second: what the plane's own process may have brought about, and
    // a part of the source table to count.
    virtual void tick() = 0;

    virtual uint64_t generation() const = 0;                       // in force; 0: none
    virtual std::vector<mxg_line> current_image() const = 0;       // empty: none
    virtual std::vector<CounterValue> counters() const = 0;        // those that are not 0
    virtual std::vector<CounterValue> feed_counters() const = 0;   // likewise
    virtual std::vector<CounterValue> reply_counters() const = 0;  // index: mxg_reply_index
    virtual nlohmann::json port_counters() const = 0;              // {name: frames}, or empty
    virtual std::vector<uint32_t> connections() const = 0;         // open, of each class number
    // SYNs admitted and not completed, likewise; as of late, as source_fill().
    virtual std::vector<uint32_t> half_open() = 0;
    virtual void drain_samples(const std::function<void(const mxg_sample&)>& take) = 0;
    virtual uint64_t samples_lost() = 0;
    virtual bool find_source(const mxg_prefix& prefix, mxg_source* out) = 0;
    // Source prefixes in use of a bounded part of the source table, from bucket `from` on: see
    // mxgate::visit_sources.
    virtual uint64_t visit_sources(uint64_t from, const VisitSource& visit) = 0;
    virtual SourceFill source_fill() = 0;  // as of late; all counted now where nobody calls tick()
    virtual SourcePressure source_pressure() const = 0;
    virtual uint64_t source_bytes() const = 0;
    // Source prefixes with most open connections, most first, as of the last round of tick().
    virtual std::vector<mxg_source> holders() const = 0;

    // Where the gate stands: interfaces or ports, a JSON object each, and what befell it.
    virtual nlohmann::json places() = 0;
};

// For mxgated: takes over what is there, or makes it. `config` has been checked. Notes go to the
// log. The XDP plane's interfaces must exist; the DPDK plane's process may come later.
std::unique_ptr<Plane> open_xdp_plane(const Config& config, const GatePaths& paths);
std::unique_ptr<Plane> open_dpdk_plane(const GatePaths& paths);

// The emergency switch of the DPDK plane, which needs no daemon: everything passes, and is counted
// as in monitor mode, until mxgated attaches or publishes again. False: mxgate-dpdk does not run.
bool disengage_dpdk(const GatePaths& paths);

// To read beside, or without, mxgated: the plane that is there. Throws PlaneError if none is.
std::unique_ptr<Plane> find_plane(const GatePaths& paths);

}  // namespace mxgate
