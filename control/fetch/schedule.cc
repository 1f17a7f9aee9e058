// SPDX-License-Identifier: BSD-2-Clause
#include "control/fetch/schedule.h"

#include <algorithm>
#include <mutex>
#include <random>

#include "control/fetch/http.h"

namespace mxgate {

std::chrono::seconds wait_before_next(const FetchSchedule& schedule, unsigned failures,
                                      std::chrono::seconds retry_after, double random)
{
    using std::chrono::seconds;
    const seconds refresh = std::max(schedule.refresh, schedule.minimum);
    seconds wait = refresh;
    if (failures > 0) {
        wait = schedule.minimum;
        for (unsigned i = 1; i < failures && wait < refresh; i++)
            wait *= 2;
        wait = std::min(wait * 2, refresh);
    }
    const double cut = random * (failures > 0 ? 0.5 : 0.1);
    wait -= seconds{static_cast<seconds::rep>(static_cast<double>(wait.count()) * cut)};
    return std::max({wait, schedule.minimum, retry_after});
}

bool is_due(int64_t next, int64_t now, std::chrono::seconds refresh)
{
    return next <= now || next > now + std::max(refresh, kMaxRetryAfter).count();
}

double random_share()
{
    static std::mutex mutex;
    static std::mt19937_64 generator(std::random_device{}());
    const std::lock_guard lock(mutex);
    return std::uniform_real_distribution<double>(0, 1)(generator);
}

}  // namespace mxgate
