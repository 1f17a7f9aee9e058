// SPDX-License-Identifier: BSD-2-Clause
// A gate whose feeds are local files: what the operator does to it and sets by hand.
#include <atomic>

#include "control/table/table_diff.h"
#include "tests/unit/feed_gate.h"

namespace mxgate {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

using GateOperator = GateFiles;

TEST_F(GateOperator, RollbackOfAFile)
{
    write("a.txt", kGood);
    configure(list("a", "a.txt", "bad"));
    start();
    write("a.txt", "2001:db8:5::/48\n");
    ASSERT_TRUE(await([&] { return class_of("2001:db8:5::1") == "bad"; }));
    gate_->roll_back("a", false);
    EXPECT_EQ(class_of("2001:db8:bad::1"), "bad");
    EXPECT_EQ(class_of("2001:db8:5::1"), "unknown");
    gate_->reload();
    EXPECT_EQ(class_of("2001:db8:bad::1"), "bad");
    gate_->roll_back("a", true);
    EXPECT_EQ(class_of("2001:db8:5::1"), "bad");
}

TEST_F(GateOperator, WhatNeedsARestartWaitsForIt)
{
    using Keys = std::vector<std::string>;
    write("a.txt", kGood);
    configure(list("a", "a.txt", "bad"));
    start();
    std::ifstream in(file("gate.yaml"));
    const std::string before((std::istreambuf_iterator<char>(in)), {});
    std::string after = before;
    after.replace(after.find("net_null1"), 9, "net_null2");
    write("gate.yaml", after);
    const Keys changed{"gate.dpdk (of mxgate-dpdk)"};
    EXPECT_EQ(gate_->reload().at("needs_restart").get<Keys>(), changed);
    EXPECT_EQ(gate_->reload().at("needs_restart").get<Keys>(), changed) << "it still does";
    write("a.txt", "2001:db8:5::/48\n");
    ASSERT_TRUE(await([&] { return class_of("2001:db8:5::1") == "bad"; }));
    EXPECT_EQ(gate_->status().at("needs_restart").get<Keys>(), changed);
    write("gate.yaml", before);
    EXPECT_EQ(gate_->reload().at("needs_restart").get<Keys>(), Keys());
    EXPECT_EQ(gate_->status().at("needs_restart").get<Keys>(), Keys());
}

TEST_F(GateOperator, RollbackForcesNothingElse)
{
    write("good.txt", "2001:db8:1::/48\n");
    write("deny.txt", "2001:db8:9::/48\n");
    write("a.txt", kGood);
    configure(list("good", "good.txt", "good", ", priority: 1") +
              list("deny", "deny.txt", "bad", ", priority: 2") + list("a", "a.txt", "bad"));
    start();
    write("a.txt", "2001:db8:5::/48\n");
    ASSERT_TRUE(await([&] { return class_of("2001:db8:5::1") == "bad"; }));
    write("deny.txt", "2001:db8::/32\n");
    EXPECT_THAT(next_event("table-refused"), HasSubstr("2001:db8:1::/48"));
    gate_->roll_back("a", false);
    EXPECT_EQ(class_of("2001:db8:5::1"), "unknown");
    EXPECT_EQ(class_of("2001:db8:1::1"), "good");
    EXPECT_EQ(class_of("2001:db8:9::1"), "bad");
    gate_->roll_back("a", true);
    EXPECT_EQ(class_of("2001:db8:5::1"), "bad");
    EXPECT_EQ(class_of("2001:db8:1::1"), "good");
}

// What of a list is in force is not known: its file may be anything.
TEST_F(GateOperator, RollbackForcesNoListThatCannotStay)
{
    write("good.txt", "2001:db8:1::/48\n");
    write("deny.txt", "2001:db8:9::/48\n");
    write("a.txt", kGood);
    configure(list("good", "good.txt", "good", ", priority: 1") +
              list("deny", "deny.txt", "bad", ", priority: 2") + list("a", "a.txt", "bad"));
    start();
    write("a.txt", "2001:db8:5::/48\n");
    ASSERT_TRUE(await([&] { return class_of("2001:db8:5::1") == "bad"; }));
    const uint64_t before = generation();
    std::filesystem::remove_all(file("state/feeds/deny"));
    write("deny.txt", "2001:db8::/32\n");
    EXPECT_THAT(next_event("table-refused"), HasSubstr("2001:db8:1::/48"));
    EXPECT_THROW(gate_->roll_back("a", false), GateError);
    EXPECT_EQ(class_of("2001:db8:1::1"), "good");
    EXPECT_EQ(generation(), before);
}

TEST_F(GateOperator, ARollbackThatFailsChangesNothing)
{
    write("a.txt", kGood);
    configure(list("a", "a.txt", "bad"));
    start();
    write("a.txt", "2001:db8:5::/48\n");
    ASSERT_TRUE(await([&] { return class_of("2001:db8:5::1") == "bad"; }));
    std::filesystem::remove(file("state/feeds/a/1"));
    EXPECT_THROW(gate_->roll_back("a", false), GateError);
    gate_->reload();
    EXPECT_EQ(class_of("2001:db8:5::1"), "bad");
    for (const nlohmann::json& event : gate_->events(0, 1000))
        EXPECT_NE(event.at("kind"), "feed-rolled-back");
}

TEST_F(GateOperator, ReportsDoNotWaitForWhatIsSetByHand)
{
    write("a.txt", kGood);
    configure(list("a", "a.txt", "bad"));
    start();
    // A disk that takes its time: whoever opens this to write waits for a reader.
    const std::string slow = file("state/overrides.json.new");
    ASSERT_EQ(::mkfifo(slow.c_str(), 0600), 0);
    std::atomic<bool> done = false, reported = false;
    std::thread setter([&] {
        EXPECT_THROW(gate_->set_override({"192.0.2.0/24", "bad", {}, {}, "", ""}),
                     std::runtime_error);  // a pipe is no disk
        done = true;
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    std::thread reporter([&] {
        gate_->status();
        reported = true;
    });
    const bool at_once = await([&] { return reported.load(); }) && !done;
    const int reader = ::open(slow.c_str(), O_RDONLY | O_NONBLOCK);
    setter.join();
    reporter.join();
    ::close(reader);
    EXPECT_TRUE(at_once);
    EXPECT_TRUE(gate_->overrides().at("overrides").empty());
}

TEST_F(GateOperator, WhatNamesAClassThatIsGoneDoesNotHoldAndIsTold)
{
    const std::string classes =
        "classes:\n  good: {action: pass}\n  unknown: {action: limit, rate: 9/min, burst: 9}\n"
        "  bad: {action: drop}\n";
    const std::string rest = "default_class: unknown\n";
    write("a.txt", kGood);
    configure(list("a", "a.txt", "bad"), classes + "  worse: {action: reset}\n" + rest);
    start();
    gate_->set_override({"2001:db8:7::/48", "worse", {}, {}, "", ""});
    gate_->set_override({"2001:db8::/32", "good", {}, {}, "", ""});
    EXPECT_EQ(class_of("2001:db8:7::1"), "worse");
    forget_events();
    configure(list("a", "a.txt", "bad"), classes + rest);
    gate_->reload();
    EXPECT_THAT(next_event("override-idle"), HasSubstr("2001:db8:7::/48"));
    EXPECT_EQ(class_of("2001:db8:7::1"), "good") << "as the planes have it";
    const nlohmann::json set = gate_->overrides();
    for (const nlohmann::json& entry : set.at("overrides"))
        EXPECT_EQ(entry.at("in_force"), entry.at("class") == "good") << entry;
    gate_->reload();
    int told = 0;
    for (const nlohmann::json& event : gate_->events(0, 1000))
        told += event.at("kind") == "override-idle";
    EXPECT_EQ(told, 1);
    EXPECT_THROW(gate_->set_override({"2001:db8:8::/48", "worse", {}, {}, "", ""}),
                 std::invalid_argument);
    gate_->forget_override("2001:db8:7::/48");
    EXPECT_EQ(gate_->overrides().at("overrides").size(), 1u);
}

TEST_F(GateOperator, DamageOfWhatIsSetByHandIsAnEvent)
{
    write("a.txt", kGood);
    configure(list("a", "a.txt", "bad"));
    std::filesystem::create_directory(file("state"));
    write("state/overrides.json", "[{}]");
    start();
    EXPECT_THAT(next_event("state-damaged"), HasSubstr("overrides.json"));
}

TEST_F(GateOperator, ClassesAndEvents)
{
    write("a.txt", kGood);
    configure(list("a", "a.txt", "bad"));
    start();
    for (const nlohmann::json& c : gate_->classes())
        EXPECT_EQ(c.at("entries"), c.at("class") == "bad" ? 3 : 0) << c;
    EXPECT_EQ(gate_->classes().size(), 4u);
    EXPECT_NE(next_event("generation"), "");
    EXPECT_EQ(gate_->events(0, 1).size(), 1u);
    EXPECT_TRUE(gate_->events(1000000, 10).empty());
}

// The share of senders that a table newly denies, and what `mxgate diff` prints.
TEST(TableDiff, APartOfAGoodEntryIsEnough)
{
    const auto denied = [](const char* deny, const char* then = nullptr) {
        auto policy = reference::PolicyCase::from_yaml(
            "gate: {services: [{name: mx, addresses: [192.0.2.25]}]}\n");
        const size_t good = policy.add_feed("good", "good", 0);
        const size_t bad = policy.add_feed("bad", "bad", 0);
        policy.add(good, "203.0.113.0/24");
        policy.add(good, "2001:db8::/32");
        policy.add(bad, "203.0.113.192/28");
        policy.add(bad, "2001:db8:9::/48");
        const PolicyTable before = policy.compile();
        policy.add(bad, deny);
        if (then != nullptr)
            policy.add(good, then);
        std::string out;
        for (const mxg_prefix& prefix : newly_denied(before, policy.compile(2), {}).good_denied)
            out += to_string(prefix) + ' ';
        return out;
    };
    EXPECT_EQ(denied("203.0.113.64/26"), "203.0.113.0/24 ");
    EXPECT_EQ(denied("203.0.113.77"), "203.0.113.0/24 ");
    EXPECT_EQ(denied("203.0.113.192/28"), "") << "it was before";
    EXPECT_EQ(denied("203.0.113.200"), "") << "it was before";
    EXPECT_EQ(denied("203.0.113.192/27"), "203.0.113.0/24 ") << "one half was";
    EXPECT_EQ(denied("203.0.113.64/26", "203.0.113.64/26"), "") << "bad stands behind good";
    EXPECT_EQ(denied("2001:db8:9:5::/64"), "");
    EXPECT_EQ(denied("2001:db8:a::1"), "2001:db8::/32 ");
    EXPECT_EQ(denied("10.0.0.0/8"), "");
}

TEST(TableDiff, SendersAndEntries)
{
    auto policy = reference::PolicyCase::from_yaml(
        "gate: {services: [{name: mx, addresses: [192.0.2.25]}]}\n");
    const size_t good = policy.add_feed("good", "good", 0), bad = policy.add_feed("bad", "bad", 1);
    policy.add(good, "2001:db8:1::/48");
    policy.add(good, "2001:db8:2::/48");
    policy.add(bad, "2001:db8:3::/48");
    const PolicyTable before = policy.compile();
    policy.add(bad, "2001:db8:2:8000::/49");  // a part of a good one
    policy.add(bad, "2001:db8:1::/48");
    policy.add(bad, "10.0.0.0/8");
    policy.add(bad, "2001:db8:3::/48", true);
    const PolicyTable after = policy.compile(2);
    std::vector<mxg_prefix> senders;
    for (const char* sender : {"2001:db8:1::/64", "2001:db8:2:8000::/64", "2001:db8:3::/64",
                               "10.1.1.1/32", "11.1.1.1/32"})
        senders.push_back(parse_prefix(sender)->prefix);
    const NewlyDenied newly = newly_denied(before, after, senders);
    const auto texts = [](const std::vector<mxg_prefix>& prefixes) {
        std::vector<std::string> out;
        for (const mxg_prefix& prefix : prefixes)
            out.push_back(to_string(prefix));
        return out;
    };
    EXPECT_EQ(newly.senders, 5u);
    EXPECT_THAT(texts(newly.denied),
                ElementsAre("2001:db8:1::/64", "2001:db8:2:8000::/64", "10.1.1.1/32"));
    EXPECT_THAT(texts(newly.good_denied), ElementsAre("2001:db8:1::/64", "2001:db8:2:8000::/64",
                                                      "2001:db8:1::/48", "2001:db8:2::/48"));
    std::vector<std::string> changes;
    for_each_change(before, after, [&](const EntryChange& c) {
        changes.push_back(to_string(c.prefix) + " " + c.feed + " " + c.before + ">" + c.after);
    });
    EXPECT_THAT(changes, ElementsAre("10.0.0.0/8 bad >bad", "2001:db8:1::/48 bad >bad",
                                     "2001:db8:2:8000::/49 bad >bad", "2001:db8:3::/48 bad >!"));
}

}  // namespace
}  // namespace mxgate
