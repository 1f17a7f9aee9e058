// SPDX-License-Identifier: BSD-2-Clause
#include "control/table/image_builder.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstring>
#include <limits>
#include <span>
#include <stdexcept>
#include <unordered_map>

#include "dataplane/image/verify.h"

namespace mxgate {
namespace {

constexpr uint32_t kMaxStartBits = 11;  // of the first part: 8 KiB
constexpr uint32_t kMaxPartBits = 11;   // of one start's own part
constexpr size_t kPartLeaves = 32;      // a start with fewer below it has no part
constexpr uint64_t kLastKey = std::numeric_limits<uint64_t>::max();

// One entry of a leaf, with the slot it owns where its code is LONG.
struct LeafEntry {
    uint64_t start = 0;
    uint16_t code = 0;
    uint64_t slot = 0;
};

// An edge over one 64-bit half: a policy, or (top half only) a /64 with a map of its own inside.
struct HalfEdge {
    uint64_t start = 0;
    uint16_t policy = 0;
    std::span<const Edge> inside;  // not empty: this /64 holds prefixes longer than /64
    uint16_t before = 0;           // with inside: the policy at its first address
};

// Log2 of the aligned block [start, start + size), or -1 if it is not one. size 0 means 2^64.
int block_shift(uint64_t start, uint64_t size)
{
    if (!std::has_single_bit(size) || (start & (size - 1)) != 0)
        return -1;
    return std::countr_zero(size);
}

class CodeSet
{
public:
    explicit CodeSet(size_t policies) : optional_limit_(MXG_MAX_CODES - 2 * policies) {}

    // Index of the code, or -1 where there is no room for one that has a replacement.
    int index_of(const mxg_code& code, bool optional)
    {
        uint64_t key;
        std::memcpy(&key, &code, sizeof(key));
        if (key == last_.first && !all_.empty())
            return last_.second;
        if (const auto found = index_.find(key); found != index_.end()) {
            last_ = *found;
            return found->second;
        }
        if (optional && optional_used_ >= optional_limit_)
            return -1;
        optional_used_ += optional;
        const auto index = static_cast<uint16_t>(all_.size());
        all_.push_back(code);
        last_ = *index_.emplace(key, index).first;
        return index;
    }
    const std::vector<mxg_code>& all() const { return all_; }

private:
    size_t optional_limit_;  // the rest is kept for the codes that must fit: 2 for each policy
    size_t optional_used_ = 0;
    std::vector<mxg_code> all_;
    std::unordered_map<uint64_t, uint16_t> index_;
    std::pair<uint64_t, uint16_t> last_{};  // that was asked for, mostly in runs
};

class Builder
{
public:
    explicit Builder(const ImageInput& input) : input_(input), codes_(input.policies.size()) {}

    std::vector<mxg_line> build()
    {
        lines_.resize(4);
        header_.services = append(input_.services);
        add_classes();
        header_.embeddings = static_cast<uint16_t>(append(input_.embeddings));
        header_.embedding_count = static_cast<uint16_t>(input_.embeddings.size());
        header_.policies = append(input_.policies);
        const std::vector<LeafEntry> ipv4 = encode(split(input_.ipv4));
        const std::vector<LeafEntry> ipv6 = encode(split(input_.ipv6));
        header_.codes = append(codes_.all());
        tree_line(MXG_TREE_IPV4_LINE, place_tree(ipv4, 0, 64));
        // 2000::/3 is all the global unicast space there is (RFC 4291, IANA).
        tree_line(MXG_TREE_IPV6_LINE, place_tree(ipv6, 0x2000'0000'0000'0000, 61));
        header_.slots = append(slots_);
        if (lines_.size() > MXG_MAX_LINES)
            throw std::length_error("the policy table is larger than 8 GiB");
        finish();
        return std::move(lines_);
    }

private:
    void add_classes()
    {
        std::vector<mxg_class> classes = input_.classes;
        std::vector<mxg_ceiling> ceilings;
        auto line = static_cast<uint32_t>(lines_.size() + classes.size());
        for (size_t i = 0; i < input_.levels.size(); i++, line += MXG_LEVEL_LINES) {
            classes[i].levels = line;
            ceilings.insert(ceilings.end(), input_.levels[i].begin(), input_.levels[i].end());
        }
        header_.classes = append(classes);
        append(ceilings);
    }

    // The records, from a new line on; the number of that line.
    template <typename Record>
    uint32_t append(const std::vector<Record>& records)
    {
        static_assert(MXG_LINE_BYTES % sizeof(Record) == 0);
        const auto first = static_cast<uint32_t>(lines_.size());
        const size_t bytes = records.size() * sizeof(Record);
        lines_.resize(lines_.size() + (bytes + MXG_LINE_BYTES - 1) / MXG_LINE_BYTES);
        if (bytes != 0)
            std::memcpy(lines_.data() + first, records.data(), bytes);
        return first;
    }

    void tree_line(uint32_t line, const mxg_tree& tree)
    {
        std::memcpy(&lines_[line], &tree, sizeof(tree));
    }

    // Edges of 128 bits to edges of the top half; whole /64s with more inside become one edge.
    static std::vector<HalfEdge> split(const std::vector<Edge>& edges)
    {
        std::vector<HalfEdge> out;
        out.reserve(edges.size());
        uint16_t current = 0;
        for (size_t i = 0; i < edges.size();) {
            const uint64_t hi = edges[i].hi;
            size_t end = i + 1;
            while (end < edges.size() && edges[end].hi == hi)
                end++;
            if (end == i + 1 && edges[i].lo == 0) {
                out.push_back({hi, edges[i].policy, {}, 0});
            } else {
                out.push_back({hi, 0, {edges.data() + i, end - i}, current});
                const bool adjacent = end < edges.size() && edges[end].hi == hi + 1;
                if (hi != kLastKey && !adjacent)
                    out.push_back({hi + 1, edges[end - 1].policy, {}, 0});
            }
            current = edges[end - 1].policy;
            i = end;
        }
        return out;
    }

    uint16_t whole(uint16_t policy)
    {
        return static_cast<uint16_t>(
            codes_.index_of({policy, policy, policy, 0, MXG_CODE_BLOCK}, false));
    }

    std::vector<LeafEntry> encode(const std::vector<HalfEdge>& edges)
    {
        std::vector<LeafEntry> out;
        out.reserve(edges.size());
        for (size_t i = 0; i < edges.size(); i++) {
            const HalfEdge& edge = edges[i];
            const HalfEdge* next = i + 1 < edges.size() ? &edges[i + 1] : nullptr;
            const bool absorb = next && next->inside.empty();
            if (!edge.inside.empty()) {
                // The edge after it, always at the next /64, is this one's `out`.
                out.push_back(encode_long(edge, absorb ? next->policy : uint16_t{0}));
                i += absorb;
                continue;
            }
            const int shift = absorb ? block_shift(edge.start, next->start - edge.start) : -1;
            const int code = shift < 0
                                 ? -1
                                 : codes_.index_of({edge.policy, next->policy, next->policy,
                                                    static_cast<uint8_t>(shift), MXG_CODE_BLOCK},
                                                   true);
            out.push_back(
                {edge.start, code < 0 ? whole(edge.policy) : static_cast<uint16_t>(code), 0});
            i += code >= 0;
        }
        return out;
    }

    LeafEntry encode_long(const HalfEdge& edge, uint16_t out)
    {
        std::vector<HalfEdge> low;
        if (edge.inside.front().lo != 0)
            low.push_back({0, edge.before, {}, 0});
        for (const Edge& inner : edge.inside)
            low.push_back({inner.lo, inner.policy, {}, 0});
        uint64_t slot = 0;
        int code = encode_one(low, out, &slot);
        if (code < 0) {
            code = codes_.index_of({0, 0, out, 0, MXG_CODE_TREE}, false);
            slot = place_low_tree(encode(low));
        }
        return {edge.start, static_cast<uint16_t>(code | MXG_CODE_LONG), slot};
    }

    // A /64 with one prefix in it: the code, or -1 if it is not so simple.
    int encode_one(const std::vector<HalfEdge>& low, uint16_t out, uint64_t* start)
    {
        size_t at;  // the edge that begins the block
        if (low.size() == 2 && block_shift(0, low[1].start) >= 0)
            at = 0;
        else if (low.size() == 2 || (low.size() == 3 && low[2].policy == low[0].policy))
            at = 1;
        else
            return -1;
        const uint64_t end = at + 1 < low.size() ? low[at + 1].start : 0;
        const int shift = block_shift(low[at].start, end - low[at].start);
        if (shift < 0)
            return -1;
        *start = low[at].start;
        return codes_.index_of(
            {low[at].policy, low[1 - at].policy, out, static_cast<uint8_t>(shift), MXG_CODE_ONE},
            true);
    }

    uint64_t place_low_tree(const std::vector<LeafEntry>& entries)
    {
        if (entries.size() <= MXG_LEAF_ENTRIES)
            return MXG_SLOT_LEAF | append(leaves(entries));
        const mxg_tree tree = place_tree(entries, 0, 0);
        return append(std::vector<mxg_tree>{tree});
    }

    std::vector<mxg_leaf> leaves(const std::vector<LeafEntry>& entries)
    {
        std::vector<mxg_leaf> out((entries.size() + MXG_LEAF_ENTRIES - 1) / MXG_LEAF_ENTRIES);
        for (size_t i = 0; i < out.size() * MXG_LEAF_ENTRIES; i++) {
            const LeafEntry& entry = entries[std::min(i, entries.size() - 1)];
            mxg_leaf& leaf = out[i / MXG_LEAF_ENTRIES];
            if (i % MXG_LEAF_ENTRIES == 0)
                leaf.first_slot = static_cast<uint32_t>(slots_.size());
            leaf.start[i % MXG_LEAF_ENTRIES] = entry.start;
            leaf.code[i % MXG_LEAF_ENTRIES] = entry.code;
            if (entry.code & MXG_CODE_LONG)
                slots_.push_back({entry.slot});
        }
        return out;
    }

    // Leaves, inner lines level by level, and, where `start_bits` is not 0, starts for the keys
    // from `start_base` on, 2^start_bits of them.
    mxg_tree place_tree(const std::vector<LeafEntry>& entries, uint64_t start_base,
                        uint32_t start_bits)
    {
        const std::vector<mxg_leaf> bottom = leaves(entries);
        std::vector<std::vector<mxg_line>> inner;  // the lowest first
        size_t span = 1;                           // leaves below one child
        for (size_t nodes = bottom.size(); nodes > 1;) {
            const size_t parents = (nodes + MXG_FANOUT - 1) / MXG_FANOUT;
            std::vector<mxg_line> level(parents);
            for (size_t i = 0; i < parents * MXG_INNER_KEYS; i++) {
                const size_t child = i / MXG_INNER_KEYS * MXG_FANOUT + i % MXG_INNER_KEYS + 1;
                const bool there = child < nodes;
                level[i / MXG_INNER_KEYS].word[i % MXG_INNER_KEYS] =
                    there ? bottom[child * span].start[0] - 1 : kLastKey;
            }
            inner.push_back(std::move(level));
            nodes = parents;
            span *= MXG_FANOUT;
        }
        if (inner.size() > MXG_MAX_DEPTH)
            throw std::length_error("the policy table has too many intervals");
        mxg_tree tree{};
        tree.depth = static_cast<uint32_t>(inner.size());
        for (uint32_t i = 0; i < tree.depth; i++)
            tree.level[i] = append(inner[inner.size() - 1 - i]);
        tree.level[tree.depth] = append(bottom);
        place_starts(tree, bottom, start_base, start_bits);
        return tree;
    }

    // A small tree needs no starts. The first part takes at most an eighth of the leaves' room, and
    // so does each other part of the leaves' below it: both are of the order that fits the caches.
    void place_starts(mxg_tree& tree, const std::vector<mxg_leaf>& leaves, uint64_t base,
                      uint32_t key_bits)
    {
        if (tree.depth < 3 || key_bits == 0)
            return;
        const uint32_t bits = std::min(kMaxStartBits, start_bits(leaves.size()));
        tree.start_base = base;
        tree.start_shift = key_bits - bits;
        tree.start_last = 1u << bits;
        std::vector<uint32_t> starts(tree.start_last + 1, 0);
        size_t leaf = 0;
        for (uint32_t i = 0; i < tree.start_last; i++) {
            const uint64_t first = base + (static_cast<uint64_t>(i) << tree.start_shift);
            const LeafRange below = leaves_of(leaves, first, tree.start_shift, leaf);
            leaf = below.to;
            const size_t count = below.to - below.from + 1;
            starts[i] = count < kPartLeaves ? deepest_node(tree, below)
                                            : place_part(starts, tree, leaves, first, below.from,
                                                         std::min(kMaxPartBits, start_bits(count)));
        }
        tree.starts = append(starts);
    }

    // Log2 of how many starts take an eighth of the room of `leaves` leaves.
    static uint32_t start_bits(size_t leaves)
    {
        const size_t room = leaves * MXG_LINE_BYTES / 8 / sizeof(uint32_t);
        return static_cast<uint32_t>(std::bit_width(room)) - 1;
    }

    // The start that leads to 2^bits starts of its own, for the keys from `first` on.
    static uint32_t place_part(std::vector<uint32_t>& starts, const mxg_tree& tree,
                               const std::vector<mxg_leaf>& leaves, uint64_t first, size_t leaf,
                               uint32_t bits)
    {
        constexpr size_t kPerLine = MXG_LINE_BYTES / sizeof(uint32_t);
        const size_t line = (starts.size() + kPerLine - 1) / kPerLine;
        const uint32_t shift = tree.start_shift - bits;
        starts.resize(line * kPerLine, 0);
        for (uint64_t i = 0; i < uint64_t{1} << bits; i++) {
            const LeafRange below = leaves_of(leaves, first + (i << shift), shift, leaf);
            starts.push_back(deepest_node(tree, below));
            leaf = below.to;
        }
        return MXG_START_PART << MXG_START_LEVEL_SHIFT | bits << MXG_START_BITS_SHIFT |
               static_cast<uint32_t>(line);
    }

    struct LeafRange {
        size_t from, to;  // both included
    };

    // The leaves of 2^shift keys from `first` on; `leaf` is one that is not after them.
    static LeafRange leaves_of(const std::vector<mxg_leaf>& leaves, uint64_t first, uint32_t shift,
                               size_t leaf)
    {
        const uint64_t last = first + ((uint64_t{1} << shift) - 1);
        const auto advance = [&](uint64_t key) {
            while (leaf + 1 < leaves.size() && leaves[leaf + 1].start[0] <= key)
                leaf++;
            return leaf;
        };
        const size_t from = advance(first);
        return {from, advance(last)};
    }

    // The start of what lies in these leaves alone.
    static uint32_t deepest_node(const mxg_tree& tree, LeafRange below)
    {
        uint32_t level = tree.depth;
        for (; below.from != below.to; level--) {
            below.from /= MXG_FANOUT;
            below.to /= MXG_FANOUT;
        }
        return level << MXG_START_LEVEL_SHIFT | static_cast<uint32_t>(below.from);
    }

    void finish()
    {
        mxg_image_counts counts{};
        counts.classes = static_cast<uint32_t>(input_.classes.size());
        counts.policies = static_cast<uint32_t>(input_.policies.size());
        counts.codes = static_cast<uint32_t>(codes_.all().size());
        counts.slots = static_cast<uint32_t>(slots_.size());
        counts.feeds = input_.feeds;
        counts.prefixes = input_.prefixes;
        counts.intervals = input_.ipv4.size() + input_.ipv6.size();
        counts.reply_interval_ns = input_.reply_interval_ns;
        counts.reply_tolerance_ns = input_.reply_tolerance_ns;
        std::memcpy(&lines_[1], &counts, sizeof(counts));
        header_.magic = MXG_IMAGE_MAGIC;
        header_.schema = MXG_SCHEMA;
        header_.lines = static_cast<uint32_t>(lines_.size());
        header_.generation = input_.generation;
        header_.flags = input_.flags;
        header_.service_count = static_cast<uint32_t>(input_.services.size());
        std::memcpy(&lines_[0], &header_, sizeof(header_));
        header_.checksum = image_checksum(lines_.data(), lines_.size());
        std::memcpy(&lines_[0], &header_, sizeof(header_));
    }

    const ImageInput& input_;
    CodeSet codes_;
    std::vector<mxg_slot> slots_;
    mxg_image_header header_{};
    std::vector<mxg_line> lines_;
};

}  // namespace

std::vector<mxg_line> build_image(const ImageInput& input)
{
    return Builder(input).build();
}

}  // namespace mxgate
