// SPDX-License-Identifier: BSD-2-Clause
// What status and assignment-size of registry objects say about end-site lengths.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "control/config/text.h"
#include "control/lengths/rpsl.h"
#include "control/net/address_text.h"

namespace mxgate {
namespace {

constexpr uint32_t kMaxAssigned = 64;  // a longer ASSIGNED object is no end site (RFC 7136)
constexpr ptrdiff_t kMaxLevels = 2;    // of AGGREGATED-BY-LIR

bool is_assigned(std::string_view status)
{
    return status == "ASSIGNED" || status == "ASSIGNED PA" || status == "ASSIGNED PI" ||
           status == "ASSIGNED ANYCAST";
}

std::string upper(std::string_view text)
{
    std::string out(text);
    for (char& c : out)
        if (c >= 'a' && c <= 'z')
            c = static_cast<char>(c - 'a' + 'A');
    return out;
}

class Registry
{
public:
    explicit Registry(const RegistryOptions& options) : options_(options) {}

    void take(const RpslObject& object)
    {
        list_.records++;
        if (!object.damage.empty())
            return list_.reject(object.line, object.damage);
        const std::string status = upper(object.status);
        const bool aggregated = status == "AGGREGATED-BY-LIR";
        const bool assigned = is_assigned(status);
        if (!aggregated && !object.assignment_size.empty())
            return list_.reject(object.line,
                                fmt::format("`assignment-size` with status {}; it belongs to "
                                            "AGGREGATED-BY-LIR",
                                            show(object.status)));
        if (!aggregated && !(assigned && options_.assigned)) {
            list_.ignored++;
            return;
        }
        std::string reason;
        const std::vector<mxg_prefix> range = range_of(object, reason);
        if (range.empty())
            return list_.reject(object.line, reason);
        if (aggregated)
            take_aggregated(object, range);
        else
            take_assigned(object, range);
    }

    LengthList finish()
    {
        list_.finish();
        check_levels();
        return std::move(list_);
    }

    std::string& error() { return list_.error; }
    bool failed() const { return !list_.error.empty(); }

private:
    void take_aggregated(const RpslObject& object, const std::vector<mxg_prefix>& range)
    {
        const std::string& text = object.assignment_size;
        if (text.empty())
            return list_.reject(object.line, "AGGREGATED-BY-LIR without `assignment-size`");
        const uint32_t bits = mxg_family_bits(object.family);
        uint32_t size = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), size);
        if (error != std::errc() || end != text.data() + text.size() || size < 1 || size > bits)
            return list_.reject(object.line, fmt::format("not an `assignment-size` of 1 to {}: {}",
                                                         bits, show(text)));
        for (const mxg_prefix& part : range)
            if (size <= part.length)
                return list_.reject(object.line,
                                    fmt::format("`assignment-size` {} is not longer than {}", size,
                                                to_string(part)));
        for (const mxg_prefix& part : range)
            list_.add(part, size, 0, object.line, true);
    }

    // A range of several prefixes has no length of its own: each part stands for itself.
    void take_assigned(const RpslObject& object, const std::vector<mxg_prefix>& range)
    {
        bool taken = false;
        for (const mxg_prefix& part : range)
            if (part.length >= 1 && part.length <= kMaxAssigned) {
                list_.add(part, part.length, 0, object.line);
                taken = true;
            }
        list_.ignored += !taken;
    }

    // Entries are in order, so those that contain the present one are a stack.
    void check_levels()
    {
        std::vector<LengthEntry> around;
        size_t kept = 0;
        for (const LengthEntry& entry : list_.entries) {
            while (!around.empty() &&
                   !mxg_contains(prefix_of(around.back()), prefix_of(entry).address))
                around.pop_back();
            const std::string reason = misplaced(around, entry);
            if (!reason.empty()) {
                list_.reject(entry.line, reason);
                continue;
            }
            around.push_back(entry);
            list_.entries[kept++] = entry;
        }
        list_.entries.resize(kept);
        list_.sort_rejects();
    }

    static std::string misplaced(const std::vector<LengthEntry>& around, const LengthEntry& entry)
    {
        if (around.empty())
            return {};
        const LengthEntry& parent = around.back();
        const auto levels = std::count_if(around.begin(), around.end(),
                                          [](const LengthEntry& e) { return e.aggregated; });
        if (entry.aggregated && levels >= kMaxLevels)
            return fmt::format("a third level of AGGREGATED-BY-LIR, inside {}",
                               to_string(prefix_of(parent)));
        // Directly inside; what lies inside an assignment is the assignee's affair.
        if (parent.aggregated && entry.length != parent.site_length)
            return fmt::format("{} lies inside {}, which is assigned in pieces of /{}",
                               to_string(prefix_of(entry)), to_string(prefix_of(parent)),
                               parent.site_length);
        return {};
    }

    const RegistryOptions& options_;
    LengthList list_;
};

}  // namespace

LengthList read_registry(FeedInput& input, const RegistryOptions& options)
{
    Registry registry(options);
    const auto take = [&](const RpslObject& object) {
        if (!registry.failed())
            registry.take(object);
    };
    if (options.nrtm)
        for_each_nrtm_object(input, take, registry.error());
    else
        for_each_object(input, take);
    if (input.failure())
        registry.error() = *input.failure();
    return registry.finish();
}

}  // namespace mxgate
