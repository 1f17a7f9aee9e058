// SPDX-License-Identifier: BSD-2-Clause
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/feed_texts.h"

namespace mxgate {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

FeedConfig config_of(RbldnsdDataset dataset, std::vector<FeedMapping> map = {},
                     std::string class_name = "bad")
{
    FeedConfig config;
    config.path = "zone";
    config.format = FeedFormat::rbldnsd;
    config.dataset = dataset;
    config.class_name = std::move(class_name);
    config.map = std::move(map);
    return config;
}

std::vector<std::string> listed(std::string_view text, const FeedConfig& config)
{
    return entries(parse_feed(text, config), config);
}

TEST(FeedRbldnsd, EveryFormOfAnIp4setEntry)
{
    // The forms of rbldnsd(8), which says what they mean.
    const FeedConfig config = config_of(RbldnsdDataset::ip4set);
    for (const char* text : {"127.0.0.0/24", "127.0.0", "127.0/24", "127/24",
                             "127.0.0.0-127.0.0.255", "127.0.0-127.0.0", "127.0.0.0-255"})
        EXPECT_THAT(listed(text, config), ElementsAre("1 127.0.0.0/24")) << text;
    for (const char* text : {"127.16.0.0-127.31.255.255", "127.16.0-127.31.255", "127.16-127.31",
                             "127.16-31", "127.16.0.0/12", "127.16.0/12", "127.16/12"})
        EXPECT_THAT(listed(text, config), ElementsAre("1 127.16.0.0/12")) << text;
    EXPECT_THAT(listed("127.0.0.1-3", config), ElementsAre("1 127.0.0.1/32", "1 127.0.0.2/31"));
    EXPECT_THAT(listed("127-128 # x", config), ElementsAre("1 127.0.0.0/8", "1 128.0.0.0/8"));
    EXPECT_THAT(listed("127.16.0-31", config), ElementsAre("1 127.16.0.0/19"));
    EXPECT_THAT(listed("0/0", config), ElementsAre("1 0.0.0.0/0"));
}

TEST(FeedRbldnsd, BrokenEntriesAreRejected)
{
    const FeedConfig config = config_of(RbldnsdDataset::ip4set);
    const Feed feed = parse_feed(
        "1\n2\n3\n4\n5\n6\n7\n8\n9\n"
        "foo\n1.2.3.4.5\n256\n1.2.3.4/33\n1.2.3.9-1\n1.2.3.4 :300:x\n1.2.3.4 "
        ":127.1:x\n!\n1.2.3.4/\n",
        config);
    EXPECT_EQ(feed.entries.size(), 9u);
    EXPECT_THAT(
        rejects(feed),
        ElementsAre(
            "10 not an entry of an ip4set: `foo`", "11 not an entry of an ip4set: `1.2.3.4.5`",
            "12 not an entry of an ip4set: `256`", "13 not an entry of an ip4set: `1.2.3.4/33`",
            "14 not an entry of an ip4set: `1.2.3.9-1`", "15 not an A value: `1.2.3.4 :300:x`",
            "16 not an A value: `1.2.3.4 :127.1:x`", "17 not an entry of an ip4set: ``",
            "18 not an entry of an ip4set: `1.2.3.4/`"));
    EXPECT_THAT(rejects(parse_feed("1.2.3.4\n1.2.3.0-9\n", config_of(RbldnsdDataset::ip4trie))),
                ElementsAre("2 not an entry of an ip4trie: `1.2.3.0-9`"));
    EXPECT_THAT(rejects(parse_feed("1.2.3.4\n1.2.3\n", config_of(RbldnsdDataset::ip4tset))),
                ElementsAre("2 not an entry of an ip4tset: `1.2.3`"));
    EXPECT_THAT(
        rejects(parse_feed("1:2:3:4\n1:2:3\n1:2:3:4\n1::\n", config_of(RbldnsdDataset::ip6tset))),
        ElementsAre("2 not an entry of an ip6tset: `1:2:3`",
                    "4 not an entry of an ip6tset: `1::`"));
}

TEST(FeedRbldnsd, Ip6Entries)
{
    const FeedConfig trie = config_of(RbldnsdDataset::ip6trie, {{"127.0.1.3", "mixed"}});
    EXPECT_THAT(
        listed(":127.0.1.2: Listed, see http://example.com/lookup?$\n"
               "2001:21ab:c000/36\n"
               "2001:21ab:def7:4242 :127.0.1.3: This one smells funny\n"
               "2605:6001:42::/52\n"
               "::1\t# localhost\n"
               "2001\n"
               "1:2:3:4:5:6:7:8\n",
               trie),
        ElementsAre("2 2001:21ab:c000::/36", "3 2001:21ab:def7:4242::/64 =127.0.1.3",
                    "4 2605:6001:42::/52", "5 ::1/128", "6 2001::/16", "7 1:2:3:4:5:6:7:8/128"));
    const FeedConfig set = config_of(RbldnsdDataset::ip6tset);
    EXPECT_THAT(listed("2001:20fe:23:41ed\nabac:adab:ad00:42f\n!abac:adab:ad00:42f::2\n", set),
                ElementsAre("1 2001:20fe:23:41ed::/64", "2 abac:adab:ad00:42f::/64",
                            "3 !abac:adab:ad00:42f::2/128"));
}

TEST(FeedRbldnsd, ValuesGiveClasses)
{
    const std::string text =
        "192.0.2.1\n"  // 127.0.0.2 where the file says nothing
        "192.0.2.2 some text\n"
        "192.0.2.3 :3\n"
        "192.0.2.4 :127.0.0.3:$ is listed\n"
        "192.0.2.5 :127.0.0.9:\n"
        ":9:from here on\n"
        "192.0.2.6\n"
        "192.0.2.7 default\n"
        "192.0.2.8 :3:\n"
        ":bogus\n"
        "192.0.2.9\n"
        "192.0.2.10 # :3:\n";
    const std::vector<FeedMapping> map{{"127.0.0.2", "bad"}, {"127.0.0.3", "mixed"}};
    const FeedConfig with_class = config_of(RbldnsdDataset::ip4set, map);
    const Feed feed = parse_feed(text, with_class);
    EXPECT_THAT(rejects(feed), ElementsAre("10 not an A value: `:bogus`"));
    EXPECT_THAT(entries(feed, with_class),
                ::testing::IsSupersetOf({"1 192.0.2.1/32 =127.0.0.2", "2 192.0.2.2/32 =127.0.0.2",
                                         "3 192.0.2.3/32 =127.0.0.3", "4 192.0.2.4/32 =127.0.0.3",
                                         "5 192.0.2.5/32", "7 192.0.2.6/32", "8 192.0.2.7/32",
                                         "9 192.0.2.8/32 =127.0.0.3"}));
    EXPECT_EQ(feed.skipped, 2u);  // after a default that cannot be read, nothing has a value

    const FeedConfig without = config_of(RbldnsdDataset::ip4set, map, "");
    const Feed mapped = parse_feed(text, without);
    EXPECT_EQ(mapped.skipped, 5u);
    EXPECT_EQ(mapped.lines, 11u);
    size_t kept = 0;
    for (const FeedEntry& entry : mapped.entries)
        kept += !entry.exclusion;
    EXPECT_EQ(kept, 5u);
}

TEST(FeedRbldnsd, TheLongestDecidesEvenInsideAnExclusion)
{
    const FeedConfig config = config_of(RbldnsdDataset::ip4trie);
    // The table's exclusions carve out of the whole feed, so this one must leave out 10.1.0.0/16.
    EXPECT_THAT(listed("!10/8\n10.1/16\n11/8\n", config),
                ElementsAre("1 !10.0.0.0/16", "1 !10.2.0.0/15", "1 !10.4.0.0/14", "1 !10.8.0.0/13",
                            "1 !10.16.0.0/12", "1 !10.32.0.0/11", "1 !10.64.0.0/10",
                            "1 !10.128.0.0/9", "2 10.1.0.0/16", "3 11.0.0.0/8"));
    EXPECT_THAT(
        listed("10/8\n!10.1/16\n10.1.2/24\n", config),
        ::testing::AllOf(::testing::Contains("1 10.0.0.0/8"), ::testing::Contains("3 10.1.2.0/24"),
                         ::testing::Contains("2 !10.1.128.0/17"),
                         ::testing::Not(::testing::Contains("2 !10.1.0.0/16"))));
}

// As rbldnsd 1.0 answers for these lines.
TEST(FeedRbldnsd, ExclusionsOfIp4setGoByOctets)
{
    const std::string text =
        "192.0.2.0/24\n!192.0.2.128/25\n192.0.2.200\n!198.51.100.0/24\n198.51.100.7\n"
        "203.0.113.1 ::no value\n";
    EXPECT_THAT(listed(text, config_of(RbldnsdDataset::ip4set)),
                ::testing::AllOf(::testing::Contains("1 192.0.2.0/24"),
                                 ::testing::Contains("2 !192.0.2.128/25"),
                                 ::testing::Not(::testing::Contains("3 192.0.2.200/32")),
                                 ::testing::Contains("5 198.51.100.7/32"),
                                 ::testing::Not(::testing::Contains("6 203.0.113.1/32"))));
    EXPECT_THAT(listed(text, config_of(RbldnsdDataset::ip4trie)),
                ::testing::Contains("3 192.0.2.200/32"));
}

TEST(FeedRbldnsd, CombinedZones)
{
    const std::string text =
        "$NS 1w ns1.ex.com\n"
        "192.0.2.99\n"  // in no dataset
        "$DATASET ip4set:proxy proxies @\n"
        ":2:Open proxy\n"
        "127.0.0.2\n"
        "10.0.0.0/30\n"
        "!10.0.0.1\n"
        "#$DATASET ip4trie:relay relays\n"
        "10.0.0.1 :3:\n"
        "$DATASET dnset names\n"
        "example.com\n"
        "$DATASET acl @\n"
        "10.0.0.0/8 :refuse\n"
        "$DATASET ip6trie @\n"
        "2001:db8/32 :3\n"
        "$DATASET bogus\n"
        "192.0.2.98\n";
    const FeedConfig config = config_of(RbldnsdDataset::combined, {{"127.0.0.3", "mixed"}});
    const Feed feed = parse_feed(text, config);
    // The exclusion of the first dataset does not reach into the second.
    EXPECT_THAT(
        entries(feed, config),
        ::testing::UnorderedElementsAre("5 127.0.0.2/32", "6 10.0.0.0/32", "6 10.0.0.2/31",
                                        "9 10.0.0.1/32 =127.0.0.3", "15 2001:db8::/32 =127.0.0.3"));
    EXPECT_THAT(texts(feed.warnings), ElementsAre("zone:16: warning: unknown kind of dataset: "
                                                  "`bogus`"));
    EXPECT_THAT(texts(parse_feed(text, config_of(RbldnsdDataset::ip4set)).errors),
                ::testing::Contains("zone: line 3 begins a dataset: write `dataset: combined`"));
}

TEST(FeedRbldnsd, MaxRange)
{
    const FeedConfig config = config_of(RbldnsdDataset::ip4set);
    const Feed feed = parse_feed(
        "$MAXRANGE4 /24\n10/24\n10/23\n$MAXRANGE4 4\n11/30\n11/29\n$MAXRANGE4 /8\n12/29\n13/30\n",
        config);
    EXPECT_THAT(entries(feed), ElementsAre("2 10.0.0.0/24", "5 11.0.0.0/30", "9 13.0.0.0/30"));
    EXPECT_EQ(feed.rejected, 3u);
}

}  // namespace
}  // namespace mxgate
