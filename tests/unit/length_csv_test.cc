// SPDX-License-Identifier: BSD-2-Clause
// RFC 9977 files and operators' tables: the accepted set and the reject log, exactly.
#include "control/lengths/csv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/length_texts.h"

namespace mxgate {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

LengthList prefixlen(std::string_view text)
{
    FeedInput input = length_input(text);
    return read_prefixlen(input);
}

LengthList geofeed(std::string_view text)
{
    FeedInput input = length_input(text);
    return read_geofeed(input);
}

LengthList csv(std::string_view text, const CsvColumns& columns = {})
{
    FeedInput input = length_input(text);
    return read_csv(input, columns);
}

TEST(Prefixlen, LineEndsCommentsAndBlanks)
{
    for (const std::string end : {"\r\n", "\n"}) {
        const LengthList list = prefixlen(
            "\xef\xbb\xbf# Prefix lengths of an ISP" + end + end + "2001:db8::/32,56," + end +
            "   " + end + " 2001:db8:ff00::/40 , 64 , # hosting" + end + "192.0.2.0/24,32,500" +
            end + "#198.51.100.0/24,32," + end + "203.0.113.0/24,28,");
        EXPECT_THAT(accepted(list),
                    ElementsAre("6: 192.0.2.0/24 /32 x500", "8: 203.0.113.0/24 /28",
                                "3: 2001:db8::/32 /56", "5: 2001:db8:ff00::/40 /64"));
        EXPECT_THAT(rejected(list), IsEmpty());
        EXPECT_EQ(list.records, 4u);
        EXPECT_EQ(list.error, "");
    }
}

TEST(Prefixlen, EmptyFields)
{
    const LengthList list = prefixlen(
        ",56,\n"                // no prefix
        "2001:db8::/32,,\n"     // states nothing
        "2001:db8:1::/48,,9\n"  // shared, length not stated
        "2001:db8:2::/48,48,\n");
    EXPECT_THAT(accepted(list), ElementsAre("3: 2001:db8:1::/48 /0 x9", "4: 2001:db8:2::/48 /48"));
    EXPECT_THAT(rejected(list), ElementsAre("1: no prefix"));
    EXPECT_EQ(list.records, 4u);
    EXPECT_EQ(list.ignored, 1u);
}

TEST(Prefixlen, ErroneousEntriesAreSkippedAndLogged)
{
    const LengthList list = prefixlen(
        "2001:db8::/32\n"
        "2001:db8::/32,56\n"
        "2001:db8::/32,56,,\n"
        "2001:db8::1/32,56,\n"
        "2001:db8::/129,128,\n"
        "2001:db8::/32,129,\n"
        "2001:db8::/32,0,\n"
        "2001:db8::/32,-1,\n"
        "2001:db8::/32,5 6,\n"
        "2001:db8::/32,24,\n"
        "192.0.2.0/24,33,\n"
        "2001:db8:ff00:1::/64,48,\n"
        "192.0.2.0/24,32,0\n"
        "192.0.2.0/24,32,many\n"
        "192.0.2.0/24,32,4294967296\n"
        "\"2001:db8::/32\",56,\n"
        "2001:db8::/32,56,\n");
    EXPECT_THAT(accepted(list), ElementsAre("17: 2001:db8::/32 /56"));
    EXPECT_THAT(
        rejected(list),
        ElementsAre("1: expected 2 commas, found 0: `2001:db8::/32`",
                    "2: expected 2 commas, found 1: `2001:db8::/32,56`",
                    "3: expected 2 commas, found 3: `2001:db8::/32,56,,`",
                    "4: host bits are set: `2001:db8::1/32`", "5: not a prefix: `2001:db8::/129`",
                    "6: not an end-site length of 1 to 128: `129`",
                    "7: not an end-site length of 1 to 128: `0`",
                    "8: not an end-site length of 1 to 128: `-1`",
                    "9: not an end-site length of 1 to 128: `5 6`",
                    "10: the end-site length 24 is shorter than the prefix 2001:db8::/32",
                    "11: not an end-site length of 1 to 32: `33`",
                    "12: the end-site length 48 is shorter than the prefix 2001:db8:ff00:1::/64",
                    "13: not a number of end sites: `0`", "14: not a number of end sites: `many`",
                    "15: not a number of end sites: `4294967296`",
                    "16: not a prefix: `\"2001:db8::/32\"`"));
    EXPECT_EQ(list.records, 17u);
}

TEST(Prefixlen, AgreementsAndContradictions)
{
    const LengthList list = prefixlen(
        "2001:db8::/32,56,\n"
        "2001:db8::/32,56,\n"
        "2001:db8::/32,48,\n"
        "2001:db8::/40,48,\n");
    EXPECT_THAT(accepted(list), ElementsAre("1: 2001:db8::/32 /56", "4: 2001:db8::/40 /48"));
    EXPECT_THAT(rejected(list), ElementsAre("3: line 1 says otherwise of 2001:db8::/32"));
}

TEST(Prefixlen, OnlyTheFirstRejectsAreKept)
{
    std::string text;
    for (int i = 0; i < 1000; i++)
        text += "broken\n";
    const LengthList list = prefixlen(text);
    EXPECT_EQ(list.rejected, 1000u);
    EXPECT_EQ(list.rejects.size(), kRejectsKept);
}

TEST(Geofeed, EachPrefixIsAnEndSite)
{
    const LengthList list = geofeed(
        "# customers\r\n"
        "2001:db8:100::/48,DE,,Berlin,\r\n"
        "2001:db8:200::/56\r\n"
        "192.0.2.7,DE,,,\r\n"
        "192.0.2.128/26,DE,,Bonn,\r\n"
        "2001:db8:300::1/56,DE,,,\r\n"
        "somewhere,DE,,,\r\n"
        "0.0.0.0/0,ZZ,,,\r\n");
    EXPECT_THAT(accepted(list),
                ElementsAre("4: 192.0.2.7/32 /32", "5: 192.0.2.128/26 /26",
                            "2: 2001:db8:100::/48 /48", "3: 2001:db8:200::/56 /56"));
    EXPECT_THAT(rejected(list), ElementsAre("6: host bits are set: `2001:db8:300::1/56`",
                                            "7: not a prefix: `somewhere`",
                                            "8: not an end-site length of 1 to 32: `0`"));
}

TEST(Csv, NamedColumns)
{
    const LengthList list =
        csv("customer;Network;Length;customers\r\n"
            "\"Smith; Sons\";2001:db8:1000::/36;56;\r\n"
            "Miller;2001:db8:2000::/48;;\r\n"
            "\"a \"\"quoted\"\" name\";192.0.2.0/24;32;64\r\n"
            "open;\"2001:db8::/48;56;\r\n"
            "short\r\n"
            "bits;2001:db8:3000::7/48;56;\r\n"
            "wrong;2001:db8:4000::/48;40;\r\n");
    EXPECT_THAT(accepted(list),
                ElementsAre("4: 192.0.2.0/24 /32 x64", "2: 2001:db8:1000::/36 /56",
                            "3: 2001:db8:2000::/48 /48", "7: 2001:db8:3000::/48 /56"));
    EXPECT_THAT(rejected(list),
                ElementsAre("5: a quote is not closed: `open;\"2001:db8::/48;56;`", "6: no prefix",
                            "8: the end-site length 40 is shorter than the prefix "
                            "2001:db8:4000::/48"));
    ASSERT_EQ(list.warnings.size(), 1u);
    EXPECT_EQ(list.warnings[0].line, 7u);
    EXPECT_EQ(list.warnings[0].reason,
              "host bits are set; `2001:db8:3000::7/48` is read as 2001:db8:3000::/48");
}

TEST(Csv, ColumnsOfTheConfiguration)
{
    const std::string table =
        "id,Where it is,Bits\n"
        "1,2001:db8::/32,56\n";
    EXPECT_THAT(accepted(csv(table, {"where it is", "bits", ""})),
                ElementsAre("2: 2001:db8::/32 /56"));
    EXPECT_THAT(csv(table, {"where", "", ""}).error,
                "the header has no column `where`, which `columns.prefix` names");
    EXPECT_THAT(csv(table).error, ::testing::HasSubstr("names no column `prefix`"));
    EXPECT_THAT(csv("").error, "there is no header line");
    EXPECT_THAT(csv("# only a comment\n").error, "there is no header line");
}

}  // namespace
}  // namespace mxgate
