// SPDX-License-Identifier: BSD-2-Clause
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/feed_texts.h"

namespace mxgate {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

FeedConfig selecting(std::vector<JsonPath> paths)
{
    FeedConfig config;
    config.path = "list";
    config.format = FeedFormat::json;
    config.class_name = "bad";
    config.min_entries = 0;
    config.select = std::move(paths);
    return config;
}

const JsonPath kIpv4{"prefixes[].ip_prefix", {"prefixes", "[]", "ip_prefix"}};
const JsonPath kIpv6{"ipv6_prefixes[].ipv6_prefix", {"ipv6_prefixes", "[]", "ipv6_prefix"}};
const JsonPath kList{"list[]", {"list", "[]"}};

TEST(FeedJson, PathsPick)
{
    // The shape of AWS's ip-ranges.json.
    const Feed feed = parse_feed(
        "{\n  \"syncToken\": \"1\", \"ip_prefix\": \"10.0.0.0/8\",\n"
        "  \"prefixes\": [\n"
        "    {\"ip_prefix\": \"192.0.2.0/24\", \"region\": \"a\"},\n"
        "    {\"ip_prefix\": \"198.51.100.0\\/24\", \"more\": {\"ip_prefix\": \"11.0.0.0/8\"}},\n"
        "    {\"ip_prefix\": null}, {\"ip_prefix\": 7}, {\"ip_prefix\": \"x\"}\n  ],\n"
        "  \"ipv6_prefixes\": [\n    {\"ipv6_prefix\": \"2001:db8::/32\"}]\n}\n",
        selecting({kIpv4, kIpv6}));
    EXPECT_THAT(entries(feed),
                ElementsAre("4 192.0.2.0/24", "5 198.51.100.0/24", "9 2001:db8::/32"));
    EXPECT_THAT(rejects(feed), ElementsAre("6 not text: `7`", "6 not a prefix: `x`"));
    EXPECT_THAT(feed.errors, IsEmpty());
    EXPECT_THAT(feed.warnings, IsEmpty());
    EXPECT_THAT(entries(parse_feed("[[\"192.0.2.1\"], [\"192.0.2.2-192.0.2.3\"]]",
                                   selecting({{"[][]", {"[]", "[]"}}}))),
                ElementsAre("1 192.0.2.1/32", "1 192.0.2.2/31"));
    EXPECT_THAT(entries(parse_feed("{\"a\": {\"x\": [\"192.0.2.1\"]}, \"b\": {\"x\": "
                                   "[\"192.0.2.2\"], \"y\": [\"192.0.2.3\"]}}",
                                   selecting({{"*.x[]", {"*", "x", "[]"}}}))),
                ElementsAre("1 192.0.2.1/32", "1 192.0.2.2/32"));
}

TEST(FeedJson, DocumentsOneAfterTheOther)
{
    EXPECT_THAT(entries(parse_feed("{\"cidr\":\"192.0.2.0/24\"}\n{\"cidr\":\"192.0.3.0/24\"}\n\n",
                                   selecting({{"cidr", {"cidr"}}}))),
                ElementsAre("1 192.0.2.0/24", "2 192.0.3.0/24"));
}

TEST(FeedJson, Broken)
{
    const FeedConfig list = selecting({kList});
    for (const char* text :
         {"", "{\"list\": [\"192.0.2.1\"", "{\"list\": [\"192.0.2.1\"]} x", "<html>", "\xff",
          "{\"list\": [\"192.0.2.1\",]}", "{\"list\": [\"\xff\"]}"})
        EXPECT_THAT(texts(parse_feed(text, list).errors),
                    ElementsAre("list: line 1: broken or truncated JSON"))
            << text;
    EXPECT_THAT(texts(parse_feed(std::string(1 << 20, '['), list).errors),
                ElementsAre("list: line 1: JSON nested deeper than 64"));
    EXPECT_THAT(
        texts(parse_feed("{\"list\": {\"a\": 1}, \"x\": []}", selecting({kList, kIpv4})).warnings),
        ElementsAre("list: warning: `list[]` picks nothing",
                    "list: warning: `prefixes[].ip_prefix` picks nothing"));
    // A path that ends too early.
    EXPECT_THAT(
        texts(parse_feed("{\"list\": [\"192.0.2.1\"]}", selecting({{"list", {"list"}}})).errors),
        ElementsAre("list: 1 of 1 lines are broken; the first is line 1: not text: `a "
                    "list`"));
}

}  // namespace
}  // namespace mxgate
