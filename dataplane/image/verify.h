// SPDX-License-Identifier: BSD-2-Clause
// Verification of a policy table image before any plane takes it, whoever made it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "dataplane/core/image.h"

namespace mxgate {

// Empty if `lines[0..count)` is an image that a look-up can walk without leaving it and that
// decides every address; else what is wrong. Safe and of bounded time on any bytes.
std::string verify_image(const mxg_line* lines, size_t count);

// Over all lines, with the header's checksum field read as 0. Any change of one word changes it.
uint64_t image_checksum(const mxg_line* lines, size_t count);

}  // namespace mxgate
