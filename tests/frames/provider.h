// SPDX-License-Identifier: BSD-2-Clause
// A provider that hands out /56s of 2001:db8::/32, whose customers use all their networks and
// rotate privacy addresses (RFC 8981): what a gate has to keep for them.
#pragma once

#include <random>
#include <vector>

#include "tests/frames/frame.h"
#include "tests/reference/random_policy.h"

namespace mxgate::frames {

class Provider
{
public:
    static constexpr uint64_t kCustomers = 8;
    static constexpr uint64_t kNetworks = 256;  // of each: what a /56 holds
    // Enough for each customer to be seen in every network of his.
    static constexpr size_t kAttempts = 40'000;

    // `registry_knows`: of the provider's length. Customers are at other places then, so that the
    // states of one case do not serve the other.
    explicit Provider(bool registry_knows) : registry_knows_(registry_knows)
    {
        for (uint64_t i = 0; i < kCustomers; i++)
            sites_.push_back(random_() % 0x800000 | (registry_knows ? 0x800000 : 0));
    }

    PolicyTable table() const
    {
        reference::PolicyCase policy = reference::plain_case();
        policy.add_length_feed("registry", LengthFormat::rpsl);
        if (registry_knows_)
            policy.length_feeds[0].push_back({reference::prefix("2001:db8::/32"), 56});
        return policy.compile();
    }

    // A SYN from one of the customers: one of his networks, a new address.
    Bytes next()
    {
        const uint64_t site = sites_[attempts_++ % kCustomers];
        const uint64_t network = 0x20010db8'00000000 | site << 8 | random_() % kNetworks;
        const reference::Address source{6, reference::Number{network} << 64 | random_()};
        return Frame().ip(source, reference::address("2001:db8:2::25")).tcp(kSyn).bytes();
    }

private:
    const bool registry_knows_;
    std::mt19937_64 random_{5};
    std::vector<uint64_t> sites_;
    uint64_t attempts_ = 0;
};

}  // namespace mxgate::frames
