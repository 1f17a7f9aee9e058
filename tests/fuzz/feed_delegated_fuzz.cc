// SPDX-License-Identifier: BSD-2-Clause
#include "tests/fuzz/feed_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)
{
    return mxgate::fuzz_feed(data, size, mxgate::FeedFormat::delegated_extended);
}
