// SPDX-License-Identifier: BSD-2-Clause
// The answer to a refused SYN once more, put together byte by byte from the RFCs.
#pragma once

#include <optional>

#include "tests/reference/gate.h"

namespace mxgate::reference {

// The whole frame that answers `syn` with `verdict` (MXG_RESET or MXG_UNREACHABLE); nothing where
// no answer may be given.
std::optional<Bytes> answer(const Bytes& syn, mxg_verdict verdict);

// What a receiver finds wrong with `frame`, an answer without extension headers or IP options:
// versions, lengths, padding, checksums. Empty if it is all right.
std::string wrong_with(const Bytes& frame);

}  // namespace mxgate::reference
