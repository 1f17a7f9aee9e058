// SPDX-License-Identifier: BSD-2-Clause
#include "control/replay/replay_plane.h"

#include <linux/bpf.h>

#include "dataplane/core/native.h"
#include "ebpf/xdp_plane.h"

#include "dataplane/core/connections.h"

namespace mxgate {
namespace {

constexpr uint64_t kReplayKey[2] = {0x6d78676174652d72ULL, 0x65706c61792d6b65ULL};

// What the core does with connections, over the state of either plane.
class StatefulPlane : public ReplayPlane
{
public:
    mxg_connection opened(const mxg_address& source, uint64_t now_ns) override
    {
        mxg_connection connection{};
        gate_.now_ns = now_ns;
        mxg_handshake_done(&gate_, &source, &connection);
        return connection;
    }
    void closed(mxg_connection& connection) override
    {
        mxg_connection_closed(&gate_, &connection);
    }

protected:
    mxg_gate gate_{};
};

class ModelPlane : public StatefulPlane
{
public:
    ModelPlane(const PolicyTable& table, uint64_t capacity)
        : buckets_(mxg_all_buckets(buckets_for(capacity) - 1)), seen_(buckets_for(capacity))
    {
        gate_.table = {table.plane.data(), static_cast<uint32_t>(table.plane.size())};
        gate_.sources = {
            {kReplayKey[0], kReplayKey[1]}, static_cast<uint32_t>(seen_.size() - 1), 0};
        gate_.buckets = buckets_.data();
        gate_.seen = seen_.data();
        gate_.connections = connections_;
    }

    mxg_decision decide(const std::vector<uint8_t>& bytes, uint64_t now_ns) override
    {
        mxg_frame frame{bytes.data(), static_cast<uint32_t>(bytes.size()), 0};
        mxg_packet packet{};
        mxg_decision decision;
        gate_.now_ns = now_ns;
        mxg_parse_frame(&frame, &packet);
        mxg_decide(&gate_, &packet, &decision);
        return decision;
    }

private:
    std::vector<mxg_bucket> buckets_;
    std::vector<mxg_seen_line> seen_;
    uint32_t connections_[MXG_MAX_CLASSES] = {};
};

class XdpPlane : public StatefulPlane
{
public:
    XdpPlane(const PolicyTable& table, uint64_t capacity)
        : maps_(GateMaps::make(capacity, kReplayKey)),
          program_(maps_, true),
          run_(maps_, program_),
          sources_(maps_.fd(MapKind::sources), maps_.source_bytes(), true),
          connections_(maps_.fd(MapKind::connections), sizeof(uint32_t) * MXG_MAX_CLASSES, true)
    {
        maps_.publish(table.plane);
        gate_.table = {table.plane.data(), static_cast<uint32_t>(table.plane.size())};
        gate_.sources = maps_.source_settings();
        gate_.buckets = static_cast<mxg_bucket*>(sources_.data());
        gate_.connections = static_cast<uint32_t*>(connections_.data());
    }

    mxg_decision decide(const std::vector<uint8_t>& bytes, uint64_t now_ns) override
    {
        uint32_t action = XDP_ABORTED;
        const mxg_decision decision =
            run_.run(bytes.data(), static_cast<uint32_t>(bytes.size()), now_ns, &action);
        const uint32_t expected = mxg_effect(&decision) == MXG_PASS ? XDP_PASS : XDP_DROP;
        if (action != expected)
            throw BpfError("the XDP program returned " + std::to_string(action) +
                           ", its decision means " + std::to_string(expected));
        return decision;
    }

    std::optional<uint64_t> runs() const override { return run_.runs(); }

private:
    GateMaps maps_;
    XdpProgram program_;
    TestRun run_;
    Mapping sources_, connections_;  // the maps' memory
};

}  // namespace

std::unique_ptr<ReplayPlane> make_model_plane(const PolicyTable& table, uint64_t capacity)
{
    return std::make_unique<ModelPlane>(table, capacity);
}

std::unique_ptr<ReplayPlane> make_xdp_plane(const PolicyTable& table, uint64_t capacity)
{
    return std::make_unique<XdpPlane>(table, capacity);
}

}  // namespace mxgate
