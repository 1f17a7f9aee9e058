// SPDX-License-Identifier: BSD-2-Clause
// SHA-256 as hexadecimal text: what versions of a list are told apart by.
#pragma once

#include <string>
#include <string_view>

namespace mxgate {

std::string digest_of(std::string_view bytes);

// Empty if the file cannot be read; its reader says why.
std::string digest_of_file(const std::string& path);

}  // namespace mxgate
