// SPDX-License-Identifier: BSD-2-Clause
// What the gate knows of each list that its configuration names: the versions on disk, when and how
// it was fetched, what is wrong with it. Survives the process through the state folder.
#pragma once

#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "control/config/config.h"
#include "control/fetch/store.h"
#include "control/fetch/versions.h"
#include "control/gate/events.h"
#include "control/lengths/prefixlen_files.h"

namespace mxgate {

// A list: of `feeds`, or (`lengths`) of `aggregation.feeds`.
struct SourceKey {
    bool lengths = false;
    std::string name;
    auto operator<=>(const SourceKey&) const = default;
};

struct Source {
    SourceKey key;
    std::string path;  // of a local list
    FetchConfig fetch;
    std::optional<uint64_t> expire_ns;
    uint64_t max_size = 0;
    bool nrtm = false;     // of lengths: the format
    bool by_hand = false;  // somebody asked for it to be fetched now
};
std::vector<Source> sources_of(const Config& config);

// A version that was fetched and has not been in force yet. Its file goes away with it.
struct Delivery {
    FeedStore::Candidate candidate;
    StoredCopy copy;
};

// What became of a list in the table that is in force.
struct InForce {
    std::string path;  // of the version; empty: there is none
    int64_t date = 0;  // Unix time it was fetched or last found unchanged; of a file: written
    uint64_t entries = 0, rejected = 0;
    bool expired = false;      // too old: it does not count
    bool rolled_back = false;  // an older one, by the operator's word
    bool fallback = false;     // an older one, for what came after it is at fault
};

class FeedKeeper
{
public:
    FeedKeeper(const std::string& state_dir, Events& events);

    // From now on these are the lists. Those that are not fetched have no more to wait for.
    void follow(const Config& config);

    // --- fetching: by threads of their own

    // A list whose time has come and that nobody fetches, or when the next one's will: Unix time.
    std::pair<std::optional<Source>, int64_t> next_task();
    // Fetches it and plans the next time. True: there is a new version.
    bool fetch(const Source& source, const std::atomic<bool>& cancel,
               const FetchProgress& progress = {});
    // Plans a fetch for now, of one list or (empty) of all; how many those are.
    size_t fetch_soon(const std::string& name);

    // --- versions

    // What there is, before anything is read: the operator may have rolled it back.
    InForce current(const Source& source) const;
    // The newest other version that was in force.
    InForce last_good(const Source& source, const std::string& than) const;
    bool has_expired(const Source& source, int64_t date) const;
    // Whether the table in force was made from this.
    bool is_in_force(const SourceKey& key, const InForce& version) const;
    const SourceVersions& versions(bool lengths) const { return lengths ? lengths_ : feeds_; }
    SourceVersions& versions(bool lengths) { return lengths ? lengths_ : feeds_; }

    // Hands out the versions that wait to be used, but for those of lists that are being fetched;
    // `held`: also those that were refused and may be forced. Until take_back() the lists are not
    // fetched.
    std::map<SourceKey, Delivery> hand_out(bool held);
    // Those that were not used; held, they may still be forced.
    void take_back(std::map<SourceKey, Delivery> unused, const std::set<SourceKey>& hold);

    // What the table in force has of a list; `delivery`, where it came from one, becomes the last
    // good version.
    void accept(const Source& source, InForce now, std::optional<Delivery> delivery);
    // A version is not used, and why; `of_delivery`: one that was just fetched.
    void refuse(const SourceKey& key, const std::string& why, bool of_delivery);

    // Whether time alone has changed what should be in force.
    bool is_expiry_due() const;

    nlohmann::json report() const;

private:
    struct State {
        Source source;
        int64_t next = 0;       // Unix time of the next fetch; 0: as soon as can be
        int64_t tried = 0;      // of the last fetch
        unsigned failures = 0;  // in a row
        uint64_t failed = 0;    // since the start
        std::string fetch_error, refusal;
        bool refused_delivery = false;  // `refusal` is about what was fetched, not what is stored
        bool fetching = false, handed_out = false, held = false;
        bool soon = false;                      // wanted now, whatever `next` says
        bool by_hand = false;                   // by somebody, not for what else has changed
        uint64_t files = 0, files_failing = 0;  // of a list that is made of files
        int64_t again = 0;                      // Unix time of the next of them
        std::optional<Delivery> delivery;
        InForce now;
    };

    bool is_ready(const State& state) const;
    FetchResult fetch_files(const Source& source, const std::string& kept, int fd,
                            const std::atomic<bool>& cancel);
    void want_files_of(const SourceKey& objects);
    const FeedStore& store(bool lengths) const { return lengths ? fetched_lengths_ : fetched_; }
    void plan(State& state, std::chrono::seconds retry_after) const;
    // True: there is a new version.
    bool finish(const SourceKey& key, const FetchResult& result, std::optional<Delivery> delivery);

    Events& events_;
    FeedStore fetched_, fetched_lengths_;
    SourceVersions feeds_, lengths_;
    PrefixlenFiles files_;
    mutable std::mutex mutex_;  // of what follows; held for moments
    std::map<SourceKey, State> states_;
};

// Unix time.
int64_t seconds_now();

}  // namespace mxgate
