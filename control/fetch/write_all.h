// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace mxgate {

// Writes all of `bytes`; the reason if that fails.
std::optional<std::string> write_all(int fd, std::string_view bytes);

}  // namespace mxgate
