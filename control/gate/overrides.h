// SPDX-License-Identifier: BSD-2-Clause
// What the operator set by hand: prefixes with a class each, who did it and why, until when. Kept
// in a file, so that restarts of the daemon and of the machine do not forget them.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "control/config/config.h"
#include "control/table/policy_table.h"
#include "dataplane/core/overrides.h"

namespace mxgate {

// What the monotonic clock lacks to Unix time, in nanoseconds.
int64_t monotonic_to_unix_ns();

// False: of an image whose table file is lost; see Gate::start.
inline bool has_names(const TableInfo& info)
{
    return !info.config.empty();
}

// The number of a class that is in the configuration.
std::optional<uint8_t> class_number(const TableInfo& info, const std::string& name);

struct Override {
    mxg_prefix prefix{};
    std::string class_name;
    std::string reason, who;
    int64_t since = 0;             // Unix time
    std::optional<int64_t> until;  // likewise; none: until it is forgotten
};

// The words of `mxgate allow`, `deny` and `class`: one class, or what the first class does that
// lets every sender in, or none.
struct OverrideRequest {
    std::string prefix;
    std::string class_name;          // or empty
    std::optional<bool> lets_in;     // allow or deny, where no class is named
    std::optional<uint64_t> for_ns;  // how long
    std::string reason, who;
};

// What is asked for, checked against the classes; throws std::invalid_argument with a remedy.
Override to_override(const OverrideRequest& request, const Config& config, int64_t now);

// An IPv4 or IPv6 prefix without host bits; throws std::invalid_argument.
mxg_prefix override_prefix(const std::string& text);

class Overrides
{
public:
    explicit Overrides(std::string path) : path_(std::move(path)) {}

    // What the file holds; what of it makes no sense is left out, and the file kept as PATH.broken.
    // Returns the report, or nothing. A file that is there but cannot be read is never replaced:
    // then nothing can be set or forgotten.
    std::string load();

    // These write the file before they return; throw std::runtime_error if that fails, and then
    // nothing has changed.
    void set(const Override& fresh);
    bool forget(const mxg_prefix& prefix);

    // Goes back to what was, on disk too where that can be done.
    void restore(const Overrides& before);

    // Drops those whose time is over; whether there were any.
    bool expire(int64_t now);

    const std::vector<Override>& all() const { return all_; }
    // The longest that holds `address`, if any; like the planes, without those of classes that
    // are gone from `info`.
    const Override* find(const mxg_address& address, const TableInfo& info) const;

    // For the planes: with the class numbers of `info`. Overrides of classes that are gone are
    // left out.
    std::vector<mxg_override> records(const TableInfo& info) const;

    nlohmann::json report(const TableInfo& info) const;

private:
    void keep(const std::vector<Override>& all) const;

    std::string path_;
    std::string unread_;  // why the file could not be read, or kept aside
    std::vector<Override> all_;
};

nlohmann::json to_json(const Override& entry);

}  // namespace mxgate
