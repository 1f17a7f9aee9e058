// SPDX-License-Identifier: BSD-2-Clause
// `gate.plane` changed: the plane that was at work before does not go on judging beside the new
// one.
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <thread>

#include "control/fetch/digest.h"
#include "control/plane/plane.h"
#include "dataplane/dpdk/handover.h"
#include "dataplane/dpdk/plane_state.h"
#include "ebpf/xdp_plane.h"
#include "tests/reference/policy_case.h"

namespace mxgate {
namespace {

class ChangePlane : public ::testing::Test
{
protected:
    void SetUp() override
    {
        try {
            ensure_bpffs();
            GateMaps::make(1024, {1, 2});
        } catch (const BpfError& error) {
            GTEST_SKIP() << "SKIP: BPF is refused: " << error.what();
        }
        config_.gate.interfaces = {"gate0"};
        config_.gate.attach = AttachMode::generic;
        config_.source_capacity = 1024;
        paths_ = {"", folder_.path(), folder_.path(),
                  "/sys/fs/bpf/mxgate-change-plane-test-" + std::to_string(::getpid())};
    }
    void TearDown() override
    {
        unpin(paths_.pin_dir);
        std::filesystem::remove("/run/mxgate/pins-" + digest_of(paths_.pin_dir) + ".lock");
    }

    // In a network namespace of its own, with an interface `gate0`.
    template <class Body>
    static void with_interface(Body body)
    {
        std::thread([&] {
            ASSERT_EQ(::unshare(CLONE_NEWNET), 0);
            ASSERT_EQ(std::system("ip link add gate0 type veth peer name gate1"), 0);
            body();
        }).join();
    }

    // What mxgate-dpdk does with an image: the flags of the last one are in flags_.
    std::jthread dpdk_process()
    {
        const std::string dir = plane_dir(paths_.run_dir);
        std::filesystem::create_directories(dir);
        state_.emplace(PlaneState::take_over(dir, 1024, &notes_));
        server_.emplace(handover_path(paths_.run_dir));
        return std::jthread([this, dir](const std::stop_token& stop) {
            while (!stop.stop_requested())
                server_->serve(10, [&](const Fd& memfd) {
                    const std::vector<mxg_line> image = read_sealed(memfd);
                    flags_ = reinterpret_cast<const mxg_image_header*>(image.data())->flags;
                    PlaneState::keep_table(dir, image.data(), image.size());
                    return std::string();
                });
        });
    }

    uint32_t header_flags() const
    {
        return reinterpret_cast<const mxg_image_header*>(table_.plane.data())->flags;
    }

    reference::TemporaryFolder folder_;
    GatePaths paths_;
    PolicyTable table_ = reference::PolicyCase::from_yaml(
                             "gate:\n  plane: xdp\n  interfaces: [gate0]\n  attach: generic\n"
                             "  services: [{name: mx, addresses: [\"2001:db8:2::25\"]}]\n")
                             .compile();
    Config config_;
    std::optional<PlaneState> state_;
    std::optional<HandoverServer> server_;
    std::vector<std::string> notes_;
    std::atomic<uint32_t> flags_ = 0;
};

TEST_F(ChangePlane, ToDpdkAndBack)
{
    with_interface([&] {
        {
            const auto xdp = open_xdp_plane(config_, paths_);
            xdp->publish(table_.plane);
            xdp->engage(config_);
        }
        ASSERT_EQ(find_attachments(paths_.pin_dir).size(), 1u);
        const auto dpdk = open_dpdk_plane(paths_);
        dpdk->publish(table_.plane);
        dpdk->engage(config_);
        EXPECT_EQ(find_attachments(paths_.pin_dir).size(), 1u) << "nothing took its place yet";
        const std::jthread process = dpdk_process();
        dpdk->tick();
        EXPECT_EQ(find_attachments(paths_.pin_dir).size(), 0u);
        EXPECT_FALSE(std::filesystem::exists(paths_.pin_dir));
        EXPECT_EQ(flags_ & MXG_FLAG_MONITOR, 0u);

        const auto xdp = open_xdp_plane(config_, paths_);
        xdp->publish(table_.plane);
        xdp->engage(config_);
        EXPECT_NE(flags_ & MXG_FLAG_MONITOR, 0u) << "mxgate-dpdk still judges";
        EXPECT_EQ(detach_all(paths_.pin_dir).size(), 1u);
    });
}

// `mxgate detach` holds until `mxgate attach`, whoever is restarted meanwhile.
TEST_F(ChangePlane, DetachedDpdkStaysDetached)
{
    const auto dpdk = open_dpdk_plane(paths_);
    const auto end_process = [&] {
        server_.reset();
        state_.reset();
        dpdk->tick();
        flags_ = UINT32_MAX;  // no image yet
    };
    {
        const std::jthread process = dpdk_process();
        dpdk->publish(table_.plane);
        EXPECT_EQ(flags_ & MXG_FLAG_MONITOR, 0u);
        EXPECT_TRUE(disengage_dpdk(paths_));
        EXPECT_NE(flags_ & MXG_FLAG_MONITOR, 0u);
    }
    end_process();
    {
        const std::jthread process = dpdk_process();
        dpdk->tick();
        EXPECT_EQ(flags_, header_flags() | MXG_FLAG_MONITOR) << "it judges again";
        dpdk->publish(table_.plane);
        EXPECT_EQ(flags_ & MXG_FLAG_MONITOR, 0u) << "attached";
        EXPECT_TRUE(disengage_dpdk(paths_));
    }
    end_process();
    dpdk->publish(table_.plane);
    {
        const std::jthread process = dpdk_process();
        dpdk->tick();
        EXPECT_EQ(flags_ & MXG_FLAG_MONITOR, 0u) << "attached while there was nobody to tell";
        EXPECT_TRUE(disengage_dpdk(paths_));
    }
    end_process();
    const std::jthread process = dpdk_process();
    dpdk->tick();
    EXPECT_EQ(flags_, header_flags() | MXG_FLAG_MONITOR) << "that held once";
}

// Neither publishes, nor changes anything of the other's gate, with whatever other folders.
TEST_F(ChangePlane, OnePublisherForPins)
{
    GatePaths other = paths_;
    other.run_dir = other.state_dir = folder_.path() + "/other";
    with_interface([&] {
        {
            const auto xdp = open_xdp_plane(config_, paths_);
            xdp->publish(table_.plane);
            xdp->engage(config_);
            other.pin_dir += "/../" + std::filesystem::path(paths_.pin_dir).filename().string();
            EXPECT_THROW(open_xdp_plane(config_, other), PlaneError);
            EXPECT_NO_THROW(find_plane(other)) << "to read";
            detach_all(paths_.pin_dir);  // takes the pins, and not the lock
            EXPECT_THROW(open_xdp_plane(config_, other), PlaneError);
        }
        EXPECT_NO_THROW(open_xdp_plane(config_, other));
    });
}

// Where the folder of the locks cannot be written, those with one run directory still see it.
TEST_F(ChangePlane, OnePublisherWhereNoLockCanBeMade)
{
    with_interface([&] {
        ASSERT_EQ(::unshare(CLONE_NEWNS), 0);
        ASSERT_EQ(::mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
        ASSERT_EQ(::mount("none", "/run", "tmpfs", MS_RDONLY, nullptr), 0);
        const auto xdp = open_xdp_plane(config_, paths_);
        EXPECT_THROW(open_xdp_plane(config_, paths_), PlaneError);
    });
}

// Nor does one of the DPDK plane take the gate of the other off, while that runs.
TEST_F(ChangePlane, DpdkLeavesPinsOfAnother)
{
    with_interface([&] {
        auto xdp = open_xdp_plane(config_, paths_);
        xdp->publish(table_.plane);
        xdp->engage(config_);
        const std::jthread process = dpdk_process();
        const auto dpdk = open_dpdk_plane(paths_);
        dpdk->publish(table_.plane);
        EXPECT_EQ(find_attachments(paths_.pin_dir).size(), 1u) << "its publisher runs";
        xdp.reset();
        dpdk->publish(table_.plane);
        EXPECT_EQ(find_attachments(paths_.pin_dir).size(), 0u);
    });
}

// Where nothing is pinned there is nothing of this gate, and other gates are none of its business.
TEST_F(ChangePlane, OtherGatesStay)
{
    with_interface([&] {
        const auto xdp = open_xdp_plane(config_, paths_);
        xdp->publish(table_.plane);
        xdp->engage(config_);
        GatePaths other = paths_;
        other.pin_dir += "-other";
        const std::jthread process = dpdk_process();
        const auto dpdk = open_dpdk_plane(other);
        dpdk->publish(table_.plane);
        EXPECT_EQ(detach_all(paths_.pin_dir).size(), 1u);
    });
}

}  // namespace
}  // namespace mxgate
