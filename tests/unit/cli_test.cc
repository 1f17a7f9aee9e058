// SPDX-License-Identifier: BSD-2-Clause
// `mxgate feeds`, `classes`, `lengths` and `export`, asked beside a running gate.
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <system_error>
#include <thread>

#include "control/api/server.h"
#include "control/cli/command.h"
#include "control/cli/verbs.h"
#include "tests/unit/feed_gate.h"

namespace mxgate {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class Cli : public FeedGate
{
protected:
    Cli()
    {
        spdlog::set_level(spdlog::level::off);  // what is printed is looked at
        options_.run_dir = file("run");
        options_.state_dir = file("state");
        request_.config = file("gate.yaml");
        request_.name = "isp";
        write("list.txt", kGood);
        write("isp.csv", "2001:db8::/32,56,\n2001:db8:9::/48,64,\nbroken\n");
        write("ours.csv", "prefix,length,customers\n2001:db8:1000::/36,52,\n192.0.2.0/24,32,64\n");
        write("seen.csv", "2001:db8:5::/48,60,\n");
        configure("  - {name: list, format: prefixes, class: bad, path: list.txt}\n",
                  "aggregation:\n"
                  "  lengths: [{prefix: \"2001:db8:1::/48\", length: 62}]\n"
                  "  feeds:\n"
                  "    - {name: isp, format: prefixlen, path: isp.csv}\n"
                  "    - {name: ours, format: csv, path: ours.csv}\n"
                  "    - {name: seen, format: learned, path: seen.csv}\n");
        start();
        std::filesystem::create_directories(options_.run_dir);
        api_ = serve_api(*gate_, options_.run_dir);
        api_->open();
    }
    ~Cli() override
    {
        spdlog::set_level(spdlog::level::info);
        api_.reset();
        gate_.reset();
    }

    // What a verb prints.
    template <class Verb>
    static std::string printed(Verb verb)
    {
        ::testing::internal::CaptureStdout();
        EXPECT_EQ(verb(), 0);
        return ::testing::internal::GetCapturedStdout();
    }
    std::string text_of(const std::string& name) const
    {
        std::ifstream in(file(name), std::ios::binary);
        return {std::istreambuf_iterator<char>(in), {}};
    }
    std::string list() const
    {
        return printed([&] { return lengths_list(options_, request_.config); });
    }
    std::string diff() const
    {
        return printed([&] { return lengths_diff(options_, request_); });
    }
    std::string roll_back(bool undo)
    {
        request_.undo = undo;
        return printed([&] { return lengths_rollback(options_, request_); });
    }
    nlohmann::json view() { return gate_->explain(*parse_address("2001:db8::1")).at("view"); }
    // Until a new version of `isp` is in force, and kept.
    bool await_version(int length)
    {
        const SourceVersions versions(options_.state_dir + "/lengths");
        return await([&] {
            return view().at("end_site_length") == length && versions.list("isp").size() == 2;
        });
    }

    CliOptions options_;
    LengthsRequest request_;
    std::unique_ptr<HttpListener> api_;
};

TEST_F(Cli, LengthsAreListedComparedAndTakenBack)
{
    EXPECT_EQ(view().at("end_site_length"), 56);
    EXPECT_THAT(list(),
                AllOf(StartsWith("isp (prefixlen, prefixlen): 2 entries, 1 rejected, "),
                      ContainsRegex("s old, [^\n]*/isp.csv\n"
                                    "  version 1 of [-0-9T:]*Z, in force\n"
                                    "ours \\(csv, operator\\): 2 entries, 0 rejected, "),
                      ContainsRegex("\nseen \\(learned, learned\\): 1 entries, 0 rejected, [^\n]*"
                                    "; shown only: `aggregation.learned` is not `apply`\n"
                                    "  version 1 of [-0-9T:]*Z, in force\n$")));
    write("isp.csv", "2001:db8::/32,57,\n2001:db8:a::/48,,3\n");
    ASSERT_TRUE(await_version(57));
    EXPECT_EQ(diff(),
              "~ 2001:db8::/32 /56 -> /57\n"
              "- 2001:db8:9::/48 /64\n"
              "+ 2001:db8:a::/48 no length, 3 end sites\n");
    EXPECT_THAT(roll_back(false),
                ContainsRegex("^isp: version 1 of [^ ]* it is, until the source has a new one\n$"));
    EXPECT_EQ(view().at("end_site_length"), 56);
    EXPECT_THAT(list(), ContainsRegex("isp [^\n]*\n"
                                      "  version 1 of [-0-9T:]*Z, in force\n"
                                      "  version 2 of [-0-9T:]*Z, rolled back\n"));
    EXPECT_EQ(roll_back(true), "isp: nothing is rolled back any more\n");
    EXPECT_EQ(view().at("end_site_length"), 57);
    request_.to = request_.from = 2;
    EXPECT_EQ(diff(), "");
    request_.from = 7;
    EXPECT_THROW(lengths_diff(options_, request_), std::runtime_error);
    request_.name = "nobody";
    EXPECT_THROW(lengths_rollback(options_, request_), std::runtime_error);
}

TEST_F(Cli, LengthsForScripts)
{
    options_.json = true;
    const std::string text = list();
    const auto isp = nlohmann::json::parse(text.substr(0, text.find('\n')));
    EXPECT_EQ(isp.at("name"), "isp");
    EXPECT_EQ(isp.at("origin"), "prefixlen");
    EXPECT_EQ(isp.at("entries"), 2);
    EXPECT_EQ(isp.at("rejected"), 1);
    EXPECT_EQ(isp.at("version"), 1);
    EXPECT_LT(isp.at("age_seconds"), 600);
    EXPECT_EQ(isp.at("versions").size(), 1u);
    write("isp.csv", "2001:db8::/32,57,\n2001:db8:9::/48,64,\n");
    ASSERT_TRUE(await_version(57));
    EXPECT_EQ(nlohmann::json::parse(diff()), nlohmann::json::parse(R"({"prefix": "2001:db8::/32",
                  "before": {"length": 56, "end_sites": null},
                  "after": {"length": 57, "end_sites": null}})"));
    EXPECT_EQ(nlohmann::json::parse(roll_back(false)).at("version").at("number"), 1);
}

TEST_F(Cli, PublishesTheOperatorsOwn)
{
    ExportRequest request{request_.config, ""};
    const auto publish = [&] { return printed([&] { return export_lengths(options_, request); }); };
    const std::string text = publish();
    EXPECT_EQ(text,
              "# prefix,end-site prefix length,end sites (RFC 9977)\r\n"
              "192.0.2.0/24,32,64\r\n"
              "2001:db8:1::/48,62,\r\n"
              "2001:db8:1000::/36,52,\r\n");
    request.output = file("prefixlen.csv");
    EXPECT_EQ(publish(), request.output + ": 3 entries\n");
    std::ifstream written(request.output);
    EXPECT_EQ(std::string(std::istreambuf_iterator<char>(written), {}), text);
    request.output = file("nowhere/prefixlen.csv");
    EXPECT_THROW(export_lengths(options_, request), std::runtime_error);
}

// What cannot be written costs nothing of what is there, and is said with its reason.
TEST_F(Cli, ExportLeavesTheOldFileWhole)
{
    ExportRequest request{request_.config, file("prefixlen.csv")};
    const std::string old(4096, 'x');
    write("prefixlen.csv", old);
    const auto why_not = [&](const std::string& output) -> std::string {
        request.output = output;
        try {
            export_lengths(options_, request);
        } catch (const std::exception& error) {
            return error.what();
        }
        return {};
    };
    std::filesystem::create_symlink("/dev/full", file("prefixlen.csv.new"));
    EXPECT_THAT(why_not(file("prefixlen.csv")),
                ContainsRegex("prefixlen.csv.*: No space left on device"));
    EXPECT_EQ(text_of("prefixlen.csv"), old);
    EXPECT_FALSE(std::filesystem::exists(file("prefixlen.csv.new")));
    EXPECT_THAT(why_not(file("gate.yaml")), HasSubstr("not replaced"));
    EXPECT_THAT(why_not(file("ours.csv")), HasSubstr("not replaced"));
    EXPECT_THAT(why_not("/dev/null"), HasSubstr("is not a file"));
    EXPECT_EQ(why_not(file("prefixlen.csv")), "");
    EXPECT_THAT(text_of("prefixlen.csv"), StartsWith("# prefix,"));
}

TEST_F(Cli, WhatIsSetByHandIsToldWithoutControlSequences)
{
    ByHandRequest request;
    request.prefixes = {"192.0.2.0/24", "2001:db8:7::/48"};
    request.class_name = "bad";
    request.reason = "a\x1b[2J\nb";
    EXPECT_THAT(printed([&] { return set_by_hand(options_, request); }),
                HasSubstr(R"(: `a\x1b[2J\x0ab`)"));
    EXPECT_THAT(printed([&] { return overrides(options_); }), HasSubstr(R"(: `a\x1b[2J\x0ab`)"));
    EXPECT_THAT(printed([&] { return explain(options_, "192.0.2.1"); }),
                HasSubstr(R"(: `a\x1b[2J\x0ab`)"));
    // One that was not set does not keep the others.
    EXPECT_EQ(forget(options_, {"192.0.2.0/24", "192.0.2.0/25", "2001:db8:7::/48"}), kExitError);
    EXPECT_EQ(printed([&] { return overrides(options_); }), "");
}

TEST(Command, AWordThatIsNoVerbIsNamed)
{
    CliGiven given;
    CLI::App app;
    describe_mxgate(app, given);
    std::ostringstream out, err;
    try {
        app.parse("statsu --json");
        ADD_FAILURE() << "it is a verb";
    } catch (const CLI::ParseError& error) {
        EXPECT_NE(app.exit(error, out, err), 0);
    }
    EXPECT_THAT(err.str(), StartsWith("`statsu` is not a verb; did you mean `status`?"));
}

// A slip of the pen: `mxgate compile gate.yaml -o gate.yaml`.
TEST_F(Cli, CompileReplacesTablesAlone)
{
    const auto compile = [&](const std::string& output) {
        return compile_table(options_, request_.config, file(output), false);
    };
    for (const char* name : {"gate.yaml", "list.txt", "isp.csv"}) {
        const std::string before = text_of(name);
        EXPECT_THROW(compile(name), std::runtime_error) << name;
        EXPECT_EQ(text_of(name), before);
    }
    write("empty", "");  // as mktemp makes it
    write("damaged", "mxgtable, but no more of it");
    for (const char* name : {"fresh", "fresh", "empty", "damaged"})
        EXPECT_EQ(compile(name), 0) << name;
}

TEST_F(Cli, FeedsAreListedAndTakenBack)
{
    const auto all = [&] { return printed([&] { return feeds(options_); }); };
    EXPECT_THAT(all(), AllOf(StartsWith("name  "),
                             ContainsRegex("\nisp +lengths +ok +2 +[0-9]+ s +- +[^\n]*/isp.csv\n"),
                             ContainsRegex("\nlist +feed +ok +[1-9] +[0-9]+ s +- ")));
    EXPECT_THAT(printed([&] { return classes(options_); }),
                ContainsRegex("\nbad +drop +[1-9][0-9]* +0\n"));
    write("list.txt", std::string(kGood) + "192.0.2.128/26\n");
    EXPECT_EQ(reload(options_, false), 0);
    EXPECT_EQ(class_of("192.0.2.129"), "bad");
    EXPECT_THAT(printed([&] { return feeds_rollback(options_, "list", false); }),
                ContainsRegex("^list: version 1 it is, .*; generation [0-9]+ in force\n$"));
    EXPECT_NE(class_of("192.0.2.129"), "bad");
    EXPECT_THAT(all(), ContainsRegex("\nlist +feed +rolled-back "));
    EXPECT_THAT(printed([&] { return feeds_rollback(options_, "list", true); }),
                StartsWith("list: the newest version counts again; generation "));
    EXPECT_EQ(class_of("192.0.2.129"), "bad");
    options_.json = true;
    const std::string text = all();
    EXPECT_EQ(nlohmann::json::parse(text.substr(0, text.find('\n'))).at("state"), "ok");
    EXPECT_THROW(feeds_fetch(options_, ""), std::runtime_error) << "files are not fetched";
    EXPECT_THROW(feeds_fetch(options_, "nobody"), std::runtime_error);
    EXPECT_THROW(feeds_rollback(options_, "nobody", false), std::runtime_error);
}

// What it would newly cover, before it is in force; and whom it was listed as, when it is.
TEST_F(Cli, SaysWhatIsWidened)
{
    write("one.txt", "2001:db8:5:42::7\n");
    configure("  - {name: one, format: prefixes, class: bad, path: one.txt, widen: end_site}\n",
              "aggregation: {lengths: [{prefix: \"2001:db8:5::/48\", length: 56}]}\n");
    EXPECT_THAT(printed([&] {
                    return check(options_, {request_.config, false, false});
                }),
                HasSubstr("  1 widened to the end site, as line 1: 2001:db8:5:42::7/128 to "
                          "2001:db8:5::/56; newly covered: about 0 IPv4 addresses, 4.72e+21 IPv6 "
                          "addresses\n"));
    printed([&] { return reload(options_, false); });
    EXPECT_THAT(printed([&] { return explain(options_, "2001:db8:5:99::1"); }),
                HasSubstr("2001:db8:5::/56 (widened to the end site; listed as a /128)"));
}

// Each by its number and reason, where that is asked for.
TEST_F(Cli, NamesEveryBrokenLine)
{
    constexpr int kBroken = 300;
    std::string feed, lengths;
    for (int i = 0; i < kBroken; i++) {
        feed += fmt::format("192.0.2.{}\n2001:db8::x{}\n", i % 256, i);
        lengths += fmt::format("2001:db8:{:x}::/48,56,\n2001:db8::/129,56,\n", i);
    }
    write("one.txt", feed);
    write("isp.csv", lengths);
    configure("  - {name: one, format: prefixes, class: bad, path: one.txt}\n",
              "aggregation: {feeds: [{name: isp, format: prefixlen, path: isp.csv}]}\n");
    const auto named = [&](bool all) {
        CheckRequest request{request_.config, false, all};
        ::testing::internal::CaptureStderr();
        const std::string out = printed([&] { return check(options_, request); });
        return std::pair(out, ::testing::internal::GetCapturedStderr());
    };
    const auto some = named(false).second, all = named(true).second;
    for (const std::string& list : {file("one.txt"), file("isp.csv")})
        for (int i = 1; i <= kBroken; i++) {
            const std::string line = fmt::format("{}:{}: warning: ", list, 2 * i);
            EXPECT_EQ(some.find(line) != some.npos, i <= 20) << line;
            EXPECT_NE(all.find(line), all.npos) << line;
        }
    EXPECT_THAT(some, AllOf(HasSubstr("one.txt: warning: 280 more lines are rejected\n"),
                            HasSubstr("isp.csv: warning: 280 more entries are rejected\n")));
    EXPECT_THAT(all, ::testing::Not(HasSubstr("rejected")));
    options_.json = true;
    std::istringstream out(named(true).first);
    std::string line;
    for (const char* list : {"lengths", "feed"}) {
        ASSERT_TRUE(std::getline(out, line));
        const auto report = nlohmann::json::parse(line);
        EXPECT_TRUE(report.contains(list)) << line;
        EXPECT_EQ(report.at("rejects").size(), static_cast<size_t>(kBroken));
    }
}

// What is beyond the room for them is counted.
TEST_F(Cli, CountsWhatItDoesNotName)
{
    std::string feed;
    for (size_t i = 0; i < kAllRejects + 100; i++)
        feed += "192.0.2.1\nx\n";
    write("one.txt", feed);
    configure("  - {name: one, format: prefixes, class: bad, path: one.txt}\n");
    ::testing::internal::CaptureStderr();
    printed([&] { return check(options_, {request_.config, false, true}); });
    const std::string all = ::testing::internal::GetCapturedStderr();
    EXPECT_EQ(std::count(all.begin(), all.end(), '\n'), kAllRejects + kRejectsKept + 1);
    EXPECT_THAT(all, HasSubstr("one.txt: warning: 80 more lines are rejected\n"));
}

// In place of standard error.
class Terminal
{
public:
    Terminal() : saved_(::dup(STDERR_FILENO))
    {
        int end = -1;
        if (::openpty(&master_, &end, nullptr, nullptr, nullptr) != 0)
            throw std::system_error(errno, std::generic_category(), "openpty");
        ::dup2(end, STDERR_FILENO);
        ::close(end);
    }
    ~Terminal()
    {
        ::dup2(saved_, STDERR_FILENO);
        ::close(saved_);
        ::close(master_);
    }
    // What was written there.
    std::string shown() const
    {
        std::string out;
        char part[4096];
        pollfd readable{master_, POLLIN, 0};
        while (::poll(&readable, 1, 0) == 1) {
            const ssize_t bytes = ::read(master_, part, sizeof(part));
            if (bytes <= 0)
                break;
            out.append(part, static_cast<size_t>(bytes));
        }
        return out;
    }

private:
    int saved_, master_ = -1;
};

// Holds a process that this one started for a while; false: there is none.
bool hold_a_child()
{
    for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
        pid_t child = 0;
        if (!(std::ifstream(task.path() / "children") >> child))
            continue;
        ::kill(child, SIGSTOP);
        std::this_thread::sleep_for(std::chrono::milliseconds(900));
        ::kill(child, SIGCONT);
        return true;
    }
    return false;
}

TEST_F(Cli, ShowsHowFarItIsOnATerminal)
{
    api_.reset();
    gate_.reset();
    std::string list;
    for (unsigned i = 0; i < 100'000; i++)  // so that it takes a while
        list += fmt::format("2001:{:x}:{:x}::/48\n", 0x1000 + i / 50'000, i % 50'000);
    write("list.txt", list);
    const auto check_held = [&] {
        auto out = std::async(std::launch::async, [&] {
            return printed([&] { return check(options_, {request_.config, false, false}); });
        });
        bool held = false;
        EXPECT_TRUE(await([&] { return held || (held = hold_a_child()); }));
        EXPECT_THAT(out.get(), HasSubstr("gate.yaml: good; "));
    };
    {
        const Terminal terminal;
        check_held();
        const std::string shown = terminal.shown();
        EXPECT_THAT(shown, ContainsRegex("reading lists: KiB [0-9]+ \\[[= ]*\\] +[0-9]+ %"));
        EXPECT_THAT(shown, HasSubstr("%\x1b[K\r\x1b[K" + file("isp.csv:3: warning")))
            << "it goes away";
    }
    ::testing::internal::CaptureStderr();
    check_held();
    EXPECT_THAT(::testing::internal::GetCapturedStderr(), ::testing::Not(HasSubstr("KiB")));
}

// Every candidate, and why it lost.
TEST_F(Cli, ExplainsCandidates)
{
    const auto lengths = gate_->explain(*parse_address("2001:db8:5::1")).at("view").at("lengths");
    ASSERT_EQ(lengths.size(), 2u);
    EXPECT_EQ(lengths[0].at("origin"), "prefixlen");
    EXPECT_EQ(lengths[0].at("in_force"), true);
    EXPECT_EQ(lengths[0].at("lost"), nullptr);
    EXPECT_EQ(lengths[0].at("line"), 1);
    EXPECT_LT(lengths[0].at("age_seconds"), 600);
    EXPECT_EQ(lengths[1].at("lost"), "shown only: `aggregation.learned` is not `apply`");
    EXPECT_THAT(lengths[1].at("file").get<std::string>(), HasSubstr("seen.csv"));
}

}  // namespace
}  // namespace mxgate
