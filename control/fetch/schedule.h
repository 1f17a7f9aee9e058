// SPDX-License-Identifier: BSD-2-Clause
// When to fetch a feed again.
#pragma once

#include <chrono>
#include <cstdint>

namespace mxgate {

struct FetchSchedule {
    std::chrono::seconds refresh{12 * 3600};  // between versions that arrive
    std::chrono::seconds minimum{900};        // never more often: publishers ask for that
};

// How long to wait after a fetch. `failures`: how many have failed in a row, 0 after one that did
// not; the wait doubles with each, from the minimum up to `refresh`. `retry_after`: what the server
// asked for at least. `random`, in [0, 1), spreads the gates of this world: a wait is cut by up to
// a tenth after a success, by up to a half after a failure, but never below the minimum.
std::chrono::seconds wait_before_next(const FetchSchedule& schedule, unsigned failures,
                                      std::chrono::seconds retry_after, double random);

// Whether a fetch planned for `next` (Unix time) is due; also where it is later than after any
// wait: the clock was set back then.
bool is_due(int64_t next, int64_t now, std::chrono::seconds refresh);

// In [0, 1), another each time; safe to call from several threads.
double random_share();

}  // namespace mxgate
