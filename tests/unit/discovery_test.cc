// SPDX-License-Identifier: BSD-2-Clause
// Prefixlen files that registry objects name: what is believed of them, and what is refused.
#include "control/lengths/discovery.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "tests/unit/length_texts.h"

namespace mxgate {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Found {
    Discovery discovery;
    std::vector<DiscoveredFile> files;
    std::vector<std::string> asked;
};

Found discover(const std::string& objects, const std::map<std::string, std::string>& web)
{
    Found out;
    FeedInput input = length_input(objects);
    for_each_object(input, [&](const RpslObject& object) { out.discovery.take(object); });
    const auto fetch = [&](const std::string& url) -> FetchedFile {
        out.asked.push_back(url);
        const auto file = web.find(url);
        if (file == web.end())
            return {"", "404"};
        return {file->second, ""};
    };
    out.files = out.discovery.run(fetch, nullptr);
    return out;
}

std::string object(const std::string& range, const std::string& attribute)
{
    return (range.find(':') == std::string::npos ? "inetnum: " : "inet6num: ") + range + "\n" +
           attribute + "\n\n";
}

TEST(Discovery, BothFormsAndRangesOfIpv4)
{
    const Found found =
        discover(object("2001:db8::/32", "prefixlen: https://a/6") +
                     object("192.0.2.0 - 192.0.2.191", "remarks: Prefixlen https://a/4"),
                 {{"https://a/6", "2001:db8::/32,56,\r\n"},
                  {"https://a/4", "192.0.2.0/25,32,9\n192.0.2.128/26,30,\n192.0.2.128/25,32,\n"}});
    ASSERT_EQ(found.files.size(), 2u);
    EXPECT_THAT(found.asked, ElementsAre("https://a/4", "https://a/6"));
    EXPECT_THAT(accepted(found.files[0].list),
                ElementsAre("1: 192.0.2.0/25 /32 x9", "2: 192.0.2.128/26 /30"));
    EXPECT_THAT(rejected(found.files[0].list),
                ElementsAre("3: 192.0.2.128/25 lies in no object that names this file"));
    EXPECT_EQ(found.files[0].outside, 1u);
    EXPECT_EQ(found.files[0].origin, LengthOrigin::prefixlen);
    EXPECT_THAT(accepted(found.files[1].list), ElementsAre("1: 2001:db8::/32 /56"));
}

TEST(Discovery, OnlyHttps)
{
    const Found found = discover(object("2001:db8::/32", "prefixlen: http://a/6") +
                                     object("2001:db9::/32", "prefixlen: ftp://a/6") +
                                     object("2001:dba::/32", "prefixlen: https://") +
                                     object("2001:dbb::/32", "prefixlen: somewhere else") +
                                     object("2001:dbc::/32", "status: ASSIGNED"),
                                 {});
    EXPECT_THAT(found.asked, IsEmpty());
    EXPECT_EQ(found.discovery.log().records, 4u);
    EXPECT_THAT(
        rejected(found.discovery.log()),
        ElementsAre("1: not an https URL: `http://a/6`", "4: not an https URL: `ftp://a/6`",
                    "7: not an https URL: `https://`", "10: not an https URL: `somewhere else`"));
}

TEST(Discovery, TheAttributeGoesBeforeTheRemark)
{
    const Found found = discover(
        object("2001:db8::/32", "remarks: Prefixlen https://a/remark\nprefixlen: https://a/6"),
        {{"https://a/6", "2001:db8::/32,56,\n"}});
    EXPECT_THAT(found.asked, ElementsAre("https://a/6"));
    ASSERT_EQ(found.discovery.log().warnings.size(), 1u);
    EXPECT_EQ(found.discovery.log().warnings[0].reason,
              "a second file is not used: `https://a/remark`");
}

TEST(Discovery, OutsideTheObjectIsRefused)
{
    const Found found =
        discover(object("2001:db8::/32", "prefixlen: https://a/6"), {{"https://a/6",
                                                                      "2001:db8:1::/48,56,\n"
                                                                      "2001:db9::/48,56,\n"
                                                                      "2001:d00::/24,56,\n"
                                                                      "192.0.2.0/24,32,\n"}});
    EXPECT_THAT(accepted(found.files[0].list), ElementsAre("1: 2001:db8:1::/48 /56"));
    EXPECT_THAT(rejected(found.files[0].list),
                ElementsAre("2: 2001:db9::/48 lies in no object that names this file",
                            "3: 2001:d00::/24 lies in no object that names this file",
                            "4: 192.0.2.0/24 lies in no object that names this file"));
    EXPECT_EQ(found.files[0].outside, 3u);
}

TEST(Discovery, TheMostSpecificObjectWins)
{
    const std::string objects = object("2001:db8::/32", "prefixlen: https://a/wide") +
                                object("2001:db8:8000::/34", "prefixlen: https://a/near");
    std::map<std::string, std::string> web{
        {"https://a/wide", "2001:db8::/32,56,\n2001:db8:8000::/40,60,\n2001:db8::/40,48,\n"},
        {"https://a/near", "2001:db8:9000::/36,64,\n2001:db8::/40,64,\n"}};
    const Found found = discover(objects, web);
    ASSERT_EQ(found.files.size(), 2u);
    // The wide entry, without the /34 that has a file of its own.
    EXPECT_THAT(
        accepted(found.files[0].list),
        ElementsAre("1: 2001:db8::/33 /56", "3: 2001:db8::/40 /48", "1: 2001:db8:c000::/34 /56"));
    EXPECT_THAT(rejected(found.files[0].list),
                ElementsAre("2: 2001:db8:8000::/40 lies in 2001:db8:8000::/34, which has a file "
                            "of its own"));
    EXPECT_THAT(accepted(found.files[1].list), ElementsAre("1: 2001:db8:9000::/36 /64"));
    EXPECT_THAT(rejected(found.files[1].list),
                ElementsAre("2: 2001:db8::/40 lies in no object that names this file"));
    // A file that cannot be had leaves its range to the wider object.
    web.erase("https://a/near");
    const Found without = discover(objects, web);
    EXPECT_EQ(without.files[1].fetch_error, "404");
    EXPECT_THAT(
        accepted(without.files[0].list),
        ElementsAre("1: 2001:db8::/32 /56", "3: 2001:db8::/40 /48", "2: 2001:db8:8000::/40 /60"));
}

TEST(Discovery, OneFileForManyObjects)
{
    const Found found = discover(object("2001:db8::/32", "prefixlen: https://a/6") +
                                     object("2001:db8:1::/48", "prefixlen: https://a/6") +
                                     object("2001:dba::/32", "prefixlen: https://a/6"),
                                 {{"https://a/6",
                                   "2001:db8::/32,56,\n2001:db8:1::/48,60,\n2001:dba::/32,48,\n"
                                   "2001:db8::/31,56,\n"}});
    EXPECT_THAT(found.asked, ElementsAre("https://a/6"));
    EXPECT_THAT(
        accepted(found.files[0].list),
        ElementsAre("1: 2001:db8::/32 /56", "2: 2001:db8:1::/48 /60", "3: 2001:dba::/32 /48"));
    EXPECT_EQ(found.files[0].outside, 1u);
}

}  // namespace
}  // namespace mxgate
