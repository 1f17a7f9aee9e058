// SPDX-License-Identifier: BSD-2-Clause
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/feed_texts.h"

namespace mxgate {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

FeedConfig config_of(std::vector<FeedMapping> map, std::string class_name = "")
{
    FeedConfig config;
    config.path = "table";
    config.format = FeedFormat::cidr;
    config.class_name = std::move(class_name);
    config.map = std::move(map);
    config.min_entries = 0;
    return config;
}

const FeedConfig kBoth = config_of({{"permit", "good"}, {"reject", "bad"}});

std::vector<std::string> listed(std::string_view text, const FeedConfig& config = kBoth)
{
    const Feed feed = parse_feed(text, config);
    EXPECT_THAT(texts(feed.errors), IsEmpty());
    return entries(feed, config);
}

TEST(FeedCidr, ActionsAreMapped)
{
    EXPECT_THAT(listed("# a table\n"
                       "192.0.2.1 permit\n"
                       "192.0.2.2\tREJECT go away\n"
                       "192.0.2.3 550 5.7.1 go away\n"
                       "192.0.2.4   OK\n"
                       "[2001:db8::]/32 reject\n"
                       "[2001:db9::1] 1\n"
                       "192.0.2.5 reject\n"
                       "  and a text that goes on\n"
                       "192.0.2.6 defer_if_permit later\n"),
                ElementsAre("2 192.0.2.1/32 =permit", "3 192.0.2.2/32 =reject",
                            "4 192.0.2.3/32 =reject", "5 192.0.2.4/32 =permit",
                            "6 2001:db8::/32 =reject", "7 2001:db9::1/128 =permit",
                            "8 192.0.2.5/32 =reject", "10 192.0.2.6/32 =reject"));
    // The word itself before what it comes to.
    const FeedConfig finer = config_of({{"550", "bad"}, {"reject", "mixed"}});
    EXPECT_THAT(listed("192.0.2.1 550 x\n192.0.2.2 450 x\n", finer),
                ElementsAre("1 192.0.2.1/32 =550", "2 192.0.2.2/32 =reject"));
}

TEST(FeedCidr, TheFirstMatchWins)
{
    EXPECT_THAT(listed("192.0.2.0/24 permit\n192.0.2.1 reject\n192.0.2.0/24 reject\n"
                       "192.0.0.0/16 reject\n"),
                ElementsAre("1 192.0.2.0/24 =permit", "4 192.0.0.0/16 =reject"));
    // DUNNO ends the search, and so does an action that no class is for.
    EXPECT_THAT(listed("192.0.2.1 dunno\n192.0.2.0/24 reject\n"),
                UnorderedElementsAre("1 !192.0.2.1/32", "2 192.0.2.0/24 =reject"));
    const Feed feed = parse_feed("192.0.2.1 warn\n192.0.2.0/24 reject\n", kBoth);
    EXPECT_THAT(entries(feed, kBoth),
                UnorderedElementsAre("1 !192.0.2.1/32", "2 192.0.2.0/24 =reject"));
    EXPECT_EQ(feed.skipped, 1u);
}

TEST(FeedCidr, BlocksAndNegation)
{
    EXPECT_THAT(listed("if 192.0.2.0/24\n192.0.0.0/16 reject\n198.51.100.1 reject\n192.0.2.7 "
                       "permit\nendif\n203.0.113.1 permit\n"),
                ElementsAre("2 192.0.2.0/24 =reject", "6 203.0.113.1/32 =permit"));
    EXPECT_THAT(listed("if !0.0.0.0/1\n128.0.0.0/2 reject\n1.0.0.0/8 reject\nendif\n"),
                ElementsAre("2 128.0.0.0/2 =reject"));
    EXPECT_THAT(listed("!192.0.0.0/2 permit\n"),
                ElementsAre("1 0.0.0.0/1 =permit", "1 128.0.0.0/2 =permit"));
    // Nested, with every rule inside the inner one.
    EXPECT_THAT(listed("IF 10.0.0.0/8\nif !10.0.0.0/9\n0.0.0.0/0 reject\n! 10.192.0.0/10 permit\n"
                       "endif\nEndIf\n"),
                ElementsAre("3 10.128.0.0/9 =reject"));
    EXPECT_THAT(listed("if 2001:db8::/32\n192.0.2.1 reject\nendif\n"), IsEmpty());
}

TEST(FeedCidr, BrokenRules)
{
    const Feed feed = parse_feed(
        "192.0.2.1 permit\n192.0.2.2 permit\n192.0.2.3 permit\n192.0.2.4 permit\n"
        "192.0.2.5 permit\n192.0.2.6 permit\n"
        "endif\n"
        "192.0.2.7\n"
        "foo permit\n"
        "if bar\n192.0.2.8 permit\nendif\n"
        "if 192.0.2.0/24\n"
        "192.0.2.9/24 permit\n",
        kBoth);
    EXPECT_THAT(rejects(feed), ElementsAre("7 an `endif` without `if`", "8 no action: `192.0.2.7`",
                                           "9 not a prefix: `foo`", "10 not a prefix: `bar`",
                                           "13 an `if` without its `endif`"));
    EXPECT_EQ(feed.lines, 13u);
    EXPECT_THAT(texts(feed.warnings), ElementsAre("table:14: warning: host bits are set; "
                                                  "`192.0.2.9/24` is read as 192.0.2.0/24"));
    std::string deep;
    for (int i = 0; i < 20; i++)
        deep += "if 0.0.0.0/0\n";
    EXPECT_THAT(texts(parse_feed(deep, kBoth).errors),
                ::testing::Contains("table: line 17: more than 16 nested `if`"));
}

TEST(FeedCidr, OneClassForUnlikeActionsIsRefused)
{
    const FeedConfig one = config_of({}, "good");
    EXPECT_THAT(listed("192.0.2.1 permit\n192.0.2.2 OK\n192.0.2.3 dunno\n", one),
                UnorderedElementsAre("1 192.0.2.1/32", "2 192.0.2.2/32", "3 !192.0.2.3/32"));
    EXPECT_THAT(texts(parse_feed("192.0.2.1 permit\n192.0.2.2 550 no\n", one).errors),
                ElementsAre("table: the actions `permit` and `reject` would both get class `good`; "
                            "say in `map` which class each of them means"));
    EXPECT_THAT(
        listed("192.0.2.1 permit\n192.0.2.2 550 no\n", config_of({{"reject", "bad"}}, "good")),
        ElementsAre("1 192.0.2.1/32", "2 192.0.2.2/32 =reject"));
}

}  // namespace
}  // namespace mxgate
