// SPDX-License-Identifier: BSD-2-Clause
// The order of the decision and what each rule says, for the core and for the reference alike.
#include <gtest/gtest.h>

#include <set>

#include "control/config/units.h"
#include "tests/frames/generator.h"
#include "tests/frames/pair.h"
#include "tests/reference/policy_case.h"

namespace mxgate {
namespace {

using frames::Bytes;
using frames::Frame;
using namespace frames;
using reference::PolicyCase;

constexpr uint64_t kSecond = 1'000'000'000;

std::string yaml(const std::string& gate = {}, const std::string& bad = {})
{
    return "gate:\n"
           "  plane: xdp\n"
           "  interfaces: [eth0]\n" +
           gate +
           "  services:\n"
           "    - {name: mx, addresses: [\"2001:db8:2::25\", 192.0.2.25], ports: [25]}\n"
           "    - {name: net, addresses: [\"2001:db8:77::/48\", 198.51.100.0/24],"
           " ports: [465, 587-600]}\n"
           "classes:\n"
           "  good: {action: pass}\n"
           "  unknown: {action: limit, rate: 60/min, charge: syn, burst: 2}\n"
           "  slow: {action: limit, rate: 1/min, charge: syn}\n"
           "  wait: {action: limit, rate: 1/s, charge: syn, retry_wait: 60s}\n"
           "  longer: {action: limit, rate: 1/s, charge: syn, retry_wait: 60s, retry_extend: "
           "true}\n"
           "  bad: {action: drop" +
           bad +
           "}\n"
           "  rude: {action: reset}\n"
           "  far: {action: unreachable}\n"
           "default_class: unknown\n";
}

class Both : public Pair
{
public:
    explicit Both(const std::string& text)
    {
        case_ = PolicyCase::from_yaml(text);
        const size_t good = case_.add_feed("good", "good", 10);
        const size_t bad = case_.add_feed("bad", "bad", 20);
        const size_t slow = case_.add_feed("slow", "slow", 0);
        case_.add(case_.add_feed("wait", "wait", 0), "2001:db8:3a17::/48");
        case_.add(case_.add_feed("longer", "longer", 0), "2001:db8:3a18::/48");
        const size_t rude = case_.add_feed("rude", "rude", 0);
        const size_t far = case_.add_feed("far", "far", 0);
        case_.add(good, "2001:db8:600d::/48");
        case_.add(good, "203.0.113.0/25");
        case_.add(bad, "2001:db8:bad::/48");
        case_.add(bad, "203.0.113.128/25");
        case_.add(bad, "2002:c612:1::/48");  // 6to4 of 198.18.0.1
        case_.add(slow, "198.18.0.0/16");
        case_.add(good, "2002:c612::/32");
        case_.add(rude, "2001:db8:7e5e::/48");
        case_.add(far, "2001:db8:fa7::/48");
        case_.add_length("2001:db8:5000::/36", 56);
        case_.add_length("198.19.0.0/16", 24);
        table_ = case_.compile();
        model_.emplace(table_);
        gate_.emplace(case_.config, case_.reference());
    }

    // Another configuration, over the same state.
    void set_retry_wait(const std::string& name, const std::string& duration)
    {
        for (ClassConfig& c : case_.config.classes)
            if (c.name == name)
                c.retry_wait_ns = parse_duration(duration.empty() ? "0s" : duration).value();
        publish(case_);
    }
};

constexpr const char* kMx = "2001:db8:2::25";
constexpr const char* kMx4 = "192.0.2.25";

Frame from(const std::string& source, const std::string& destination = kMx)
{
    return Frame().ip(source, destination);
}

TEST(Decide, DestinationFirst)
{
    Both both(yaml());
    EXPECT_EQ(both.say(from("2001:db8:bad::1", "2001:db8:2::26").tcp(kSyn)), "pass not-gated");
    EXPECT_EQ(both.say(from("2001:db8:bad::1").tcp(kSyn, 26)), "pass not-gated");
    EXPECT_EQ(both.say(from("2001:db8:bad::1").udp()), "pass not-gated");
    EXPECT_EQ(both.say(from("2001:db8:bad::1").tcp(kSyn)), "drop class");
    EXPECT_EQ(both.say(from("2001:db8:bad::1", "2001:db8:77:1::1").tcp(kSyn, 587)), "drop class");
    EXPECT_EQ(both.say(from("2001:db8:bad::1", "2001:db8:77:1::1").tcp(kSyn, 600)), "drop class");
    EXPECT_EQ(both.say(from("2001:db8:bad::1", "2001:db8:77::").tcp(kSyn, 601)), "pass not-gated");
    EXPECT_EQ(both.say(from("2001:db8:bad::1", "2001:db8:77::").tcp(kSyn, 586)), "pass not-gated");
    // The ports of one service do not open those of another.
    EXPECT_EQ(both.say(from("2001:db8:bad::1").tcp(kSyn, 465)), "pass not-gated");
    EXPECT_EQ(both.say(from("203.0.113.200", "198.51.100.9").tcp(kSyn, 465)), "drop class");
    EXPECT_EQ(both.say(from("203.0.113.200", "198.51.100.9").tcp(kSyn)), "pass not-gated");
}

TEST(Decide, MalformedOnlyToProtected)
{
    Both both(yaml());
    EXPECT_EQ(both.say(from("2001:db8::1").tcp(kSyn | kFin)), "drop malformed");
    EXPECT_EQ(both.say(from("2001:db8::1").tcp(kSyn | kFin, 26)), "pass not-gated");
    EXPECT_EQ(both.say(from("2001:db8::1", "2001:db8::2").tcp(kSyn | kFin)), "pass not-gated");
    // The port cannot be read: the address decides.
    EXPECT_EQ(both.say(from("2001:db8::1").protocol(6).data(2)), "drop malformed");
    EXPECT_EQ(both.say(from("2001:db8::1", "2001:db8::2").protocol(6).data(2)), "pass not-gated");
    EXPECT_EQ(both.say(from("2001:db8:600d::1").tcp(kSyn | kRst)), "drop malformed");
    // Malformed comes before martian.
    EXPECT_EQ(both.say(from("::1").tcp(kSyn | kRst)), "drop malformed");
}

TEST(Decide, FragmentsDropped)
{
    Both both(yaml());
    EXPECT_EQ(both.say(from("2001:db8:600d::1").fragment(5, false).protocol(6).data(8)),
              "drop fragment");
    EXPECT_EQ(both.say(from("::1").fragment(5, false).protocol(6).data(8)), "drop fragment");
    EXPECT_EQ(both.say(from("2001:db8::1").fragment(5, false).protocol(17).data(8)),
              "pass not-gated");
    EXPECT_EQ(both.say(from("203.0.113.1", kMx4).fragment(5, true).protocol(6).data(8)),
              "drop fragment");
    EXPECT_EQ(both.say(from("203.0.113.1", kMx4).fragment(1, true).protocol(6).data(8)),
              "drop malformed");
}

TEST(Decide, FragmentsPassed)
{
    Both both(yaml("  fragments: pass\n"));
    EXPECT_EQ(both.say(from("2001:db8:bad::1").fragment(5, false).protocol(6).data(8)),
              "pass fragment");
    EXPECT_EQ(both.say(from("::1").fragment(5, false).protocol(6).data(8)), "drop martian");
    EXPECT_EQ(both.say(from("203.0.113.1", kMx4).fragment(1, true).protocol(6).data(8)),
              "drop malformed");
}

TEST(Decide, Martians)
{
    Both both(yaml());
    for (const char* source : {"::", "::1", "ff02::1", "ffff::", "2001:db8:2::25"})
        EXPECT_EQ(both.say(from(source).tcp(kSyn)), "drop martian") << source;
    for (const char* source :
         {"0.0.0.0", "127.0.0.1", "127.255.255.255", "224.0.0.1", "239.255.255.255", "192.0.2.25"})
        EXPECT_EQ(both.say(from(source, kMx4).tcp(kSyn)), "drop martian") << source;
    for (const char* source : {"::2", "fe80::1", "2001:db8:77::1", "2001:db8:2::24"})
        EXPECT_EQ(both.say(from(source).tcp(kSyn)), "pass conforms") << source;
    for (const char* source :
         {"126.255.255.255", "128.0.0.0", "223.255.255.255", "240.0.0.0", "198.51.100.1"})
        EXPECT_EQ(both.say(from(source, kMx4).tcp(kSyn)), "pass conforms") << source;
    // Equal to the destination, inside a protected prefix that is no host.
    EXPECT_EQ(both.say(from("198.51.100.1", "198.51.100.1").tcp(kSyn, 465)), "drop martian");
    // Another protected host, and not only for attempts.
    EXPECT_EQ(both.say(from(kMx, "2001:db8:77::1").tcp(kAck, 465)), "drop martian");
}

TEST(Decide, Established)
{
    Both both(yaml());
    for (const int flags : {+kAck, +kRst, +kFin, 0})
        EXPECT_EQ(both.say(from("2001:db8:bad::1").tcp(static_cast<uint8_t>(flags))),
                  "pass established");
    EXPECT_EQ(both.say(from("2001:db8:bad::1").tcp(kSyn | kAck)), "pass established");
    EXPECT_EQ(both.say(from("2001:db8:bad::1").tcp(kSyn | kEce | kCwr).data(9)), "drop class");
}

TEST(Decide, Actions)
{
    Both both(yaml());
    EXPECT_EQ(both.say(from("2001:db8:600d::1").tcp(kSyn)), "pass class");
    EXPECT_EQ(both.say(from("2001:db8:bad::1").tcp(kSyn)), "drop class");
    EXPECT_EQ(both.say(from("2001:db8:7e5e::1").tcp(kSyn)), "reset class");
    EXPECT_EQ(both.say(from("2001:db8:fa7::1").tcp(kSyn)), "unreachable class");
    EXPECT_EQ(both.say(from("2001:db8::1").tcp(kSyn)), "pass conforms");
}

TEST(Decide, DenialsOfALimit)
{
    for (const char* deny : {"drop", "reset", "unreachable"}) {
        std::string text = yaml();
        text.insert(text.find("rate: 1/min"), std::string("deny_with: ") + deny + ", ");
        Both both(text);
        EXPECT_EQ(both.say(from("198.18.0.1", kMx4).tcp(kSyn)), "pass conforms");
        EXPECT_EQ(both.say(from("198.18.0.1", kMx4).tcp(kSyn)), std::string(deny) + " rate");
    }
}

TEST(Decide, RateOfThePrefix)
{
    Both both(yaml());
    EXPECT_EQ(both.say(from("2001:db8:5000:1::1").tcp(kSyn)), "pass conforms");
    EXPECT_EQ(both.say(from("2001:db8:5000:2::1").tcp(kSyn)), "pass conforms");
    EXPECT_EQ(both.say(from("2001:db8:5000:3::1").tcp(kSyn)), "drop rate");
    EXPECT_EQ(both.say(from("2001:db8:5000:100::1").tcp(kSyn)), "pass conforms");
    EXPECT_EQ(both.say(from("2001:db8:5000:1::1").tcp(kSyn), 2 * kSecond - 1), "drop rate");
    EXPECT_EQ(both.say(from("2001:db8:5000:1::1").tcp(kSyn), 2 * kSecond), "pass conforms");
    const reference::Decision d = both.decide(from("198.19.7.7", kMx4).tcp(kSyn).bytes());
    EXPECT_EQ(to_string(*d.source), "198.19.7.0/24");
}

// A SYN and its retransmissions are one attempt, whatever its verdict, for 12 frames and 64 s.
TEST(Decide, RetransmissionsAreOneAttempt)
{
    Both both(yaml());
    const Frame first = from("2001:db8::1").tcp(kSyn), second = from("2001:db8::1").tcp(kSyn),
                third = from("2001:db8::1").tcp(kSyn);
    for (const uint64_t seconds : {1, 2, 4, 8, 16, 32, 64})
        EXPECT_EQ(both.say(first, seconds * kSecond), "pass conforms") << seconds;
    EXPECT_EQ(both.say(second, 64 * kSecond), "pass conforms");
    EXPECT_EQ(both.say(third, 64 * kSecond), "pass conforms");
    const Frame denied = from("2001:db8::1").tcp(kSyn);
    EXPECT_EQ(both.say(denied, 64 * kSecond), "drop rate");
    EXPECT_EQ(both.say(denied, 67 * kSecond), "drop rate");
    EXPECT_EQ(both.say(from("2001:db8::1").tcp(kSyn), 67 * kSecond), "pass conforms");
    // Another port or another destination is another attempt.
    EXPECT_EQ(both.say(from("2001:db8::1").tcp(kSyn, 25, 40001), 67 * kSecond), "pass conforms");
    EXPECT_EQ(both.say(from("2001:db8::1").tcp(kSyn, 25, 40002), 67 * kSecond), "drop rate");
    // After its time, and beyond its number, it is a new one.
    EXPECT_EQ(both.say(denied, 129 * kSecond), "pass conforms");
    const Frame often = from("2001:db8:1::1").tcp(kSyn);
    for (int i = 0; i < 24; i++)
        EXPECT_EQ(both.say(often, 1000 * kSecond), "pass conforms") << i;
    for (int i = 0; i < 12; i++)
        EXPECT_EQ(both.say(often, 1000 * kSecond), "drop rate") << i;
}

TEST(Decide, DeniedPrefixMustWait)
{
    Both both(yaml());
    const auto attempt = [&both](uint64_t now) {
        return both.say(from("2001:db8:3a17::" + std::to_string(now % 7)).tcp(kSyn), now);
    };
    EXPECT_EQ(attempt(kSecond), "pass conforms");
    const Frame denied = from("2001:db8:3a17::1").tcp(kSyn);
    EXPECT_EQ(both.say(denied, kSecond + 1), "drop rate");
    EXPECT_EQ(attempt(3 * kSecond), "drop retry-wait");
    EXPECT_EQ(both.say(denied, 4 * kSecond), "drop rate");
    EXPECT_EQ(attempt(61 * kSecond), "drop retry-wait");
    EXPECT_EQ(attempt(61 * kSecond + 1), "pass conforms");
    // A sibling does not wait.
    EXPECT_EQ(both.say(from("2001:db8:3a17:1::1").tcp(kSyn), 30 * kSecond), "pass conforms");
}

TEST(Decide, EarlyRetryBeginsTheWaitAnew)
{
    Both both(yaml());
    const auto attempt = [&both](uint64_t now) {
        return both.say(from("2001:db8:3a18::1").tcp(kSyn), now);
    };
    EXPECT_EQ(attempt(kSecond), "pass conforms");
    EXPECT_EQ(attempt(kSecond), "drop rate");
    const Frame early = from("2001:db8:3a18::1").tcp(kSyn);
    EXPECT_EQ(both.say(early, 60 * kSecond), "drop retry-wait");
    // Its retransmissions do not.
    EXPECT_EQ(both.say(early, 70 * kSecond), "drop retry-wait");
    EXPECT_EQ(both.say(early, 90 * kSecond), "drop retry-wait");
    EXPECT_EQ(attempt(120 * kSecond), "pass conforms");
}

// A waiting period made under another configuration is no longer than that of this one, or none.
TEST(Decide, WaitFollowsTheConfiguration)
{
    for (const char* wait : {"10s", "600s", ""}) {
        Both both(yaml());
        for (int i = 0; i < 2; i++)
            both.say(from("2001:db8:3a17::1").tcp(kSyn), kSecond);
        both.set_retry_wait("wait", wait);
        const bool waits = *wait != 0;
        EXPECT_EQ(both.say(from("2001:db8:3a17::1").tcp(kSyn), 3 * kSecond),
                  waits ? "drop retry-wait" : "pass conforms");
        EXPECT_EQ(both.say(from("2001:db8:3a17::1").tcp(kSyn), 13 * kSecond),
                  std::string(wait) == "600s" ? "drop retry-wait" : "pass conforms");
    }
}

TEST(Decide, MappedIsIpv4)
{
    Both both(yaml());
    const auto d = both.decide(from("::ffff:203.0.113.200").tcp(kSyn).bytes());
    EXPECT_EQ(d.class_name, "bad");
    EXPECT_EQ(to_string(*d.source), "203.0.113.200/32");
    EXPECT_EQ(d.family, 6);
    // The state is that of the IPv4 sender.
    EXPECT_EQ(both.say(from("198.18.9.9", kMx4).tcp(kSyn)), "pass conforms");
    EXPECT_EQ(both.say(from("::ffff:198.18.9.9").tcp(kSyn)), "drop rate");
}

TEST(Decide, StricterViewOf6to4)
{
    Both both(yaml());
    // Inside: slow. Outside: bad (the /48), which is stricter; the state is the IPv4 sender's.
    auto d = both.decide(from("2002:c612:1::1").tcp(kSyn).bytes());
    EXPECT_EQ(d.class_name, "bad");
    EXPECT_EQ(to_string(*d.source), "198.18.0.1/32");
    // Outside: good, which is milder.
    d = both.decide(from("2002:c612:0002::1").tcp(kSyn).bytes());
    EXPECT_EQ(d.class_name, "slow");
    EXPECT_EQ(to_string(*d.source), "198.18.0.2/32");
    EXPECT_EQ(d.reason, MXG_CONFORMS);
    EXPECT_EQ(both.say(from("198.18.0.2", kMx4).tcp(kSyn)), "drop rate");
    // A tie: the same class from the default; the inner view's feed (none) stands.
    d = both.decide(from("2002:0909:0909::1").tcp(kSyn).bytes());
    EXPECT_EQ(d.class_name, "unknown");
    EXPECT_FALSE(d.feed);
}

TEST(Decide, MonitorOfTheGate)
{
    Both both(yaml("  mode: monitor\n"));
    const auto d = both.decide(from("2001:db8:bad::1").tcp(kSyn).bytes());
    EXPECT_EQ(d.verdict, MXG_DROP);
    EXPECT_FALSE(d.enforced);
    EXPECT_FALSE(both.decide(from("::1").tcp(kSyn).bytes()).enforced);
    EXPECT_FALSE(both.decide(from("::1").tcp(kSyn | kFin).bytes()).enforced);
    // State is charged as if it were enforced.
    EXPECT_EQ(both.say(from("198.18.9.9", kMx4).tcp(kSyn)), "pass conforms");
    EXPECT_EQ(both.say(from("198.18.9.9", kMx4).tcp(kSyn)), "drop rate");
}

TEST(Decide, MonitorOfOneClass)
{
    Both both(yaml({}, ", mode: monitor"));
    const auto d = both.decide(from("2001:db8:bad::1").tcp(kSyn).bytes());
    EXPECT_EQ(d.verdict, MXG_DROP);
    EXPECT_FALSE(d.enforced);
    EXPECT_TRUE(both.decide(from("2001:db8:7e5e::1").tcp(kSyn).bytes()).enforced);
    EXPECT_TRUE(both.decide(from("2001:db8:bad::1").tcp(kSyn | kFin).bytes()).enforced);
}

TEST(Decide, WithoutATable)
{
    for (const bool drop : {false, true}) {
        Both both(yaml(drop ? "  without_table: drop\n" : ""));
        const PolicyTable empty = empty_table(both.policy().config);
        Model model(empty);
        const auto syn =
            in_words(model.decide(from("2001:db8:bad::1").tcp(kSyn).bytes(), 1), empty.info);
        EXPECT_EQ(syn.verdict, drop ? MXG_DROP : MXG_PASS);
        EXPECT_EQ(syn.reason, MXG_NO_TABLE);
        const auto ack =
            in_words(model.decide(from("2001:db8::1").tcp(kAck).bytes(), 1), empty.info);
        EXPECT_EQ(ack.reason, MXG_ESTABLISHED);
        EXPECT_EQ(model.decide(from("2001:db8::1", "::5").tcp(kSyn).bytes(), 1).reason,
                  MXG_NOT_GATED);
    }
    mxg_gate none{};
    const mxg_packet packet = frames::parse(from("2001:db8::1").tcp(kSyn).bytes());
    mxg_decision decision;
    mxg_decide(&none, &packet, &decision);
    EXPECT_EQ(decision.verdict, MXG_PASS);
    EXPECT_EQ(decision.reason, MXG_NO_TABLE);
}

TEST(Decide, CounterIndexDenseAndUnique)
{
    std::set<uint32_t> seen;
    for (int reason = 0; reason < MXG_REASONS; reason++)
        for (int c = 0; c <= MXG_MAX_CLASSES; c++)
            for (int family = 0; family < 3; family++)
                for (int verdict = 0; verdict < MXG_VERDICTS; verdict++)
                    for (int enforced = 0; enforced < 2; enforced++) {
                        mxg_decision d{};
                        d.reason = static_cast<uint8_t>(reason);
                        d.class_id = static_cast<uint8_t>(c < MXG_MAX_CLASSES ? c : MXG_NO_CLASS);
                        d.family = static_cast<uint8_t>(family);
                        d.verdict = static_cast<uint8_t>(verdict);
                        d.enforced = static_cast<uint8_t>(enforced);
                        seen.insert(mxg_counter_index(&d));
                    }
    EXPECT_EQ(seen.size(), static_cast<size_t>(MXG_COUNTERS));
    EXPECT_EQ(*seen.rbegin(), static_cast<uint32_t>(MXG_COUNTERS - 1));
}

TEST(Decide, RandomFramesAsTheReference)
{
    for (const char* gate : {"", "  mode: monitor\n", "  fragments: pass\n"}) {
        Both both(yaml(gate));
        Generator generator(both.policy().config, both.policy().reference().all_prefixes(), 7);
        uint64_t now = kSecond;
        for (int i = 0; i < 20'000; i++, now += kSecond / 50) {
            both.decide(generator.next(), now);
            ASSERT_FALSE(::testing::Test::HasFailure()) << "frame " << i;
        }
        EXPECT_EQ(both.model().counted(), 20'000u);
    }
}

}  // namespace
}  // namespace mxgate
