// SPDX-License-Identifier: BSD-2-Clause
// What the control plane reads of a plane's state, wherever the plane keeps it: source table,
// counters, samples.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "dataplane/core/retransmissions.h"
#include "dataplane/core/sample.h"

namespace mxgate {

// CLOCK_MONOTONIC, the clock of source states and samples in every process; no system call (vDSO).
uint64_t monotonic_ns();

// One counter over all cores, with its place: mxg_counter_index, or feed * MXG_VERDICTS + verdict.
struct CounterValue {
    uint32_t index = 0;
    uint64_t packets = 0;
};

// The source prefix of an entry.
mxg_prefix prefix_of(const mxg_source& source);

struct SourceFill {
    uint64_t capacity = 0;  // entries of source prefixes
    uint64_t used = 0;
    uint64_t parent_capacity = 0;  // and of their parents, all levels together
    uint64_t parents_used = 0;
};

// What became of senders for which the table was too small, see enum mxg_pressure.
struct SourcePressure {
    uint64_t evicted = 0;
    uint64_t overflowed = 0;
};

// Buckets for at least `capacity` sources; throws PlaneError beyond MXG_MAX_SOURCES.
uint32_t buckets_for(uint64_t capacity);
// Of the source table with its parent levels.
uint64_t source_bytes(const mxg_source_settings& settings);

// Of the SYNs seen.
uint64_t seen_bytes(const mxg_source_settings& settings);

// Of all state that a plane of this capacity keeps of senders: source table and SYNs seen.
uint64_t state_bytes(uint64_t capacity);

// The state of one source prefix, if there is any.
bool find_source(mxg_bucket* buckets, const mxg_source_settings& settings, const mxg_prefix& prefix,
                 mxg_source* out);
SourceFill source_fill(const mxg_bucket* buckets, const mxg_source_settings& settings);

// A source prefix in use, and when it was last active at the latest: monotonic_ns().
using VisitSource = std::function<void(const mxg_prefix& prefix, uint64_t active_ns)>;

// Shows the source prefixes of the buckets from `from` on, SourceSweep::kStep of them, and gives
// the bucket to go on with; 0 after the last. The table goes on changing meanwhile.
uint64_t visit_sources(const mxg_bucket* buckets, const mxg_source_settings& settings,
                       uint64_t from, const VisitSource& visit);

// The same, counted a bounded part at a time, for those who must not wait for gigabytes.
class SourceSweep
{
public:
    static constexpr uint64_t kStep = 1 << 12;  // buckets: 16 MiB, some milliseconds

    // Counts the next kStep buckets; after the last one, the first again.
    void step(const mxg_bucket* buckets, const mxg_source_settings& settings);

    // As of the last round; within the first round, from the part counted so far.
    SourceFill fill(const mxg_source_settings& settings) const;

    // The source prefixes with most open connections, as of the last round, most first.
    static constexpr size_t kHolders = 100;
    const std::vector<mxg_source>& holders() const { return holders_; }

    bool begun() const { return next_ > 0 || last_; }

private:
    void add_holder(const mxg_source& source);

    uint64_t next_ = 0;   // bucket
    SourceFill current_;  // of this round, before `next_`
    std::optional<SourceFill> last_;
    std::vector<mxg_source> rising_, holders_;  // of this round, a heap with the least in front
};

// SYNs admitted whose handshake is not complete, of each class number: see mxg_is_half_open.
std::vector<uint32_t> half_open(const mxg_seen_line* lines, const mxg_source_settings& settings,
                                uint64_t now_ns);

// The same, a bounded part at a time.
class HalfOpenSweep
{
public:
    static constexpr uint64_t kStep = 1 << 16;  // lines: 4 MiB

    // Counts the next kStep lines; after the last one, the first again.
    void step(const mxg_seen_line* lines, const mxg_source_settings& settings, uint64_t now_ns);

    // As of the last round; within the first round, what was found so far.
    const std::vector<uint32_t>& of_classes() const { return last_ ? *last_ : current_; }

    bool begun() const { return next_ > 0 || last_; }

private:
    uint64_t next_ = 0;  // line
    std::vector<uint32_t> current_ = std::vector<uint32_t>(MXG_MAX_CLASSES);
    std::optional<std::vector<uint32_t>> last_;
};

// Takes the samples that came since the last call out of `count` rings.
void drain_rings(mxg_ring* rings, uint32_t count,
                 const std::function<void(const mxg_sample&)>& take);
uint64_t samples_lost(const mxg_ring* rings, uint32_t count);

}  // namespace mxgate
