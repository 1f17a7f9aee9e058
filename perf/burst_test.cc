// SPDX-License-Identifier: BSD-2-Clause
// The burst look-up against mxg_lookup, on every shape of table.
#include "dataplane/core/native.h"

#include "dataplane/core/burst.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "control/table/flatten.h"
#include "control/table/image_builder.h"
#include "dataplane/image/verify.h"
#include "perf/workload.h"

namespace mxgate::perf {
namespace {

constexpr size_t kKeys = 1000000;

TableEntry entry_of(const mxg_address& address, uint32_t length, Random& random)
{
    const mxg_address first = mxg_cut(address, length);
    TableEntry entry;
    entry.hi = first.hi;
    entry.lo = first.lo;
    entry.family = static_cast<uint8_t>(first.family);
    entry.length = static_cast<uint8_t>(length);
    entry.feed = static_cast<uint16_t>(random.below(kFeeds));
    return entry;
}

mxg_address random_address(Random& random)
{
    const uint64_t hi = random.next(), lo = random.next();
    if (random.below(4) == 0)
        return {hi & 0xffffffff00000000ULL, 0, MXG_FAMILY_IPV4, 0};
    return {hi, lo, MXG_FAMILY_IPV6, 0};
}

// A new address near an old one: the leading bits are the same.
mxg_address near(const mxg_address& address, Random& random)
{
    const auto bits = static_cast<uint32_t>(random.below(mxg_family_bits(address.family) + 1));
    const mxg_address other = random_address(random), lead = mxg_cut(address, bits);
    mxg_address rest = {other.hi & ~mxg_mask64(bits),
                        bits > 64 ? other.lo & ~mxg_mask64(bits - 64) : other.lo, 0, 0};
    if (address.family == MXG_FAMILY_IPV4)
        rest = {rest.hi & 0xffffffff00000000ULL, 0, 0, 0};
    return {lead.hi | rest.hi, lead.lo | rest.lo, address.family, 0};
}

// Prefixes of both families and all lengths, in clusters, many of them longer than /64.
std::vector<TableEntry> make_mixed(size_t count, uint64_t seed)
{
    Random random(seed);
    std::vector<TableEntry> out;
    while (out.size() < count) {
        const mxg_address base = random_address(random);
        for (uint64_t i = random.below(12); i > 0 && out.size() < count; i--) {
            const mxg_address address = near(base, random);
            const uint64_t bits = mxg_family_bits(address.family);
            const uint64_t length =
                random.below(2) == 0 ? random.below(bits + 1) : bits - random.below(bits / 4);
            out.push_back(entry_of(address, static_cast<uint32_t>(length), random));
        }
    }
    sort_entries(out);
    return out;
}

// Keys in, just before, just after, near and far from entries.
std::vector<mxg_address> keys_around(const std::vector<TableEntry>& entries, uint64_t seed)
{
    Random random(seed);
    std::vector<mxg_address> keys;
    keys.reserve(kKeys);
    while (keys.size() < kKeys) {
        if (entries.empty() || random.below(8) == 0) {
            keys.push_back(random_address(random));
            continue;
        }
        const TableEntry& entry = entries[random.below(entries.size())];
        mxg_address key = prefix_of(entry).address;
        const uint64_t step = key.family == MXG_FAMILY_IPV4 ? 1ULL << 32 : 1;
        switch (random.below(5)) {
            case 0:
                break;
            case 1:
                key.hi -= step;
                break;
            case 2:
                key.hi += step;
                break;
            case 3:
                if (key.family == MXG_FAMILY_IPV6)
                    key.lo += random.below(3) - 1;
                break;
            default:
                key = near(key, random);
        }
        keys.push_back(key);
    }
    return keys;
}

class Burst : public testing::TestWithParam<size_t>
{
};

// All look-ups of `keys`, in bursts of every size, answer as mxg_lookup.
void expect_same(const std::vector<mxg_line>& image, const std::vector<mxg_address>& keys)
{
    const mxg_table table{image.data(), static_cast<uint32_t>(image.size())};
    const auto* header = reinterpret_cast<const mxg_image_header*>(image.data());
    uint32_t n = 1;
    for (size_t at = 0; at < keys.size(); at += n, n = n % MXG_BURST + 1) {
        n = static_cast<uint32_t>(std::min<size_t>(n, keys.size() - at));
        const mxg_policy *scalar[MXG_BURST], *chosen[MXG_BURST];
        mxg_lookup_burst_with(&table, header, &keys[at], n, scalar, MXG_SCALAR);
        mxg_lookup_burst(&table, header, &keys[at], n, chosen);
        for (uint32_t i = 0; i < n; i++) {
            const mxg_policy* right = mxg_lookup(&table, header, &keys[at + i]);
            ASSERT_NE(right, nullptr);
            ASSERT_EQ(scalar[i], right) << "key " << at + i << " of a burst of " << n;
            ASSERT_EQ(chosen[i], right) << "key " << at + i << " of a burst of " << n;
        }
    }
}

TEST_P(Burst, AnswersAsOneLookUp)
{
    const std::vector<TableEntry> entries = make_mixed(GetParam(), 5);
    const std::vector<mxg_line> image = build_table(entries);
    ASSERT_EQ(verify_image(image.data(), image.size()), "");
    expect_same(image, keys_around(entries, 6));
}

// From no inner level to six.
INSTANTIATE_TEST_SUITE_P(Sizes, Burst, testing::Values(0, 1, 5, 60, 3000, 300000));

// A table whose starts have parts: prefixes as dense as in a routing table.
class Starts : public testing::Test
{
protected:
    static constexpr uint32_t kTree = MXG_TREE_IPV6_LINE;

    Starts() : without_(image_)
    {
        keys_.resize(3000);
        reinterpret_cast<mxg_tree&>(without_[kTree]).starts = 0;
    }

    const mxg_tree& tree() const { return reinterpret_cast<const mxg_tree&>(image_[kTree]); }

    // Every key, singly and in bursts, as by the tree alone.
    void expect_right(const std::vector<mxg_line>& image) const
    {
        const auto* header = reinterpret_cast<const mxg_image_header*>(image_.data());
        const mxg_table right{without_.data(), static_cast<uint32_t>(without_.size())};
        const mxg_table other{image.data(), static_cast<uint32_t>(image.size())};
        for (const mxg_address& key : keys_)
            ASSERT_EQ(mxg_find_policy(&other, header, &key), mxg_find_policy(&right, header, &key));
        expect_same(image, keys_);
    }

    const std::vector<TableEntry> entries_ = make_entries(generate_routes(30000), 50000);
    const std::vector<mxg_line> image_ = build_table(entries_);
    std::vector<mxg_line> without_;
    std::vector<mxg_address> keys_ = keys_around(entries_, 9);
};

TEST_F(Starts, SkipNothing)
{
    ASSERT_NE(tree().starts, 0u);
    ASSERT_EQ(verify_image(image_.data(), image_.size()), "");
    keys_ = keys_around(entries_, 11);
    expect_right(image_);
}

TEST_F(Starts, WithAnythingInOneAreRefusedOrRight)
{
    const auto* starts = reinterpret_cast<const uint32_t*>(&image_[tree().starts]);
    Random random(10);
    size_t parts = 0, refused = 0, taken = 0;
    for (uint32_t i = 0; i < tree().start_last; i++) {
        const bool is_part = starts[i] >> MXG_START_LEVEL_SHIFT == MXG_START_PART;
        if (!is_part && i % 64 != 0)
            continue;
        parts += is_part;
        const bool inside = is_part && random.below(2) == 0;
        const uint32_t at = inside ? mxg_part_index(&tree(), starts[i], random.next()) : i;
        std::vector<mxg_line> bad = image_;
        auto& start = reinterpret_cast<uint32_t*>(&bad[tree().starts])[at];
        start = random.below(2) == 0 ? start ^ 1u << random.below(32)
                                     : static_cast<uint32_t>(random.next());
        auto& header = reinterpret_cast<mxg_image_header&>(bad[0]);
        header.checksum = image_checksum(bad.data(), bad.size());
        const bool good = verify_image(bad.data(), bad.size()).empty();
        (good ? taken : refused)++;
        if (good)
            expect_right(bad);
    }
    EXPECT_GT(parts, 5u);
    EXPECT_GT(refused, taken);
}

TEST(BurstSize, NothingAndTooMuchAreHarmless)
{
    const std::vector<mxg_line> image = build_table({});
    const mxg_table table{image.data(), static_cast<uint32_t>(image.size())};
    const auto* header = reinterpret_cast<const mxg_image_header*>(image.data());
    const std::vector<mxg_address> keys(MXG_BURST + 1, mxg_address{1, 2, MXG_FAMILY_IPV6, 0});
    std::vector<const mxg_policy*> out(MXG_BURST + 1, nullptr);
    mxg_lookup_burst(&table, header, keys.data(), 0, out.data());
    EXPECT_EQ(out[0], nullptr);
    mxg_lookup_burst(&table, header, keys.data(), MXG_BURST + 1, out.data());
    EXPECT_NE(out[MXG_BURST - 1], nullptr);
    EXPECT_EQ(out[MXG_BURST], nullptr);
}

// mxg_child and mxg_entry against plain comparisons, at the edges of 64 bits above all.
TEST(Search, ComparesAll64Bits)
{
    Random random(7);
    constexpr uint64_t kEdges[] = {0,     1,    2, (1ULL << 63) - 1, 1ULL << 63, (1ULL << 63) + 1,
                                   ~1ULL, ~0ULL};
    const auto value = [&] {
        return random.below(2) == 0 ? kEdges[random.below(std::size(kEdges))] : random.next();
    };
    for (int round = 0; round < 200000; round++) {
        mxg_line inner{};
        mxg_leaf leaf{};
        const uint64_t key = value();
        for (__u64& word : inner.word)
            word = value();
        for (__u64& start : leaf.start)
            start = value();
        std::sort(std::begin(inner.word), std::end(inner.word));
        std::sort(std::begin(leaf.start), std::end(leaf.start));
        const auto below = std::count_if(std::begin(inner.word), std::end(inner.word),
                                         [&](__u64 word) { return word < key; });
        const auto not_above = std::count_if(std::begin(leaf.start) + 1, std::end(leaf.start),
                                             [&](__u64 start) { return start <= key; });
        ASSERT_EQ(mxg_child(&inner, key), below);
        ASSERT_EQ(mxg_entry(&leaf, key), not_above);
    }
}

}  // namespace
}  // namespace mxgate::perf
