// SPDX-License-Identifier: BSD-2-Clause
#include "tests/frames/model.h"

#include <cstring>
#include <numeric>

#include "dataplane/state/overrides.h"

namespace mxgate::frames {

mxg_packet parse(const Bytes& frame)
{
    mxg_packet packet{};
    mxg_frame view{frame.data(), static_cast<uint32_t>(frame.size()), 0};
    mxg_parse_frame(&view, &packet);
    return packet;
}

std::optional<Bytes> answer(const Bytes& frame, mxg_verdict verdict)
{
    const mxg_packet packet = parse(frame);
    mxg_frame view{frame.data(), static_cast<uint32_t>(frame.size()), 0};
    mxg_reply reply;
    std::memset(&reply, 0xee, sizeof(reply));  // what the last answer left there
    if (!mxg_may_answer(&view, &packet) || mxg_build_reply(&view, &packet, verdict, &reply) != 0)
        return std::nullopt;
    return Bytes(mxg_reply_frame(&reply), mxg_reply_frame(&reply) + reply.length);
}

Model::Model(const PolicyTable& table, uint32_t buckets)
    : buckets_(mxg_all_buckets(buckets - 1)),
      seen_(mxg_seen_mask(buckets - 1) + 1),
      counters_(MXG_COUNTERS, 0)
{
    gate_.sources = {{kSourceKey[0], kSourceKey[1]}, buckets - 1, 0};
    gate_.buckets = buckets_.data();
    gate_.seen = seen_.data();
    gate_.connections = connections_;
    publish(table);
}

void Model::publish(const PolicyTable& table)
{
    plane_ = table.plane;
    gate_.table = {plane_.data(), static_cast<uint32_t>(plane_.size())};
}

mxg_decision Model::decide(const Bytes& frame, uint64_t now_ns)
{
    const mxg_packet packet = parse(frame);
    mxg_decision decision;
    gate_.now_ns = now_ns;
    mxg_decide(&gate_, &packet, &decision);
    counters_.at(mxg_counter_index(&decision))++;
    return decision;
}

mxg_reply_outcome Model::answer(const Bytes& frame, mxg_verdict verdict, uint64_t now_ns)
{
    const mxg_packet packet = parse(frame);
    mxg_frame view{frame.data(), static_cast<uint32_t>(frame.size()), 0};
    mxg_reply reply;
    gate_.now_ns = now_ns;
    const mxg_reply_outcome outcome =
        mxg_answer(&gate_, &view, &packet, static_cast<uint8_t>(verdict), &replies_, &reply);
    mxg_count_reply(&replies_, outcome, verdict, packet.source.family);
    return outcome;
}

mxg_connection Model::opened(const reference::Address& source, uint64_t now_ns)
{
    const mxg_address address = reference::to_core(source);
    mxg_connection connection{};
    gate_.now_ns = now_ns;
    mxg_handshake_done(&gate_, &address, 0, &connection);
    return connection;
}

void Model::put_overrides(const std::vector<mxg_override>& overrides)
{
    mxgate::put_overrides(overrides_.get(), overrides);
    gate_.overrides = overrides_.get();
}

void Model::closed(mxg_connection connection)
{
    mxg_connection_closed(&gate_, &connection);
}

uint64_t Model::counted() const
{
    return std::accumulate(counters_.begin(), counters_.end(), uint64_t{0});
}

std::vector<mxg_override> records_of(const std::vector<reference::Gate::ByHand>& by_hand,
                                     const TableInfo& info)
{
    std::vector<mxg_override> out;
    for (const auto& entry : by_hand) {
        const mxg_address address = reference::to_core(entry.prefix.first);
        mxg_override record{};
        record.hi = address.hi;
        record.lo = address.lo;
        record.until_ns = entry.until_ns;
        record.family = static_cast<uint8_t>(address.family);
        record.length = static_cast<uint8_t>(entry.prefix.length);
        while (info.classes.at(record.class_id).name != entry.class_name)
            record.class_id++;
        out.push_back(record);
    }
    return out;
}

reference::Decision in_words(const mxg_decision& decision, const TableInfo& info)
{
    reference::Decision out;
    out.verdict = static_cast<mxg_verdict>(decision.verdict);
    out.reason = static_cast<mxg_reason>(decision.reason);
    if (decision.class_id != MXG_NO_CLASS)
        out.class_name = info.classes.at(decision.class_id).name;
    out.by_hand = decision.feed == MXG_FEED_BY_HAND;
    if (decision.feed != MXG_NO_FEED && !out.by_hand)
        out.feed = info.feeds.at(decision.feed).order;
    out.family = decision.family == MXG_FAMILY_IPV4   ? 4
                 : decision.family == MXG_FAMILY_IPV6 ? 6
                                                      : 0;
    out.enforced = decision.enforced;
    if (decision.source_family != MXG_FAMILY_NONE)
        out.source = reference::from(
            mxg_prefix{{decision.source_hi, decision.source_lo, decision.source_family, 0},
                       decision.source_length});
    out.source_port = decision.source_port;
    return out;
}

}  // namespace mxgate::frames
