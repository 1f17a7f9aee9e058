// SPDX-License-Identifier: BSD-2-Clause
#include "control/replay/handshakes.h"

namespace mxgate {

void Handshakes::from_client(State& state, const mxg_packet& packet, uint64_t now_ns)
{
    if (!state.open && state.answered && (packet.tcp_flags & MXG_TCP_ACK) &&
        packet.acknowledgement == state.server_sequence + 1) {
        state.open = true;
        state.connection = plane_.opened(packet.source, now_ns);
    }
    state.client_fin |= (packet.tcp_flags & MXG_TCP_FIN) != 0;
}

void Handshakes::see(const mxg_packet& packet, const mxg_decision& decision, uint64_t now_ns)
{
    if (packet.kind != MXG_FRAME_TCP)
        return;
    const auto side = [](const mxg_address& a, uint16_t port) {
        return Side{a.family, a.hi, a.lo, port};
    };
    const Side source = side(packet.source, packet.source_port);
    const Side destination = side(packet.destination, packet.destination_port);
    if (mxg_is_attempt(&packet)) {
        State& state = states_[{source, destination}];
        if (decision.class_id == MXG_NO_CLASS)
            states_.erase({source, destination});
        else if (!state.open)
            state.client_sequence = packet.sequence;
        return;
    }
    const auto sent = states_.find({source, destination});
    const auto answered = states_.find({destination, source});
    const auto found = sent != states_.end() ? sent : answered;
    if (found == states_.end())
        return;
    State& state = found->second;
    if (found == sent) {
        from_client(state, packet, now_ns);
    } else if ((packet.tcp_flags & MXG_TCP_SYN) && !state.open) {
        state.answered = packet.acknowledgement == state.client_sequence + 1;
        state.server_sequence = packet.sequence;
    } else {
        state.server_fin |= (packet.tcp_flags & MXG_TCP_FIN) != 0;
    }
    if ((state.client_fin && state.server_fin) || (packet.tcp_flags & MXG_TCP_RST)) {
        if (state.open)
            plane_.closed(state.connection);
        states_.erase(found);
    }
}

}  // namespace mxgate
