// SPDX-License-Identifier: BSD-2-Clause
// Registry objects: the accepted set and the reject log, exactly.
#include "control/lengths/rpsl.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "tests/unit/length_texts.h"

namespace mxgate {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

LengthList registry(std::string_view text, const RegistryOptions& options = {})
{
    FeedInput input = length_input(text);
    return read_registry(input, options);
}

// One object, a line shorter than written: "2001:db8::/32 AGGREGATED-BY-LIR 48".
std::string object(const std::string& range, const std::string& status,
                   const std::string& size = "")
{
    const bool ipv6 = range.find(':') != std::string::npos;
    return fmt::format("{} {}\nnetname: TEST\nstatus: {}\n{}source: TEST\n\n",
                       ipv6 ? "inet6num:" : "inetnum:", range, status,
                       size.empty() ? "" : "assignment-size: " + size + "\n");
}

TEST(Rpsl, AsRegistriesWriteIt)
{
    const LengthList list = registry(
        "% This is the RIPE Database query service.\r\n"
        "%\r\n"
        "\r\n"
        "inet6num:       2001:db8::/32\r\n"
        "netname:        EXAMPLE\r\n"
        "descr:          a long\r\n"
        "                text\r\n"
        "+\r\n"
        "status:         AGGREGATED-BY-LIR # customers\r\n"
        "assignment-size:56\r\n"
        "source:         RIPE\r\n"
        "\r\n"
        "mntner:         EXAMPLE-MNT\r\n"
        "status:         ASSIGNED\r\n"
        "\r\n"
        "INET6NUM:       2001:db9::/48\r\n"
        "Status:         ASSIGNED\r\n"
        "                PI\r\n"
        "\r\n"
        "inetnum:        192.0.2.0 - 192.0.2.255\r\n"
        "status:         AGGREGATED-BY-LIR\r\n"
        "assignment-size: 30\r\n"
        "\r\n"
        "inetnum:        198.51.100.0 - 198.51.100.11\r\n"
        "status:         ASSIGNED PA");
    EXPECT_THAT(accepted(list), ElementsAre("20: 192.0.2.0/24 /30", "24: 198.51.100.0/29 /29",
                                            "24: 198.51.100.8/30 /30", "4: 2001:db8::/32 /56",
                                            "16: 2001:db9::/48 /48"));
    EXPECT_THAT(rejected(list), IsEmpty());
    EXPECT_EQ(list.records, 4u);
}

TEST(Rpsl, StatusesThatStateNoLength)
{
    const LengthList list = registry(
        object("2001:db8::/32", "ALLOCATED-BY-RIR") + object("2001:db8::/40", "ALLOCATED-BY-LIR") +
        object("192.0.2.0/24", "LEGACY") +
        object("2001:db8:1:1::/80", "ASSIGNED") +  // longer than a /64
        object("2001:db8:2::/48", "ASSIGNED ANYCAST") + object("2001:db8:3::/64", "ASSIGNED"));
    EXPECT_THAT(accepted(list), ElementsAre("21: 2001:db8:2::/48 /48", "26: 2001:db8:3::/64 /64"));
    EXPECT_EQ(list.records, 6u);
    EXPECT_EQ(list.ignored, 4u);
    EXPECT_EQ(list.rejected, 0u);
    EXPECT_THAT(accepted(registry(object("2001:db8:3::/64", "ASSIGNED"), {false, false})),
                IsEmpty());
}

TEST(Rpsl, BadAssignmentSizes)
{
    const std::string kAggregated = "AGGREGATED-BY-LIR";
    const LengthList list = registry(
        object("2001:db8::/32", kAggregated, "32") + object("2001:db8::/32", kAggregated, "31") +
        object("2001:db8::/32", kAggregated, "129") + object("2001:db8::/32", kAggregated, "0") +
        object("2001:db8::/32", kAggregated, "fifty") + object("2001:db8::/32", kAggregated) +
        object("192.0.2.0/24", kAggregated, "33") + object("2001:db8::1/32", kAggregated, "48") +
        object("2001:db8::/32", "ASSIGNED", "48") + object("10.0.0.0 - 9.0.0.0", "ASSIGNED PA") +
        object("10.0.0.0 - 10.0.0.x", "ASSIGNED PA") +
        "inet6num: 2001:db8::/32\nstatus: ASSIGNED\nstatus: ASSIGNED\n\n"
        "inet6num: 192.0.2.0/24\nstatus: ASSIGNED\n\n"
        "inet6num: 2001:db8::/32\nnonsense\nstatus: ASSIGNED\n\n");
    EXPECT_THAT(accepted(list), IsEmpty());
    EXPECT_THAT(
        rejected(list),
        ElementsAre("1: `assignment-size` 32 is not longer than 2001:db8::/32",
                    "7: `assignment-size` 31 is not longer than 2001:db8::/32",
                    "13: not an `assignment-size` of 1 to 128: `129`",
                    "19: not an `assignment-size` of 1 to 128: `0`",
                    "25: not an `assignment-size` of 1 to 128: `fifty`",
                    "31: AGGREGATED-BY-LIR without `assignment-size`",
                    "36: not an `assignment-size` of 1 to 32: `33`",
                    "42: host bits are set: `2001:db8::1/32`",
                    "48: `assignment-size` with status `ASSIGNED`; it belongs to "
                    "AGGREGATED-BY-LIR",
                    "54: a range that runs backwards: `10.0.0.0 - 9.0.0.0`",
                    "59: not a range: `10.0.0.0 - 10.0.0.x`", "64: two attributes `status`",
                    "68: not an IPv6 prefix: `192.0.2.0/24`", "71: not an attribute: `nonsense`"));
}

TEST(Rpsl, TwoLevelsAndNoThird)
{
    const std::string kAggregated = "AGGREGATED-BY-LIR";
    const LengthList list = registry(
        object("2001:db8::/48", kAggregated, "56") +      // 1: the third level
        object("2001:db8::/40", kAggregated, "48") +      // 7: the second
        object("2001:db8::/32", kAggregated, "40") +      // 13: the first
        object("2001:db8:100::/40", "ASSIGNED") +         // 19: an assignment of the first
        object("2001:db8:100::/56", "ASSIGNED") +         // 24: inside that: the assignee's affair
        object("2001:db8:200::/44", "ASSIGNED") +         // 29: no /40
        object("2001:db8:300::/44", kAggregated, "48") +  // 34: no /40 either
        object("2001:db8:1::/48", "ASSIGNED") +           // 40: of the second
        object("2001:db8:2::/64", "ASSIGNED"));           // 45: no /48
    EXPECT_THAT(accepted(list), ElementsAre("13: 2001:db8::/32 /40", "7: 2001:db8::/40 /48",
                                            "40: 2001:db8:1::/48 /48", "19: 2001:db8:100::/40 /40",
                                            "24: 2001:db8:100::/56 /56"));
    EXPECT_THAT(
        rejected(list),
        ElementsAre("1: a third level of AGGREGATED-BY-LIR, inside 2001:db8::/40",
                    "29: 2001:db8:200::/44 lies inside 2001:db8::/32, which is assigned in pieces "
                    "of /40",
                    "34: 2001:db8:300::/44 lies inside 2001:db8::/32, which is assigned in pieces "
                    "of /40",
                    "45: 2001:db8:2::/64 lies inside 2001:db8::/40, which is assigned in pieces "
                    "of /48"));
}

TEST(Rpsl, UrlsOfPrefixlenFiles)
{
    FeedInput input = length_input(
        "inet6num: 2001:db8::/32\n"
        "remarks: Geofeed https://example.net/geo.csv\n"
        "remarks: Prefixlen https://example.net/a.csv\n"
        "remarks: prefixlen is a word\n"
        "prefixlen: https://example.net/b.csv\n"
        "remarks: Prefixlens https://example.net/no.csv\n"
        "\n"
        "NetHandle: NET-192-0-2-0-1\n"
        "NetRange: 192.0.2.0 - 192.0.2.255\n"
        "Comment: Prefixlen https://example.net/c.csv\n");
    std::vector<RpslObject> objects;
    for_each_object(input, [&](const RpslObject& o) { objects.push_back(o); });
    ASSERT_EQ(objects.size(), 2u);
    EXPECT_THAT(objects[0].prefixlen, ElementsAre("https://example.net/b.csv"));
    EXPECT_THAT(objects[0].prefixlen_remarks, ElementsAre("https://example.net/a.csv"));
    EXPECT_EQ(objects[1].family, MXG_FAMILY_IPV4);
    EXPECT_EQ(objects[1].line, 8u);
    EXPECT_THAT(objects[1].prefixlen_remarks, ElementsAre("https://example.net/c.csv"));
}

const char kHeader[] =
    "{\"nrtm_version\":4,\"type\":\"snapshot\",\"source\":\"TEST\",\"session_id\":\"x\","
    "\"version\":"
    "1}\n";
const char kRecord[] =
    "{\"object\":\"inet6num: 2001:db8::/32\\nstatus: AGGREGATED-BY-LIR\\nassignment-size: 48\\n\"}"
    "\n";

TEST(Nrtm, Snapshots)
{
    const RegistryOptions options{true, true};
    const std::string other = "{\"object\":\"mntner: X\\nsource: TEST\\n\"}\n";
    const std::string plain = std::string(kHeader) + other + kRecord + "not json\n";
    EXPECT_THAT(accepted(registry(plain, options)), ElementsAre("3: 2001:db8::/32 /48"));
    // As a JSON text sequence; a record may run over several lines.
    std::string spread = kRecord;
    spread.replace(1, 0, "\n  ");
    const std::string sequence =
        fmt::format("\x1e{}\x1e{}\x1e{}\x1e{{}}\n", kHeader, other, spread);
    EXPECT_THAT(accepted(registry(sequence, options)), ElementsAre("3: 2001:db8::/32 /48"));
}

TEST(Nrtm, OtherFilesAreRefused)
{
    const RegistryOptions options{true, true};
    EXPECT_THAT(registry(kRecord, options).error, HasSubstr("not an NRTM version 4 snapshot"));
    EXPECT_THAT(registry("inet6num: 2001:db8::/32\n", options).error,
                HasSubstr("not an NRTM version 4 snapshot"));
    EXPECT_THAT(registry("{\"nrtm_version\":4,\"type\":\"delta\"}\n", options).error,
                HasSubstr("name the snapshot file"));
    EXPECT_THAT(registry("", options).error, HasSubstr("the snapshot is empty"));
}

TEST(Nrtm, RealObjects)
{
    const char* folder = std::getenv("MXGATE_TEST_DATA");
    if (!folder)
        GTEST_SKIP() << "MXGATE_TEST_DATA is not set";
    const std::string path = std::string(folder) + "/rir/ripe-objects/nrtm-snapshot.1.RIPE.json";
    if (!std::filesystem::exists(path))
        GTEST_SKIP() << "there is no " << path;
    FeedInput input = FeedInput::of_file(path, 1 << 30);
    const LengthList list = read_registry(input, {true, true});
    EXPECT_EQ(list.error, "");
    EXPECT_THAT(accepted(list), ::testing::Contains("4: 2a00:2381:c3be::/48 /56"));
    EXPECT_EQ(list.rejected, 0u);
}

}  // namespace
}  // namespace mxgate
