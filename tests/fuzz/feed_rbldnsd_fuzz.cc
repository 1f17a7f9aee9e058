// SPDX-License-Identifier: BSD-2-Clause
#include "tests/fuzz/feed_fuzz.h"

// The first byte chooses the dataset, and whether what is not mapped has a class.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)
{
    if (size == 0)
        return 0;
    mxgate::FeedConfig config;
    config.format = mxgate::FeedFormat::rbldnsd;
    config.dataset = mxgate::kRbldnsdDatasets[data[0] % 6].second;
    config.map = {{"127.0.0.2", "bad"}, {"127.0.0.3", "mixed"}};
    if (data[0] & 0x80)
        config.class_name = "bad";
    return mxgate::fuzz_feed(data + 1, size - 1, config);
}
