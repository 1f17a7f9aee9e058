// SPDX-License-Identifier: BSD-2-Clause
// Tables as large as the Internet's: classes of a routing table, end-site lengths of registries and
// nested ones of publishers and operators, and what they say of any number of random addresses.
#pragma once

#include <functional>
#include <optional>
#include <random>
#include <vector>

#include "tests/reference/nested_sweep.h"
#include "tests/reference/policy_case.h"

namespace mxgate::reference {

struct World {
    std::vector<Prefix> routes;     // classes
    std::vector<Prefix> assigned;   // registry: each an end site
    std::vector<Prefix> allocated;  // where publishers and operators state lengths
};

World generated_world();
// A real routing table and delegated statistics below the folder that MXGATE_TEST_DATA names;
// nothing if they are not there.
std::optional<World> real_world();

class FullLengths
{
public:
    explicit FullLengths(const World& world);

    struct Answer {
        Address address;
        const uint32_t* feed;  // place in the configuration; null: none
        uint32_t length;
    };

    PolicyTable compile() const { return policy_.compile(); }
    const PolicyCase& policy() const { return policy_; }
    // `count` random addresses in and around the prefixes, and what holds there.
    void each(size_t count, const std::function<void(const Answer&)>& check);

private:
    void fill(LengthFormat format, const std::vector<Prefix>& around, size_t one_in);
    Address inside_of(const Prefix& prefix);
    Address any_address();
    void check_batch(const std::vector<Address>& ascending,
                     const std::function<void(const Answer&)>& check) const;

    std::mt19937_64 random_{7};
    PolicyCase policy_;
    std::vector<Prefix> all_;
    NestedSweep feeds_;
    std::vector<NestedSweep> lengths_;  // the most trusted first
};

}  // namespace mxgate::reference
