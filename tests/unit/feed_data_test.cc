// SPDX-License-Identifier: BSD-2-Clause
// Real lists, where MXGATE_TEST_DATA names a folder that holds them: each loads through its format
// with the number of rows that an independent count (Python's ipaddress) gave, or it is said why
// not. What a row is: a line with an entry; of delegations, a prefix.
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "control/feeds/input.h"
#include "tests/unit/feed_texts.h"

namespace mxgate {
namespace {

struct List {
    const char* path;
    FeedFormat format;
    const char* where;  // columns, as KEY=COLUMN, or the path into JSON
    uint64_t lines;     // with an entry, none of them broken
    size_t ipv4, ipv6;  // distinct prefixes
};

constexpr FeedFormat kPrefixes = FeedFormat::prefixes;
constexpr FeedFormat kDrop = FeedFormat::spamhaus_drop;
constexpr FeedFormat kIpset = FeedFormat::ipset;
constexpr FeedFormat kCidr = FeedFormat::cidr;
constexpr FeedFormat kJson = FeedFormat::json;
constexpr FeedFormat kTsv = FeedFormat::tsv;
constexpr FeedFormat kCsv = FeedFormat::csv;
constexpr FeedFormat kDelegated = FeedFormat::delegated_extended;

constexpr List kLists[] = {
    {"reputation/spamhaus/drop.txt", kDrop, "", 1699, 1698, 0},
    {"reputation/spamhaus/dropv6.txt", kDrop, "", 91, 0, 91},
    {"reputation/spamhaus/drop_v4.json", kDrop, "", 1699, 1698, 0},
    {"reputation/spamhaus/secops-drop_ipv6.20240227.txt", kDrop, "", 51, 0, 51},
    {"reputation/spamhaus/spamhaus_v4.ipset", kIpset, "", 1698, 1698, 0},
    {"reputation/spamhaus/spamhaus_v6.ipset", kIpset, "", 91, 0, 91},
    // Changes from version to version; what was ever added.
    {"reputation/spamhaus/history-secops-dropv6.jsonl.xz", kJson, "add[]", 125, 0, 90},
    {"reputation/spamhaus/history-dhqcn-dropv6.jsonl.xz", kJson, "add[]", 178, 0, 125},
    {"reputation/ipsum/ipsum.txt.xz", kTsv, "prefix=1", 120430, 120430, 0},
    {"reputation/ipsum/level3.txt.xz", kPrefixes, "", 14217, 14217, 0},
    {"reputation/malicious-ip/blocklist.de-all.txt.xz", kPrefixes, "", 108921, 108921, 0},
    {"reputation/malicious-ip/full-40k.txt.xz", kPrefixes, "", 40000, 40000, 0},
    {"reputation/malicious-ip/abuseipdb-s100-120d-aa.txt.xz", kPrefixes, "", 131072, 131072, 0},
    {"reputation/malicious-ip/abuseipdb-s100-120d-ab.txt.xz", kPrefixes, "", 131072, 131072, 0},
    {"reputation/malicious-ip/abuseipdb-s100-120d-ac.txt.xz", kPrefixes, "", 14240, 14240, 0},
    {"reputation/bitwire/inbound-ipv6.txt.xz", kPrefixes, "", 1117, 0, 1117},
    {"reputation/bitwire/inbound-networks.txt.xz", kPrefixes, "", 213288, 213288, 0},
    {"reputation/bitwire/outbound.txt.xz", kPrefixes, "", 167937, 167487, 450},
    {"reputation/bitwire/inbound-ipv6-history.tsv.xz", kTsv, "prefix=1", 3177, 0, 3177},
    {"reputation/tor/tor-nodes.lst.xz", kPrefixes, "", 8054, 5631, 2423},
    {"reputation/misp/vpn-ipv6.json.xz", kJson, "list[]", 1250, 0, 1250},
    {"reputation/misp/icloud-private-relay.json.xz", kJson, "list[]", 13747, 3292, 10455},
    {"reputation/myipms-ipv6-history.tsv.xz", kTsv, "prefix=1", 5829, 0, 5829},
    // Of the 2184 and 74, and 1661 and 20, prefixes some can never match, because a rule before
    // them contains them: CidrDropsOnlyWhatCannotMatch looks at each.
    {"mail/allow/mailcow-postscreen_access.cidr.xz", kCidr, "", 2258, 2048, 58},
    {"mail/allow/postwhite-example_whitelist.cidr.xz", kCidr, "", 1681, 1538, 12},
    {"mail/allow/postwhite-yahoo_static_hosts.txt", kCsv, "prefix=2", 1036, 1036, 0},
    {"mail/allow/borestad-aws-ses-smtp.ipv4", kPrefixes, "", 11, 11, 0},
    {"mail/allow/borestad-gmail-smtp.ipv4", kPrefixes, "", 2, 2, 0},
    {"mail/allow/borestad-gmail-smtp.ipv6", kPrefixes, "", 6, 0, 6},
    {"mail/allow/borestad-mailchimp-smtp.ipv4", kPrefixes, "", 3, 3, 0},
    {"mail/allow/borestad-mailgun-smtp.ipv4", kPrefixes, "", 16, 16, 0},
    {"mail/allow/borestad-mailjet-smtp.ipv4", kPrefixes, "", 29, 29, 0},
    {"mail/allow/borestad-mailjet-smtp.ipv6", kPrefixes, "", 5, 0, 5},
    {"mail/allow/borestad-mandrill-smtp.ipv4", kPrefixes, "", 12, 12, 0},
    {"mail/allow/borestad-office365-exchange-smtp.ipv4", kPrefixes, "", 15, 15, 0},
    {"mail/allow/borestad-office365-exchange-smtp.ipv6", kPrefixes, "", 14, 0, 14},
    {"mail/allow/borestad-postmark-smtp.ipv4", kPrefixes, "", 4, 4, 0},
    {"mail/allow/borestad-sendgrid-smtp.ipv4", kPrefixes, "", 14, 14, 0},
    {"mail/allow/borestad-sendinblue-smtp.ipv4", kPrefixes, "", 29, 29, 0},
    {"mail/allow/borestad-sendinblue-smtp.ipv6", kPrefixes, "", 6, 0, 6},
    {"mail/allow/goodmailers-ipv6.txt", kPrefixes, "", 20, 0, 20},
    {"mail/allow/goodmailers-ipv4.txt", kPrefixes, "", 111, 111, 0},
    {"mail/allow/misp-smtp-sending-ips.json", kJson, "list[]", 1002, 953, 49},
    {"mail/allow/misp-smtp-receiving-ips.json", kJson, "list[]", 270, 244, 26},
    {"mail/allow/misp-google-gmail-sending-ips.json", kJson, "list[]", 8, 2, 6},
    {"mail/allow/misp-microsoft-office365-ip.json", kJson, "list[]", 82, 31, 51},
    {"rir/delegated-lacnic-extended-2024.xz", kDelegated, "", 73977, 19778, 54199},
    {"rir/delegated-afrinic-extended-2026.xz", kDelegated, "", 15030, 6052, 8978},
    {"rir/delegated-ripencc-2014.xz", kDelegated, "", 60450, 51117, 9333},
    {"rir/delegated-apnic-2014.xz", kDelegated, "", 27561, 24065, 3496},
    {"bgp/ris-whois/riswhoisdump.IPv6.20241220.gz", kTsv, "prefix=2", 270345, 0, 256399},
    {"bgp/ris-whois/fib6-20241220-peers10.tsv.xz", kTsv, "prefix=1", 228726, 0, 228726},
    {"bgp/caida-pfx2as/RouteViewIPv4.pfx2as.gz", kTsv, "address=1 length=2", 845161, 845161, 0},
    {"bgp/caida-pfx2as/RouteViewIPv6.pfx2as.gz", kTsv, "address=1 length=2", 83125, 0, 83125},
    // The independent count has the prefixes of the ranges that some system originates, 144985;
    // OriginsPickRanges counts those. All ranges, also the ones that nobody routes, are these:
    {"bgp/iptoasn/ip2asn-v6.20210312.tsv.gz", kTsv, "first=1 last=2", 92582, 0, 338302},
    {"bgp/iptoasn/libp2p-ip2asn-v6-20250328.tsv.xz", kTsv, "prefix=1", 133152, 0, 133152},
    {"bgp/rpki-vrps/vrps-ipv6.tsv.xz", kTsv, "prefix=1", 1930, 0, 1830},
};

const char* data_folder()
{
    return std::getenv("MXGATE_TEST_DATA");
}

FeedConfig config_of(const std::string& path, FeedFormat format)
{
    FeedConfig config;
    config.path = path;
    config.format = format;
    config.class_name = "bad";
    return config;
}

void set_columns(FeedColumns& columns, std::string_view text)
{
    while (!text.empty()) {
        const std::string_view pair = text.substr(0, text.find(' '));
        text.remove_prefix(std::min(pair.size() + 1, text.size()));
        const std::string key(pair.substr(0, pair.find('=')));
        std::string& column = key == "prefix"    ? columns.prefix
                              : key == "address" ? columns.address
                              : key == "length"  ? columns.length
                              : key == "first"   ? columns.first
                                                 : columns.last;
        column = pair.substr(pair.find('=') + 1);
    }
}

size_t distinct(const Feed& feed, uint32_t family)
{
    std::set<std::tuple<uint64_t, uint64_t, uint32_t>> seen;
    for (const FeedEntry& entry : feed.entries)
        if (entry.prefix.address.family == family)
            seen.emplace(entry.prefix.address.hi, entry.prefix.address.lo, entry.prefix.length);
    return seen.size();
}

// A list as lines, read apart from any format.
std::vector<std::vector<std::string>> rows_of(const std::string& path, char delimiter)
{
    std::vector<std::vector<std::string>> out;
    FeedInput input = FeedInput::of_file(path, 1 << 30);
    std::string_view line;
    while (input.next_line(line)) {
        if (line.empty() || line[0] == '#')
            continue;
        std::istringstream fields{std::string(line)};
        out.emplace_back();
        for (std::string field; std::getline(fields, field, delimiter);)
            out.back().push_back(field);
    }
    return out;
}

class FeedData : public ::testing::Test
{
protected:
    void SetUp() override
    {
        if (data_folder() == nullptr)
            GTEST_SKIP() << "MXGATE_TEST_DATA does not name a folder of real lists";
        folder_ = std::string(data_folder()) + "/";
        asns_ = ::testing::TempDir() + "/mxgate_feed_data_asns." + std::to_string(::getpid());
    }
    void TearDown() override { std::remove(asns_.c_str()); }

    std::string folder_, asns_;
};

TEST_F(FeedData, ListsLoadWithTheRowsThatAreThere)
{
    for (const List& list : kLists) {
        SCOPED_TRACE(list.path);
        FeedConfig config = config_of(folder_ + list.path, list.format);
        if (list.format == kJson)
            config.select = {
                {list.where, {std::string_view(list.where) == "add[]" ? "add" : "list", "[]"}}};
        else
            set_columns(config.columns, list.where);
        if (list.format == kCsv)
            config.delimiter = ':';  // `ip4:192.0.2.0/24`, as SPF writes it
        const Feed feed = read_feed(config);
        EXPECT_THAT(texts(feed.errors), ::testing::IsEmpty());
        EXPECT_THAT(rejects(feed), ::testing::IsEmpty());
        EXPECT_EQ(list.format == kDelegated ? feed.entries.size() : feed.lines, list.lines);
        EXPECT_EQ(distinct(feed, MXG_FAMILY_IPV4), list.ipv4);
        EXPECT_EQ(distinct(feed, MXG_FAMILY_IPV6), list.ipv6);
    }
}

TEST_F(FeedData, CidrDropsOnlyWhatCannotMatch)
{
    for (const char* name : {"mail/allow/mailcow-postscreen_access.cidr.xz",
                             "mail/allow/postwhite-example_whitelist.cidr.xz"}) {
        const Feed feed = read_feed(config_of(folder_ + name, kCidr));
        std::set<std::string> kept;
        for (const FeedEntry& entry : feed.entries)
            kept.insert(to_string(entry.prefix));
        std::vector<mxg_prefix> before;
        for (const auto& row : rows_of(folder_ + name, '\t')) {
            const auto parsed = parse_prefix(row.at(0).substr(0, row.at(0).find(' ')));
            ASSERT_TRUE(parsed) << row[0];
            const mxg_prefix prefix = parsed->prefix;
            const bool covered =
                std::any_of(before.begin(), before.end(), [&](const mxg_prefix& other) {
                    return other.length <= prefix.length && mxg_contains(other, prefix.address);
                });
            EXPECT_EQ(kept.contains(to_string(prefix)), !covered) << row[0];
            before.push_back(prefix);
        }
    }
}

TEST_F(FeedData, OriginsPickRanges)
{
    const std::string path = folder_ + "bgp/iptoasn/ip2asn-v6.20210312.tsv.gz";
    std::ofstream list(asns_);
    for (const auto& row : rows_of(path, '\t'))
        if (row.at(2) != "0")
            list << row[2] << '\n';
    list.close();
    FeedConfig config = config_of(path, kTsv);
    set_columns(config.columns, "first=1 last=2");
    config.columns.asn = "3";
    config.asns = asns_;
    const Feed feed = read_feed(config);
    EXPECT_EQ(feed.lines, 59465u);
    EXPECT_EQ(feed.entries.size(), 144985u);
    EXPECT_EQ(distinct(feed, MXG_FAMILY_IPV6), 144783u);
}

TEST_F(FeedData, AsndropPicksItsPrefixes)
{
    std::set<std::string> listed;
    for (const auto& row : rows_of(folder_ + "reputation/spamhaus/asndrop.json", '\n'))
        if (const auto entry = nlohmann::json::parse(row.at(0)); entry.contains("asn"))
            listed.insert(entry["asn"].dump());
    EXPECT_GT(listed.size(), 300u);
    const std::string path = folder_ + "bgp/ris-whois/fib6-20241220-peers10.tsv.xz";
    std::vector<std::string> wanted;
    for (const auto& row : rows_of(path, '\t'))
        if (listed.contains(row.at(1)))
            wanted.push_back(row[0]);
    EXPECT_GT(wanted.size(), 100u);
    FeedConfig config = config_of(path, kTsv);
    set_columns(config.columns, "prefix=1");
    config.columns.asn = "2";
    config.asns = folder_ + "reputation/spamhaus/asndrop.json";
    const Feed feed = read_feed(config);
    EXPECT_THAT(texts(feed.errors), ::testing::IsEmpty());
    ASSERT_EQ(feed.entries.size(), wanted.size());
    for (size_t i = 0; i < wanted.size(); i++)
        EXPECT_EQ(to_string(feed.entries[i].prefix), wanted[i]);
}

// The dump that RIPE NCC's bgpdump is tested with, beside what bgpdump says of it.
TEST_F(FeedData, MrtDumpAgreesWithBgpdump)
{
    std::map<std::string, std::set<std::string>> by_origin;
    for (const auto& row :
         rows_of(folder_ + "tests/mrt/expect-bview.ipv6_unicast_add_path.gz.bgp.gz", '|'))
        by_origin[row.at(7).substr(row.at(7).rfind(' ') + 1)].insert(row.at(5));
    ASSERT_GT(by_origin.size(), 3u);
    by_origin.erase("");  // routes of the dumping router itself have no path
    for (const auto& [origin, prefixes] : by_origin) {
        std::ofstream(asns_) << origin << '\n';
        FeedConfig config =
            config_of(folder_ + "tests/mrt/bview.ipv6_unicast_add_path.gz", FeedFormat::mrt);
        config.asns = asns_;
        const Feed feed = read_feed(config);
        EXPECT_THAT(texts(feed.errors), ::testing::IsEmpty());
        std::set<std::string> got;
        for (const FeedEntry& entry : feed.entries)
            got.insert(to_string(entry.prefix));
        EXPECT_EQ(got, prefixes) << origin;
    }
}

TEST_F(FeedData, MrtUpdatesAreRefused)
{
    std::ofstream(asns_) << "1\n";
    for (const char* name :
         {"updates.20071015.1505.gz", "updates.20160811.1600.gz", "updates.long_withdrawal.gz"}) {
        FeedConfig config = config_of(folder_ + "tests/mrt/" + name, FeedFormat::mrt);
        config.asns = asns_;
        const Feed feed = read_feed(config);
        ASSERT_FALSE(feed.errors.empty());
        EXPECT_THAT(feed.errors[0].text, ::testing::HasSubstr("no routing table dump"));
    }
}

}  // namespace
}  // namespace mxgate
