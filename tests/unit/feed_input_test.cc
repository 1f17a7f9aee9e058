// SPDX-License-Identifier: BSD-2-Clause
#include "control/feeds/input.h"

#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <random>
#include <sstream>

#include "tests/unit/feed_texts.h"
#include "tests/unit/pack.h"

namespace mxgate {
namespace {

using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kFilters[] = {"gzip", "bzip2", "xz", "zstd"};

std::vector<std::string> lines_of(FeedInput input)
{
    std::vector<std::string> out;
    std::string_view line;
    while (input.next_raw_line(line)) {
        out.emplace_back(line);
        EXPECT_EQ(input.line(), out.size());
    }
    if (input.failure())
        out.push_back("FAILED: " + *input.failure());
    return out;
}

Feed parse(std::string_view bytes, uint64_t max_size = 1 << 30)
{
    FeedConfig config;
    config.path = "list";
    config.max_size = max_size;
    return parse_feed(bytes, config);
}

TEST(FeedInput, LinesAreThoseOfGetline)
{
    std::mt19937 random(1);
    for (int round = 0; round < 4; round++) {
        std::string text;
        for (int i = 0; i < 3000; i++)
            text += std::string(random() % 200, 'a') + (random() % 3 == 0 ? "\n" : " ");
        std::vector<std::string> want;
        std::istringstream stream(text);
        for (std::string line; std::getline(stream, line);)
            want.push_back(line);
        EXPECT_EQ(lines_of(FeedInput::of_text(text, 1 << 30)), want);
        // Unpacked blocks end anywhere in a line.
        EXPECT_EQ(lines_of(FeedInput::of_text(pack(text, kFilters[round % 4]), 1 << 30)), want);
        const std::string path =
            ::testing::TempDir() + "/mxgate_feed_input_test." + std::to_string(::getpid());
        std::ofstream(path) << text;
        EXPECT_EQ(lines_of(FeedInput::of_file(path, 1 << 30)), want);
        std::remove(path.c_str());
    }
}

TEST(FeedInput, ReadGetAndPeekSeeTheSameBytes)
{
    std::string text;
    for (int i = 0; i < 100'000; i++)
        text += std::to_string(i * 7919) + '\n';
    FeedInput bytes = FeedInput::of_text(text, 1 << 30);
    std::string got(text.size() + 10, '?');
    EXPECT_EQ(bytes.read(got.data(), got.size()), text.size());
    EXPECT_EQ(got.substr(0, text.size()), text);
    FeedInput single = FeedInput::of_text(text, 1 << 30);
    uint32_t line = 1;
    for (const char c : text) {
        ASSERT_EQ(single.peek(), c);
        ASSERT_EQ(single.get(), c);
        ASSERT_EQ(single.line(), line);
        line += c == '\n';
    }
    EXPECT_EQ(single.get(), -1);
}

TEST(FeedInput, PackedFeedsReadLikePlainOnes)
{
    const std::string text = "192.0.2.0/24\n2001:db8::/32\n";
    for (const char* filter : kFilters) {
        const Feed feed = parse(pack(text, filter));
        EXPECT_THAT(entries(feed), ElementsAre("1 192.0.2.0/24", "2 2001:db8::/32")) << filter;
        EXPECT_THAT(feed.errors, IsEmpty());
    }
    // One after the other, as `cat a.gz b.gz` makes it.
    EXPECT_EQ(parse(pack(text, "gzip") + pack(text, "gzip")).entries.size(), 4u);
}

TEST(FeedInput, TruncatedPacksAreRefused)
{
    std::string text;
    std::mt19937 random(2);
    for (int i = 0; i < 20'000; i++)
        text +=
            std::to_string(1 + random() % 223) + '.' + std::to_string(random() % 256) + ".0.0/16\n";
    for (const char* filter : kFilters) {
        const std::string whole = pack(text, filter);
        ASSERT_EQ(parse(whole).entries.size(), 20'000u);
        for (const size_t keep : {whole.size() / 2, whole.size() - 1, size_t{20}}) {
            const Feed feed = parse(whole.substr(0, keep));
            EXPECT_EQ(feed.errors.size(), 1u) << filter << " " << keep;
            EXPECT_THAT(feed.entries, IsEmpty());
        }
        // libarchive looks at the check sums of these two only.
        if (filter != std::string("bzip2") && filter != std::string("xz"))
            continue;
        std::string damaged = whole;
        for (size_t i = 0; i < 16; i++)
            damaged[whole.size() / 2 + i] ^= 0x55;
        EXPECT_EQ(parse(damaged).errors.size(), 1u) << filter;
    }
}

TEST(FeedInput, BombsAreRefused)
{
    const std::string bomb(16 << 20, '\n');
    for (const char* filter : kFilters) {
        const std::string packed = pack(bomb, filter);
        ASSERT_LT(packed.size(), bomb.size() / 100);
        EXPECT_THAT(texts(parse(packed, 1 << 20).errors),
                    ElementsAre("list: larger than 1048576 bytes (unpacked); `max_size` sets the "
                                "bound"))
            << filter;
    }
    EXPECT_THAT(texts(parse("192.0.2.1\n", 9).errors),
                ElementsAre("list: larger than 9 bytes (unpacked); `max_size` sets the bound"));
    EXPECT_THAT(parse("192.0.2.1\n", 10).errors, IsEmpty());
}

TEST(FeedInput, EndlessLinesAreRefused)
{
    const std::string text = "192.0.2.1\n" + std::string(3 << 20, '1');
    EXPECT_THAT(texts(parse(text).errors),
                ElementsAre("list: line 2 is longer than 1048576 bytes: this is no list"));
}

TEST(FeedInput, EmptyAndNoFile)
{
    EXPECT_THAT(lines_of(FeedInput::of_text("", 10)), IsEmpty());
    EXPECT_THAT(lines_of(FeedInput::of_file("/dev/null", 10)), IsEmpty());
    EXPECT_THAT(lines_of(FeedInput::of_file("/nowhere", 10)),
                ElementsAre("FAILED: No such file or directory"));
    EXPECT_THAT(lines_of(FeedInput::of_file("/", 10)), ElementsAre("FAILED: Is a directory"));
    EXPECT_THAT(lines_of(FeedInput::of_text("\xef\xbb\xbfx", 10)), ElementsAre("x"));
}

}  // namespace
}  // namespace mxgate
