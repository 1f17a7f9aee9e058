// SPDX-License-Identifier: BSD-2-Clause
#include "control/lengths/rpsl.h"
#include "tests/fuzz/length_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)
{
    using namespace mxgate;
    return fuzz_lengths(data, size, [](FeedInput& input) {
        return read_registry(input, {true, true});
    });
}
