// SPDX-License-Identifier: BSD-2-Clause
// Prefixes that many end sites share have larger limits, for the core and for the reference alike.
#include <gtest/gtest.h>

#include "tests/frames/pair.h"
#include "tests/reference/policy_case.h"

namespace mxgate {
namespace {

using frames::Frame;
using frames::kSyn;
using frames::Pair;
using reference::PolicyCase;

constexpr uint64_t kSecond = 1'000'000'000;

class World : public Pair
{
public:
    explicit World(const std::string& aggregation, const std::string& limits)
    {
        PolicyCase policy = PolicyCase::from_yaml(
            "gate: {services: [{name: mx, addresses: [\"2001:db8:2::25\", 192.0.2.25]}]}\n"
            "sources: {levels: {ipv6: [32], ipv4: [16]}}\n"
            "aggregation: {" +
            aggregation +
            "}\n"
            "classes:\n"
            "  good: {action: pass}\n"
            "  unknown: {action: limit, " +
            limits +
            "}\n"
            "  bad: {action: drop}\n"
            "default_class: unknown\n");
        policy.add(policy.add_feed("bad", "bad", 0), "198.51.100.66/32");
        start(std::move(policy));
    }

    // How many attempts of `source` pass at once; the next is denied with `reason`.
    int passing(const std::string& source, const std::string& reason = "drop rate",
                uint64_t now_ns = kSecond)
    {
        const bool six = source.find(':') != std::string::npos;
        const char* mx = six ? "2001:db8:2::25" : "192.0.2.25";
        for (int i = 0; i < 1000; i++) {
            const std::string said = say(Frame().ip(source, mx).tcp(kSyn), now_ns);
            if (said != "pass conforms") {
                EXPECT_EQ(said, reason) << source;
                return i;
            }
        }
        return 1000;
    }
};

constexpr const char* kLengths =
    "lengths: [{prefix: 198.51.100.0/24, end_sites: 10}, {prefix: 198.51.100.128/25, end_sites: 1},"
    " {prefix: 203.0.113.0/24, length: 28, end_sites: 500}, {prefix: \"2001:db8::/32\", length: 56,"
    " end_sites: 3}]";

TEST(Shared, RateAndBurst)
{
    World world(kLengths, "rate: 6/min, burst: 2, charge: syn");
    EXPECT_EQ(world.passing("192.0.2.7"), 2);
    EXPECT_EQ(world.passing("198.51.100.7"), 16);  // 8 times: a power of two
    EXPECT_EQ(world.passing("198.51.100.200"), 2);
    EXPECT_EQ(world.passing("203.0.113.7"), 128);  // the cap, 64 times
    EXPECT_EQ(world.passing("203.0.113.8"), 0);    // the same /28
    EXPECT_EQ(world.passing("2001:db8:0:3::1"), 4);
    // One every 10 s, so 8 times as many.
    EXPECT_EQ(world.passing("192.0.2.7", "drop rate", 31 * kSecond), 2);
    EXPECT_EQ(world.passing("198.51.100.7", "drop rate", 11 * kSecond), 8);
    // What a feed says of the prefix stands.
    EXPECT_EQ(world.passing("198.51.100.66", "drop class"), 0);
}

TEST(Shared, CapAndCarrierGradeNat)
{
    World world(std::string(kLengths) + ", shared_cap: 7", "rate: 6/min, burst: 2, charge: syn");
    EXPECT_EQ(world.passing("203.0.113.7"), 8);
    // RFC 6598: as many as the cap allows.
    EXPECT_EQ(world.passing("100.64.0.1"), 8);
    EXPECT_EQ(world.passing("100.127.255.255"), 8);
    EXPECT_EQ(world.passing("100.63.255.255"), 2);
    EXPECT_EQ(world.passing("100.128.0.0"), 2);
    World none("shared_cap: 1", "rate: 6/min, burst: 2, charge: syn");
    EXPECT_EQ(none.passing("100.64.0.1"), 2);
    World stated("lengths: [{prefix: 100.64.0.0/10, end_sites: 1}]",
                 "rate: 6/min, burst: 2, charge: syn");
    EXPECT_EQ(stated.passing("100.64.0.1"), 2);
}

// The state is that of the embedded address, and so is the number of those who share it.
TEST(Shared, EmbeddedAddresses)
{
    World world(std::string(kLengths) + ", embedded: {nat64: [\"2001:db8:64::/96\"]}",
                "rate: 6/min, burst: 2, charge: syn");
    EXPECT_EQ(world.passing("64:ff9b::198.51.100.7"), 16);
    EXPECT_EQ(world.passing("2001:db8:64::192.0.2.7"), 2);
}

TEST(Shared, ConnectionsAndParents)
{
    World world(kLengths,
                "charge: syn, connections: 2, levels: {ipv4: {16: {connections: 3}}, ipv6: {32: "
                "{rate: 1/min, "
                "burst: 5}}}");
    for (int i = 0; i < 16; i++) {
        EXPECT_EQ(world.say(Frame().ip("198.51.100.7", "192.0.2.25").tcp(kSyn)), "pass conforms");
        world.opened("198.51.100.7", kSecond);
    }
    EXPECT_EQ(world.passing("198.51.100.7", "drop connections"), 0);
    // 16 open ones are less than 8 * 3; for one end site alone they are too many.
    EXPECT_EQ(world.say(Frame().ip("198.51.100.8", "192.0.2.25").tcp(kSyn)), "pass conforms");
    EXPECT_EQ(world.passing("198.51.100.129", "drop level-connections"), 0);
    EXPECT_EQ(world.passing("2001:db8:0:3::1", "drop level-rate"), 10);
}

TEST(Shared, SynGuardAndBandwidth)
{
    World world(kLengths, "syn_guard: {rate: 1/min, burst: 2}, bandwidth: 10kB/s");
    EXPECT_EQ(world.passing("192.0.2.7", "drop syn-guard"), 2);
    EXPECT_EQ(world.passing("198.51.100.7", "drop syn-guard"), 16);
    const auto frames = [&](const char* source) {
        int passed = 0;
        while (world.say(Frame().ip(source, "192.0.2.25").tcp(frames::kAck).data(1000)) ==
               "pass established")
            passed++;
        return passed;
    };
    const int alone = frames("192.0.2.7");
    EXPECT_GT(alone, 8);
    EXPECT_NEAR(frames("198.51.100.7"), 8 * alone, 8);
}

}  // namespace
}  // namespace mxgate
