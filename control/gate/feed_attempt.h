// SPDX-License-Identifier: BSD-2-Clause
// One attempt at a new table: which version of each list it is made from, and what becomes of the
// versions when it is in force, or is not.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "control/config/config.h"
#include "control/gate/feed_keeper.h"
#include "control/gate/list_compile.h"

namespace mxgate {

class FeedAttempt
{
public:
    // Which lists stay what they are in the table in force.
    enum class Stay {
        none,
        files,  // local ones
        all     // those, and what is too old now counts on
    };
    struct How {
        bool strict = false;  // a local list at fault refuses the table; else its last good version
        bool force = false;   // `max_change` has no say, and versions held back are used
        Stay stay = Stay::none;
        std::optional<SourceKey> but{};  // this one does not stay
        bool blind = false;              // what the table in force has is not known
        bool all_rejects = false;        // as in CompileJob
    };
    FeedAttempt(FeedKeeper& keeper, const Config& config, How how,
                std::map<SourceKey, Delivery> deliveries = {});
    ~FeedAttempt();
    FeedAttempt(const FeedAttempt&) = delete;
    FeedAttempt& operator=(const FeedAttempt&) = delete;

    CompileResult compile(uint64_t generation, const TableInfo* previous,
                          const FetchProgress& progress = {});

    bool is_whole() const { return how_.stay == Stay::none; }

    // Whether all local lists but `but` stay. One of which no version was kept, or not the one in
    // force, does not: it is read as it is now.
    bool others_stay() const;

    // The deliveries that the table was made from.
    std::set<SourceKey> used() const;

    // How many deliveries it still has, used or not.
    size_t delivered() const { return deliveries_.size(); }

    // Gives the deliveries back, used or not, to be tried in another way.
    std::map<SourceKey, Delivery> release();

    // The table is in force.
    void accept();
    // It is not: it would deny too much. What was delivered for it may be forced.
    void hold_back(const std::string& why);
    // What was delivered cannot be read: it is given up.
    void refuse_delivered(const std::string& why);

private:
    const Delivery* delivery_for(const Source& source) const;
    std::optional<std::string> stays(const Source& source) const;
    bool counts(const Source& source, const InForce& now) const;
    ListVersions versions_of(const SourceKey& key, const Source& source) const;
    void take(const SourceKey& key, ListOutcome outcome);

    FeedKeeper& keeper_;
    const Config config_;
    const How how_;
    std::map<SourceKey, Source> sources_;
    std::map<SourceKey, std::string> stamps_;  // of local lists, before they are read
    std::map<SourceKey, Delivery> deliveries_;
    std::set<SourceKey> used_, held_;
    std::map<SourceKey, InForce> now_;
};

}  // namespace mxgate
