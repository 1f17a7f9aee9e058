// SPDX-License-Identifier: BSD-2-Clause
#include <cstdlib>

#include "control/feeds/asns.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)
{
    mxgate::FeedConfig config;
    mxgate::FeedBuilder builder(config);
    const auto found = mxgate::parse_asns(
        mxgate::FeedInput::of_text({reinterpret_cast<const char*>(data), size}, 1 << 20), "list",
        builder);
    // Either a list that is not empty, or a reason why not.
    if (found ? found->empty() : builder.take().errors.empty())
        abort();
    return 0;
}
