// SPDX-License-Identifier: BSD-2-Clause
#include "tests/fuzz/feed_fuzz.h"

// The first byte chooses the delimiter and the columns.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)
{
    if (size == 0)
        return 0;
    mxgate::FeedConfig config;
    config.format = data[0] & 1 ? mxgate::FeedFormat::tsv : mxgate::FeedFormat::csv;
    switch (data[0] >> 1 & 3) {
        case 0:
            config.columns.prefix = "ip";
            break;
        case 1:
            config.columns.first = "1";
            config.columns.last = "2";
            break;
        case 2:
            config.columns.address = "2";
            config.columns.length = "1";
            break;
        default:
            config.columns.prefix = "1";
            config.columns.value = "2";
            config.map = {{"spam", "bad"}};
            break;
    }
    return mxgate::fuzz_feed(data + 1, size - 1, config);
}
