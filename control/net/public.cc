// SPDX-License-Identifier: BSD-2-Clause
#include "control/net/public.h"

#include <algorithm>
#include <iterator>

#include "control/net/address_text.h"
#include "control/net/nesting.h"

namespace mxgate {
namespace {

// The parts that customers might have, but nobody may announce.
constexpr const char* kNotPublic[] = {"10.0.0.0/8",     "100.64.0.0/10", "127.0.0.0/8",
                                      "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16",
                                      "224.0.0.0/3",    "0.0.0.0/8",     "fc00::/7",
                                      "fe80::/10",      "ff00::/8",      "::/8"};

}  // namespace

bool is_public(const mxg_prefix& prefix)
{
    return std::none_of(std::begin(kNotPublic), std::end(kNotPublic), [&](const char* text) {
        const mxg_prefix other = parse_prefix(text)->prefix;
        return prefix_contains(other, prefix) || prefix_contains(prefix, other);
    });
}

}  // namespace mxgate
