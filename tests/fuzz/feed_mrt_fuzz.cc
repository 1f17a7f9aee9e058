// SPDX-License-Identifier: BSD-2-Clause
// The list of AS numbers is a file that is written once.
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "tests/fuzz/feed_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)
{
    static const std::string list = [] {
        std::string path = "/tmp/mxgate_mrt_fuzz_" + std::to_string(getpid());
        std::ofstream(path) << "64500\n1\n";
        return path;
    }();
    static const int removed = std::atexit([] { unlink(list.c_str()); });
    static_cast<void>(removed);
    mxgate::FeedConfig config;
    config.format = mxgate::FeedFormat::mrt;
    config.asns = list;
    return mxgate::fuzz_feed(data, size, config);
}
