// SPDX-License-Identifier: BSD-2-Clause
// Builds the policy table image of dataplane/core/image.h from flat maps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "control/table/flatten.h"
#include "dataplane/core/image.h"

namespace mxgate {

struct ImageInput {
    uint64_t generation = 0;
    uint32_t flags = 0;  // MXG_FLAG_*
    std::vector<mxg_service> services;
    std::vector<mxg_class> classes;                // `levels` is filled in
    std::vector<std::vector<mxg_ceiling>> levels;  // of each class 2 * MXG_CEILINGS; or none
    std::vector<mxg_embedding> embeddings;
    std::vector<mxg_policy> policies;
    std::vector<Edge> ipv4, ipv6;  // as flatten() gives them
    uint64_t prefixes = 0;
    uint32_t feeds = 0;
    uint64_t reply_interval_ns = 1'000'000, reply_tolerance_ns = 99'000'000;  // 1000/s, burst 100
};

// The whole image, header and checksum filled in. Throws std::length_error where a fixed limit
// of the format does not hold.
std::vector<mxg_line> build_image(const ImageInput& input);

}  // namespace mxgate
