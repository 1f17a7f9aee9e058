// SPDX-License-Identifier: BSD-2-Clause
// The formats that are lists and tables: ipset, csv, tsv, delegated-extended.
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>

#include "tests/unit/feed_texts.h"

namespace mxgate {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

FeedConfig config_of(FeedFormat format)
{
    FeedConfig config;
    config.path = "list";
    config.format = format;
    config.class_name = "bad";
    config.min_entries = 0;
    return config;
}

TEST(FeedIpset, SavedSetsAndPlainLists)
{
    FeedConfig config = config_of(FeedFormat::ipset);
    const std::string text =
        "create a hash:net family inet hashsize 1024 maxelem 65536 comment\n"
        "add a 192.0.2.0/24 timeout 300 comment \"nomatch # here\"\n"
        "add a 192.0.2.128/25 nomatch\n"
        "add a 192.0.2.192/26\n"
        "add -exist b 198.51.100.1-198.51.100.2\n"
        "-A b 2001:db8::/32\n"
        "add b 192.0.2.1,tcp:25\n"
        "add b\n"
        "COMMIT\n"
        "# a plain list\n"
        "203.0.113.0/24 # net\n"
        "203.0.113.1\n";
    const Feed feed = parse_feed(text, config);
    EXPECT_THAT(entries(feed),
                UnorderedElementsAre("2 192.0.2.0/24", "3 !192.0.2.128/26", "4 192.0.2.192/26",
                                     "5 198.51.100.1/32", "5 198.51.100.2/32", "6 2001:db8::/32",
                                     "11 203.0.113.0/24", "12 203.0.113.1/32"));
    EXPECT_THAT(rejects(feed), ElementsAre("7 an element of more than an address: "
                                           "`192.0.2.1,tcp:25`",
                                           "8 no element: `add b`"));
    config.set = "a";
    EXPECT_THAT(entries(parse_feed("add a 192.0.2.1\nadd b 192.0.2.2\n", config)),
                ElementsAre("1 192.0.2.1/32"));
}

FeedConfig columns(FeedFormat format, FeedColumns columns)
{
    FeedConfig config = config_of(format);
    config.columns = std::move(columns);
    return config;
}

TEST(FeedCsv, ColumnsByNumberAndByName)
{
    FeedColumns wanted;
    wanted.prefix = "2";
    EXPECT_THAT(entries(parse_feed("# geofeed\nx,192.0.2.0/24,y\n\nx, 2001:db8::/32\n",
                                   columns(FeedFormat::csv, wanted))),
                ElementsAre("2 192.0.2.0/24", "4 2001:db8::/32"));
    wanted.prefix = "ip";
    EXPECT_THAT(entries(parse_feed("id,ip\r\n1,192.0.2.1\r\n", columns(FeedFormat::csv, wanted))),
                ElementsAre("2 192.0.2.1/32"));
    EXPECT_THAT(
        texts(parse_feed("number,ipp\n1,192.0.2.1\n", columns(FeedFormat::csv, wanted)).errors),
        ElementsAre("list: line 1 has no column `ip`; did you mean `ipp`?"));
    FeedColumns range;
    range.first = "1";
    range.last = "2";
    EXPECT_THAT(entries(parse_feed("192.0.2.0\t192.0.2.2\tan \"odd\" name\n",
                                   columns(FeedFormat::tsv, range))),
                ElementsAre("1 192.0.2.0/31", "1 192.0.2.2/32"));
    FeedColumns length;
    length.address = "network";
    length.length = "bits";
    EXPECT_THAT(
        entries(parse_feed("bits,network\n24,192.0.2.0\n", columns(FeedFormat::csv, length))),
        ElementsAre("2 192.0.2.0/24"));
    EXPECT_THAT(entries(parse_feed("", columns(FeedFormat::csv, length))), IsEmpty());
    FeedConfig semicolons = columns(FeedFormat::csv, wanted);
    semicolons.delimiter = ';';
    EXPECT_THAT(entries(parse_feed("a,b;ip\n\"x;y\";192.0.2.1\n", semicolons)),
                ElementsAre("2 192.0.2.1/32"));
}

TEST(FeedCsv, Quotes)
{
    FeedColumns wanted;
    wanted.prefix = "2";
    const FeedConfig config = columns(FeedFormat::csv, wanted);
    EXPECT_THAT(
        entries(parse_feed("\"a, b\",\"192.0.2.1\"\r\n"
                           "\"two\r\nlines, and \"\"quotes\"\"\",192.0.2.2,z\n"
                           "\"\",192.0.2.3\n"
                           "a\"b,192.0.2.4\n",
                           config)),
        ElementsAre("1 192.0.2.1/32", "2 192.0.2.2/32", "4 192.0.2.3/32", "5 192.0.2.4/32"));
    const Feed feed = parse_feed(
        "a,192.0.2.1\nb,192.0.2.2\nc,192.0.2.3\n\"x\" "
        "y,192.0.2.4\nd\n\"open,192.0.2.5\ne,192.0.2.6\n",
        config);
    EXPECT_THAT(rejects(feed), ElementsAre("4 broken quotes: `\"x\" y,192.0.2.4`",
                                           "5 1 columns instead of 2 or more: `d`",
                                           "6 broken quotes: `\"open,192.0.2.5\\x0ae,192.0.2.6`"));
    // A stray quote costs a bounded number of lines.
    std::string stray = "\"x,192.0.2.1\n";
    for (int i = 0; i < 1000; i++)
        stray += "y,192.0.2.2\n";
    EXPECT_EQ(parse_feed(stray, config).entries.size(), 901u);
}

TEST(FeedCsv, ValuesAndOrigins)
{
    FeedColumns wanted;
    wanted.prefix = "1";
    wanted.value = "2";
    FeedConfig config = columns(FeedFormat::csv, wanted);
    config.map = {{"spam", "bad"}, {"scan", "mixed"}};
    config.class_name.clear();
    const Feed feed = parse_feed("192.0.2.1,spam\n192.0.2.2,scan\n192.0.2.3,tor\n", config);
    EXPECT_THAT(entries(feed, config), ElementsAre("1 192.0.2.1/32 =spam", "2 192.0.2.2/32 =scan"));
    EXPECT_EQ(feed.skipped, 1u);

    const std::string path =
        ::testing::TempDir() + "/mxgate_asns_test." + std::to_string(::getpid());
    std::ofstream(path) << "{\"asn\":64500,\"rir\":\"x\"}\n{\"asn\":64501}\n"
                           "{\"type\":\"metadata\",\"records\":2}\n";
    FeedColumns origins;
    origins.address = "1";
    origins.length = "2";
    origins.asn = "3";
    config = columns(FeedFormat::tsv, origins);
    config.asns = path;
    EXPECT_THAT(entries(parse_feed("192.0.2.0\t24\t64500\n198.51.100.0\t24\t64502\n"
                                   "203.0.113.0\t24\t1_64501\n10.0.0.0\t8\t{645000,6450}\n"
                                   "11.0.0.0\t8\t{1,64500}\nx\tx\t64502\n",
                                   config)),
                ElementsAre("1 192.0.2.0/24", "3 203.0.113.0/24", "5 11.0.0.0/8"));
    std::ofstream(path) << "AS64500 # one\n64501\n\n; x\nfoo\n";
    const Feed plain = parse_feed("192.0.2.0\t24\t64500\n", config);
    EXPECT_EQ(plain.entries.size(), 1u);
    EXPECT_THAT(texts(plain.warnings), ElementsAre(path + ":5: warning: not an AS number: `foo`"));
    const std::pair<const char*, const char*> refused[] = {
        {"foo\nbar\n64500\n", "2 of 3 lines are broken"},
        {"# nothing\n", "no AS number"},
        {"{\"asn\":64500}\n", "truncated: no metadata line"},
        {"{\"asn\":64500}\n{\"type\":\"metadata\",\"records\":2}\n",
         "truncated: the metadata line promises 2 records, there are 1"}};
    for (const auto& [text, reason] : refused) {
        std::ofstream(path) << text;
        EXPECT_THAT(texts(parse_feed("192.0.2.0\t24\t64500\n", config).errors),
                    ElementsAre("list: the list of AS numbers " + path + ": " + reason));
    }
    std::remove(path.c_str());
    EXPECT_THAT(
        texts(parse_feed("192.0.2.0\t24\t64500\n", config).errors),
        ElementsAre("list: the list of AS numbers " + path + ": No such file or directory"));
}

const char kDelegated[] =
    "# a comment\n"
    "2.3|lacnic|20240104|4|19870101|20240104|-0300\n"
    "lacnic|*|ipv4|*|2|summary\n"
    "lacnic|*|ipv6|*|2|summary\n"
    "lacnic|*|asn|*|1|summary\n"
    "lacnic|BR|asn|64500|1|20200310|allocated|1\n"
    "lacnic|BR|ipv4|192.0.2.0|768|20200310|allocated|310248\n"
    "lacnic||ipv4|198.51.100.0|256||available|\n"
    "lacnic|AR|ipv6|2001:db8::|32|20200310|assigned|77\n"
    "lacnic|BR|ipv6|2001:db9::|32|20200310|assigned|78|e-stats\n";

TEST(FeedDelegated, RecordsAndFilters)
{
    FeedConfig config = config_of(FeedFormat::delegated_extended);
    EXPECT_THAT(entries(parse_feed(kDelegated, config)),
                ElementsAre("7 192.0.2.0/23", "7 192.0.4.0/24", "8 198.51.100.0/24",
                            "9 2001:db8::/32", "10 2001:db9::/32"));
    config.country = {"BR", "UY"};
    EXPECT_THAT(entries(parse_feed(kDelegated, config)),
                ElementsAre("7 192.0.2.0/23", "7 192.0.4.0/24", "10 2001:db9::/32"));
    config.status = {"assigned"};
    EXPECT_THAT(entries(parse_feed(kDelegated, config)), ElementsAre("10 2001:db9::/32"));
    config.opaque_id = {"77"};
    EXPECT_THAT(entries(parse_feed(kDelegated, config)), IsEmpty());
}

TEST(FeedDelegated, Broken)
{
    const FeedConfig config = config_of(FeedFormat::delegated_extended);
    EXPECT_THAT(
        texts(
            parse_feed(std::string(kDelegated).substr(0, sizeof(kDelegated) - 60), config).errors),
        ElementsAre("list: truncated: the summary promises 2 records of ipv6, there are "
                    "1"));
    const Feed feed = parse_feed(
        "r|BR|ipv4|192.0.2.0|1|x|allocated\nr|BR|ipv4|192.0.2.1|1|x|allocated\n"
        "r|BR|ipv4|192.0.2.2|1|x|allocated\nr|BR|ipv4|192.0.2.3|1|x|allocated\n"
        "r|BR|ipv4|192.0.2.4|0|x|allocated\n"
        "r|BR|ipv4|255.255.255.255|2|x|allocated\n"
        "r|BR|ipv6|2001:db8::|129|x|allocated\n"
        "r|BR|ipv4|2001:db8::|1|x|allocated\n"
        "garbage\n"
        "r|BR|ipv4|0.0.0.0|4294967296|x|allocated\n",
        config);
    EXPECT_EQ(feed.rejected, 5u);
    EXPECT_EQ(to_string(feed.entries.back().prefix), "0.0.0.0/0");
}

}  // namespace
}  // namespace mxgate
