// SPDX-License-Identifier: BSD-2-Clause
// Images that are damaged on purpose, their checksum corrected: refused, or harmless.
#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <random>

#include "dataplane/image/verify.h"
#include "tests/reference/random_policy.h"
#include "tests/unit/table_check.h"

namespace mxgate {
namespace {

using Image = std::vector<mxg_line>;
using reference::PolicyCase;

std::string verify(const Image& image)
{
    return verify_image(image.data(), image.size());
}

template <typename Record>
Record& at(Image& image, size_t line, size_t index = 0)
{
    return reinterpret_cast<Record*>(&image[line])[index];
}

mxg_image_header& header(Image& image)
{
    return at<mxg_image_header>(image, 0);
}

mxg_image_counts& counts(Image& image)
{
    return at<mxg_image_counts>(image, 1);
}

void seal(Image& image)
{
    header(image).checksum = image_checksum(image.data(), image.size());
}

// Prefixes of every kind, so that every structure of the image is there.
Image rich_image()
{
    PolicyCase policy = reference::plain_case();
    policy.config.embedded.nat64.push_back(reference::to_core(reference::prefix("2a64::/40")));
    const size_t a = policy.add_feed("a", "bad", 0), b = policy.add_feed("b", "good", 0);
    std::mt19937_64 random(1);
    for (uint32_t i = 0; i < 200; i++)
        policy.feeds[i % 2 ? a : b].push_back(
            {reference::cut(reference::random_address(random, i % 3 ? 6 : 4),
                            i % 3 ? 20 + static_cast<int>(i % 45) : 24),
             false});
    policy.add(a, "2001:db8:1::1/128");  // one in its /64
    policy.add(a, "2001:db8:2::1/128");  // a leaf
    policy.add(b, "2001:db8:2::8/128");
    for (uint32_t i = 0; i < 40; i++)  // a tree
        policy.add(i % 2 ? a : b, "2001:db8:3::" + std::to_string(1000 + 16 * i) + "/128");
    return policy.compile().plane;
}

// A table of which every byte counts: small, and with all kinds of lines.
Image small_image()
{
    PolicyCase policy = reference::plain_case();
    const size_t a = policy.add_feed("a", "bad", 0);
    policy.add(a, "2001:db8::/32");
    policy.add(a, "2001:db8:1::1/128");
    policy.add(a, "192.0.2.0/24");
    return policy.compile().plane;
}

TEST(Image, GoodOnesAreTaken)
{
    EXPECT_EQ(verify(small_image()), "");
    EXPECT_EQ(verify(rich_image()), "");
    EXPECT_EQ(verify(empty_table(reference::plain_case().config).plane), "");
}

TEST(Image, AnyByteFlippedIsRefused)
{
    const Image good = small_image();
    for (size_t i = 0; i < good.size() * sizeof(mxg_line); i++)
        for (int bit = 0; bit < 8; bit++) {
            Image bad = good;
            reinterpret_cast<uint8_t*>(bad.data())[i] ^= static_cast<uint8_t>(1 << bit);
            ASSERT_NE(verify(bad), "") << "byte " << i << " bit " << bit;
        }
}

TEST(Image, AnyOtherLengthIsRefused)
{
    const Image good = small_image();
    for (size_t lines = 0; lines < good.size(); lines++) {
        Image bad(good.begin(), good.begin() + static_cast<long>(lines));
        EXPECT_NE(verify(bad), "");
        if (lines >= 4) {  // even where the header agrees
            header(bad).lines = static_cast<uint32_t>(lines);
            seal(bad);
            EXPECT_NE(verify(bad), "") << lines;
        }
    }
    Image longer = good;
    longer.emplace_back();
    EXPECT_NE(verify(longer), "");
}

struct Damage {
    const char* name;
    std::function<void(Image&)> make;
};

void PrintTo(const Damage& damage, std::ostream* out)
{
    *out << damage.name;
}

// The first leaf with a LONG code whose kind is `kind`; gives the entry too.
mxg_leaf& long_leaf(Image& image, uint8_t kind, int* entry)
{
    const auto& tree = at<mxg_tree>(image, MXG_TREE_IPV6_LINE);
    for (size_t line = tree.level[tree.depth];; line++) {
        auto& leaf = at<mxg_leaf>(image, line);
        for (int i = 0; i < MXG_LEAF_ENTRIES; i++) {
            const uint32_t code = leaf.code[i] & ~MXG_CODE_LONG;
            if ((leaf.code[i] & MXG_CODE_LONG) &&
                at<mxg_code>(image, header(image).codes, code).kind == kind) {
                *entry = i;
                return leaf;
            }
        }
    }
}

mxg_slot& slot_of(Image& image, bool of_leaf)
{
    for (uint32_t i = 0;; i++) {
        auto& slot = at<mxg_slot>(image, header(image).slots, i);
        const uint64_t line = slot.value & ~MXG_SLOT_LEAF;
        if (line >= 4 && line < image.size() && ((slot.value & MXG_SLOT_LEAF) != 0) == of_leaf)
            return slot;
    }
}

mxg_tree& six(Image& image)
{
    return at<mxg_tree>(image, MXG_TREE_IPV6_LINE);
}

mxg_leaf& first_leaf(Image& image)
{
    return at<mxg_leaf>(image, six(image).level[six(image).depth]);
}

std::vector<Damage> damages_of_records()
{
    const auto beyond = [](Image& image) { return static_cast<uint32_t>(image.size()); };
    return {
        {"ServicesBeyond", [=](Image& i) { header(i).services = beyond(i); }},
        {"ManyServices", [](Image& i) { header(i).service_count = 65; }},
        {"ServiceFamily", [](Image& i) { at<mxg_service>(i, header(i).services).family = 3; }},
        {"ClassesBeyond", [=](Image& i) { header(i).classes = beyond(i); }},
        {"ClassesInHeader", [](Image& i) { header(i).classes = 3; }},
        {"NoClasses", [](Image& i) { counts(i).classes = 0; }},
        {"ManyClasses", [](Image& i) { counts(i).classes = 17; }},
        {"ClassAction", [](Image& i) { at<mxg_class>(i, header(i).classes).action = 5; }},
        {"ClassDenial", [](Image& i) { at<mxg_class>(i, header(i).classes).deny_verdict = 4; }},
        {"AnswersUnlimited", [](Image& i) { counts(i).reply_interval_ns = 0; }},
        {"LevelsBeyond",
         [](Image& i) { at<mxg_class>(i, header(i).classes).levels = MXG_PAGE_LINES - 3; }},
        {"RateWithoutBurst",
         [](Image& i) { at<mxg_class>(i, header(i).classes).own = {1, 0, 0, 0, 0, 0}; }},
        {"LevelLength", [](Image& i) { at<mxg_class>(i, header(i).classes).own.length = 129; }},
        {"EmbeddingsBeyond",
         [](Image& i) { header(i).embeddings = static_cast<uint16_t>(i.size()); }},
        {"EmbeddingsInHeader", [](Image& i) { header(i).embeddings = 3; }},
        {"EmbeddingsNotInFirstPage",
         [](Image& i) {
             i.resize(2 * MXG_PAGE_LINES);
             header(i).lines = 2 * MXG_PAGE_LINES;
             header(i).embeddings = MXG_PAGE_LINES;
             at<mxg_embedding>(i, MXG_PAGE_LINES).kind = MXG_EMBEDDED_NAT64;
         }},
        {"ManyEmbeddings", [](Image& i) { header(i).embedding_count = MXG_MAX_EMBEDDINGS + 1; }},
        {"EmbeddingOfNoKind",
         [](Image& i) { at<mxg_embedding>(i, header(i).embeddings).kind = MXG_EMBEDDED_NONE; }},
        {"EmbeddingKind",
         [](Image& i) { at<mxg_embedding>(i, header(i).embeddings).kind = MXG_EMBEDDED_KINDS; }},
        {"EmbeddingShift",
         [](Image& i) { at<mxg_embedding>(i, header(i).embeddings).lo_right = 64; }},
        {"PoliciesBeyond", [=](Image& i) { header(i).policies = beyond(i); }},
        {"PoliciesWrap", [](Image& i) { header(i).policies = 0xffffffff; }},
        {"NoPolicies", [](Image& i) { counts(i).policies = 0; }},
        {"PolicyClass", [](Image& i) { at<mxg_policy>(i, header(i).policies).class_id = 4; }},
        {"PolicyLength", [](Image& i) { at<mxg_policy>(i, header(i).policies).length = 129; }},
        {"PolicyShare", [](Image& i) { at<mxg_policy>(i, header(i).policies).share = 17; }},
        {"PolicyFeed", [](Image& i) { at<mxg_policy>(i, header(i).policies).feed = 2; }},
    };
}

std::vector<Damage> damages_of_the_trees()
{
    const auto beyond = [](Image& image) { return static_cast<uint32_t>(image.size()); };
    return {
        {"CodesBeyond", [=](Image& i) { header(i).codes = beyond(i); }},
        {"ManyCodes", [](Image& i) { counts(i).codes = MXG_MAX_CODES + 1; }},
        {"CodeIn",
         [](Image& i) {
             at<mxg_code>(i, header(i).codes).in = static_cast<uint16_t>(counts(i).policies);
         }},
        {"CodeMid", [](Image& i) { at<mxg_code>(i, header(i).codes).mid = 0xffff; }},
        {"CodeOut", [](Image& i) { at<mxg_code>(i, header(i).codes).out = 0xffff; }},
        {"CodeShift", [](Image& i) { at<mxg_code>(i, header(i).codes).shift = 64; }},
        {"CodeKind", [](Image& i) { at<mxg_code>(i, header(i).codes).kind = 3; }},
        {"SlotsBeyond", [=](Image& i) { header(i).slots = beyond(i); }},
        {"FewerSlots", [](Image& i) { counts(i).slots = 1; }},
        {"SlotLeafBeyond", [=](Image& i) { slot_of(i, true).value = MXG_SLOT_LEAF | beyond(i); }},
        {"SlotLeafWraps",
         [](Image& i) { slot_of(i, true).value = MXG_SLOT_LEAF | 1ULL << 32 | 5; }},
        {"SlotTreeBeyond", [=](Image& i) { slot_of(i, false).value = beyond(i); }},
        {"SlotTreeIsTheWhole", [](Image& i) { slot_of(i, false).value = MXG_TREE_IPV6_LINE; }},
        {"TooDeep", [](Image& i) { six(i).depth = MXG_MAX_DEPTH + 1; }},
        {"DepthHuge", [](Image& i) { six(i).depth = 0xffffffff; }},
        {"LevelBeyond", [=](Image& i) { six(i).level[0] = beyond(i); }},
        {"LevelHuge", [](Image& i) { six(i).level[1] = 0xffffffff; }},
        {"LeavesBeyond", [=](Image& i) { six(i).level[six(i).depth] = beyond(i) - 1; }},
        {"LeavesInHeader", [](Image& i) { six(i).level[six(i).depth] = 0; }},
        {"Separators",
         [](Image& i) { std::swap(i[six(i).level[0]].word[0], i[six(i).level[0]].word[1]); }},
        {"FirstStart", [](Image& i) { first_leaf(i).start[0] = 1; }},
        {"Starts", [](Image& i) { std::swap(first_leaf(i).start[1], first_leaf(i).start[5]); }},
        {"LeafCode",
         [](Image& i) { first_leaf(i).code[2] = static_cast<uint16_t>(counts(i).codes); }},
        {"LeafCodeKind", [](Image& i) { first_leaf(i).code[2] ^= MXG_CODE_LONG; }},
        {"LongCodeIsNot",
         [](Image& i) {
             int entry;
             mxg_leaf& leaf = long_leaf(i, MXG_CODE_ONE, &entry);
             leaf.code[entry] &= static_cast<uint16_t>(~MXG_CODE_LONG);
         }},
        {"FirstSlot",
         [](Image& i) {
             int entry;
             long_leaf(i, MXG_CODE_TREE, &entry).first_slot = counts(i).slots;
         }},
    };
}

class Damaged : public ::testing::TestWithParam<Damage>
{
};

TEST_P(Damaged, IsRefused)
{
    Image image = rich_image();
    GetParam().make(image);
    seal(image);
    EXPECT_NE(verify(image), "");
}

INSTANTIATE_TEST_SUITE_P(Records, Damaged, ::testing::ValuesIn(damages_of_records()),
                         [](const auto& damage) { return std::string(damage.param.name); });
INSTANTIATE_TEST_SUITE_P(Trees, Damaged, ::testing::ValuesIn(damages_of_the_trees()),
                         [](const auto& damage) { return std::string(damage.param.name); });

// Random damage with a right checksum: what is taken all the same can be walked for any address.
TEST(Image, WhatIsTakenStaysInBounds)
{
    const Image good = rich_image();
    std::mt19937_64 random(2);
    int taken = 0;
    for (int round = 0; round < 20'000; round++) {
        Image bad = good;
        for (uint64_t flips = 1 + random() % 3; flips > 0; flips--) {
            const size_t line = random() % 3 == 0 ? random() % 4 : random() % bad.size();
            const uint64_t word = random() % 8;
            bad[line].word[word] = random() % 2 ? bad[line].word[word] ^ 1ULL << random() % 64
                                                : random() >> random() % 64;
        }
        header(bad).magic = MXG_IMAGE_MAGIC;
        header(bad).schema = MXG_SCHEMA;
        header(bad).lines = static_cast<uint32_t>(bad.size());
        seal(bad);
        if (verify(bad) != "")
            continue;
        taken++;
        std::vector<reference::Address> asked;
        const auto* begin = reinterpret_cast<const uint8_t*>(bad.data());
        for (int i = 0; i < 40; i++) {
            reference::Address address = reference::random_address(random, i % 4 ? 6 : 4);
            if (i % 2 && address.family == 6)  // into the /64s with long prefixes
                address.value = reference::address("2001:db8::").value |
                                reference::Number{1 + random() % 3} << 80 | random() % 1700;
            asked.push_back(address);
            const auto* found = reinterpret_cast<const uint8_t*>(look_up(bad, address));
            ASSERT_NE(found, nullptr);
            ASSERT_TRUE(found >= begin && found + sizeof(mxg_policy) <= begin + bad.size() * 64);
        }
        expect_bursts(bad, asked);
        ASSERT_FALSE(HasFailure());
    }
    EXPECT_GT(taken, 100);
}

}  // namespace
}  // namespace mxgate
