// SPDX-License-Identifier: BSD-2-Clause
// Prefixlen files that registry objects name: what is believed of them, and what is refused.
#include "control/lengths/discovery.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <map>

#include "control/config/text.h"
#include "control/lengths/csv.h"
#include "control/lengths/discovered.h"
#include "tests/reference/policy_case.h"
#include "tests/unit/length_texts.h"

namespace mxgate {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct File {
    LengthList list;
    uint64_t outside = 0;
};
struct Found {
    LengthList log;                  // of the objects
    std::vector<std::string> asked;  // in the order in which files are fetched
    std::map<std::string, File> files;
};

// `web`: the files that can be had, by URL.
Found discover(const std::string& objects, const std::map<std::string, std::string>& web)
{
    Found out;
    Discovery discovery;
    FeedInput input = length_input(objects);
    for_each_object(input, [&](const RpslObject& object) { discovery.take(object); });
    out.asked = discovery.files();
    std::set<std::string> there;
    for (const std::string& url : out.asked)
        if (web.contains(url))
            there.insert(url);
    discovery.settle(there);
    for (const std::string& url : there) {
        FeedInput text = length_input(web.at(url));
        File& file = out.files[url];
        file.list = read_prefixlen(text);
        file.outside = discovery.confine(url, file.list);
    }
    out.log = discovery.log();
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
    EXPECT_THAT(found.asked, ElementsAre("https://a/6", "https://a/4"));
    EXPECT_THAT(accepted(found.files.at("https://a/4").list),
                ElementsAre("1: 192.0.2.0/25 /32 x9", "2: 192.0.2.128/26 /30"));
    EXPECT_THAT(rejected(found.files.at("https://a/4").list),
                ElementsAre("3: 192.0.2.128/25 lies in no object that names this file"));
    EXPECT_EQ(found.files.at("https://a/4").outside, 1u);
    EXPECT_THAT(accepted(found.files.at("https://a/6").list), ElementsAre("1: 2001:db8::/32 /56"));
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
    EXPECT_EQ(found.log.records, 4u);
    EXPECT_THAT(
        rejected(found.log),
        ElementsAre("1: not an https URL: `http://a/6`", "4: not an https URL: `ftp://a/6`",
                    "7: not an https URL: `https://`", "10: not an https URL: `somewhere else`"));
}

TEST(Discovery, TheAttributeGoesBeforeTheRemark)
{
    const Found found = discover(
        object("2001:db8::/32", "remarks: Prefixlen https://a/remark\nprefixlen: https://a/6"),
        {{"https://a/6", "2001:db8::/32,56,\n"}});
    EXPECT_THAT(found.asked, ElementsAre("https://a/6"));
    ASSERT_EQ(found.log.warnings.size(), 1u);
    EXPECT_EQ(found.log.warnings[0].reason, "a second file is not used: `https://a/remark`");
}

TEST(Discovery, OutsideTheObjectIsRefused)
{
    const Found found =
        discover(object("2001:db8::/32", "prefixlen: https://a/6"), {{"https://a/6",
                                                                      "2001:db8:1::/48,56,\n"
                                                                      "2001:db9::/48,56,\n"
                                                                      "2001:d00::/24,56,\n"
                                                                      "192.0.2.0/24,32,\n"}});
    EXPECT_THAT(accepted(found.files.at("https://a/6").list),
                ElementsAre("1: 2001:db8:1::/48 /56"));
    EXPECT_THAT(rejected(found.files.at("https://a/6").list),
                ElementsAre("2: 2001:db9::/48 lies in no object that names this file",
                            "3: 2001:d00::/24 lies in no object that names this file",
                            "4: 192.0.2.0/24 lies in no object that names this file"));
    EXPECT_EQ(found.files.at("https://a/6").outside, 3u);
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
        accepted(found.files.at("https://a/wide").list),
        ElementsAre("1: 2001:db8::/33 /56", "3: 2001:db8::/40 /48", "1: 2001:db8:c000::/34 /56"));
    EXPECT_THAT(rejected(found.files.at("https://a/wide").list),
                ElementsAre("2: 2001:db8:8000::/40 lies in 2001:db8:8000::/34, which has a file "
                            "of its own"));
    EXPECT_THAT(accepted(found.files.at("https://a/near").list),
                ElementsAre("1: 2001:db8:9000::/36 /64"));
    EXPECT_THAT(rejected(found.files.at("https://a/near").list),
                ElementsAre("2: 2001:db8::/40 lies in no object that names this file"));
    // A file that cannot be had leaves its range to the wider object.
    web.erase("https://a/near");
    const Found without = discover(objects, web);
    EXPECT_FALSE(without.files.contains("https://a/near"));
    EXPECT_THAT(
        accepted(without.files.at("https://a/wide").list),
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
        accepted(found.files.at("https://a/6").list),
        ElementsAre("1: 2001:db8::/32 /56", "2: 2001:db8:1::/48 /60", "3: 2001:dba::/32 /48"));
    EXPECT_EQ(found.files.at("https://a/6").outside, 1u);
}

// Whoever has one allocation does not push the others out with many small objects.
TEST(Discovery, FilesOfTheWidestRangesFirst)
{
    std::string objects = object("2001:db8:ffff::/48", "prefixlen: https://many/0") +
                          object("192.0.2.0/24", "prefixlen: https://b/4") +
                          object("2001:dbf::/32", "prefixlen: https://z/6") +
                          object("2001:dbf:1::/48", "prefixlen: https://z/6") +
                          object("10.0.0.0/12", "prefixlen: https://b/24");
    EXPECT_THAT(discover(objects, {}).asked,
                ElementsAre("https://b/24", "https://z/6", "https://b/4", "https://many/0"));
}

// What is written is what is read: ranges, files of any bytes, the log.
TEST(Discovery, AsOneList)
{
    const std::string objects = object("2001:db8::/32", "prefixlen: https://a/wide") +
                                object("2001:db8:8000::/34", "prefixlen: https://a/near") +
                                object("2001:db9::/32", "prefixlen: https://a/gone") +
                                object("2001:dba::/32", "prefixlen: http://a/plain");
    Discovery discovery;
    FeedInput input = length_input(objects);
    for_each_object(input, [&](const RpslObject& object) { discovery.take(object); });
    discovery.settle({"https://a/wide", "https://a/near"});
    const FileText wide{"https://a/wide", 1'700'000'000,
                        "2001:db8::/32,56,\r\n2001:db9::/32,56,\r\n\xff\n{\"file\":1}\n"};
    const FileText near{"https://a/near", 1'700'000'001, "2001:db8:8000::/34,60,"};
    reference::TemporaryFolder folder;
    const std::string path = folder.path() + "/list";
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT, 0600);
    DiscoveredWriter writer(fd);
    writer.begin(discovery);
    writer.add(wide);
    writer.add(near);
    ::close(fd);

    FeedInput back = FeedInput::of_file(path, 1 << 20);
    DiscoveredList list = read_discovered(back, nullptr);
    EXPECT_EQ(list.error, "");
    ASSERT_EQ(list.files.size(), 2u);
    EXPECT_EQ(list.log.records, 4u);
    EXPECT_THAT(rejected(list.log), ElementsAre("10: not an https URL: `http://a/plain`"));
    EXPECT_EQ(list.files[0].url, "https://a/wide");
    EXPECT_EQ(list.files[0].date, 1'700'000'000);
    EXPECT_EQ(list.files[0].outside, 1u);
    EXPECT_THAT(accepted(list.files[0].list),
                ElementsAre("1: 2001:db8::/33 /56", "1: 2001:db8:c000::/34 /56"));
    EXPECT_THAT(accepted(list.files[1].list), ElementsAre("1: 2001:db8:8000::/34 /60"));
    const LengthList all = merge(std::move(list));
    EXPECT_EQ(all.entries.size(), 3u);
    EXPECT_EQ(all.rejected, 4u);

    std::string bytes;
    ASSERT_FALSE(read_file(path, 1 << 20, bytes));
    for (const size_t cut : {bytes.size() - 1, bytes.size() - 30, size_t{10}}) {
        FeedInput torn = length_input(std::string_view(bytes).substr(0, cut));
        EXPECT_NE(read_discovered(torn, nullptr).error, "") << cut;
    }
}

}  // namespace
}  // namespace mxgate
