// SPDX-License-Identifier: BSD-2-Clause
// A gate whose feeds are local files, watched; what time and blast radius do to tables.
#include "tests/unit/feed_gate.h"

namespace mxgate {
namespace {

using ::testing::HasSubstr;

constexpr const char* kStale = "  stale_after: 1h\n  stale: default_class\n";

TEST_F(GateFiles, AChangedFileIsInForceByItself)
{
    write("a.txt", kGood);
    std::filesystem::create_directory(file("folder"));
    write("folder/one", "2001:db8:1::/48\n");
    configure(list("a", "a.txt", "bad") + list("b", "folder", "bad"));
    start();
    EXPECT_EQ(class_of("2001:db8:bad::1"), "bad");
    write("a.txt", "2001:db8:5::/48\n");
    EXPECT_TRUE(await([&] { return class_of("2001:db8:5::1") == "bad"; }));
    EXPECT_EQ(class_of("2001:db8:bad::1"), "unknown");
    std::ofstream(file("a.txt"), std::ios::app) << "2001:db8:6::/48\n";  // in place
    EXPECT_TRUE(await([&] { return class_of("2001:db8:6::1") == "bad"; }));
    write("folder/two", "2001:db8:7::/48\n");
    EXPECT_TRUE(await([&] { return class_of("2001:db8:7::1") == "bad"; }));
    std::filesystem::remove(file("folder/one"));
    EXPECT_TRUE(await([&] { return class_of("2001:db8:1::1") == "unknown"; }));
    // What changes many times at once is one table, or a few.
    const uint64_t before = generation();
    for (int i = 0; i < 100; i++)
        write("a.txt", "2001:db8:5::/48\n2001:db8:8::/48\n");
    EXPECT_TRUE(await([&] { return class_of("2001:db8:8::1") == "bad"; }));
    EXPECT_LE(generation(), before + 10);
}

// It could be read once only: at the next change it would be empty.
TEST_F(GateFiles, StandardInputIsNoListOfAGate)
{
    configure(list("listed", "list.txt", "bad") + list("piped", "'-'", "bad"));
    write("list.txt", kGood);
    try {
        start();
        ADD_FAILURE() << "it starts";
    } catch (const GateError& error) {
        EXPECT_THAT(error.what(), ::testing::ContainsRegex("gate.yaml:[0-9]+:[0-9]+: `-`, standard "
                                                           "input, is only for check"));
    }
    configure(list("listed", "list.txt", "bad"));
    start();
    configure(list("piped", "'-'", "bad"));
    EXPECT_THROW(gate_->reload(), GateError);
    EXPECT_EQ(class_of("2001:db8:bad::1"), "bad");
}

TEST_F(GateFiles, ABrokenFileCostsItsNewVersionOnly)
{
    write("a.txt", kGood);
    write("b.txt", "2001:db8:1::/48\n");
    configure(list("a", "a.txt", "bad") + list("b", "b.txt", "bad"));
    start();
    write("a.txt", "nonsense\n");
    EXPECT_THAT(next_event("feed-refused"), HasSubstr("lines are broken"));
    EXPECT_EQ(feed("a").at("state"), "refused");
    EXPECT_EQ(class_of("2001:db8:bad::1"), "bad");
    write("b.txt", "2001:db8:2::/48\n");
    EXPECT_TRUE(await([&] { return class_of("2001:db8:2::1") == "bad"; }));
    EXPECT_EQ(class_of("2001:db8:bad::1"), "bad");
    EXPECT_EQ(feed("a").at("entries"), 3);
    // Who reloads is told.
    EXPECT_THROW(gate_->reload(), GateError);
    start();
    EXPECT_EQ(class_of("2001:db8:bad::1"), "bad") << "after a restart";
    EXPECT_EQ(feed("a").at("state"), "refused");
    std::filesystem::remove(file("a.txt"));
    EXPECT_TRUE(await([&] {
        return feed("a").at("error").get<std::string>().find("No such file") != std::string::npos;
    }));
    EXPECT_EQ(class_of("2001:db8:bad::1"), "bad");
    write("a.txt", "2001:db8:5::/48\n");
    EXPECT_NE(next_event("feed-recovered"), "");
    EXPECT_EQ(class_of("2001:db8:5::1"), "bad");
    EXPECT_TRUE(await([&] { return feed("a").at("state") == "ok"; }));
}

TEST_F(GateFiles, ABrokenFolderCostsItsNewVersionOnly)
{
    std::filesystem::create_directory(file("folder"));
    write("folder/one", kGood);
    write("b.txt", "2001:db8:1::/48\n");
    configure(list("a", "folder", "bad") + list("b", "b.txt", "bad"));
    start();
    write("folder/two", "nonsense\n");
    EXPECT_THAT(next_event("feed-refused"), HasSubstr("lines are broken"));
    write("b.txt", "2001:db8:2::/48\n");
    EXPECT_TRUE(await([&] { return class_of("2001:db8:2::1") == "bad"; }));
    EXPECT_EQ(class_of("2001:db8:bad::1"), "bad");
    start();
    EXPECT_EQ(class_of("2001:db8:bad::1"), "bad") << "after a restart";
    EXPECT_EQ(feed("a").at("state"), "refused");
    write("folder/two", "2001:db8:3::/48\n");
    EXPECT_TRUE(await([&] { return class_of("2001:db8:3::1") == "bad"; }));
    EXPECT_EQ(gate_->roll_back("a", false).at("version"), 1);
    EXPECT_EQ(class_of("2001:db8:3::1"), "unknown");
    EXPECT_EQ(class_of("2001:db8:bad::1"), "bad");
}

TEST_F(GateFiles, AListThatWasNeverGoodCostsItself)
{
    write("a.txt", kGood);
    write("b.txt", "nonsense\n");
    write("lengths.csv", "nonsense\n");
    configure(list("a", "a.txt", "bad") + list("b", "b.txt", "bad"),
              "aggregation:\n  feeds: [{name: isp, format: prefixlen, path: lengths.csv}]\n");
    start();
    EXPECT_EQ(class_of("2001:db8:bad::1"), "bad");
    EXPECT_THAT(next_event("feed-refused"), HasSubstr("; it lists nothing"));
    EXPECT_EQ(feed("b").at("state"), "refused");
    EXPECT_EQ(feed("isp").at("state"), "refused");
    write("a.txt", "2001:db8:5::/48\n");
    EXPECT_TRUE(await([&] { return class_of("2001:db8:5::1") == "bad"; }));
    EXPECT_EQ(feed("b").at("state"), "refused");
    forget_events();
    write("b.txt", "2001:db8:6::/48\n");
    write("lengths.csv", "2001:db8::/32,56,\n");
    EXPECT_TRUE(await([&] { return class_of("2001:db8:6::1") == "bad"; }));
    EXPECT_TRUE(await([&] { return feed("isp").at("state") == "ok"; }));
    write("b.txt", "nonsense\n");
    EXPECT_THAT(next_event("feed-refused"), HasSubstr("; the last good version stays"));
}

TEST_F(GateFiles, ALostVersionIsNotOneThatNeverWas)
{
    write("a.txt", kGood);
    configure(list("a", "a.txt", "bad"));
    start();
    const uint64_t before = generation();
    gate_.reset();
    write("a.txt", "nonsense\n");
    std::filesystem::resize_file(file("state/feeds/a/versions.json"), 20);
    start();
    EXPECT_EQ(class_of("2001:db8:bad::1"), "bad") << "the last good table has it";
    EXPECT_EQ(generation(), before);
}

TEST_F(GateFiles, DamagedStateCostsNoStart)
{
    write("a.txt", kGood);
    configure(list("a", "a.txt", "bad"));
    start();
    gate_.reset();
    std::filesystem::resize_file(file("state/feeds/a/versions.json"), 20);
    std::filesystem::resize_file(file("state/table.mxg"), 100);
    start();
    std::string told;
    for (const nlohmann::json& event : gate_->events(0, 1000))
        if (event.at("kind") == "state-damaged")
            told += event.at("text").get<std::string>() + '\n';
    EXPECT_THAT(told, HasSubstr("table.mxg"));
    EXPECT_THAT(told, HasSubstr("versions.json"));
    EXPECT_EQ(class_of("2001:db8:bad::1"), "bad");
    EXPECT_TRUE(await([&] { return feed("a").at("state") == "ok"; }));
    start();
    EXPECT_EQ(class_of("2001:db8:bad::1"), "bad");
    for (const nlohmann::json& event : gate_->events(0, 1000))
        EXPECT_NE(event.at("kind"), "state-damaged");
}

TEST_F(GateFiles, WhatCannotBeKeptIsKeptLater)
{
    write("a.txt", kGood);
    configure(list("a", "a.txt", "bad"));
    start();
    const std::string table = table_path(file("state")), kept = file("state/feeds/a/2"),
                      versions = file("state/feeds/a/versions.json.new");
    for (const std::string& taken : {table, versions}) {
        std::filesystem::remove(taken);
        std::filesystem::create_directories(taken + "/full");  // no file gets this name
    }
    write("a.txt", "2001:db8:5::/48\n");
    EXPECT_THAT(next_event("feed-unkept"), HasSubstr("in force, but cannot be kept"));
    EXPECT_EQ(class_of("2001:db8:5::1"), "bad");
    EXPECT_EQ(feed("a").at("state"), "unkept");
    EXPECT_EQ(feed("a").at("entries"), 1);
    EXPECT_TRUE(gate_->reload().contains("not_kept"));
    for (const std::string& taken : {table, versions})
        std::filesystem::remove_all(taken);
    EXPECT_TRUE(await([&] { return feed("a").at("state") == "ok"; }));
    EXPECT_TRUE(await([&] { return std::filesystem::is_regular_file(table); }));
    EXPECT_TRUE(std::filesystem::is_regular_file(kept));
}

// Not even when all lists but one are to stay as they are.
TEST_F(GateFiles, WhatCannotBeKeptStaysInForce)
{
    write("a.txt", kGood);
    write("b.txt", kGood);
    configure(list("a", "a.txt", "bad") + list("b", "b.txt", "bad"));
    start();
    write("b.txt", "2001:db8:6::/48\n");
    EXPECT_TRUE(await([&] { return class_of("2001:db8:6::1") == "bad"; }));
    std::filesystem::create_directories(file("state/feeds/a/versions.json.new/full"));
    write("a.txt", "2001:db8:5::/48\n");
    EXPECT_THAT(next_event("feed-unkept"), HasSubstr("in force, but cannot be kept"));
    EXPECT_EQ(gate_->roll_back("b", false).at("version"), 1);
    EXPECT_EQ(class_of("2001:db8:6::1"), "unknown");
    EXPECT_EQ(class_of("2001:db8:5::1"), "bad");
}

// Whatever else goes wrong, and whoever made the table.
TEST_F(GateFiles, ATableThatCannotBeKeptIsKeptLater)
{
    write("a.txt", kGood);
    write("b.txt", kGood);
    configure(list("a", "a.txt", "bad") + list("b", "b.txt", "bad"));
    start();
    const std::string table = table_path(file("state"));
    const auto take = [&] {
        std::filesystem::remove(table);
        std::filesystem::create_directories(table + "/full");  // no file gets this name
    };
    const auto is_kept_later = [&] {
        std::filesystem::remove_all(table);
        return await([&] { return std::filesystem::is_regular_file(table); });
    };
    write("a.txt", "2001:db8:5::/48\n");
    EXPECT_TRUE(await([&] { return class_of("2001:db8:5::1") == "bad"; }));
    EXPECT_TRUE(await([&] { return std::filesystem::is_regular_file(file("state/feeds/a/2")); }));
    take();
    gate_->roll_back("a", false);
    EXPECT_TRUE(is_kept_later());
    take();
    gate_->roll_back("a", true);
    std::filesystem::resize_file(file("state/feeds/b/versions.json"), 20);
    forget_events();
    write("b.txt", "nonsense\n");
    EXPECT_THAT(next_event("table-refused"), HasSubstr("there is no new table"));
    EXPECT_TRUE(is_kept_later());
}

TEST_F(GateFiles, LocalFilesAreTheOperatorsWord)
{
    write("a.txt", "::/0\n");
    configure(list("a", "a.txt", "bad"));
    start();
    EXPECT_EQ(class_of("2001:db8:2::25"), "bad");
}

TEST_F(GateFiles, MaxChangeOfAFile)
{
    write("a.txt", kGood);
    configure(list("a", "a.txt", "bad", ", guard: {max_change: 50%}"));
    start();
    write("a.txt", "2001:db8:bad::/48\n");
    EXPECT_THAT(next_event("feed-refused"), HasSubstr("2 of 3 entries are gone"));
    EXPECT_EQ(class_of("198.51.100.7"), "bad");
    EXPECT_THROW(gate_->reload(), GateError);
    gate_->reload(true);
    EXPECT_EQ(class_of("198.51.100.7"), "unknown");
    gate_->reload();  // it is the version in use now
    EXPECT_EQ(class_of("198.51.100.7"), "unknown");
}

TEST_F(GateFiles, WhatIsTooOldCountsNoLonger)
{
    write("a.txt", kGood);
    set_age("a.txt", 3595);
    configure(list("a", "a.txt", "bad", ", expire: 1h"));
    start();
    EXPECT_EQ(class_of("2001:db8:bad::1"), "bad");
    EXPECT_NE(next_event("feed-expired"), "");
    EXPECT_TRUE(await([&] { return class_of("2001:db8:bad::1") == "unknown"; }));
    EXPECT_TRUE(await([&] { return feed("a").at("state") == "expired"; }));
    EXPECT_TRUE(feed("a").at("alarm"));
    set_age("a.txt", 0);
    write("a.txt", kGood);
    EXPECT_TRUE(await([&] { return class_of("2001:db8:bad::1") == "bad"; }));
    EXPECT_TRUE(await([&] { return feed("a").at("state") == "ok"; }));
}

TEST_F(GateFiles, WhatIsFromTheFutureIsAsOldAsTheStart)
{
    write("a.txt", kGood);
    set_age("a.txt", -86400);
    configure(list("a", "a.txt", "bad", ", expire: 1s"));
    start();
    EXPECT_EQ(class_of("2001:db8:bad::1"), "bad");
    EXPECT_NE(next_event("feed-expired"), "");
    EXPECT_TRUE(await([&] { return class_of("2001:db8:bad::1") == "unknown"; }));
}

// Of what is fetched (here by a program); a local file is the operator's word, however old.
TEST_F(GateFiles, StaleFeedsFallToTheDefaultClass)
{
    write("fetched.txt", kGood);
    write("own.txt", "2001:db8:7::/48\n");
    set_age("own.txt", 86400);
    const auto configure_with = [&](const std::string& more) {
        configure(list("own", "own.txt", "bad") + fetched("fetched", "fetched.txt", more), kStale);
    };
    configure_with("");
    start();
    ASSERT_TRUE(await([&] { return class_of("2001:db8:bad::1") == "bad"; }));
    std::filesystem::remove(file("fetched.txt"));
    restart_after("fetched", 7200);
    gate_->tick();
    EXPECT_THAT(next_event("feed-expired"), HasSubstr("counts no longer"));
    EXPECT_THAT(next_event("table-stale"), HasSubstr("(fetched): a feed so old counts no longer"));
    EXPECT_EQ(class_of("2001:db8:bad::1"), "unknown");
    EXPECT_EQ(class_of("2001:db8:7::1"), "bad");
    EXPECT_EQ(feed("fetched").at("state"), "expired");
    EXPECT_EQ(gate_->status().at("table").at("stale"), true);
    write("fetched.txt", kGood);  // as it was
    gate_->fetch("fetched");
    EXPECT_TRUE(await([&] { return class_of("2001:db8:bad::1") == "bad"; }));
    gate_->tick();
    EXPECT_NE(next_event("table-fresh"), "");
    EXPECT_EQ(gate_->status().at("table").at("stale"), false);
    for (const char* kind : {"feed-expired", "feed-recovered", "table-stale", "table-fresh"})
        EXPECT_TRUE(await([&] { return gate_->status().at("events").at(kind) >= 1; })) << kind;
    configure_with(", expire: 1d");  // of its own
    std::filesystem::remove(file("fetched.txt"));
    restart_after("fetched", 7200);
    EXPECT_EQ(class_of("2001:db8:bad::1"), "bad");
}

// A list that is found again would deny a good one: it stays out, and keeps out nobody else.
TEST_F(GateFiles, WhatComesBackHoldsNobodyUp)
{
    write("good.txt", "2001:db8:1::/48\n");
    write("fetched.txt", kGood);
    write("other.txt", "2001:db8:8::/48\n");
    configure(list("good", "good.txt", "good") +
                  fetched("fetched", "fetched.txt", ", priority: 9") +
                  fetched("other", "other.txt", ", priority: 9"),
              kStale);
    start();
    ASSERT_TRUE(await([&] { return class_of("2001:db8:bad::1") == "bad"; }));
    ASSERT_TRUE(await([&] { return class_of("2001:db8:8::1") == "bad"; }));
    std::filesystem::remove(file("fetched.txt"));
    restart_after("fetched", 7200);
    EXPECT_NE(next_event("feed-expired"), "");
    write("good.txt", "2001:db8:1::/48\n2001:db8:bad:1::/64\n");
    ASSERT_TRUE(await([&] { return class_of("2001:db8:bad:1::1") == "good"; }));
    write("fetched.txt", kGood);
    gate_->fetch("fetched");
    EXPECT_THAT(next_event("table-refused"), HasSubstr("2001:db8:bad:1::/64"));
    write("other.txt", "2001:db8:8::/48\n2001:db8:9::/48\n");
    gate_->fetch("other");
    EXPECT_TRUE(await([&] { return class_of("2001:db8:9::1") == "bad"; }));
    EXPECT_EQ(class_of("2001:db8:bad:1::1"), "good");
    EXPECT_TRUE(await([&] { return feed("other").at("state") == "ok"; }));
    EXPECT_EQ(feed("fetched").at("state"), "expired");
    gate_->reload(true);
    EXPECT_EQ(class_of("2001:db8:bad:1::1"), "bad");
    EXPECT_EQ(feed("fetched").at("state"), "ok");
}

TEST_F(GateFiles, ListsGrowOldUnderATableThatWasKept)
{
    write("good.txt", "2001:db8:1::/48\n");
    write("own.txt", "2001:db8:9::/48\n");
    write("fetched.txt", kGood);
    configure(list("good", "good.txt", "good") + list("own", "own.txt", "bad", ", priority: 9") +
                  fetched("fetched", "fetched.txt"),
              kStale);
    start();
    ASSERT_TRUE(await([&] { return class_of("2001:db8:bad::1") == "bad"; }));
    ASSERT_TRUE(await([&] { return feed("fetched").at("state") == "ok"; }));
    gate_.reset();
    std::filesystem::remove(file("fetched.txt"));
    write("own.txt", "2001:db8:1::/48\n");
    restart_after("fetched", 7200);
    EXPECT_THAT(next_event("table-refused"), HasSubstr("2001:db8:1::/48"));
    EXPECT_NE(next_event("feed-expired"), "");
    EXPECT_TRUE(await([&] { return class_of("2001:db8:bad::1") == "unknown"; }));
    EXPECT_EQ(class_of("2001:db8:1::1"), "good");
    gate_->tick();
    EXPECT_THAT(next_event("table-stale"), HasSubstr("fetched"));
}

TEST_F(GateFiles, WhatMayNotExpireIsOneEvent)
{
    write("good.txt", "2001:db8:1::/48\n");
    set_age("good.txt", 3597);
    write("bad.txt", "2001:db8::/32\n");
    configure(list("good", "good.txt", "good", ", priority: 2, expire: 1h") +
              list("bad", "bad.txt", "bad", ", priority: 1"));
    start();
    EXPECT_THAT(next_event("table-refused"), HasSubstr("2001:db8:1::/48"));
    std::this_thread::sleep_for(std::chrono::seconds(4));
    int refused = 0;
    for (const nlohmann::json& event : gate_->events(0, 1000))
        refused += event.at("kind") == "table-refused";
    EXPECT_EQ(refused, 1);
    EXPECT_EQ(gate_->status().at("failed_reloads"), 1);
    EXPECT_EQ(class_of("2001:db8:1::1"), "good");
}

TEST_F(GateFiles, WhatStandsInForABrokenFileDoesNotExpire)
{
    write("a.txt", kGood);
    configure(list("a", "a.txt", "bad", ", expire: 1h"));
    start();
    set_version_age("a", 7200);
    write("a.txt", "nonsense\n");
    EXPECT_THAT(next_event("feed-refused"), HasSubstr("lines are broken"));
    EXPECT_TRUE(await([&] { return feed("a").at("state") == "refused"; }));
    start();
    EXPECT_EQ(class_of("2001:db8:bad::1"), "bad");
    EXPECT_EQ(feed("a").at("state"), "refused");
    for (const nlohmann::json& event : gate_->events(0, 1000))
        EXPECT_NE(event.at("kind"), "feed-expired");
}

TEST_F(GateFiles, GoodOnesAreNotDeniedUnlessForced)
{
    write("good.txt", "2001:db8:1::/48\n198.51.100.0/24\n");
    write("bad.txt", "2001:db8:9::/48\n");
    configure(list("good", "good.txt", "good", ", priority: 1") +
              list("bad", "bad.txt", "bad", ", priority: 2"));
    start();
    const uint64_t before = generation();
    write("bad.txt", "2001:db8:9::/48\n2001:db8::/32\n");
    EXPECT_THAT(next_event("table-refused"), HasSubstr("2001:db8:1::/48"));
    EXPECT_EQ(class_of("2001:db8:1::1"), "good");
    EXPECT_EQ(generation(), before);
    try {
        gate_->reload();
        ADD_FAILURE() << "the reload is not refused";
    } catch (const GateError& error) {
        EXPECT_THAT(error.what(), HasSubstr("--force"));
    }
    EXPECT_GT(gate_->status().at("failed_reloads"), 0);
    start();  // nor by a restart
    EXPECT_EQ(class_of("2001:db8:1::1"), "good");
    gate_->reload(true);
    EXPECT_EQ(class_of("2001:db8:1::1"), "bad");
    EXPECT_EQ(class_of("198.51.100.1"), "good");
}

TEST_F(GateFiles, ARefusedFileHoldsNoOtherBack)
{
    write("allow.txt", "2001:db8:8::/48\n");
    write("deny.txt", "2001:db8:8::/48\n");
    write("more.txt", "2001:db8:9::/48\n");
    configure(list("allow", "allow.txt", "good", ", priority: 100") +
              list("deny", "deny.txt", "bad") + list("more", "more.txt", "bad", ", priority: 200"));
    start();
    write("allow.txt", "# nobody\n2001:db8:1::/48\n");
    EXPECT_THAT(next_event("feed-refused"), HasSubstr("2001:db8:8::/48"));
    EXPECT_EQ(feed("allow").at("state"), "refused");
    EXPECT_EQ(feed("allow").at("alarm"), true);
    write("deny.txt", "2001:db8:8::/48\n2001:db8:7::/48\n");
    EXPECT_TRUE(await([&] { return class_of("2001:db8:7::1") == "bad"; }));
    EXPECT_EQ(class_of("2001:db8:8::1"), "good");
    EXPECT_EQ(feed("deny").at("state"), "ok");
    write("more.txt", "2001:db8:8::/64\n");
    EXPECT_THAT(next_event("feed-refused"), HasSubstr("2001:db8:8::/48"));
    EXPECT_EQ(feed("more").at("state"), "refused");
    // The reason is that of what it has now.
    std::filesystem::remove(file("allow.txt"));
    EXPECT_THAT(next_event("feed-refused"), HasSubstr("No such file"));
    write("allow.txt", "2001:db8:2::/48\n");
    EXPECT_THAT(next_event("feed-refused"), HasSubstr("2001:db8:8::/48"));
    EXPECT_THAT(feed("allow").at("error").get<std::string>(), HasSubstr("--force"));
    write("allow.txt", "2001:db8:8::/48\n");
    EXPECT_TRUE(await([&] { return feed("allow").at("state") == "ok"; }));
    EXPECT_EQ(feed("more").at("state"), "refused");
    start();
    EXPECT_TRUE(await([&] { return feed("more").at("state") == "refused"; })) << "after a restart";
    EXPECT_EQ(feed("deny").at("state"), "ok");
    EXPECT_EQ(feed("deny").at("entries"), 2);
    gate_->reload(true);
    EXPECT_EQ(class_of("2001:db8:8::1"), "bad");
    EXPECT_EQ(feed("more").at("state"), "ok");
}

TEST_F(GateFiles, WhatIsOnlyWatchedDeniesNobody)
{
    write("good.txt", "2001:db8:1::/48\n");
    write("bad.txt", "2001:db8:9::/48\n");
    configure(list("good", "good.txt", "good") + list("bad", "bad.txt", "bad", ", priority: 1"));
    const auto monitor = [&](const char* mode) {
        std::ifstream in(file("gate.yaml"));
        std::string all((std::istreambuf_iterator<char>(in)), {});
        write("gate.yaml", "gate:\n  mode: " + std::string(mode) + all.substr(5));
    };
    monitor("monitor");
    start();
    write("bad.txt", "2001:db8:1::/48\n");
    EXPECT_TRUE(await([&] { return class_of("2001:db8:1::1") == "bad"; }));
    configure(list("good", "good.txt", "good") + list("bad", "bad.txt", "bad", ", priority: 1"));
    gate_->reload();  // nobody was good before: there is nothing that it newly takes away
    EXPECT_EQ(gate_->status().at("mode"), "enforce");
}

}  // namespace
}  // namespace mxgate
