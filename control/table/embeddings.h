// SPDX-License-Identifier: BSD-2-Clause
// The records of a policy table that say where IPv6 addresses carry an IPv4 address.
#pragma once

#include <vector>

#include "control/config/config.h"
#include "dataplane/core/image.h"

namespace mxgate {

// In the order in which they are tried: NAT64 and 6rd, which do not overlap, then ISATAP.
std::vector<mxg_embedding> embedding_records(const EmbeddedConfig& config);

// `6to4`, `Teredo`, ...; nullptr for MXG_EMBEDDED_NONE.
const char* embedded_kind_name(uint32_t kind);

}  // namespace mxgate
