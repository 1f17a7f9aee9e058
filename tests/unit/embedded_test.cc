// SPDX-License-Identifier: BSD-2-Clause
// Addresses that carry another address, for the core and for the reference alike; the examples are
// those of the RFCs.
#include <gtest/gtest.h>

#include "tests/frames/pair.h"
#include "tests/reference/embedded.h"
#include "tests/reference/random_policy.h"

namespace mxgate {
namespace {

using frames::Frame;
using frames::kAck;
using frames::kSyn;
using frames::Pair;
using reference::PolicyCase;

constexpr const char* kMx = "2001:db8:2::25";
constexpr uint64_t kSecond = 1'000'000'000;

// 198.51.100.0/24 is slow; the rest of the world has the default class, unknown.
class World : public Pair
{
public:
    explicit World(const std::string& embedded, const std::string& bad = {})
    {
        PolicyCase policy = PolicyCase::from_yaml(
            "gate: {services: [{name: mx, addresses: [\"2001:db8:2::25\", 192.0.2.25]}]}\n"
            "aggregation: {embedded: {" +
            embedded +
            "}}\n"
            "classes:\n"
            "  good: {action: pass}\n"
            "  unknown: {action: limit, rate: 1/min, charge: syn}\n"
            "  slow: {action: limit, rate: 1/min, charge: syn}\n"
            "  bad: {action: drop}\n"
            "default_class: unknown\n");
        policy.add(policy.add_feed("slow", "slow", 0), "198.51.100.0/24");
        if (!bad.empty())
            policy.add(policy.add_feed("bad", "bad", 0), bad);
        start(std::move(policy));
    }

    // The source prefix of an attempt.
    std::string state_of(const std::string& source)
    {
        return to_string(*decide(Frame().ip(source, kMx).tcp(kSyn).bytes()).source);
    }
};

TEST(Embedded, KnownEverywhere)
{
    World world("");
    EXPECT_EQ(world.state_of("::ffff:198.51.100.7"), "198.51.100.7/32");
    EXPECT_EQ(world.state_of("2002:c633:6407:1::1"), "198.51.100.7/32");
    // RFC 4380 4: server 65.54.227.120, client 192.0.2.45 with port 40000.
    EXPECT_EQ(world.state_of("2001:0:4136:e378:8000:63bf:3fff:fdd2"), "192.0.2.45/32");
    EXPECT_EQ(world.state_of("64:ff9b::198.51.100.7"), "198.51.100.7/32");
    // What only looks like them.
    for (const char* plain : {"::fffe:198.51.100.7", "::1:ffff:198.51.100.7", "2003:c633:6407:1::1",
                              "2001:1:4136:e378:8000:63bf:3fff:fdd2", "64:ff9b::1:c633:6407",
                              "64:ff9b:1::198.51.100.7", "2001:db8::5efe:198.51.100.7"}) {
        const reference::Prefix site = reference::cut(reference::address(plain), 64);
        EXPECT_EQ(world.state_of(plain), to_string(site)) << plain;
    }
}

// RFC 6052 2.4.
TEST(Embedded, Nat64OfEachLength)
{
    const struct {
        const char *prefix, *address;
    } kCases[] = {
        {"2001:db8::/32", "2001:db8:c000:221::"},
        {"2001:db8:100::/40", "2001:db8:1c0:2:21::"},
        {"2001:db8:122::/48", "2001:db8:122:c000:2:2100::"},
        {"2001:db8:122:300::/56", "2001:db8:122:3c0:0:221::"},
        {"2001:db8:122:344::/64", "2001:db8:122:344:c0:2:2100::"},
        {"2001:db8:122:344::/96", "2001:db8:122:344::192.0.2.33"},
    };
    for (const auto& c : kCases) {
        World world(std::string("nat64: [\"") + c.prefix + "\"]");
        EXPECT_EQ(world.state_of(c.address), "192.0.2.33/32") << c.prefix;
        // Bits 64 to 71 are zero, or it is no such address.
        reference::Address other = reference::address(c.address);
        other.value |= reference::Number{1} << 56;
        EXPECT_EQ(world.state_of(to_string(other)), to_string(reference::cut(other, 64)))
            << c.prefix;
        // What comes behind the IPv4 address does not count.
        other = reference::address(c.address);
        other.value |= reference::prefix(c.prefix).length == 96 ? 0 : 7;
        EXPECT_EQ(world.state_of(to_string(other)), "192.0.2.33/32") << c.prefix;
    }
}

// RFC 5969 4: 10.100.100.1 of a domain with 10.0.0.0/8 in common has 2001:db8:6464:100::/56.
TEST(Embedded, SixRd)
{
    World world(
        "sixrd: [{prefix: \"2001:db8::/32\", ipv4_mask_length: 8, ipv4_prefix: 10.0.0.0},"
        " {prefix: \"2a00::/24\", ipv4_mask_length: 0},"
        " {prefix: \"2a01::/33\", ipv4_prefix: 198.51.100.0/22}]");
    EXPECT_EQ(world.state_of("2001:db8:6464:100::1"), "10.100.100.1/32");
    EXPECT_EQ(world.state_of("2001:db8:6464:1ff:1::1"), "10.100.100.1/32");
    EXPECT_EQ(world.state_of("2001:db8:6464:200::1"), "10.100.100.2/32");
    EXPECT_EQ(world.state_of("2a00:c6:3364:700::1"), "198.51.100.7/32");
    // 10 bits of the address, behind 33.
    EXPECT_EQ(world.state_of("2a01:0:3ff:ffff::1"), "198.51.100.31/32");
    EXPECT_EQ(world.state_of("2a01:0:7fe0::1"), "198.51.103.255/32");
    EXPECT_EQ(world.state_of("2a01:0:8000::1"), "2a01:0:8000::/64");
}

TEST(Embedded, IsatapWhereItIsBelieved)
{
    World world("isatap: [\"2001:db8:15a::/48\"], nat64: [\"2001:db8:15a:64::/64\"]");
    EXPECT_EQ(world.state_of("2001:db8:15a:1:0:5efe:198.51.100.7"), "198.51.100.7/32");
    EXPECT_EQ(world.state_of("2001:db8:15a:1:200:5efe:198.51.100.7"), "198.51.100.7/32");
    EXPECT_EQ(world.state_of("2001:db8:15a:1:100:5efe:198.51.100.7"), "2001:db8:15a:1::/64");
    EXPECT_EQ(world.state_of("2001:db8:15a:1:0:5eff:198.51.100.7"), "2001:db8:15a:1::/64");
    EXPECT_EQ(world.state_of("2001:db8:15b:1:0:5efe:198.51.100.7"), "2001:db8:15b:1::/64");
    // 6to4, and what the configuration has of NAT64, come first.
    EXPECT_EQ(world.state_of("2002:c000:221::5efe:198.51.100.7"), "192.0.2.33/32");
    EXPECT_EQ(world.state_of("2001:db8:15a:64:0:5efe:198.51.100.7"), "0.94.254.198/32");
}

// One sender in all its guises: one state. And the stricter class of the two views.
TEST(Embedded, OneStateAndTheStricterClass)
{
    const std::string embedded =
        "nat64: [\"2a64::/40\"], sixrd: [{prefix: \"2a6d::/28\", ipv4_mask_length: 0}],"
        " isatap: [\"2001:db8:15a::/48\"]";
    const reference::Address sender = reference::address("198.51.100.7");
    const auto config = World(embedded).policy().config.embedded;
    const auto carriers = reference::carriers_of(sender, config, 5);
    ASSERT_EQ(carriers.size(), 7u);
    for (const reference::Address& carrier : carriers) {
        World world(embedded);
        const std::string text = to_string(carrier);
        EXPECT_EQ(world.say(Frame().ip("198.51.100.7", "192.0.2.25").tcp(kSyn)), "pass conforms");
        EXPECT_EQ(world.say(Frame().ip(text, kMx).tcp(kSyn)), "drop rate") << text;
        World listed(embedded, to_string(reference::cut(carrier, 48)));
        const auto decision = listed.decide(Frame().ip(text, kMx).tcp(kSyn).bytes());
        const bool mapped = carrier == carriers.front();
        EXPECT_EQ(decision.class_name, mapped ? "slow" : "bad") << text;
        EXPECT_EQ(to_string(*decision.source), "198.51.100.7/32") << text;
    }
}

// An open connection is counted to the IPv4 address too.
TEST(Embedded, ConnectionsOfTheSender)
{
    World world("nat64: [\"2a64::/96\"]");
    const size_t connection = world.opened("2a64::198.51.100.7", kSecond);
    const mxg_address sender = reference::to_core(reference::address("198.51.100.7"));
    const mxg_prefix prefix{sender, 32};
    const mxg_gate& gate = world.model().gate();
    const uint64_t hash = mxg_prefix_hash(gate.sources.key, &prefix);
    const mxg_bucket& bucket = gate.buckets[mxg_bucket_number(hash, gate.sources.bucket_mask)];
    const uint32_t way = mxg_find_way(&bucket, &prefix, mxg_source_tag(hash, &prefix));
    ASSERT_LT(way, uint32_t{MXG_WAYS});
    EXPECT_EQ(bucket.way[way].open, 1u);
    world.closed(connection);
    EXPECT_EQ(bucket.way[way].open, 0u);
}

// Inside must be what could be outside: of a martian nobody is the sender.
TEST(Embedded, MartiansInside)
{
    World world(
        "nat64: [\"2a64::/96\"], sixrd: [{prefix: \"2a6d::/28\", ipv4_mask_length: 0}],"
        " isatap: [\"::/0\"]");
    for (const char* source :
         {"::ffff:127.0.0.1", "::ffff:0.0.0.0", "::ffff:224.0.0.1", "2002:7f00:1::1",
          "2002:e000:1::1", "2002::1", "2001::ffff:ffff", "2001::1fff:ffff", "64:ff9b::127.0.0.1",
          "64:ff9b::", "2a64::239.1.2.3", "2a6d:7:f000:10::1", "2a00::5efe:127.0.0.1",
          "ff02::5efe:198.51.100.7"}) {
        EXPECT_EQ(world.say(Frame().ip(source, kMx).tcp(kSyn)), "drop martian") << source;
        EXPECT_EQ(world.say(Frame().ip(source, kMx).tcp(kAck)), "drop martian") << source;
    }
    // Private ones may be: NAT64 and 6rd of an operator carry them.
    EXPECT_EQ(world.say(Frame().ip("2a64::10.1.2.3", kMx).tcp(kSyn)), "pass conforms");
    EXPECT_EQ(world.say(Frame().ip("2a6d:0:a010:2030::1", kMx).tcp(kSyn)), "drop rate");
}

// The table holds as many as the configuration may name.
TEST(Embedded, TheLastOfMany)
{
    std::string list = "nat64: [";
    for (int i = 1; i <= MXG_MAX_EMBEDDINGS; i++)
        list += "\"2a64:0:" + std::to_string(i) + "::/96\"" + (i < MXG_MAX_EMBEDDINGS ? ", " : "]");
    World world(list);
    EXPECT_EQ(world.state_of("2a64:0:1::198.51.100.7"), "198.51.100.7/32");
    EXPECT_EQ(world.state_of("2a64:0:32::198.51.100.8"), "198.51.100.8/32");
    EXPECT_EQ(world.state_of("2a64:0:33::198.51.100.9"), "2a64:0:33::/64");
}

}  // namespace
}  // namespace mxgate
