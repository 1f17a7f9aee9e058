// SPDX-License-Identifier: BSD-2-Clause
#include "dataplane/state/overrides.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <thread>

#include "dataplane/state/memory.h"

namespace mxgate {
namespace {

constexpr uint64_t kSeeds = 10'000;

void list_lengths(mxg_override_set& set, const std::vector<mxg_override>& overrides)
{
    for (const uint8_t family : {MXG_FAMILY_IPV6, MXG_FAMILY_IPV4}) {
        std::set<int, std::greater<>> lengths;
        for (const mxg_override& o : overrides)
            if (o.family == family)
                lengths.insert(o.length);
        if (lengths.size() > MXG_OVERRIDE_LENGTHS)
            throw PlaneError("more than " + std::to_string(MXG_OVERRIDE_LENGTHS) +
                             " different prefix lengths of one family set by hand; forget some");
        size_t i = 0;
        for (const int length : lengths)
            set.lengths[family == MXG_FAMILY_IPV4][i++] = static_cast<uint8_t>(length + 1);
    }
}

// False: a bucket overflows.
bool fill(mxg_override_set& set, const std::vector<mxg_override>& overrides, uint64_t seed)
{
    std::fill_n(&set.way[0][0], MXG_OVERRIDE_BUCKETS * 4, mxg_override{});
    set.seed = seed;
    for (const mxg_override& o : overrides) {
        const mxg_address address{o.hi, o.lo, o.family, 0};
        mxg_override* bucket = set.way[mxg_override_bucket(seed, &address, o.length)];
        mxg_override* free =
            std::find_if(bucket, bucket + 4, [](const auto& way) { return way.family == 0; });
        if (free == bucket + 4)
            return false;
        *free = o;
    }
    return true;
}

}  // namespace

void put_overrides(mxg_overrides* shared, const std::vector<mxg_override>& overrides)
{
    if (overrides.size() > MXG_OVERRIDES)
        throw PlaneError("more than " + std::to_string(MXG_OVERRIDES) +
                         " prefixes set by hand; put them into a feed");
    const auto fresh = std::make_unique<mxg_override_set>();
    fresh->count = static_cast<uint32_t>(overrides.size());
    list_lengths(*fresh, overrides);
    uint64_t seed = 0;
    while (!fill(*fresh, overrides, seed))
        if (++seed == kSeeds)
            throw PlaneError("the prefixes set by hand cannot be laid out; forget some");
    // A core may still be in the set that the last call turned away from.
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    const uint32_t version = shared->version;
    shared->set[(version + 1) & 1] = *fresh;
    __atomic_store_n(&shared->version, version + 1, __ATOMIC_RELEASE);
}

}  // namespace mxgate
