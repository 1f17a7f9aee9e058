// SPDX-License-Identifier: BSD-2-Clause
// `mxgate what-if` as it is called: what it counts, names and refuses.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pcap/pcap.h>

#include <ctime>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "control/cli/verbs.h"
#include "control/fetch/store.h"
#include "control/fetch/write_all.h"
#include "tests/frames/frame.h"
#include "tests/reference/policy_case.h"

namespace mxgate {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

class WhatIf : public ::testing::Test
{
protected:
    WhatIf()
    {
        write("gate.yaml", gate("enforce"));
        write("bad.txt", "2001:db8:bad::/48\n203.0.113.0/24\n");
        write("big.txt", "198.51.100.0/24\n");
    }

    static std::string gate(const std::string& mode)
    {
        return "gate:\n"
               "  interfaces: [eth0]\n"
               "  mode: " +
               mode +
               "\n  services: [{name: mx, addresses: [\"2001:db8:2::25\", 192.0.2.0/28]}]\n"
               "classes:\n"
               "  good: {action: pass}\n"
               "  unknown: {action: limit, rate: 1/min, burst: 2}\n"
               "  bad: {action: drop}\n"
               "default_class: unknown\n"
               "feeds:\n"
               "  - {name: list, format: prefixes, path: bad.txt, class: bad}\n"
               "  - {name: partners, format: prefixes, path: big.txt, class: good}\n";
    }
    void write(const std::string& name, const std::string& text) const
    {
        std::ofstream(folder_.path() + "/" + name) << text;
    }

    // The lines of `what-if --json` over these files.
    json run(const std::vector<std::string>& traces, size_t limit = 20)
    {
        CliOptions options;
        options.json = true;
        options.state_dir = folder_.path();
        WhatIfRequest request;
        request.config = folder_.path() + "/gate.yaml";
        for (const std::string& trace : traces)
            request.traces.push_back(folder_.path() + "/" + trace);
        request.limit = limit;
        request.fetch = fetch_;
        testing::internal::CaptureStdout();
        testing::internal::CaptureStderr();
        code_ = -1;
        try {
            code_ = what_if(options, request);
        } catch (const std::exception& error) {
            failure_ = error.what();
        }
        std::istringstream lines(testing::internal::GetCapturedStdout());
        warnings_ = testing::internal::GetCapturedStderr();
        json out = json::array();
        for (std::string line; std::getline(lines, line);)
            out.push_back(json::parse(line));
        return out;
    }

    // The one line with these members.
    static json pick(const json& lines, const json& wanted)
    {
        for (const json& line : lines) {
            json merged = line;
            merged.update(wanted);
            if (merged == line)
                return line;
        }
        ADD_FAILURE() << "no " << wanted << " in " << lines;
        return json::object();
    }

    static std::string tally(const json& line)
    {
        return fmt::format("{} {} {} {}", line.value("attempts", -1), line.value("passed", -1),
                           line.value("denied", -1), line.value("limited", -1));
    }

    reference::TemporaryFolder folder_;
    bool fetch_ = false;
    int code_ = 0;
    std::string failure_, warnings_;
};

// A sender of class unknown has two attempts at once and one a minute.
constexpr const char* kLog =
    "1700000000\tmx\t2001:db8:bad::1\tmail1.spam.example.com\n"
    "1700000001\tmx\t2001:db8:bad:1::1\tmail2.spam.example.com\n"
    "1700000002\tmx\t198.51.100.1\tout.partner.example.net\n"
    "1700000003\tmx\t192.0.2.100\tmx.small.example.org\n"
    "1700000004\tmx\t192.0.2.100\tmx.small.example.org\n"
    "1700000005\tmx\t192.0.2.100\tmx.small.example.org\n"
    "1700000006\tmx\t203.0.113.9\t-\n"
    "1700000007\tmx\t127.0.0.1\tlocalhost\n"
    "1700000120\tmx\t192.0.2.100\tmx.small.example.org\n";

TEST_F(WhatIf, CountsByClassFeedAndSender)
{
    write("log", kLog);
    const json lines = run({"log"});
    EXPECT_EQ(code_, 0) << failure_;
    EXPECT_EQ(warnings_, "");
    EXPECT_EQ(tally(pick(lines, {{"by", "all"}})), "8 4 3 1");
    EXPECT_EQ(tally(pick(lines, {{"by", "class"}, {"class", "good"}})), "1 1 0 0");
    EXPECT_EQ(tally(pick(lines, {{"by", "class"}, {"class", "unknown"}})), "4 3 0 1");
    EXPECT_EQ(tally(pick(lines, {{"by", "class"}, {"class", "bad"}})), "3 0 3 0");
    EXPECT_EQ(tally(pick(lines, {{"by", "feed"}, {"feed", "list"}})), "3 0 3 0");
    EXPECT_EQ(tally(pick(lines, {{"by", "feed"}, {"feed", "partners"}})), "1 1 0 0");
    EXPECT_EQ(tally(pick(lines, {{"by", "feed"}, {"feed", nullptr}})), "4 3 0 1");

    // example.com and its kin are registered: one sender, of two prefixes.
    const json spam = pick(lines, {{"by", "sender"}, {"sender", "example.com"}});
    EXPECT_EQ(tally(spam), "2 0 2 0");
    EXPECT_EQ(spam["prefixes_hit"], 2);
    EXPECT_EQ(spam["example"], "2001:db8:bad::/64");
    EXPECT_EQ(spam["feeds"], json::array({{{"feed", "list"}, {"hit", 2}}}));
    EXPECT_EQ(spam["first_hit"], 1700000000);
    EXPECT_EQ(spam["last_hit"], 1700000001);
    const json small = pick(lines, {{"by", "sender"}, {"sender", "example.org"}});
    EXPECT_EQ(tally(small), "4 3 0 1");
    EXPECT_EQ(small["reasons"], json::array({{{"reason", "rate"}, {"hit", 1}}}));
    EXPECT_EQ(tally(pick(lines, {{"by", "sender"}, {"sender", "203.0.113.9/32"}})), "1 0 1 0");

    const json all = lines.back();
    EXPECT_EQ(all["senders"], 4);
    EXPECT_EQ(all["senders_hit"], 3);
    EXPECT_EQ(all["local"], 1);
    EXPECT_EQ(all["lines"], 9);
    EXPECT_EQ(all["first"], 1700000000);
    EXPECT_EQ(all["last"], 1700000120);
    EXPECT_EQ(run({"log"}, 1).size(), lines.size() - 2);  // only the most hit sender
}

TEST_F(WhatIf, ReadsTheVersionsThereAre)
{
    write("gate.yaml", gate("enforce") +
                           "  - {name: made, format: prefixes, class: bad, "
                           "priority: 9, exec: [/bin/echo, 198.51.100.0/24]}\n");
    write("log", kLog);
    ConfigResult loaded = load_config(folder_.path() + "/gate.yaml");
    const FeedStore store(folder_.path() + "/fetched/feeds");
    FeedStore::Candidate candidate = store.begin("made");
    ASSERT_EQ(write_all(candidate.fd(), "192.0.2.0/24\n"), std::nullopt);
    store.commit("made", candidate,
                 {"", loaded.config->feeds.back().fetch.source(), {}, std::time(nullptr)});
    EXPECT_EQ(tally(pick(run({"log"}), {{"feed", "made"}})), "4 0 4 0");
    fetch_ = true;
    EXPECT_EQ(tally(pick(run({"log"}), {{"feed", "made"}})), "1 0 1 0");
}

TEST_F(WhatIf, StateCarriesOnFromLogToLog)
{
    write("one", "1700000000\tmx\t192.0.2.100\n1700000001\tmx\t192.0.2.100\n");
    write("two", "1700000002\tmx\t192.0.2.100\n1700000003\tmx\t192.0.2.101\n");
    EXPECT_EQ(tally(pick(run({"one", "two"}), {{"by", "all"}})), "4 3 0 1");
    EXPECT_EQ(tally(pick(run({"two"}), {{"by", "all"}})), "2 2 0 0");
}

TEST_F(WhatIf, MonitorModeIsJudgedAsIfEnforced)
{
    write("log", kLog);
    write("gate.yaml", gate("monitor"));
    const json all = pick(run({"log"}), {{"by", "all"}});
    EXPECT_EQ(tally(all), "8 4 3 1");
    EXPECT_EQ(all["monitored"], 4);
}

TEST_F(WhatIf, FamiliesWithoutAServiceAreSetAside)
{
    write("log", kLog);
    std::string text = gate("enforce");
    text.replace(text.find(", 192.0.2.0/28"), 14, "");
    write("gate.yaml", text);
    const json all = pick(run({"log"}), {{"by", "all"}});
    EXPECT_EQ(tally(all), "2 0 2 0");
    EXPECT_EQ(all["unserved"], 7);
}

TEST_F(WhatIf, BrokenLinesAreNamedAndTheRestCounts)
{
    write("log", "1700000000\tmx\t203.0.113.1\n1700000001\tmx\tnobody\n");
    const json all = pick(run({"log"}), {{"by", "all"}});
    EXPECT_EQ(code_, 0);
    EXPECT_EQ(tally(all), "1 0 1 0");
    EXPECT_EQ(all["rejected"], 1);
    EXPECT_THAT(warnings_, HasSubstr("/log:2: warning: not an IPv4 or IPv6 address"));
}

TEST_F(WhatIf, WhatCannotBeReadIsAnError)
{
    write("log", "no log\n");
    EXPECT_TRUE(run({"log"}).empty());
    EXPECT_THAT(failure_, HasSubstr("/log:1: neither a table of arrivals"));
    EXPECT_TRUE(run({"nothing"}).empty());
    EXPECT_THAT(failure_, HasSubstr("/nothing: No such file"));
    EXPECT_TRUE(run({"."}).empty());
    EXPECT_THAT(failure_, HasSubstr("not a file"));
    write("gate.yaml", "gate: {}\nclases: {}\n");
    EXPECT_TRUE(run({"log"}).empty());
    EXPECT_EQ(code_, kExitError);
    EXPECT_THAT(warnings_, HasSubstr("gate.yaml:2:1: "));
}

TEST_F(WhatIf, ReadsCaptures)
{
    using frames::Frame;
    const std::string path = folder_.path() + "/smtp.pcap";
    pcap_t* capture = pcap_open_dead(DLT_EN10MB, 65535);
    pcap_dumper_t* file = pcap_dump_open(capture, path.c_str());
    ASSERT_NE(file, nullptr);
    time_t second = 1700000000;
    const auto add = [&](Frame& frame) {
        const frames::Bytes bytes = frame.bytes();
        pcap_pkthdr head{};
        head.ts.tv_sec = second++;
        head.caplen = head.len = static_cast<bpf_u_int32>(bytes.size());
        pcap_dump(reinterpret_cast<u_char*>(file), &head, bytes.data());
    };
    add(Frame().ip("203.0.113.5", "192.0.2.5").tcp(frames::kSyn));
    add(Frame().ip("198.51.100.5", "192.0.2.5").tcp(frames::kSyn));
    add(Frame().ip("198.51.100.5", "192.0.2.5").tcp(frames::kAck));
    add(Frame().ip("203.0.113.5", "192.0.2.99").tcp(frames::kSyn));  // to nobody of ours
    add(Frame().ip("127.0.0.1", "192.0.2.5").tcp(frames::kSyn));     // martian, over the network
    pcap_dump_close(file);
    pcap_close(capture);
    const json lines = run({"smtp.pcap"});
    EXPECT_EQ(tally(pick(lines, {{"by", "all"}})), "3 1 2 0");
    EXPECT_EQ(pick(lines, {{"by", "all"}})["unjudged"], 1);
    EXPECT_EQ(tally(pick(lines, {{"by", "feed"}, {"feed", "list"}})), "1 0 1 0");
}

}  // namespace
}  // namespace mxgate
