// SPDX-License-Identifier: BSD-2-Clause
#include "tests/fuzz/feed_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)
{
    mxgate::FeedConfig config;
    config.format = mxgate::FeedFormat::json;
    config.select = {{"a[].b", {"a", "[]", "b"}}, {"*[]", {"*", "[]"}}, {"[]", {"[]"}}};
    return mxgate::fuzz_feed(data, size, config);
}
