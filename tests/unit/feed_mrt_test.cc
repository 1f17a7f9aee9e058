// SPDX-License-Identifier: BSD-2-Clause
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
using namespace std::string_literals;

std::string number(uint64_t value, size_t size)
{
    std::string out;
    for (size_t i = size; i > 0; i--)
        out += static_cast<char>(value >> (8 * (i - 1)));
    return out;
}

std::string record(uint16_t type, uint16_t subtype, const std::string& body)
{
    return number(0, 4) + number(type, 2) + number(subtype, 2) + number(body.size(), 4) + body;
}

std::string sequence(const std::vector<uint32_t>& asns, uint8_t kind = 2)
{
    std::string out = number(kind, 1) + number(asns.size(), 1);
    for (const uint32_t asn : asns)
        out += number(asn, 4);
    return out;
}

std::string route(const std::string& path, bool path_id = false)
{
    const std::string attributes = number(0x40, 1) + number(1, 1) + number(1, 1) + number(0, 1) +
                                   number(0x50, 1) + number(2, 1) + number(path.size(), 2) + path;
    return number(0, 2) + number(0, 4) + (path_id ? number(1, 4) : "") +
           number(attributes.size(), 2) + attributes;
}

std::string rib(uint16_t subtype, uint8_t length, const std::string& bytes,
                const std::vector<std::string>& routes)
{
    std::string body = number(1, 4) + number(length, 1) + bytes + number(routes.size(), 2);
    for (const std::string& each : routes)
        body += each;
    return record(13, subtype, body);
}

class FeedMrt : public ::testing::Test
{
protected:
    FeedMrt()
    {
        config_.path = "dump";
        config_.format = FeedFormat::mrt;
        config_.class_name = "bad";
        config_.min_entries = 0;
        config_.asns = ::testing::TempDir() + "/mxgate_feed_mrt_asns." + std::to_string(::getpid());
        std::ofstream(config_.asns) << "AS64500\nAS64501\n";
    }
    ~FeedMrt() override { std::remove(config_.asns.c_str()); }

    Feed parse(const std::string& bytes) const { return parse_feed(bytes, config_); }

    FeedConfig config_;
};

TEST_F(FeedMrt, PrefixesOfListedOrigins)
{
    const std::string dump =
        record(13, 1, "peers") + rib(2, 24, "\xc0\x00\x02"s, {route(sequence({1, 64500}))}) +
        rib(2, 24, "\xc0\x00\x03"s, {route(sequence({64500, 1}))}) +
        rib(2, 23, "\xc0\x00\x05"s, {route(sequence({1})), route(sequence({2, 3, 64501}))}) +
        rib(4, 32, "\x20\x01\x0d\xb8"s, {route(sequence({64500}))}) +
        rib(10, 128, "\x20\x01\x0d\xb8" + std::string(11, '\0') + "\x01",
            {route(sequence({64500}), true)}) +
        rib(8, 0, "", {route(sequence({1}) + sequence({2, 64500}, 1), true)}) +
        rib(2, 8, "\x0a", {route(sequence({64500}, 3))}) +  // a confederation only
        rib(2, 8, "\x0b", {route(sequence({64500}) + sequence({9}))}) +
        rib(2, 8, "\x0c", {route(sequence({64500}) + sequence({9}, 4))}) +
        rib(3, 8, "\x0d", {route(sequence({64500}))});  // multicast
    const Feed feed = parse(dump);
    EXPECT_THAT(entries(feed), ElementsAre("2 192.0.2.0/24", "4 192.0.4.0/23", "5 2001:db8::/32",
                                           "6 2001:db8::1/128", "7 0.0.0.0/0", "10 12.0.0.0/8"));
    EXPECT_THAT(feed.errors, IsEmpty());
    EXPECT_EQ(feed.rejected, 0u);
}

TEST_F(FeedMrt, Broken)
{
    const std::string good = rib(2, 24, "\xc0\x00\x02"s, {route(sequence({64500}))});
    for (size_t keep = 1; keep < good.size(); keep++)
        EXPECT_THAT(texts(parse(good.substr(0, keep)).errors),
                    ElementsAre("dump: record 1 is truncated"))
            << keep;
    // Lengths that lie inside a record that is whole.
    const Feed feed = parse(good + good + good + rib(2, 33, "\xc0\x00\x02\x00\x00"s, {}) +
                            rib(2, 24, "\xc0\x00\x02"s, {"\x01"}) +
                            rib(2, 24, "\xc0\x00\x02"s, {route(number(2, 1) + number(9, 1))}));
    EXPECT_EQ(feed.entries.size(), 3u);
    EXPECT_THAT(rejects(feed),
                ElementsAre("4 a prefix of 33 bits", "5 a broken record", "6 a broken record"));
    EXPECT_THAT(texts(parse(good + record(16, 4, "x")).errors),
                ElementsAre("dump: record 2 is of type 16: no routing table dump (TABLE_DUMP_V2, "
                            "13)"));
    EXPECT_THAT(texts(parse("192.0.2.0/24\n192.0.2.1\n").errors), ::testing::SizeIs(1));
    EXPECT_THAT(
        texts(parse(number(0, 4) + number(13, 2) + number(2, 2) + number(1 << 30, 4)).errors),
        ElementsAre("dump: record 1 is of 1073741824 bytes: this is no MRT file"));
}

}  // namespace
}  // namespace mxgate
