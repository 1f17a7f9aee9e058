// SPDX-License-Identifier: BSD-2-Clause
// Tables that take each other's place while workers judge at full load.
#include <atomic>
#include <thread>

#include "dataplane/image/verify.h"
#include "tests/dpdk/dpdk.h"

namespace mxgate {
namespace {

using frames::Bytes;
using frames::Frame;

constexpr uint64_t kSwaps = 1000;
constexpr uint64_t kTables = 8;
constexpr uint32_t kWorkers = 2;

// Which generation decided a burst: its feed is the generation's remainder, and its verdict with
// it.
class Observer
{
public:
    // Called around a publish().
    void begins(uint64_t generation) { begun_ = generation; }
    void is_done(uint64_t generation) { done_ = generation; }

    // The oldest generation that may still be in force, before a burst.
    uint64_t oldest() const { return done_; }

    // Whether a generation from `oldest` to the newest there is says `decision`.
    bool in_force(const mxg_decision& decision, uint64_t oldest) const
    {
        for (uint64_t g = oldest; g <= begun_; g++)
            if (decision.feed == g % kTables &&
                decision.verdict == (g % 2 == 0 ? MXG_PASS : MXG_DROP))
                return true;
        return false;
    }

private:
    std::atomic<uint64_t> begun_{0}, done_{0};
};

class SwapTest : public DpdkTest
{
protected:
    void put_in_force(uint64_t generation)
    {
        std::vector<mxg_line>& image = images_[generation % kTables];
        auto* header = reinterpret_cast<mxg_image_header*>(image.data());
        header->generation = generation;
        header->checksum = image_checksum(image.data(), image.size());
        observer_.begins(generation);
        publish(table_, image);
        observer_.is_done(generation);
    }

    // Bursts until `stop`: all of one burst by one table, which was in force while it was judged.
    void work(uint32_t me, const std::atomic<bool>& stop)
    {
        const auto queue = static_cast<uint16_t>(me);
        Worker worker(me, {{left_.id(), right_.id(), queue, true, false}}, state_, table_);
        const Bytes syn = Frame().ip("2001:db8:7::1", "2001:db8:2::25").tcp(frames::kSyn).bytes();
        table_.enter(me);
        for (; !stop && !failed_; bursts_[me]++) {
            for (int i = 0; i < MXG_BURST; i++)
                give(left_, pool(me), syn, SIZE_MAX, queue);
            const uint64_t oldest = observer_.oldest();
            const uint32_t taken = worker.poll(kSecond);
            const mxg_decision first = worker.decision_on(0);
            if (taken != MXG_BURST || !observer_.in_force(first, oldest))
                failed_ = true;
            for (uint32_t i = 1; i < MXG_BURST; i++)
                if (!same(worker.decision_on(i), first))
                    failed_ = true;
            passed_[me] += first.verdict == MXG_PASS;
            table_.quiet(me);
            if (sent_to(right_, queue).size() != (first.verdict == MXG_PASS ? MXG_BURST : 0u))
                failed_ = true;
        }
        table_.leave(me);
    }

    // Both workers have begun and ended one more with the table that is in force.
    void await_bursts() const
    {
        for (const std::atomic<uint64_t>& bursts : bursts_)
            for (const uint64_t before = bursts; bursts < before + 2 && !failed_;)
                std::this_thread::yield();
    }

    RingPort left_{"left", pool(), kWorkers, 128}, right_{"right", pool(), kWorkers, 128};
    std::vector<mxg_line> images_[kTables];
    Observer observer_;
    std::atomic<bool> failed_{false};
    std::atomic<uint64_t> bursts_[kWorkers] = {};
    uint64_t passed_[kWorkers] = {};
};

TEST_F(SwapTest, AThousandTimesAtFullLoad)
{
    for (size_t i = 0; i < kTables; i++)
        images_[i] = all_of(i % 2 == 0 ? "good" : "bad", 1, i).plane;
    std::atomic<bool> stop{false};
    put_in_force(1);
    {
        std::jthread first([&] { work(0, stop); }), second([&] { work(1, stop); });
        for (uint64_t generation = 2; generation <= kSwaps && !failed_; generation++) {
            put_in_force(generation);
            if (generation % 100 == 0)  // else there is always a newer one on its way
                await_bursts();
        }
        stop = true;
    }
    EXPECT_FALSE(failed_) << "a burst not by one table that was in force, or frames lost";
    EXPECT_EQ(table_.generation(), kSwaps);
    for (uint32_t me = 0; me < kWorkers; me++) {
        EXPECT_GT(passed_[me], 0u);
        EXPECT_GT(bursts_[me], passed_[me]);
    }
    expect_conserved(state_, (bursts_[0] + bursts_[1]) * MXG_BURST);
    EXPECT_EQ(port_counter(state_, PortCounter::sent), (passed_[0] + passed_[1]) * MXG_BURST);
}

// What the watchdog is fed by.
TEST_F(SwapTest, AWorkerThatHangsIsNoticed)
{
    EXPECT_TRUE(table_.workers_go_round()) << "there is none yet";
    table_.enter(0);
    table_.enter(1);
    table_.workers_go_round();  // a round begins with both at work
    for (int round = 0; round < 3; round++) {
        table_.quiet(0);
        EXPECT_FALSE(table_.workers_go_round()) << "worker 1 hangs";
    }
    table_.quiet(1);
    EXPECT_TRUE(table_.workers_go_round());
    table_.quiet(1);
    EXPECT_FALSE(table_.workers_go_round()) << "worker 0 hangs";
    table_.leave(0);
    table_.leave(1);
    EXPECT_TRUE(table_.workers_go_round()) << "the others have ended";
}

// A refused image changes nothing, and the one in force stays.
TEST_F(SwapTest, DamagedIsRefused)
{
    const PolicyTable good = all_of("good", 5);
    std::vector<mxg_line> bad = all_of("bad", 6).plane;
    publish(table_, good.plane);
    auto* bytes = reinterpret_cast<uint8_t*>(bad.data());
    for (size_t at = 0; at < bad.size() * sizeof(mxg_line); at++) {
        bytes[at] ^= static_cast<uint8_t>(1u << at % 8);
        EXPECT_THROW(publish(table_, bad), PlaneError) << "byte " << at;
        bytes[at] ^= static_cast<uint8_t>(1u << at % 8);
    }
    EXPECT_THROW(publish(table_, {}), PlaneError);
    EXPECT_EQ(table_.generation(), 5u);
    EXPECT_EQ(table_.bytes(), good.plane_bytes());
    publish(table_, bad);  // mended
    EXPECT_EQ(table_.generation(), 6u);
}

}  // namespace
}  // namespace mxgate
