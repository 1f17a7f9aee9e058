// SPDX-License-Identifier: BSD-2-Clause
// Manual pages and completion say all that the programs' help texts do, and the configuration's
// page has the configuration's keys.
#include "control/man/pages.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "control/appliance/command.h"
#include "control/cli/command.h"
#include "control/daemon/command.h"

namespace mxgate {
namespace {

std::string contents(const std::filesystem::path& path)
{
    std::ifstream file(path);
    std::stringstream out;
    out << file.rdbuf();
    return out.str();
}

// What a reader sees of roff, near enough.
std::string plain(const std::string& page)
{
    return std::regex_replace(std::regex_replace(page, std::regex(R"(\\f[BIR])"), ""),
                              std::regex(R"(\\-)"), "-");
}

std::set<std::string> found(const std::string& text, const std::string& pattern)
{
    const std::regex expression(pattern);
    std::set<std::string> out;
    for (std::sregex_iterator at(text.begin(), text.end(), expression), end; at != end; ++at)
        out.insert((*at)[1]);
    return out;
}

struct Programs {
    CliGiven given;
    DaemonOptions daemon;
    ApplianceOptions appliance;
    CLI::App mxgate, mxgated, dpdk;

    Programs()
    {
        describe_mxgate(mxgate, given);
        describe_mxgated(mxgated, daemon);
        describe_mxgate_dpdk(dpdk, appliance);
    }
};

// Each long option that a help text shows, `least` of them, stands in `page`.
void expect_options(const std::string& help, const std::string& page, size_t least = 2)
{
    const std::set<std::string> options = found(help, R"((--[a-z][a-z-]*))");
    EXPECT_GE(options.size(), least);
    for (const std::string& option : options)
        EXPECT_NE(page.find(option), std::string::npos) << option;
}

TEST(ManPages, HaveEveryVerbAndOptionOfTheHelpTexts)
{
    Programs programs;
    const std::string page = plain(man_page(programs.mxgate, 1));
    expect_options(programs.mxgate.help(), page);
    std::set<std::string> verbs;
    for (const CLI::App* verb : programs.mxgate.get_subcommands([](CLI::App*) { return true; })) {
        verbs.insert(verb->get_name());
        const size_t at = page.find("\n.SS " + verb->get_name() + "\n");
        ASSERT_NE(at, std::string::npos) << verb->get_name();
        const auto verbs_below = verb->get_subcommands([](const CLI::App*) { return true; });
        expect_options(verb->help(), page.substr(at, page.find("\n.S", at + 1) - at),
                       verbs_below.empty() ? 2 : 1);  // --help alone
        for (const CLI::App* below : verbs_below) {
            const std::string name = verb->get_name() + " " + below->get_name();
            const size_t there = page.find("\n.SS " + name + "\n");
            ASSERT_NE(there, std::string::npos) << name;
            expect_options(below->help(), page.substr(there, page.find("\n.S", there + 1) - there));
        }
    }
    EXPECT_TRUE(verbs.contains("explain") && verbs.contains("detach") && verbs.size() >= 11);
    expect_options(programs.mxgated.help(), plain(man_page(programs.mxgated, 8)));
    const std::string dpdk = plain(man_page(programs.dpdk, 8));
    expect_options(programs.dpdk.help(), dpdk);
    EXPECT_EQ(dpdk.find("--replay"), std::string::npos) << "hidden in the help text, too";
}

TEST(ManPages, ConfigurationPageHasTheKeysOfTheConfiguration)
{
    std::set<std::string> keys;
    for (const auto& file :
         std::filesystem::directory_iterator(MXGATE_SOURCE_DIR "/control/config")) {
        const std::string text = contents(file.path());
        for (const std::string& list : found(text, R"(section\([^;{}]*\{([^}]*)\})"))
            for (const std::string& key : found(list, "\"([a-z0-9_]+)\""))
                keys.insert(key);
    }
    EXPECT_GE(keys.size(), 40u);
    const std::string page = contents(MXGATE_SOURCE_DIR "/docs/man/mxgate.yaml.5");
    EXPECT_EQ(found(page, R"(\n\.It Cm ([a-z0-9_]+)\n)"), keys);
}

// What bash offers for the last of `words`.
std::string completed(const std::string& script, const std::string& words)
{
    const std::string command = "bash -c 'COMP_WORDS=(" + words +
                                "); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); . " + script +
                                "; _${COMP_WORDS[0]}; echo \"${COMPREPLY[@]}\"'";
    std::string out;
    FILE* pipe = ::popen(command.c_str(), "r");
    for (int c; (c = std::fgetc(pipe)) != EOF;)
        out += static_cast<char>(c);
    EXPECT_EQ(::pclose(pipe), 0);
    return out;
}

TEST(Completion, OffersVerbsOptionsAndValues)
{
    Programs programs;
    const std::string script =
        ::testing::TempDir() + "mxgate-completion." + std::to_string(::getpid());
    std::ofstream(script) << bash_completion({&programs.mxgate, &programs.mxgated, &programs.dpdk});
    EXPECT_EQ(completed(script, "mxgate sta"), "status\n");
    EXPECT_EQ(completed(script, "mxgate --json expl"), "explain\n");
    EXPECT_EQ(completed(script, "mxgate attach --last"), "--last-good\n");
    EXPECT_EQ(completed(script, "mxgate status --last"), "\n");
    EXPECT_EQ(completed(script, "mxgate counters --run-d"), "--run-dir\n");
    EXPECT_EQ(completed(script, "mxgate replay --plane \"\""), "model xdp dpdk\n");
    EXPECT_EQ(completed(script, "mxgated --log-level w"), "warn\n");
    EXPECT_EQ(completed(script, "mxgated --log-format j"), "journal json\n");
    std::filesystem::remove(script);
}

}  // namespace
}  // namespace mxgate
