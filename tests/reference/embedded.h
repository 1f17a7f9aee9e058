// SPDX-License-Identifier: BSD-2-Clause
// IPv6 addresses that carry an IPv4 address once more, octet by octet and bit by bit from the RFCs.
#pragma once

#include <optional>
#include <vector>

#include "control/config/config.h"
#include "tests/reference/policy_map.h"

namespace mxgate::reference {

struct Inside {
    Address ipv4;
    bool both = true;  // the outer address counts too
};

// What `address` carries, if it does.
std::optional<Inside> inside_of(const Address& address, const EmbeddedConfig& config);

// An address that carries `ipv4`, one for each known kind and each entry of the configuration;
// `rest` fills the bits that do not matter.
std::vector<Address> carriers_of(const Address& ipv4, const EmbeddedConfig& config, uint64_t rest);

}  // namespace mxgate::reference
