// SPDX-License-Identifier: BSD-2-Clause
// What is believed of the answers of the process that reads lists.
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

#include "control/worker/messages.h"

namespace mxgate {
namespace {

TEST(WorkerMessages, ComeAsTheyWent)
{
    CompileJob job;
    job.config = parse_config(
                     "gate: {interfaces: [gate0], services: [{name: mx, addresses: "
                     "[192.0.2.25]}]}\nclasses: {a: {action: drop}}\ndefault_class: a\n",
                     "/etc/mxgate/mxgate.yaml")
                     .config.value();
    job.generation = 12;
    job.strict = true;
    job.previous.emplace();
    job.previous->classes.push_back({"a", "drop", true});
    ListVersions& versions = job.lists[{true, "isp"}];
    versions.delivered = {"/new", 5, true};
    versions.now.path = "/now";
    versions.before.expired = true;
    const CompileJob got = compile_job_from(to_text(job));
    EXPECT_EQ(to_text(got), to_text(job));
    EXPECT_EQ(got.config.classes[0].name, "a");
}

// A job with one list: a version that came, and one that is in force.
CompileJob one_list_job()
{
    CompileJob job;
    ListVersions& versions = job.lists[{false, "drop"}];
    versions.delivered = {"/new", 5, false};
    versions.now.path = "/now";
    versions.now.date = 4;
    versions.counts = true;
    return job;
}

TEST(WorkerMessages, AnswersComeAsTheyWent)
{
    const CompileJob job = one_list_job();
    CompileAnswer answer;
    ListOutcome& outcome = answer.lists[{false, "drop"}];
    outcome.refusals.push_back({"why \xff", true, true});
    outcome.now = job.lists.at({false, "drop"}).now;
    outcome.now->entries = 9;
    answer.result.feeds.emplace_back().widened_examples.push_back({3, {{1, 2, 6, 0}, 32}, {}});
    answer.result.lengths.emplace_back().files.emplace_back();
    answer.result.diagnostics.emplace_back().where.line = 4;
    const CompileAnswer back = compile_answer_from(to_text(answer), job, true);
    EXPECT_EQ(to_text(back), to_text(answer));
    EXPECT_EQ(back.lists.at({false, "drop"}).now->entries, 9);
    for (const char* nonsense : {"", "{}", "[]", "{\"lists\": 3}", "{\"diagnostics\": [{}]}"})
        EXPECT_THROW(compile_answer_from(nonsense, job, true), nlohmann::json::exception)
            << nonsense;
    EXPECT_THROW(fetch_result_from("{\"state\": \"x\"}"), nlohmann::json::exception);
}

// Of the one list, when what came is refused, and what is in force stays.
ListOutcome stays_in_force()
{
    ListOutcome out;
    out.refusals.push_back({"broken", true, true});
    out.now = one_list_job().lists.begin()->second.now;
    return out;
}

// Whether an answer with this outcome of the one list is taken.
bool is_taken(const ListOutcome& outcome, const CompileJob& job, bool with_table = true)
{
    CompileAnswer answer;
    answer.lists[{false, "drop"}] = outcome;
    try {
        compile_answer_from(to_text(answer), job, with_table);
        return true;
    } catch (const std::invalid_argument&) {
        return false;
    }
}

// The same, where the job or the outcome that it leads to is changed.
bool is_taken(const std::function<void(ListVersions&, ListOutcome&)>& change,
              bool with_table = true)
{
    CompileJob job = one_list_job();
    ListOutcome outcome = stays_in_force();
    change(job.lists.begin()->second, outcome);
    return is_taken(outcome, job, with_table);
}

using Versions = ListVersions;
using Outcome = ListOutcome;

TEST(WorkerMessages, AnswersAreHeldToTheJob)
{
    EXPECT_TRUE(is_taken([](Versions&, Outcome&) {}));
    // What it says to be in force is opened and kept by a process that may read every file.
    EXPECT_FALSE(is_taken([](Versions&, Outcome& outcome) { outcome.now->path = "/etc/shadow"; }));
    EXPECT_FALSE(is_taken([](Versions&, Outcome& outcome) { outcome.now->path = "/new"; }));
    EXPECT_FALSE(is_taken([](Versions&, Outcome& outcome) { outcome.now->path.clear(); }));
    // What is not the version's would let it live for ever, or die too soon.
    EXPECT_FALSE(is_taken([](Versions&, Outcome& outcome) { outcome.now->date = 1 << 30; }));
    EXPECT_FALSE(is_taken([](Versions&, Outcome& outcome) { outcome.now->fallback = true; }));
    EXPECT_FALSE(is_taken([](Versions&, Outcome& outcome) { outcome.now->rolled_back = true; }));
    EXPECT_FALSE(is_taken([](Versions&, Outcome& outcome) { outcome.now->expired = true; }));
    const auto of_answer = [](const auto& change) {
        CompileAnswer answer;
        answer.lists[{false, "drop"}] = stays_in_force();
        change(answer);
        compile_answer_from(to_text(answer), one_list_job(), true);
    };
    EXPECT_NO_THROW(of_answer([](CompileAnswer&) {}));
    EXPECT_THROW(of_answer([](CompileAnswer& answer) {
                     answer.lists[{true, "drop"}];
                 }),
                 std::invalid_argument);
    EXPECT_THROW(of_answer([](CompileAnswer& answer) { answer.lists.clear(); }),
                 std::invalid_argument);
    EXPECT_THROW(of_answer([](CompileAnswer& answer) {
                     answer.result.lengths.emplace_back().origin = static_cast<LengthOrigin>(99);
                 }),
                 std::invalid_argument);
    // What would take much memory, or time.
    const CompileJob job = one_list_job();
    EXPECT_THROW(compile_answer_from(std::string(100, '['), job, true), std::length_error);
    EXPECT_THROW(compile_answer_from(std::string(17 << 20, ' '), job, true), std::length_error);
    std::string objects = "{\"lists\": [{}";
    for (int i = 0; i < 1'000'000; i++)
        objects += ",{}";
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_ANY_THROW(compile_answer_from(objects + "]}", job, true));
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
    std::string part = to_text(CompileAnswer());
    part.replace(part.find("\"feeds\":[]"), 10, "\"feeds\":[1.5]");
    EXPECT_THROW(compile_answer_from(part, job, true), std::out_of_range);
    FetchResult late;
    late.retry_after = std::chrono::hours(24 * 365);
    EXPECT_THROW(fetch_result_from(to_text(late)), std::length_error);
}

TEST(WorkerMessages, EntriesOfLengths)
{
    LengthList list;
    list.add({{0x20010db8ULL << 32, 0, MXG_FAMILY_IPV6, 0}, 32}, 56, 9, 3, true);
    list.add({{0x20010db9ULL << 32, 0, MXG_FAMILY_IPV6, 0}, 32}, 0, 7, 2);
    const std::string good = bytes_of(list.entries);
    const std::vector<LengthEntry> back = length_entries_from(good);
    ASSERT_EQ(back.size(), 2u);
    EXPECT_EQ(bytes_of(back), good);
    EXPECT_EQ(back[0].end_sites, 9u);
    EXPECT_TRUE(back[0].aggregated);
    const size_t half = good.size() / 2;
    EXPECT_THROW(length_entries_from(good.substr(1)), std::invalid_argument);
    EXPECT_THROW(length_entries_from(good.substr(half) + good.substr(0, half)),
                 std::invalid_argument);
    for (const size_t place : {8, 24, 25, 26}) {  // host bits, family, length, length of a site
        std::string bad = good;
        bad[place] = '\xee';
        EXPECT_THROW(length_entries_from(bad), std::invalid_argument) << place;
    }
}

TEST(WorkerMessages, WhatCameIsUsedOrRefused)
{
    const auto use = [](Versions&, Outcome& outcome) {
        outcome = {};
        outcome.used_delivery = true;
        outcome.now.emplace();
        outcome.now->path = "/new";
        outcome.now->date = 5;
    };
    const auto used_but = [&](const auto& change) {
        return is_taken([&](Versions& versions, Outcome& outcome) {
            use(versions, outcome);
            change(versions, outcome);
        });
    };
    EXPECT_TRUE(is_taken(use));
    EXPECT_FALSE(used_but([](Versions& versions, Outcome&) { versions.delivered.reset(); }));
    EXPECT_FALSE(used_but([](Versions& v, Outcome&) { v.delivered->rolled_back = true; }));
    EXPECT_FALSE(used_but([](Versions&, Outcome& outcome) { outcome.now.reset(); }));
    EXPECT_FALSE(used_but([](Versions&, Outcome& outcome) { outcome.now->fallback = true; }));
    EXPECT_FALSE(used_but([](Versions&, Outcome& outcome) { outcome.used_delivery = false; }));
    // Used and refused at once.
    EXPECT_FALSE(used_but([](Versions&, Outcome& o) { o.refusals.push_back({"", true, false}); }));
    const auto refuse = [](bool of_delivery, bool hold) {
        return is_taken([=](Versions&, Outcome& outcome) {
            outcome.refusals.push_back({"", of_delivery, hold});
        });
    };
    EXPECT_FALSE(is_taken([](Versions&, Outcome& outcome) { outcome.refusals.clear(); }));
    EXPECT_FALSE(refuse(true, false)) << "twice";
    EXPECT_TRUE(refuse(false, false));
    EXPECT_FALSE(refuse(false, true)) << "there is nothing that could be forced";
    EXPECT_FALSE(is_taken([](Versions&, Outcome& outcome) {
        outcome.refusals.resize(100, {"", false, false});  // each would be an event
    }));
}

// Only a version at fault, and that is told, has another in its place; a list that is too old, or
// stays what it is, has none.
TEST(WorkerMessages, WhatStandsInForAVersion)
{
    const auto before = [](Versions& versions, Outcome& outcome) {
        versions.before.path = "/old";
        versions.before.date = 1;
        versions.before.fallback = true;
        outcome.now = versions.before;
    };
    const auto none = [](Versions& versions, Outcome& outcome) {
        versions.never_good = true;
        outcome.now.emplace();
        outcome.now->fallback = true;
    };
    for (const std::function<void(Versions&, Outcome&)>& stand_in :
         {std::function<void(Versions&, Outcome&)>(before), {none}}) {
        const auto with = [&](const auto& change) {
            return is_taken([&](Versions& versions, Outcome& outcome) {
                stand_in(versions, outcome);
                change(versions, outcome);
            });
        };
        const auto at_fault = [](Outcome& o) { o.refusals.push_back({"broken", false, false}); };
        EXPECT_TRUE(with([&](Versions&, Outcome& outcome) { at_fault(outcome); }));
        EXPECT_FALSE(with([](Versions&, Outcome&) {}));
        EXPECT_FALSE(with([&](Versions& versions, Outcome& outcome) {
            at_fault(outcome);
            versions.counts = false;
        }));
        EXPECT_FALSE(with([&](Versions& versions, Outcome& outcome) {
            at_fault(outcome);
            versions.stays = "/kept";
        }));
        EXPECT_FALSE(with([&](Versions& versions, Outcome& outcome) {
            at_fault(outcome);
            versions.before = {};
            versions.never_good = false;
        }));
    }
    const auto expire = [](Versions& versions, Outcome& outcome) {
        versions.counts = false;
        outcome.now->expired = true;
    };
    EXPECT_TRUE(is_taken(expire));
    EXPECT_FALSE(is_taken([&](Versions& versions, Outcome& outcome) {
        expire(versions, outcome);
        outcome.now->expired = false;
    }));
    const auto say_nothing = [](Versions&, Outcome& outcome) { outcome.now.reset(); };
    EXPECT_FALSE(is_taken(say_nothing));
    EXPECT_TRUE(is_taken(say_nothing, false)) << "there is no table";
    const auto stay = [](Versions& versions, Outcome&) { versions.stays = "/kept"; };
    EXPECT_FALSE(is_taken(stay));
    EXPECT_TRUE(is_taken([&](Versions& versions, Outcome& outcome) {
        stay(versions, outcome);
        outcome.now.reset();
    }));
}

}  // namespace
}  // namespace mxgate
