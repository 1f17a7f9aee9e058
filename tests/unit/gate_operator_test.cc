// SPDX-License-Identifier: BSD-2-Clause
// A gate whose feeds are local files: what the operator does to it and sets by hand.
#include <atomic>

#include "tests/unit/feed_gate.h"

namespace mxgate {
namespace {

using ::testing::HasSubstr;

class GateOperator : public GateFiles
{
protected:
    // Of list `a`, beside one that denies and, before that, one that passes.
    bool start_with_two_versions()
    {
        write("good.txt", "2001:db8:1::/48\n");
        write("deny.txt", "2001:db8:9::/48\n");
        write("a.txt", kGood);
        configure(list("good", "good.txt", "good", ", priority: 1") +
                  list("deny", "deny.txt", "bad", ", priority: 2") + list("a", "a.txt", "bad"));
        start();
        write("a.txt", "2001:db8:5::/48\n");
        if (!await([&] { return class_of("2001:db8:5::1") == "bad"; }))
            return false;
        gate_->reload();  // versions are kept once the table is in force; now they have been
        return true;
    }
};

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
    ::testing::internal::CaptureStdout();
    EXPECT_EQ(gate_->reload().at("needs_restart").get<Keys>(), changed);
    EXPECT_EQ(gate_->reload().at("needs_restart").get<Keys>(), changed) << "it still does";
    const std::string log = ::testing::internal::GetCapturedStdout();
    const std::string warning = "of mxgate-dpdk) changed: takes effect when mxgated is restarted";
    ASSERT_NE(log.find(warning), std::string::npos) << "SIGHUP says it to nobody else: " << log;
    EXPECT_EQ(log.find(warning), log.rfind(warning)) << "once";
    write("a.txt", "2001:db8:5::/48\n");
    ASSERT_TRUE(await([&] { return class_of("2001:db8:5::1") == "bad"; }));
    EXPECT_EQ(gate_->status().at("needs_restart").get<Keys>(), changed);
    write("gate.yaml", before);
    EXPECT_EQ(gate_->reload().at("needs_restart").get<Keys>(), Keys());
    EXPECT_EQ(gate_->status().at("needs_restart").get<Keys>(), Keys());
}

TEST_F(GateOperator, RollbackForcesNothingElse)
{
    ASSERT_TRUE(start_with_two_versions());
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
    ASSERT_TRUE(start_with_two_versions());
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

}  // namespace
}  // namespace mxgate
