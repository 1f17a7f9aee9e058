// SPDX-License-Identifier: BSD-2-Clause
// What the DPDK plane keeps outside of any process: source table, counters, samples, and the table
// in force. Files in a folder of a memory file system: mxgate-dpdk writes them, mxgated reads them,
// and whichever of the two ends, the next one goes on from there.
//
//   state     mxg_plane_state: what it is, counters and samples per worker
//   sources   the source table, SYNs seen, open flows; in a hugetlbfs where there is one with room,
//   and then a link to it table     the image in force, for the next start of mxgate-dpdk
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/core/native.h"

#include "dataplane/core/flows.h"
#include "dataplane/core/image.h"
#include "dataplane/core/replies.h"
#include "dataplane/core/sample.h"
#include "dataplane/state/memory.h"
#include "dataplane/state/state_view.h"

namespace mxgate {

inline constexpr uint32_t kMaxWorkers = 128;

// X(enumerator, name, text): what befell frames beside their verdict. Per worker.
#define MXG_PORT_COUNTER_LIST(X)                                                           \
    X(received, "received", "frames taken from the ports")                                 \
    X(sent, "sent", "frames that passed and were sent on")                                 \
    X(dropped, "dropped", "frames dropped by their verdict")                               \
    X(send_full, "send-full", "frames that passed and were lost: no room to send")         \
    X(answers_lost, "answers-lost", "answers made and lost: no room to send")              \
    X(exception_capped, "exception-capped",                                                \
      "connection attempts that passed and were lost so that the exception path has room") \
    X(flows_full, "flows-full", "connections that are not counted: no room in the table of flows")

enum class PortCounter {
#define MXG_PORT_COUNTER_ENUM(enumerator, name, text) enumerator,
    MXG_PORT_COUNTER_LIST(MXG_PORT_COUNTER_ENUM)
#undef MXG_PORT_COUNTER_ENUM
        count
};
inline constexpr size_t kPortCounters = static_cast<size_t>(PortCounter::count);
const char* port_counter_name(size_t counter);

// Written by one worker alone, read by anyone; on cache lines of its own.
struct alignas(64) WorkerCounters {
    uint64_t packets[MXG_COUNTERS];
    uint64_t feeds[MXG_FEED_COUNTERS];
    uint64_t ports[kPortCounters];
    __u64 pressure[MXG_PRESSURES];
    mxg_replies replies;
};

struct mxg_plane_state {
    struct alignas(4096) {
        uint64_t magic;   // MXG_IMAGE_MAGIC
        uint32_t schema;  // MXG_SCHEMA
        uint32_t port_counters;
        mxg_source_settings sources;
        uint64_t generation;      // in force; 0: none
        uint64_t table_failures;  // images refused
        uint32_t process;         // of mxgate-dpdk, 0 when it ended in order
        uint32_t workers;         // at work
        char ports[2048];         // what mxgate-dpdk says of its ports, JSON
        uint32_t inside;          // ports that lead to services, as bits; 0: none known yet
    } meta;
    alignas(64) uint32_t connections[MXG_MAX_CLASSES];  // open, of each class
    alignas(64) mxg_overrides overrides;                // mxgated writes them
    WorkerCounters counters[kMaxWorkers];
    mxg_ring rings[kMaxWorkers];
};

class PlaneState
{
public:
    // Memory of this process alone: for replay, tests and measurements.
    static PlaneState make(uint64_t capacity, const uint64_t (&key)[2]);

    // What is in `dir`; what is missing, of another schema or of another size is made anew, and
    // notes say what state that lost. For mxgate-dpdk, which holds it alone: throws PlaneError
    // where another process does.
    static PlaneState take_over(const std::string& dir, uint64_t capacity,
                                std::vector<std::string>* notes);

    // The same to read, beside mxgate-dpdk. Throws PlaneError where there is none.
    static PlaneState open(const std::string& dir);

    const mxg_source_settings& source_settings() const { return state().meta.sources; }
    mxg_bucket* buckets() const { return static_cast<mxg_bucket*>(sources_.data()); }
    mxg_seen_line* seen() const
    {
        return reinterpret_cast<mxg_seen_line*>(buckets() +
                                                mxg_all_buckets(source_settings().bucket_mask));
    }
    // What of the gate lies in this state; table and time are the caller's.
    mxg_gate gate() const;
    mxg_flows flows() const;
    mxg_plane_state& state() const { return *static_cast<mxg_plane_state*>(state_.data()); }
    WorkerCounters& counters_of(uint32_t worker) const { return state().counters[worker]; }
    mxg_ring& ring_of(uint32_t worker) const { return state().rings[worker]; }

    std::vector<CounterValue> counters() const;        // those that are not 0, over all workers
    std::vector<CounterValue> feed_counters() const;   // likewise
    std::vector<CounterValue> reply_counters() const;  // index: mxg_reply_index
    SourcePressure source_pressure() const;
    std::vector<CounterValue> port_counters() const;  // index: PortCounter; zeros too

    // Whether the process that wrote the state is alive.
    bool alive() const;

    // "hugetlbfs", "tmpfs" or "private".
    const std::string& sources_in() const { return sources_in_; }

    // The image kept in `dir`; empty if there is none. Not verified.
    static std::vector<mxg_line> read_table(const std::string& dir);
    static void keep_table(const std::string& dir, const mxg_line* lines, size_t count);

private:
    PlaneState() = default;
    bool open_state(const std::string& dir, bool writable);
    void renew_state(const std::string& path, bool keep);
    void open_sources(const std::string& path, bool writable);
    void make_sources(const std::string& dir, uint64_t capacity);

    Fd lock_;
    Mapping state_, sources_;
    std::string sources_in_;
};

// Folder of the state under mxgate's run directory, and the socket on which images are handed over.
std::string plane_dir(const std::string& run_dir);
std::string handover_path(const std::string& run_dir);

}  // namespace mxgate
