// SPDX-License-Identifier: BSD-2-Clause
// Connections out of a capture: opened by SYN, SYN-ACK and the ACK that acknowledges it, over with
// the FINs of both sides or a RST. The plane is told of both, as its host would tell it.
#pragma once

#include <map>
#include <tuple>

#include "control/replay/replay_plane.h"
#include "dataplane/core/packet.h"

namespace mxgate {

class Handshakes
{
public:
    explicit Handshakes(ReplayPlane& plane) : plane_(plane) {}

    // A frame that the plane let pass: `decision` is what it said.
    void see(const mxg_packet& packet, const mxg_decision& decision, uint64_t now_ns);

private:
    using Side = std::tuple<uint32_t, uint64_t, uint64_t, uint16_t>;
    struct State {
        uint32_t client_sequence = 0, server_sequence = 0;
        bool answered = false, open = false;
        bool client_fin = false, server_fin = false;
        mxg_connection connection{};
    };

    void from_client(State& state, const mxg_packet& packet, uint64_t now_ns);

    ReplayPlane& plane_;
    std::map<std::pair<Side, Side>, State> states_;  // by client and server
};

}  // namespace mxgate
