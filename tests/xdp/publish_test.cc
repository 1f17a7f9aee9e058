// SPDX-License-Identifier: BSD-2-Clause
// A new table under traffic: every frame is judged by the old one or the new one, never by half.
#include <atomic>
#include <thread>

#include "dataplane/image/verify.h"
#include "tests/reference/random_policy.h"
#include "tests/xdp/plane.h"

namespace mxgate {
namespace {

using frames::Bytes;
using frames::Frame;
using reference::PolicyCase;

class Publish : public XdpTest
{
};

// All senders are of one class; `filler` prefixes make the table larger.
PolicyTable all_of(const std::string& class_name, uint64_t generation, uint32_t filler)
{
    PolicyCase policy = reference::plain_case();
    const size_t feed = policy.add_feed(class_name + "-all", class_name, 1);
    const size_t more = policy.add_feed("filler", "mixed", 0);
    policy.add(feed, "::/0");
    policy.add(feed, "0.0.0.0/0");
    for (uint32_t i = 0; i < filler; i++)
        policy.feeds[more].push_back(
            {reference::cut({6, reference::Number{0x20010000 + i} << 96}, 32), false});
    return policy.compile(generation);
}

Bytes syn()
{
    return Frame().ip("2001:db8:7::1", "2001:db8:2::25").tcp(frames::kSyn).bytes();
}

// A decision of the gate where `bad` holds or where `good` holds, whole.
void expect_of(const mxg_decision& d, bool* bad)
{
    *bad = d.verdict == MXG_DROP;
    EXPECT_EQ(d.reason, MXG_CLASS);
    EXPECT_EQ(d.class_id, *bad ? 3 : 0);
    EXPECT_EQ(d.feed, 0);
    EXPECT_EQ(d.source_length, 64);
}

TEST_F(Publish, UnderTraffic)
{
    constexpr uint64_t kSwaps = 200;
    PolicyTable tables[2] = {all_of("good", 1, 0), all_of("bad", 1, 3000)};
    plane().maps().publish(tables[0].plane);
    std::atomic<bool> stop{false};
    uint64_t frames = 0, seen[2] = {0, 0};
    std::jthread traffic([&] {
        for (bool bad = false; !stop; frames++) {
            expect_of(plane().decide(syn(), 1), &bad);
            seen[bad]++;
        }
    });
    int64_t generation = plane().maps().generation();
    EXPECT_EQ(generation, 1);
    for (uint64_t swap = 1; swap <= kSwaps; swap++) {
        std::vector<mxg_line>& image = tables[swap % 2].plane;
        auto* header = reinterpret_cast<mxg_image_header*>(image.data());
        header->generation = swap + 1;
        header->checksum = image_checksum(image.data(), image.size());
        plane().maps().publish(image);
        EXPECT_EQ(plane().maps().generation(), ++generation);
    }
    stop = true;
    traffic.join();
    EXPECT_EQ(plane().runs(), frames);
    EXPECT_GT(seen[0], 0u);
    EXPECT_GT(seen[1], 0u);
}

TEST_F(Publish, InForceWhenItReturns)
{
    const PolicyTable good = all_of("good", 1, 0), bad = all_of("bad", 2, 100);
    for (int i = 0; i < 20; i++) {
        bool denied = false;
        plane().maps().publish(good.plane);
        expect_of(plane().decide(syn(), 1), &denied);
        EXPECT_FALSE(denied);
        plane().maps().publish(bad.plane);
        expect_of(plane().decide(syn(), 1), &denied);
        EXPECT_TRUE(denied);
    }
    const std::vector<mxg_line> image = plane().maps().current_image();
    ASSERT_EQ(image.size(), bad.plane.size());
    EXPECT_EQ(std::memcmp(image.data(), bad.plane.data(), bad.plane_bytes()), 0);
}

TEST_F(Publish, DamagedIsRefusedAndTheOldStays)
{
    const PolicyTable good = all_of("good", 5, 0), bad = all_of("bad", 6, 0);
    plane().maps().publish(good.plane);
    for (size_t line = 0; line < bad.plane.size(); line++) {
        std::vector<mxg_line> damaged = bad.plane;
        damaged[line].word[line % 8] ^= 1ULL << line % 64;
        EXPECT_THROW(plane().maps().publish(damaged), BpfError);
    }
    EXPECT_THROW(plane().maps().publish({}), BpfError);
    EXPECT_EQ(plane().maps().generation(), 5);
    bool denied = true;
    expect_of(plane().decide(syn(), 1), &denied);
    EXPECT_FALSE(denied);
}

TEST_F(Publish, NothingYet)
{
    EXPECT_EQ(plane().maps().generation(), -1);
    EXPECT_TRUE(plane().maps().current_image().empty());
    const mxg_decision d = plane().decide(syn(), 1);
    EXPECT_EQ(d.verdict, MXG_PASS);
    EXPECT_EQ(d.reason, MXG_NO_TABLE);
    EXPECT_TRUE(plane().passed());
}

TEST_F(Publish, StateStaysOverASwap)
{
    const PolicyTable one = all_of("mixed", 1, 0), two = all_of("mixed", 2, 500);
    plane().maps().publish(one.plane);
    for (int i = 0; i < 3; i++)
        EXPECT_EQ(plane().decide(syn(), 1000).reason, MXG_CONFORMS);
    plane().maps().publish(two.plane);
    EXPECT_EQ(plane().decide(syn(), 1000).reason, MXG_RATE);
    mxg_source state{};
    const mxg_prefix prefix = reference::to_core(reference::prefix("2001:db8:7::/64"));
    ASSERT_TRUE(plane().maps().find_source(prefix, &state));
    EXPECT_EQ(state.admitted, 3u);
    EXPECT_EQ(state.denied, 1u);
}

}  // namespace
}  // namespace mxgate
