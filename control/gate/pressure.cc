// SPDX-License-Identifier: BSD-2-Clause
#include "control/gate/pressure.h"

#include <fmt/format.h>

namespace mxgate {
namespace {

constexpr uint64_t kMinuteNs = 60'000'000'000;
constexpr uint64_t kOneIn = 1000;

}  // namespace

std::string Pressure::look(const SourcePressure& now, const SourceFill& fill, uint64_t now_ns)
{
    // Counters begin anew with a new gate.
    if (now_ns >= until_ns_ || now.evicted < before_.evicted ||
        now.overflowed < before_.overflowed) {
        before_ = now;
        since_ns_ = now_ns;
        until_ns_ = now_ns + kMinuteNs;
        said_ = false;
        return {};
    }
    const uint64_t evicted = now.evicted - before_.evicted;
    const uint64_t overflowed = now.overflowed - before_.overflowed;
    if (said_ || (overflowed == 0 && evicted * kOneIn <= fill.capacity))
        return {};
    said_ = true;
    return fmt::format(
        "source table under pressure: within {} s it lost {} prefixes that had debts or penalties, "
        "and had no room {} times; {} of {} entries are in use; raise sources.capacity, or find "
        "the flood",
        (now_ns - since_ns_) / 1'000'000'000 + 1, evicted, overflowed, fill.used, fill.capacity);
}

}  // namespace mxgate
