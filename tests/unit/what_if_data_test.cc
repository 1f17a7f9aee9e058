// SPDX-License-Identifier: BSD-2-Clause
// Every block list that MXGATE_TEST_DATA has, over every arrival of its trace: `what-if` says what
// a search through all entries of all lists says.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <set>
#include <tuple>

#include "control/table/compile.h"
#include "control/whatif/trial.h"
#include "tests/reference/policy_case.h"

namespace mxgate {
namespace {

// The format of a list, by its name.
std::string format_of(const std::string& name)
{
    const auto has = [&](const char* part) { return name.find(part) != name.npos; };
    if (has(".ipset"))
        return "ipset";
    if (has(".jsonl"))
        return "json, select: \"add[]\"";
    if (has("spamhaus/"))
        return "spamhaus-drop";
    if (has(".json"))
        return "json, select: \"list[]\"";
    if (has(".tsv") || has("ipsum.txt"))
        return "tsv, columns: {prefix: 1}";
    return "prefixes";
}

std::string config_of(const std::string& folder)
{
    std::set<std::string> lists;
    for (const auto& file : std::filesystem::recursive_directory_iterator(folder))
        if (file.is_regular_file() && file.path().filename() != "LICENSE" &&
            file.path().filename() != "asndrop.json")
            lists.insert(file.path().string());
    EXPECT_EQ(lists.size(), 23u);
    std::string out =
        "gate: {interfaces: [eth0], services: [{name: mx, addresses: [\"2001:db8::25\", "
        "192.0.2.25]}]}\n"
        "classes: {unknown: {action: pass}, bad: {action: drop}}\n"
        "default_class: unknown\nfeeds:\n";
    for (const std::string& path : lists)
        out += fmt::format("  - {{name: list-{}, format: {}, path: \"{}\", class: bad}}\n",
                           out.size(), format_of(path), path);
    return out;
}

// Every entry of every list, to be searched by length.
class Listed
{
public:
    explicit Listed(const Config& config)
    {
        for (const FeedConfig& feed : config.feeds)
            for (const FeedEntry& entry : read_feed(feed).entries)
                entries_.insert(key(entry.prefix.address, entry.prefix.length));
    }
    size_t size() const { return entries_.size(); }
    bool has(const mxg_address& address) const
    {
        for (uint32_t length = 0; length <= mxg_family_bits(address.family); length++)
            if (entries_.contains(key(mxg_cut(address, length), length)))
                return true;
        return false;
    }

private:
    using Key = std::tuple<uint32_t, uint64_t, uint64_t, uint32_t>;
    static Key key(const mxg_address& a, uint32_t length) { return {a.family, a.hi, a.lo, length}; }
    std::set<Key> entries_;
};

uint64_t each_arrival(const std::string& data, const std::function<void(const Arrival&)>& take)
{
    uint64_t arrivals = 0;
    for (const char* name : {"mx-arrivals-2019-2022.tsv.xz", "mx-arrivals-2023-2026.tsv.xz"}) {
        FeedInput input = FeedInput::of_file(data + "/mail/trace/" + name, 1 << 30);
        const ArrivalLog log = read_arrivals(input, name, 0, take);
        EXPECT_EQ(log.rejected, 0u);
        EXPECT_FALSE(log.backwards);
        arrivals += log.arrivals;
    }
    return arrivals;
}

TEST(WhatIfData, EveryListOverEveryArrival)
{
    const char* data = std::getenv("MXGATE_TEST_DATA");
    if (!data)
        GTEST_SKIP() << "SKIP: MXGATE_TEST_DATA does not name the folder of real data";
    const std::string folder(data);
    const reference::PolicyCase given =
        reference::PolicyCase::from_yaml(config_of(folder + "/reputation"));
    const auto start = std::chrono::steady_clock::now();
    const CompileResult compiled = compile(given.config, 1);
    ASSERT_TRUE(compiled.table);
    Trial trial(given.config, *compiled.table);
    const uint64_t arrivals =
        each_arrival(folder, [&](const Arrival& arrival) { trial.arrive(arrival); });
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
    fmt::print("{} arrivals, {} feeds, {} entries: {:.2f} s\n", arrivals, given.config.feeds.size(),
               compiled.table->entries.size(), taken.count());

    const Listed listed(given.config);
    EXPECT_GT(listed.size(), 600'000u);
    uint64_t denied = 0;
    each_arrival(folder, [&](const Arrival& a) { denied += listed.has(a.client); });
    EXPECT_EQ(arrivals, 275'501u);
    EXPECT_EQ(trial.all.attempts, arrivals);
    EXPECT_EQ(trial.all.denied, denied);
    EXPECT_EQ(trial.all.limited, 0u);
    EXPECT_EQ(denied, 6342u);
    // Real senders, whom these lists would have turned away now and then.
    for (const char* sender : {"google.com", "outlook.com", "kernel.org", "migadu.com"}) {
        ASSERT_TRUE(trial.senders.contains(sender)) << sender;
        EXPECT_GT(trial.senders.at(sender).denied, 0u) << sender;
    }
    EXPECT_GT(trial.senders.at("google.com").attempts, 50'000u);
}

}  // namespace
}  // namespace mxgate
