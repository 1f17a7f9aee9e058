// SPDX-License-Identifier: BSD-2-Clause
// Random policies that are full of what is hard: nesting, neighbours, ties, exclusions, both ends.
#pragma once

#include <random>
#include <string>
#include <vector>

#include "tests/reference/gate.h"
#include "tests/reference/policy_case.h"

namespace mxgate::reference {

// A configuration with four classes and no feeds.
PolicyCase plain_case();

// Feeds with about `entries` entries together, and end-site lengths.
PolicyCase random_case(uint64_t seed, size_t entries);

// Lines of a configuration's `gate.services`: two services, or everything.
extern const char* const kMxServices;
extern const char* const kAllServices;

// random_case() with what only whole frames show: `gate` are more lines of the gate section,
// `mixed` more fields of the class mixed; 6to4 sources are listed by both of their addresses.
PolicyCase random_gate(uint64_t seed, const std::string& gate, const std::string& services,
                       const std::string& mixed);

// Prefixes set by hand, at and around `prefixes`; some are over before `now_ns` + 10 s.
std::vector<Gate::ByHand> random_by_hand(std::mt19937_64& random, const Config& config,
                                         const std::vector<Prefix>& prefixes, uint64_t now_ns);

// The addresses at which the answer can change, and those just beyond.
std::vector<Address> edges_of(const std::vector<Prefix>& prefixes);

Address random_address(std::mt19937_64& random, int family);

}  // namespace mxgate::reference
