// SPDX-License-Identifier: BSD-2-Clause
// What outlives the plane's process: source states, counters, the table.
#include "dataplane/dpdk/plane_state.h"

#include <gmock/gmock.h>
#include <sys/mount.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "tests/dpdk/dpdk.h"
#include "tests/reference/policy_case.h"

namespace mxgate {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class PlaneStateTest : public ::testing::Test
{
protected:
    PlaneState take_over(uint64_t capacity = 1000)
    {
        notes_.clear();
        return PlaneState::take_over(dir_, capacity, &notes_);
    }

    // As a worker and its plane leave it behind.
    static void use(PlaneState& state)
    {
        state.counters_of(3).packets[17] += 5;
        state.counters_of(4).packets[17] += 2;
        state.counters_of(4).feeds[9] += 1;
        state.counters_of(0).ports[static_cast<size_t>(PortCounter::sent)] += 11;
        state.buckets()[1].way[2].tag = 77;
        state.state().meta.generation = 12;
    }

    static void expect_forgotten(const PlaneState& state)
    {
        EXPECT_EQ(source_fill(state.buckets(), state.source_settings()).used, 0u);
    }

    template <typename T>
    void overwrite(size_t offset, T value)
    {
        std::fstream file(dir_ + "/state", std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(static_cast<std::streamoff>(offset));
        file.write(reinterpret_cast<const char*>(&value), sizeof(value));
        ASSERT_TRUE(file.good());
    }

    reference::TemporaryFolder folder_;
    std::string dir_ = plane_dir(folder_.path());
    std::vector<std::string> notes_;
};

TEST_F(PlaneStateTest, MadeWhereThereIsNone)
{
    EXPECT_THROW(PlaneState::open(dir_), PlaneError);
    const PlaneState state = take_over();
    EXPECT_THAT(notes_, IsEmpty());
    EXPECT_GE(source_fill(state.buckets(), state.source_settings()).capacity, 1000u);
    EXPECT_TRUE(state.counters().empty());
    EXPECT_TRUE(state.alive());
    const auto rights = std::filesystem::status(dir_).permissions();
    EXPECT_EQ(rights, std::filesystem::perms::owner_all);
}

TEST_F(PlaneStateTest, KeptOverARestart)
{
    mxg_source_settings before{};
    {
        PlaneState state = take_over();
        before = state.source_settings();
        use(state);
    }
    const PlaneState state = take_over();
    EXPECT_THAT(notes_, IsEmpty());
    EXPECT_EQ(state.buckets()[1].way[2].tag, 77u);
    EXPECT_EQ(std::memcmp(&before, &state.source_settings(), sizeof(before)), 0);
    ASSERT_EQ(state.counters().size(), 1u);
    EXPECT_EQ(state.counters()[0].index, 17u);
    EXPECT_EQ(state.counters()[0].packets, 7u);
    EXPECT_EQ(state.feed_counters().at(0).packets, 1u);
    EXPECT_EQ(port_counter(state, PortCounter::sent), 11u);
    EXPECT_EQ(state.state().meta.generation, 0u) << "this process has no table yet";
}

// Killed while it made an entry and a flow, with counts that are off: an entry that stays busy
// would keep others out for ever, a count that is too high its sender.
TEST_F(PlaneStateTest, WhatAKilledProcessLeftHalfDoneIsUndone)
{
    mxg_connection connection{};
    {
        PlaneState state = take_over();
        mxg_gate gate = state.gate();
        const mxg_prefix prefix{{0x20010db800050001, 0, MXG_FAMILY_IPV6, 0}, 64};
        const uint64_t hash = mxg_prefix_hash(gate.sources.key, &prefix);
        mxg_bucket& bucket = gate.buckets[mxg_bucket_at(gate.sources.bucket_mask, 0, hash)];
        uint32_t evicted = 0;
        const uint32_t way =
            mxg_take_way(&bucket, &prefix, mxg_source_tag(hash, &prefix), 1, &evicted);
        ASSERT_LT(way, unsigned{MXG_WAYS});
        bucket.way[way].open = 7;
        bucket.way[(way + 1) % MXG_WAYS].tag = MXG_TAG_BUSY;
        state.state().connections[3] = 9;
        const mxg_flows flows = state.flows();
        mxg_flow& flow = flows.lines[5].way[1];
        flow.phase = MXG_FLOW_OPEN;
        flow.connection.hi = prefix.address.hi;
        flow.connection.family = MXG_FAMILY_IPV6;
        flow.connection.class_id = 3;
        flow.connection.length[0] = 64;
        flow.connection.counted = 1;
        connection = flow.connection;
        flows.lines[5].way[2].phase = MXG_FLOW_BUSY;
    }
    PlaneState state = take_over();
    mxg_gate gate = state.gate();
    EXPECT_EQ(state.state().connections[3], 1u);
    EXPECT_EQ(state.flows().lines[5].way[2].phase, unsigned{MXG_FLOW_FREE});
    uint64_t open = 0, used = 0;
    for (uint64_t i = 0; i < mxg_all_buckets(gate.sources.bucket_mask); i++)
        for (const mxg_source& source : gate.buckets[i].way) {
            open += source.open;
            used += source.tag != 0;
        }
    EXPECT_EQ(open, 1u);
    EXPECT_EQ(used, 1u);
    mxg_connection_closed(&gate, &connection);
    EXPECT_EQ(state.state().connections[3], 0u);
}

// mxgated reads, and moves the rings' tails, while the plane works.
TEST_F(PlaneStateTest, ReadBesideTheWriter)
{
    PlaneState state = take_over();
    use(state);
    PlaneState reader = PlaneState::open(dir_);
    EXPECT_EQ(reader.counters().at(0).packets, 7u);
    EXPECT_EQ(reader.buckets()[1].way[2].tag, 77u);
    EXPECT_EQ(reader.state().meta.generation, 12u);
    EXPECT_TRUE(reader.alive());
    state.ring_of(2).sample[0].time_ns = 99;
    state.ring_of(2).head = 1;
    uint64_t seen = 0;
    drain_rings(reader.state().rings, kMaxWorkers,
                [&](const mxg_sample& sample) { seen = sample.time_ns; });
    EXPECT_EQ(seen, 99u);
    EXPECT_EQ(state.ring_of(2).tail, 1u);
}

TEST_F(PlaneStateTest, SecondProcessIsRefused)
{
    const PlaneState first = take_over();
    try {
        take_over();
        FAIL() << "taken over from a process at work";
    } catch (const PlaneError& error) {
        EXPECT_THAT(error.what(), HasSubstr("another mxgate-dpdk runs with " + dir_));
    }
}

TEST_F(PlaneStateTest, OtherCapacity)
{
    {
        PlaneState state = take_over();
        use(state);
    }
    const PlaneState state = take_over(100'000);
    EXPECT_THAT(notes_, ElementsAre(HasSubstr("sources.capacity changed")));
    EXPECT_GE(source_fill(state.buckets(), state.source_settings()).capacity, 100'000u);
    expect_forgotten(state);
    EXPECT_EQ(state.counters().at(0).packets, 7u) << "the counters stay";
}

// Settings and sources that belong together stay together, for who has them mapped.
TEST_F(PlaneStateTest, AReaderKeepsWhatItHasMapped)
{
    for (const auto& [before, after] : {std::pair{1000u, 500'000u}, std::pair{500'000u, 1000u}}) {
        {
            PlaneState state = take_over(before);
            use(state);
        }
        const PlaneState reader = PlaneState::open(dir_);
        const mxg_source_settings settings = reader.source_settings();
        const PlaneState state = take_over(after);
        EXPECT_EQ(std::memcmp(&reader.source_settings(), &settings, sizeof(settings)), 0);
        EXPECT_EQ(source_fill(reader.buckets(), reader.source_settings()).used, 1u);
        EXPECT_EQ(source_fill(state.buckets(), state.source_settings()).used, 0u);
    }
}

// A full file system is an error at the start, not a SIGBUS under traffic.
TEST_F(PlaneStateTest, NoRoom)
{
    std::filesystem::create_directories(dir_);
    if (::mount("tmpfs", dir_.c_str(), "tmpfs", 0, "size=100m") != 0)
        GTEST_SKIP() << "mounting a small file system needs root: " << std::strerror(errno);
    {
        PlaneState state = take_over(1000);
        use(state);
    }
    std::string said;
    try {
        const PlaneState state = take_over(500'000);
        said = "there was, in " + state.sources_in();
    } catch (const PlaneError& error) {
        said = error.what();
    }
    const std::vector<CounterValue> counters = take_over(1000).counters();
    ::umount(dir_.c_str());
    EXPECT_THAT(said, HasSubstr("sources: there is no room for its"));
    EXPECT_THAT(said, HasSubstr("sources.capacity"));
    ASSERT_EQ(counters.size(), 1u);
    EXPECT_EQ(counters[0].packets, 7u) << "a start that fails loses no counters";
}

TEST_F(PlaneStateTest, OtherVersion)
{
    using Meta = decltype(mxg_plane_state::meta);
    for (const size_t field :
         {offsetof(Meta, magic), offsetof(Meta, schema), offsetof(Meta, port_counters)}) {
        {
            PlaneState state = take_over();
            use(state);
        }
        overwrite<uint32_t>(field, 0x12345678);
        EXPECT_THROW(PlaneState::open(dir_), PlaneError);
        const PlaneState state = take_over();
        EXPECT_THAT(notes_, ElementsAre(HasSubstr("another version"))) << field;
        expect_forgotten(state);
        EXPECT_TRUE(state.counters().empty());
    }
}

TEST_F(PlaneStateTest, FilesCutShort)
{
    {
        PlaneState state = take_over();
        use(state);
    }
    std::filesystem::resize_file(dir_ + "/sources", 64);
    {
        const PlaneState state = take_over();
        EXPECT_THAT(notes_, ElementsAre(HasSubstr("too short")));
        expect_forgotten(state);
        EXPECT_EQ(state.counters().at(0).packets, 7u);
    }
    std::filesystem::resize_file(dir_ + "/state", 100);
    const PlaneState state = take_over();
    EXPECT_THAT(notes_, ElementsAre(HasSubstr("another version")));
    EXPECT_TRUE(state.counters().empty());
}

TEST_F(PlaneStateTest, DeadWriter)
{
    PlaneState state = take_over();
    state.state().meta.process = 0;
    EXPECT_FALSE(state.alive());
    state.state().meta.process = 0x7ffffff0;  // beyond any process number
    EXPECT_FALSE(state.alive());
}

TEST_F(PlaneStateTest, TableIsKept)
{
    const PlaneState state = take_over();
    EXPECT_TRUE(PlaneState::read_table(dir_).empty());
    for (const uint64_t generation : {1, 2}) {
        const PolicyTable table = all_of("bad", generation, 2 * generation);
        PlaneState::keep_table(dir_, table.plane.data(), table.plane.size());
        const std::vector<mxg_line> kept = PlaneState::read_table(dir_);
        ASSERT_EQ(kept.size(), table.plane.size());
        EXPECT_EQ(std::memcmp(kept.data(), table.plane.data(), table.plane_bytes()), 0);
    }
    EXPECT_FALSE(std::filesystem::exists(dir_ + "/table.new"));
}

}  // namespace
}  // namespace mxgate
