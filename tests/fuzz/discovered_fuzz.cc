// SPDX-License-Identifier: BSD-2-Clause
// The list of discovered files as it lies on disk.
#include "control/lengths/discovered.h"
#include "tests/fuzz/length_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)
{
    using namespace mxgate;
    return fuzz_lengths(data, size,
                        [](FeedInput& input) { return merge(read_discovered(input, nullptr)); });
}
