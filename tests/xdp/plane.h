// SPDX-License-Identifier: BSD-2-Clause
// The XDP program over maps of its own, run by the kernel on frames given to it.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>

#include "ebpf/xdp_plane.h"
#include "tests/frames/model.h"

namespace mxgate {

class Plane
{
public:
    Plane()
        : maps_(GateMaps::make(kCapacity, {frames::kSourceKey[0], frames::kSourceKey[1]})),
          program_(maps_, true),
          run_(maps_, program_)
    {
    }

    // Of as many sources as frames::Model has.
    static constexpr uint64_t kCapacity = uint64_t{MXG_WAYS} << 12;

    mxg_decision decide(const frames::Bytes& frame, uint64_t now_ns)
    {
        return run_.run(frame.data(), static_cast<uint32_t>(frame.size()), now_ns, &action_);
    }
    // The frame that the plane makes of `frame`, where it sends one back.
    std::optional<frames::Bytes> answer(const frames::Bytes& frame, uint64_t now_ns)
    {
        frames::Bytes out;
        run_.run(frame.data(), static_cast<uint32_t>(frame.size()), now_ns, &action_, &out);
        return answered() ? std::optional(out) : std::nullopt;
    }
    // For several threads at once: the clock must be the same for all.
    bool passes(const frames::Bytes& frame, uint64_t now_ns)
    {
        uint32_t action = 0;
        run_.run(frame.data(), static_cast<uint32_t>(frame.size()), now_ns, &action);
        return action == 2;
    }
    bool passed() const { return action_ == 2; }  // XDP_PASS
    bool dropped() const { return action_ == 1; }
    bool answered() const { return action_ == 3; }  // XDP_TX

    GateMaps& maps() { return maps_; }
    uint64_t runs() const { return run_.runs(); }

private:
    GateMaps maps_;
    XdpProgram program_;
    TestRun run_;
    uint32_t action_ = 0;
};

// A plane for each test; skipped where the kernel lets nobody run BPF, unless that is a failure.
class XdpTest : public ::testing::Test
{
protected:
    void SetUp() override
    {
        try {
            plane_.emplace();
        } catch (const BpfError& error) {
            const char* ci = std::getenv("CI");
            if (::geteuid() == 0 && ci && std::string(ci) == "true")
                FAIL() << error.what();
            GTEST_SKIP() << "BPF is refused: " << error.what();
        }
    }

    Plane& plane() { return *plane_; }

private:
    std::optional<Plane> plane_;
};

}  // namespace mxgate
