// SPDX-License-Identifier: BSD-2-Clause
// Maps that outlive processes: whatever a start that was cut off leaves pinned, sources and the key
// by which they are found belong together.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <thread>

#include "tests/xdp/plane.h"

namespace mxgate {
namespace {

constexpr uint64_t kCapacity = 1024;
constexpr mxg_prefix kSender{{0x20010db800050001, 0, MXG_FAMILY_IPV6, 0}, 64};

class Pins : public XdpTest
{
protected:
    void SetUp() override
    {
        XdpTest::SetUp();
        ensure_bpffs();
        dir_ = "/sys/fs/bpf/mxgate-pins-test-" + std::to_string(::getpid());
    }
    void TearDown() override { unpin(dir_); }

    GateMaps take_over(uint64_t capacity = kCapacity)
    {
        notes_.clear();
        return GateMaps::take_over(dir_, {}, capacity, &notes_);
    }
    // A sender with `open` connections.
    static void remember(GateMaps& maps, uint32_t open)
    {
        mxg_gate gate = maps.gate();
        mxg_attempt attempt{};
        attempt.source = kSender;
        attempt.now_ns = 1;
        ASSERT_LT(mxg_take_place(&gate, &attempt, 0), unsigned{MXG_WAYS});
        mxg_source_at(&gate, &attempt.place[0])->open = open;
    }
    static uint32_t remembered(GateMaps& maps)
    {
        mxg_source source{};
        return maps.find_source(kSender, &source) ? source.open : 0;
    }
    static uint64_t used(GateMaps& maps) { return maps.source_fill().used; }

    std::string dir_;
    std::vector<std::string> notes_;
};

TEST_F(Pins, StateIsThereForTheNext)
{
    {
        GateMaps maps = take_over();
        remember(maps, 7);
        maps.pin(dir_);
        maps.pin(dir_);
    }
    GateMaps maps = take_over();
    EXPECT_TRUE(notes_.empty());
    EXPECT_EQ(remembered(maps), 7u);
    EXPECT_EQ(maps.fd(MapKind::replay) >= 0, true);
    EXPECT_NO_THROW(GateMaps::open_pinned(dir_));
}

// Whichever pin is missing: what is there is of use, or is not used, and that is said.
TEST_F(Pins, OneIsMissing)
{
    for (size_t kind = 0; kind < static_cast<size_t>(MapKind::replay); kind++) {
        const auto missing = static_cast<MapKind>(kind);
        unpin(dir_);
        {
            GateMaps maps = take_over();
            remember(maps, 7);
            maps.pin(dir_);
        }
        ASSERT_TRUE(std::filesystem::remove(dir_ + "/" + map_name(missing)));
        GateMaps maps = take_over();
        const bool lost = missing == MapKind::meta || missing == MapKind::sources;
        EXPECT_EQ(remembered(maps), lost ? 0u : 7u) << map_name(missing);
        EXPECT_EQ(used(maps), lost ? 0u : 1u) << map_name(missing);
        EXPECT_EQ(notes_.size(), lost ? 1u : 0u) << map_name(missing);
        maps.pin(dir_);
        GateMaps next = take_over();
        EXPECT_EQ(used(next), lost ? 0u : 1u);
        EXPECT_TRUE(notes_.empty());
    }
}

// Killed at any moment while pins of one gate replace those of another one.
TEST_F(Pins, KilledBetweenTwo)
{
    GateMaps a = take_over(), b = take_over(2 * kCapacity);
    remember(a, 3);
    remember(b, 4);
    std::mt19937 random(7);
    int whole = 0;
    for (int round = 0; round < 40; round++) {
        const pid_t child = ::fork();
        ASSERT_GE(child, 0);
        if (child == 0)
            for (;;)
                for (GateMaps* maps : {&a, &b}) {
                    maps->pin(dir_);
                    // On a busy machine it would hardly ever be caught when it has just done.
                    std::this_thread::sleep_for(std::chrono::microseconds(500));
                }
        std::this_thread::sleep_for(std::chrono::microseconds(200 + random() % 3000));
        ::kill(child, SIGKILL);
        ::waitpid(child, nullptr, 0);
        GateMaps maps = take_over(round % 2 == 0 ? kCapacity : 2 * kCapacity);
        const uint32_t found = remembered(maps);
        EXPECT_EQ(used(maps), found == 0 ? 0u : 1u) << "sources that another key finds";
        whole += found != 0;
    }
    EXPECT_GT(whole, 0);
}

// An entry that mxgated was filling would keep out whose way it is too.
TEST_F(Pins, NothingStaysBusy)
{
    {
        GateMaps maps = take_over();
        remember(maps, 7);
        maps.gate().buckets[5].way[2].tag = MXG_TAG_BUSY;
        maps.pin(dir_);
    }
    GateMaps maps = take_over();
    EXPECT_EQ(used(maps), 1u);
    EXPECT_EQ(remembered(maps), 7u);
}

}  // namespace
}  // namespace mxgate
