// SPDX-License-Identifier: BSD-2-Clause
// Addresses and prefixes as text (RFC 4291 in, RFC 5952 out).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "dataplane/core/address.h"

namespace mxgate {

// `192.0.2.1` or `2001:db8::1`; no prefix length, no zone, no surrounding space. An IPv4-mapped
// IPv6 address stays IPv6. A million of these a second and more: used on whole feeds.
std::optional<mxg_address> parse_address(std::string_view text);

struct ParsedPrefix {
    mxg_prefix prefix;           // host bits cleared
    bool host_bits_set = false;  // they were set in the text
};

// `ADDRESS` (a full-length prefix) or `ADDRESS/LENGTH`, LENGTH 0..32 or 0..128 in decimal.
std::optional<ParsedPrefix> parse_prefix(std::string_view text);

// RFC 5952 form; a prefix always carries its length.
std::string to_string(const mxg_address& address);
std::string to_string(const mxg_prefix& prefix);

}  // namespace mxgate
