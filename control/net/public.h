// SPDX-License-Identifier: BSD-2-Clause
// Prefixes of the public Internet.
#pragma once

#include "dataplane/core/address.h"

namespace mxgate {

// Whether all of it can be announced: nothing of it is private, shared, link-local, loopback,
// multicast or otherwise set apart by RFC 6890 and its registry.
bool is_public(const mxg_prefix& prefix);

}  // namespace mxgate
