// SPDX-License-Identifier: BSD-2-Clause
// Random frames aimed at the services of a configuration: most of them well formed, from senders
// that the policy knows; the rest hurt in every way that a wire and a forger know.
#pragma once

#include <random>

#include "control/config/config.h"
#include "tests/frames/frame.h"
#include "tests/reference/policy_map.h"

namespace mxgate::frames {

class Generator
{
public:
    // `known`: prefixes to draw senders from.
    Generator(const Config& config, std::vector<reference::Prefix> known, uint64_t seed);

    Bytes next();

private:
    uint32_t below(uint32_t limit) { return static_cast<uint32_t>(random_() % limit); }
    bool one_in(uint32_t n) { return below(n) == 0; }
    reference::Address inside(const reference::Prefix& prefix);
    reference::Address destination();
    reference::Address source(const reference::Address& destination);
    reference::Address strange_source(const reference::Address& destination);
    uint16_t port();
    uint8_t flags();
    void network(Frame& frame);
    void chain(Frame& frame);
    void transport(Frame& frame);
    void mutate(Bytes& frame);
    Bytes fresh();

    std::mt19937_64 random_;
    EmbeddedConfig embedded_;
    std::vector<reference::Prefix> known_[2], services_;
    std::vector<PortRange> ports_;
    std::vector<reference::Address> regulars_;  // senders that come again and again
    std::vector<Bytes> recent_;                 // frames that may come again
};

}  // namespace mxgate::frames
