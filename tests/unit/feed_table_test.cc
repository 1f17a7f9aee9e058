// SPDX-License-Identifier: BSD-2-Clause
// From the text of a feed to the answers of a compiled table, beside models that evaluate the
// text's own rules for one address at a time.
#include <unistd.h>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <random>

#include "control/net/address_text.h"
#include "control/table/compile.h"

namespace mxgate {
namespace {

// One rule over addresses of 8 bits: 192.0.2.0/24 or 2001:db8::/120.
struct Rule {
    uint32_t first = 0;
    uint32_t length = 0;  // 0 to 8 of those bits
    std::string value;    // "!" for an exclusion
    bool negated = false;

    bool covers(uint32_t address) const
    {
        const bool inside = length == 0 || (address ^ first) >> (8 - length) == 0;
        return inside != negated;
    }
};

class FeedTable : public ::testing::TestWithParam<uint64_t>
{
protected:
    std::string address(uint32_t host) const
    {
        return ipv6_ ? fmt::format("2001:db8::{:x}", host) : fmt::format("192.0.2.{}", host);
    }
    std::string prefix(const Rule& rule) const
    {
        return fmt::format("{}/{}", address(rule.first), rule.length + (ipv6_ ? 120 : 24));
    }

    std::string rbldnsd_line(const Rule& rule) const
    {
        return rule.value == "!" ? fmt::format("!{}\n", prefix(rule))
                                 : fmt::format("{} :{}:\n", prefix(rule), rule.value);
    }

    std::vector<Rule> random_rules(const std::vector<std::string>& values)
    {
        std::vector<Rule> rules;
        const size_t count = 1 + random_() % 24;
        for (size_t i = 0; i < count; i++) {
            Rule rule;
            rule.length = static_cast<uint32_t>(random_() % 9);
            const uint32_t unused = 8 - rule.length;
            rule.first = static_cast<uint32_t>(random_() % 256) >> unused << unused;
            rule.value = values[random_() % values.size()];
            rules.push_back(rule);
        }
        return rules;
    }

    // The class the table gives each of the 256 addresses.
    std::vector<std::string> classes(const std::string& text, const std::string& options)
    {
        const std::string path =
            ::testing::TempDir() + "/mxgate_feed_table_test." + std::to_string(::getpid());
        std::ofstream(path) << text;
        const std::string yaml = fmt::format(
            "gate: {{services: [{{name: mx, addresses: [203.0.113.25]}}]}}\n"
            "classes: {{none: {{action: pass}}, good: {{action: pass}}, "
            "mixed: {{action: limit, rate: 1/s}}, bad: {{action: drop}}}}\n"
            "default_class: none\n"
            "feeds: [{{name: a, path: \"{}\", {}}}]\n",
            path, options);
        const ConfigResult config = parse_config(yaml, "/f");
        EXPECT_TRUE(config.config)
            << (config.diagnostics.empty() ? "" : to_string(config.diagnostics[0]));
        std::vector<std::string> out;
        if (!config.config)
            return out;
        const CompileResult result = compile(*config.config, 1);
        std::remove(path.c_str());
        EXPECT_TRUE(result.table) << to_string(result.diagnostics.at(0)) << "\n" << text;
        if (!result.table)
            return out;
        const TableReader reader(*result.table);
        for (uint32_t host = 0; host < 256; host++) {
            const TableAnswer answer = reader.ask(*parse_address(address(host)));
            out.push_back(result.table->info.classes.at(answer.canonical.class_id).name);
        }
        return out;
    }

    std::mt19937 random_{static_cast<uint32_t>(GetParam())};
    bool ipv6_ = GetParam() % 2 == 1;
};

// Longest match; of equal prefixes an exclusion wins, then the strictest class.
std::string longest(const std::vector<Rule>& rules, uint32_t address, bool has_class)
{
    const std::vector<std::string> order{"", "good", "mixed", "bad", "!"};
    int best_length = -1;
    size_t best = 0;
    for (const Rule& rule : rules) {
        if (!rule.covers(address) || static_cast<int>(rule.length) < best_length)
            continue;
        const std::string name = rule.value == "!"           ? "!"
                                 : rule.value == "127.0.0.2" ? "bad"
                                 : rule.value == "127.0.0.3" ? "mixed"
                                 : has_class                 ? "good"
                                                             : "";
        const auto rank =
            static_cast<size_t>(std::find(order.begin(), order.end(), name) - order.begin());
        if (static_cast<int>(rule.length) > best_length)
            best = 0;
        best_length = static_cast<int>(rule.length);
        best = std::max(best, rank);
    }
    return best == 0 || best == 4 ? "none" : order[best];
}

TEST_P(FeedTable, RbldnsdTrie)
{
    for (int round = 0; round < 20; round++) {
        const std::vector<Rule> rules = random_rules({"127.0.0.2", "127.0.0.3", "127.0.0.9", "!"});
        const bool has_class = round % 2 == 0;
        std::string text;
        for (const Rule& rule : rules)
            text += rbldnsd_line(rule);
        const auto got = classes(
            text, fmt::format("format: rbldnsd, dataset: {}, map: {{127.0.0.2: bad, 3: mixed}}, "
                              "guard: {{min_entries: 0}}{}",
                              ipv6_ ? "ip6trie" : "ip4trie", has_class ? ", class: good" : ""));
        ASSERT_EQ(got.size(), 256u);
        for (uint32_t host = 0; host < 256; host++)
            ASSERT_EQ(got[host], longest(rules, host, has_class)) << address(host) << "\n" << text;
    }
}

// Datasets of a combined zone do not know of each other: each gives its answer, and the longest
// entry among the answers decides.
TEST_P(FeedTable, RbldnsdCombined)
{
    for (int round = 0; round < 20; round++) {
        std::vector<std::vector<Rule>> datasets;
        std::string text;
        for (int i = 0; i < 2; i++) {
            datasets.push_back(random_rules({"127.0.0.2", "127.0.0.3", "!"}));
            text += fmt::format("$DATASET {} @\n", ipv6_ ? "ip6trie" : "ip4trie");
            for (const Rule& rule : datasets.back())
                text += rbldnsd_line(rule);
        }
        const auto got = classes(text,
                                 "format: rbldnsd, dataset: combined, "
                                 "map: {127.0.0.2: bad, 3: mixed}, guard: {min_entries: 0}");
        ASSERT_EQ(got.size(), 256u);
        for (uint32_t host = 0; host < 256; host++) {
            const std::string a = longest(datasets[0], host, false);
            const std::string b = longest(datasets[1], host, false);
            if (a == "none" || b == "none" || a == b) {
                ASSERT_EQ(got[host], a == "none" ? b : a) << address(host) << "\n" << text;
            } else {
                ASSERT_NE(got[host], "none") << address(host) << "\n" << text;
            }
        }
    }
}

// The first rule that covers the address decides.
TEST_P(FeedTable, CidrWithBlocksAndNegation)
{
    for (int round = 0; round < 20; round++) {
        std::vector<Rule> rules =
            random_rules({"permit", "reject", "dunno", "warn", "if", "endif"});
        std::string text;
        size_t open = 0;
        for (Rule& rule : rules) {
            rule.negated = random_() % 4 == 0;
            const std::string pattern = (rule.negated ? "!" : "") + prefix(rule);
            if (rule.value == "endif" && open == 0)
                rule.value = "permit";
            if (rule.value == "endif")
                text += "endif\n";
            else
                text += rule.value == "if" ? fmt::format("if {}\n", pattern)
                                           : fmt::format("{} {}\n", pattern, rule.value);
            open += rule.value == "if";
            open -= rule.value == "endif";
        }
        for (; open > 0; open--) {
            text += "endif\n";
            rules.emplace_back().value = "endif";
        }
        const auto got = classes(text,
                                 "format: cidr, map: {permit: good, reject: bad}, "
                                 "guard: {min_entries: 0}");
        ASSERT_EQ(got.size(), 256u);
        for (uint32_t host = 0; host < 256; host++) {
            std::string want = "none";
            size_t depth = 0, dead = 0;  // blocks around the rule; from which on none is entered
            for (const Rule& rule : rules) {
                if (rule.value == "if") {
                    depth++;
                    dead = dead == 0 && !rule.covers(host) ? depth : dead;
                } else if (rule.value == "endif") {
                    dead = dead == depth ? 0 : dead;
                    depth--;
                } else if (dead == 0 && rule.covers(host)) {
                    want = rule.value == "permit"   ? "good"
                           : rule.value == "reject" ? "bad"
                                                    : "none";
                    break;
                }
            }
            ASSERT_EQ(got[host], want) << address(host) << "\n" << text;
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Seeds, FeedTable, ::testing::Range(uint64_t{0}, uint64_t{6}));

}  // namespace
}  // namespace mxgate
