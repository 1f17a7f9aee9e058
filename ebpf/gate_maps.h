// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The maps of the XDP plane: made or taken over, pinned, and read. They outlive every process.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "dataplane/core/image.h"
#include "dataplane/core/native.h"

#include "dataplane/core/overrides.h"
#include "dataplane/core/replies.h"
#include "dataplane/state/memory.h"
#include "dataplane/state/state_view.h"
#include "ebpf/shared.h"

namespace mxgate {

class BpfError : public PlaneError
{
public:
    using PlaneError::PlaneError;
};

enum class MapKind {
    table_slot,
    sources,
    seen,
    connections,
    sockets,
    by_hand,
    counters,
    feeds,
    pressure,
    replies,
    samples,
    meta,
    replay
};
inline constexpr size_t kMapKinds = 13;
const char* map_name(MapKind kind);

class GateMaps
{
public:
    // Fresh maps of this process only: nothing pinned. For `replay` and tests.
    // `key`: the secret of the source table's hash; replay uses a fixed one.
    static GateMaps make(uint64_t capacity, const uint64_t (&key)[2]);

    // The maps pinned under `dir`, or, where pins are lost, those of a program attached to one of
    // `interfaces`. What is missing, of another schema, or of another size is made anew; notes say
    // what state that lost. Mounts bpffs where it is missing. Pins nothing yet: see pin().
    static GateMaps take_over(const std::string& dir, const std::vector<std::string>& interfaces,
                              uint64_t capacity, std::vector<std::string>* notes);

    // Only what is pinned under `dir`; throws where that is nothing.
    static GateMaps open_pinned(const std::string& dir);

    // Pins all maps under `dir`, replacing pins that are there. Cut off at any moment, it leaves
    // pins that belong together, or such as take_over() does not take.
    void pin(const std::string& dir) const;

    int fd(MapKind kind) const { return fds_[static_cast<size_t>(kind)].get(); }
    const mxg_source_settings& source_settings() const { return sources_; }

    // Verifies and puts `image` in force, atomically: when this returns no core uses the old one.
    void publish(const std::vector<mxg_line>& image);

    // Replaces what was set by hand; see dataplane/state/overrides.h.
    void put_overrides(const std::vector<mxg_override>& overrides);

    // Generation of the image in force, or -1 if there is none.
    int64_t generation() const;

    // The image in force, without bytes if there is none; and a copy of its lines.
    Mapping map_image() const;
    std::vector<mxg_line> current_image() const;

    std::vector<CounterValue> counters() const;        // those that are not 0
    std::vector<CounterValue> feed_counters() const;   // index: feed * MXG_VERDICTS + verdict
    std::vector<CounterValue> reply_counters() const;  // index: mxg_reply_index; those not 0
    std::vector<uint32_t> connections() const;         // open, of each class
    std::vector<uint32_t> half_open();                 // likewise, of late as below
    SourcePressure source_pressure() const;

    // Takes the samples of all cores that came since the last call.
    void drain_samples(const std::function<void(const mxg_sample&)>& take);
    uint64_t samples_lost();

    // The state of one source prefix, if there is any.
    bool find_source(const mxg_prefix& prefix, mxg_source* out);
    // All of it counted now; or, once count_sources() is called a few times a second, of late.
    uint64_t visit_sources(uint64_t from, const VisitSource& visit);
    SourceFill source_fill();
    void count_sources();
    const std::vector<mxg_source>& holders() const { return sweep_.holders(); }
    uint64_t source_bytes() const { return mxgate::source_bytes(sources_); }

    // What of the gate lies in the maps, to look at and to mend; its table is the caller's.
    mxg_gate gate();

private:
    GateMaps() = default;
    void create(MapKind kind, uint32_t entries);
    static GateMaps pinned(const std::string& dir);
    static GateMaps of_program(const std::vector<std::string>& interfaces);
    void refuse_another_gate(const std::string& dir) const;
    void complete(uint64_t capacity, std::vector<std::string>* notes);
    void name_pins(const std::string& dir) const;
    void free_abandoned();
    mxg_ring* rings();
    mxg_bucket* buckets();
    const mxg_seen_line* seen();

    std::array<Fd, kMapKinds> fds_;
    mxg_source_settings sources_{};
    Mapping rings_map_, buckets_map_, seen_map_;
    Mapping state_map_, syns_map_, connections_map_, by_hand_map_;  // of gate()
    SourceSweep sweep_;
    HalfOpenSweep half_open_;
};

// Where the maps are pinned that this mxg_meta belongs to; empty if that is not known.
std::string pin_dir_in(int meta_fd);

// Removes the pins of `dir`, and the folder.
void unpin(const std::string& dir);

// Mounts bpffs on `dir`'s file system root (/sys/fs/bpf) if it is not there.
void ensure_bpffs();

std::string error_text(const std::string& what, int error);

}  // namespace mxgate
