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
#include "control/gate/sources.h"
#include "control/lengths/prefixlen_files.h"

namespace mxgate {

// A version that was fetched and has not been in force yet. Its file goes away with it.
struct Delivery {
    FeedStore::Candidate candidate;
    StoredCopy copy;
};

// Unix time.
int64_t seconds_now();

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
    // Whether the table in force was made from this.
    bool is_in_force(const SourceKey& key, const InForce& version) const;
    // Whether it is known to have nothing of the list.
    bool lists_nothing(const SourceKey& key) const;
    // Local lists that are not, or not known to be, what the table in force has of them.
    std::vector<SourceKey> changed_files() const;
    const SourceVersions& versions(bool lengths) const { return lengths ? lengths_ : feeds_; }
    SourceVersions& versions(bool lengths) { return lengths ? lengths_ : feeds_; }

    // Hands out the versions that wait to be used, but for those of lists that are being fetched;
    // `held`: also those that were refused and may be forced. Until take_back() the lists are not
    // fetched.
    std::map<SourceKey, Delivery> hand_out(bool held);
    // Those that were not used; held, they may still be forced.
    void take_back(std::map<SourceKey, Delivery> unused, const std::set<SourceKey>& hold);

    // What the table in force has of a list; `delivery`, where it came from one, becomes the last
    // good version. `stamp`: of a local list before it was read.
    void accept(const Source& source, InForce now, std::optional<Delivery> delivery,
                const std::optional<std::string>& stamp);
    // Whether a list in force could not be kept on disk: the next accept() tries again.
    bool has_unkept() const;
    bool is_unkept(const SourceKey& key) const;
    // No table could be made; one that was kept is in force, of what is stored, as far as is known.
    void presume(const Config& config, const std::map<std::string, uint64_t>& entries_of_feeds);
    // A version is not used, and why; `of_delivery`: one that was just fetched.
    void refuse(const SourceKey& key, const std::string& why, bool of_delivery);

    // Of the lists that are fetched and in force, the Unix time at which the one that was found at
    // its source the longest ago was; 0: there are none.
    int64_t confirmed() const;
    // The names of those that were last found there before `time`.
    std::string confirmed_before(int64_t time) const;

    // Whether time alone has changed what should be in force.
    bool is_expiry_due() const;
    // There is no table without what is too old: it is not due for some minutes.
    void put_expiry_off();

    nlohmann::json report() const;

private:
    struct State {
        Source source;
        int64_t next = 0;       // Unix time of the next fetch; 0: as soon as can be
        int64_t tried = 0;      // of the last fetch
        unsigned failures = 0;  // in a row
        uint64_t failed = 0;    // since the start
        std::string fetch_error, refusal;
        std::string unkept;             // why what is in force is not kept on disk
        bool refused_delivery = false;  // `refusal` is about what was fetched, not what is stored
        bool failed_last = false;       // `fetch_error` is the newer of both
        bool fetching = false, handed_out = false, held = false;
        bool soon = false;                      // wanted now, whatever `next` says
        bool by_hand = false;                   // by somebody, not for what else has changed
        uint64_t files = 0, files_failing = 0;  // of a list that is made of files
        int64_t again = 0;                      // Unix time of the next of them
        std::optional<Delivery> delivery;
        InForce now;
        bool is_known = false;  // `now` is what the table in force has
    };

    int64_t found_at_source(const State& state) const;  // Unix time; 0: has no such age
    int64_t known_since(int64_t date) const;
    bool is_too_old(const Source& source, const InForce& version) const;
    bool is_ready(const State& state) const;
    FetchResult fetch_files(const Source& source, const std::string& kept, int fd,
                            const std::atomic<bool>& cancel);
    void want_files_of(const SourceKey& objects);
    const FeedStore& store(bool lengths) const { return lengths ? fetched_lengths_ : fetched_; }
    std::string keep(const Source& source, const InForce& now, std::optional<Delivery>& delivery,
                     const std::optional<std::string>& stamp);
    void plan(State& state, std::chrono::seconds retry_after) const;
    // True: there is a new version.
    bool finish(const Source& source, const FetchResult& result, std::optional<Delivery> delivery);

    const int64_t started_;  // Unix time
    Events& events_;
    FeedStore fetched_, fetched_lengths_;
    SourceVersions feeds_, lengths_;
    PrefixlenFiles files_;
    mutable std::mutex mutex_;  // of what follows; held for moments
    std::map<SourceKey, State> states_;
    int64_t expire_after_ = 0;  // Unix time
};

}  // namespace mxgate
