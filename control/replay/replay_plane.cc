// SPDX-License-Identifier: BSD-2-Clause
#include "control/replay/replay_plane.h"

#include <linux/bpf.h>

#include <algorithm>

#include "control/text/names.h"
#include "dataplane/core/native.h"
#include "ebpf/xdp_plane.h"

#include "dataplane/core/flows.h"

namespace mxgate {
namespace {

// What the core learns of connections from the frames that pass, over the state of either plane.
class StatefulPlane : public ReplayPlane
{
public:
    explicit StatefulPlane(uint64_t capacity)
        : lines_(mxg_flow_lines(buckets_for(capacity) - 1)),
          flows_{lines_.data(), static_cast<uint32_t>(lines_.size() - 1), 0, 0}
    {
        gate_.flows = &flows_;
    }

protected:
    static mxg_packet parse(const std::vector<uint8_t>& bytes)
    {
        mxg_frame frame{bytes.data(), static_cast<uint32_t>(bytes.size()), 0};
        mxg_packet packet{};
        mxg_parse_frame(&frame, &packet);
        return packet;
    }

    void time_passes(uint64_t now_ns)
    {
        gate_.now_ns = now_ns;
        mxg_sweep_captured_flows(&gate_, &flows_, &swept_ns_);
    }

    void learn(const mxg_packet& packet, const mxg_decision& decision)
    {
        if (mxg_effect(&decision) == MXG_PASS)
            mxg_see_flow(&gate_, &flows_, &packet, &decision);
    }

    mxg_gate gate_{};

private:
    std::vector<mxg_flow_line> lines_;
    mxg_flows flows_;
    __u64 swept_ns_ = 0;
};

class ModelPlane : public StatefulPlane
{
public:
    ModelPlane(const PolicyTable& table, uint64_t capacity)
        : StatefulPlane(capacity),
          buckets_(mxg_all_buckets(buckets_for(capacity) - 1)),
          seen_(mxg_seen_mask(buckets_for(capacity) - 1) + 1)
    {
        gate_.table = {table.plane.data(), static_cast<uint32_t>(table.plane.size())};
        gate_.sources = {{kReplayKey[0], kReplayKey[1]}, buckets_for(capacity) - 1, 0};
        gate_.buckets = buckets_.data();
        gate_.seen = seen_.data();
        gate_.connections = connections_;
    }

    mxg_decision decide(const std::vector<uint8_t>& bytes, uint64_t now_ns) override
    {
        const mxg_packet packet = parse(bytes);
        mxg_decision decision;
        time_passes(now_ns);
        mxg_decide(&gate_, &packet, &decision);
        learn(packet, decision);
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
        : StatefulPlane(capacity),
          maps_(GateMaps::make(capacity, kReplayKey)),
          program_(maps_, true),
          run_(maps_, program_)
    {
        const mxg_flows* flows = gate_.flows;
        maps_.publish(table.plane);
        gate_ = maps_.gate();
        gate_.flows = flows;
        gate_.table = {table.plane.data(), static_cast<uint32_t>(table.plane.size())};
    }

    mxg_decision decide(const std::vector<uint8_t>& bytes, uint64_t now_ns) override
    {
        const mxg_packet packet = parse(bytes);
        uint32_t action = XDP_ABORTED;
        time_passes(now_ns);
        run_.set_of_connection(mxg_is_of_connection(&gate_, &packet));
        const mxg_decision decision =
            run_.run(bytes.data(), static_cast<uint32_t>(bytes.size()), now_ns, &action);
        const uint8_t effect = mxg_effect(&decision);
        const bool answers = effect == MXG_RESET || effect == MXG_UNREACHABLE;
        // An answer may be suppressed: then the frame is dropped.
        if (action != (effect == MXG_PASS ? XDP_PASS : XDP_DROP) && !(answers && action == XDP_TX))
            throw BpfError("the XDP program returned " + std::to_string(action) +
                           ", its verdict is " + verdict_name(effect));
        learn(packet, decision);
        return decision;
    }

    std::optional<uint64_t> runs() const override { return run_.runs(); }

private:
    GateMaps maps_;
    XdpProgram program_;
    TestRun run_;
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
