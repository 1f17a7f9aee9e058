// SPDX-License-Identifier: BSD-2-Clause
#include <cstdlib>
#include <stdexcept>

#include "control/whatif/arrivals.h"

namespace {

void expect_printable(std::string_view text)
{
    for (const char c : text)
        if (c < ' ' || c > '~')
            abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)
{
    using namespace mxgate;
    FeedInput input = FeedInput::of_text({reinterpret_cast<const char*>(data), size}, 1 << 20);
    uint64_t arrivals = 0;
    try {
        const ArrivalLog log = read_arrivals(input, "log", 1'763'800'000, [&](const Arrival& a) {
            arrivals++;
            if (a.client.family == MXG_FAMILY_NONE)
                abort();
            expect_printable(a.name);
        });
        if (arrivals != log.arrivals || log.arrivals + log.repeated + log.rejected > log.lines ||
            log.rejects.size() > kRejectsKept)
            abort();
        for (const RejectedLine& reject : log.rejects)
            expect_printable(reject.reason);
    } catch (const std::runtime_error&) {
        // No log, or one that ends early.
    }
    return 0;
}
