// SPDX-License-Identifier: BSD-2-Clause
// The page of reasons is held to the enum that BPF and C++ share.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "control/config/config.h"
#include "control/text/names.h"

namespace mxgate {
namespace {

TEST(Docs, VerdictsPageListsEveryReasonWithItsText)
{
    std::ifstream file(MXGATE_SOURCE_DIR "/docs/verdicts.md");
    std::stringstream page;
    page << file.rdbuf();
    size_t rows = 0;
    for (uint32_t reason = 0; reason < MXG_REASONS; reason++) {
        const std::string name = std::string("| `") + reason_name(reason) + "` |";
        const size_t at = page.str().find(name);
        ASSERT_NE(at, std::string::npos) << name;
        const std::string row = page.str().substr(at, page.str().find('\n', at) - at);
        EXPECT_NE(row.find(std::string("| ") + reason_text(reason) + " |"), std::string::npos)
            << row;
        rows++;
    }
    EXPECT_EQ(rows, MXG_REASONS);
}

TEST(Docs, CounterPlaceInvertsCounterIndex)
{
    for (uint32_t index = 0; index < MXG_COUNTERS; index++) {
        const CounterPlace place = counter_place(index);
        mxg_decision decision{};
        decision.verdict = static_cast<uint8_t>(place.verdict);
        decision.reason = static_cast<uint8_t>(place.reason);
        decision.class_id = static_cast<uint8_t>(place.class_id);
        decision.family = static_cast<uint8_t>(place.family);
        decision.enforced = place.enforced;
        ASSERT_EQ(mxg_counter_index(&decision), index);
    }
}

TEST(Docs, ReplyPlaceInvertsReplyIndex)
{
    for (uint32_t index = 0; index < MXG_REPLY_COUNTERS; index++) {
        const ReplyPlace place = reply_place(index);
        ASSERT_LT(place.outcome, uint32_t{MXG_REPLY_OUTCOMES});
        ASSERT_EQ(mxg_reply_index(place.outcome, place.verdict, place.family), index);
    }
}

// Every example of a feed on its page is a configuration that loads.
TEST(Docs, FeedExamplesAreGood)
{
    std::ifstream file(MXGATE_SOURCE_DIR "/docs/feeds.md");
    std::string line, feeds;
    bool inside = false;
    while (std::getline(file, line)) {
        if (line.starts_with("```"))
            inside = line == "```yaml";
        else if (inside && line != "feeds:")
            feeds += line + "\n";
    }
    // Examples of several sections may share a name.
    size_t count = 0;
    for (size_t at = feeds.find("{name: "); at != std::string::npos;
         at = feeds.find("{name: ", at + 7))
        feeds.insert(at + 7, fmt::format("f{}-", count++));
    EXPECT_GT(count, 9u);
    const ConfigResult result = parse_config(
        "gate: {services: [{name: mx, addresses: [192.0.2.25]}]}\nfeeds:\n" + feeds, "docs");
    for (const Diagnostic& diagnostic : result.diagnostics)
        ADD_FAILURE() << to_string(diagnostic);
    EXPECT_TRUE(result.config);
}

}  // namespace
}  // namespace mxgate
