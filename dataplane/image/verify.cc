// SPDX-License-Identifier: BSD-2-Clause
#include "dataplane/image/verify.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace mxgate {
namespace {

class Verifier
{
public:
    Verifier(const mxg_line* lines, size_t count) : lines_(lines), count_(count) {}

    std::string run()
    {
        if (!header() || !records() || !tree(MXG_TREE_IPV4_LINE, true) ||
            !tree(MXG_TREE_IPV6_LINE, true))
            return error_;
        return {};
    }

private:
    bool fail(std::string text)
    {
        error_ = std::move(text);
        return false;
    }

    template <typename Record>
    const Record& at(uint64_t first_line, uint64_t index = 0) const
    {
        return reinterpret_cast<const Record*>(lines_ + first_line)[index];
    }

    // Whether `records` of `bytes` each fit from line `first` on.
    bool fits(uint32_t first, uint64_t records, uint64_t bytes) const
    {
        const uint64_t lines = (records * bytes + MXG_LINE_BYTES - 1) / MXG_LINE_BYTES;
        return first >= 4 && first <= count_ && lines <= count_ - first;
    }

    bool header()
    {
        if (count_ < 4 || count_ > MXG_MAX_LINES)
            return fail("not a policy table: too short or too long");
        header_ = at<mxg_image_header>(0);
        counts_ = at<mxg_image_counts>(1);
        if (header_.magic != MXG_IMAGE_MAGIC)
            return fail("not a policy table: wrong magic number");
        if (header_.schema != MXG_SCHEMA)
            return fail("made for schema version " + std::to_string(header_.schema) +
                        ", this program has " + std::to_string(MXG_SCHEMA) + "; compile it again");
        if (header_.lines != count_)
            return fail("length differs from the header's");
        if (header_.checksum != image_checksum(lines_, count_))
            return fail("checksum differs: the table is damaged");
        return true;
    }

    bool records()
    {
        if (header_.service_count > MXG_MAX_SERVICE_ADDRESSES || counts_.classes == 0 ||
            counts_.classes > MXG_MAX_CLASSES || counts_.policies == 0 ||
            counts_.policies > 0xffff || counts_.codes == 0 || counts_.codes > MXG_MAX_CODES ||
            counts_.feeds > MXG_MAX_FEEDS || header_.embedding_count > MXG_MAX_EMBEDDINGS)
            return fail("a count is out of range");
        if (counts_.reply_interval_ns == 0)
            return fail("there is no limit on answers");
        if (!fits(header_.services, header_.service_count, sizeof(mxg_service)) ||
            !fits(header_.classes, counts_.classes, sizeof(mxg_class)) ||
            !fits(header_.embeddings, header_.embedding_count, sizeof(mxg_embedding)) ||
            !fits(header_.policies, counts_.policies, sizeof(mxg_policy)) ||
            !fits(header_.codes, counts_.codes, sizeof(mxg_code)) ||
            !fits(header_.slots, counts_.slots, sizeof(mxg_slot)))
            return fail("a section leaves the table");
        if (header_.services + header_.service_count > MXG_PAGE_LINES ||
            header_.classes + counts_.classes > MXG_PAGE_LINES ||
            header_.embeddings + header_.embedding_count > MXG_PAGE_LINES)
            return fail("services, classes or embeddings are not in the first page");
        return services() && classes() && embeddings() && policies() && codes();
    }

    bool services()
    {
        for (uint32_t i = 0; i < header_.service_count; i++) {
            const auto& service = at<mxg_service>(header_.services, i);
            if (service.host > 1 ||
                (service.family != MXG_FAMILY_IPV4 && service.family != MXG_FAMILY_IPV6))
                return fail("a service has an unknown family");
        }
        return true;
    }

    bool classes()
    {
        for (uint32_t i = 0; i < counts_.classes; i++) {
            const auto& entry = at<mxg_class>(header_.classes, i);
            if (entry.action > MXG_ACTION_UNREACHABLE || entry.deny_verdict >= MXG_VERDICTS)
                return fail("a class has an unknown action");
            if (entry.levels != 0 && (entry.levels + uint64_t{MXG_LEVEL_LINES} > MXG_PAGE_LINES ||
                                      !fits(entry.levels, 2 * MXG_CEILINGS, sizeof(mxg_ceiling))))
                return fail("the levels of a class are not in the first page");
            if (!ceiling(entry.own))
                return false;
            for (uint32_t level = 0; entry.levels != 0 && level < 2 * MXG_CEILINGS; level++)
                if (!ceiling(at<mxg_ceiling>(entry.levels, level)))
                    return false;
        }
        return true;
    }

    bool ceiling(const mxg_ceiling& ceiling)
    {
        if ((ceiling.interval_ns != 0 && ceiling.burst == 0) ||
            (ceiling.guard_interval_ns != 0 && ceiling.guard_burst == 0))
            return fail("a class has a rate without a burst");
        return ceiling.length <= 128 || fail("a level is longer than an address");
    }

    bool embeddings()
    {
        for (uint32_t i = 0; i < header_.embedding_count; i++) {
            const auto& entry = at<mxg_embedding>(header_.embeddings, i);
            if (entry.kind == MXG_EMBEDDED_NONE || entry.kind >= MXG_EMBEDDED_KINDS)
                return fail("an embedding is of no known kind");
            if (entry.hi_left > 63 || entry.hi_right > 63 || entry.lo_left > 63 ||
                entry.lo_right > 63)
                return fail("an embedding shifts too far");
        }
        return true;
    }

    bool policies()
    {
        for (uint32_t i = 0; i < counts_.policies; i++) {
            const auto& policy = at<mxg_policy>(header_.policies, i);
            if (policy.class_id >= counts_.classes || policy.length > 128 ||
                (policy.feed != MXG_NO_FEED && policy.feed >= counts_.feeds))
                return fail("a policy names a class or feed that is not there");
            if (policy.share > MXG_MAX_SHARE)
                return fail("a policy is shared by too many");
        }
        return true;
    }

    bool codes()
    {
        for (uint32_t i = 0; i < counts_.codes; i++) {
            const auto& code = at<mxg_code>(header_.codes, i);
            if (code.in >= counts_.policies || code.mid >= counts_.policies ||
                code.out >= counts_.policies || code.shift > 63 || code.kind > MXG_CODE_TREE)
                return fail("a code names a policy that is not there");
        }
        return true;
    }

    // Every visit costs one of a budget, so that trees that share lines cannot take for ever.
    bool visit() { return ++visited_ <= 4 * count_ || fail("trees overlap"); }

    // `long_allowed`: the tree over top halves, whose leaves may lead to trees over low halves.
    bool tree(uint32_t line, bool long_allowed)
    {
        const auto& root = at<mxg_tree>(line);
        if (root.depth > MXG_MAX_DEPTH)
            return fail("a tree is too deep");
        uint64_t nodes = 1;
        std::vector<uint64_t> counts{nodes};
        for (uint32_t level = 0; level < root.depth; level++) {
            if (!inner_level(root.level[level], &nodes))
                return false;
            counts.push_back(nodes);
        }
        if (!fits(root.level[root.depth], nodes, MXG_LINE_BYTES))
            return fail("a tree leaves the table");
        for (uint64_t i = 0; i < nodes; i++)
            if (!leaf(static_cast<uint32_t>(root.level[root.depth] + i), i == 0, long_allowed))
                return false;
        return root.starts == 0 || starts(root, counts);
    }

    // Every start must be a node whose leaves hold all the keys of the start, or lead to a part.
    bool starts(const mxg_tree& root, const std::vector<uint64_t>& counts)
    {
        const uint64_t starts = uint64_t{root.start_last} + 1;
        if (!fits(root.starts, starts, sizeof(uint32_t)) || root.start_shift > 63)
            return fail("a table of starts leaves the table");
        for (uint64_t i = 0; i < root.start_last; i++) {
            const uint32_t start = at<uint32_t>(root.starts, i);
            const uint64_t low = root.start_base + (i << root.start_shift);
            const bool good = start >> MXG_START_LEVEL_SHIFT == MXG_START_PART
                                  ? part(root, counts, start, low)
                                  : holds(root, counts, start, low, root.start_shift);
            if (!good)
                return false;
        }
        return holds(root, counts, at<uint32_t>(root.starts, root.start_last), 0, 64);
    }

    // The starts over the keys of one start, which is that of `low` and those after it.
    bool part(const mxg_tree& root, const std::vector<uint64_t>& counts, uint32_t start,
              uint64_t low)
    {
        const uint32_t bits = start >> MXG_START_BITS_SHIFT & MXG_MAX_PART_BITS;
        const uint64_t first = uint64_t{root.starts} + (start & ((1u << MXG_START_BITS_SHIFT) - 1));
        if (first >= count_ || bits > root.start_shift ||
            !fits(static_cast<uint32_t>(first), uint64_t{1} << bits, sizeof(uint32_t)))
            return fail("a part of the starts leaves the table");
        const uint32_t shift = root.start_shift - bits;
        for (uint64_t i = 0; i < uint64_t{1} << bits; i++) {
            if (i % (MXG_LINE_BYTES / sizeof(uint32_t)) == 0 && !visit())
                return false;
            if (!holds(root, counts, at<uint32_t>(first, i), low + (i << shift), shift))
                return false;
        }
        return true;
    }

    // Whether the leaves below a start hold the 2^shift keys from `low` on.
    bool holds(const mxg_tree& root, const std::vector<uint64_t>& counts, uint32_t start,
               uint64_t low, uint32_t shift)
    {
        const uint64_t leaves = counts.back();
        const auto first_key = [&](uint64_t leaf) {
            return at<mxg_leaf>(root.level[root.depth] + leaf).start[0];
        };
        const uint32_t level = start >> MXG_START_LEVEL_SHIFT;
        const uint64_t node = start & ((1u << MXG_START_LEVEL_SHIFT) - 1);
        if (level > root.depth || node >= counts[level])
            return fail("a start is not there");
        uint64_t below = 1;  // leaves below one node of the level
        for (uint32_t l = level; l < root.depth; l++)
            below *= MXG_FANOUT;
        const uint64_t from = node * below, to = std::min(from + below, leaves);
        const uint64_t high = shift > 63 ? ~uint64_t{0} : low + ((uint64_t{1} << shift) - 1);
        if (from >= leaves || (from > 0 && first_key(from) > low) ||
            (to < leaves && first_key(to) <= high))
            return fail("a start does not hold its keys");
        return true;
    }

    // Checks the `nodes` of one level and gives how many the next one has.
    bool inner_level(uint32_t first, uint64_t* nodes)
    {
        constexpr uint64_t kNone = std::numeric_limits<uint64_t>::max();
        if (!fits(first, *nodes, MXG_LINE_BYTES))
            return fail("a tree leaves the table");
        uint64_t children = 0;
        for (uint64_t i = 0; i < *nodes; i++) {
            const mxg_line& inner = lines_[first + i];
            uint64_t separators = 0, previous = 0;
            if (!visit())
                return false;
            for (const uint64_t key : inner.word) {
                if (key < previous)
                    return fail("separators are not in order");
                separators += key != kNone;
                previous = key;
            }
            children = i * MXG_FANOUT + separators + 1;
        }
        *nodes = children;
        return true;
    }

    bool leaf(uint32_t line, bool first, bool long_allowed)
    {
        const auto& entry = at<mxg_leaf>(line);
        uint64_t slot = entry.first_slot;
        if (!visit())
            return false;
        if (first && entry.start[0] != 0)
            return fail("the first interval does not begin at address 0");
        for (int i = 0; i < MXG_LEAF_ENTRIES; i++) {
            const uint32_t code = entry.code[i] & ~MXG_CODE_LONG;
            if (code >= counts_.codes || (i > 0 && entry.start[i] < entry.start[i - 1]))
                return fail("a leaf is damaged");
            const bool is_long = entry.code[i] & MXG_CODE_LONG;
            const uint8_t kind = at<mxg_code>(header_.codes, code).kind;
            if (is_long != (kind != MXG_CODE_BLOCK) || (is_long && !long_allowed))
                return fail("a leaf's code is of the wrong kind");
            if (is_long && !low_half(slot++, kind))
                return false;
        }
        return true;
    }

    bool low_half(uint64_t slot, uint8_t kind)
    {
        if (slot >= counts_.slots)
            return fail("a slot is not there");
        const uint64_t value = at<mxg_slot>(header_.slots, slot).value;
        if (kind == MXG_CODE_ONE)
            return true;
        const uint64_t line = value & ~MXG_SLOT_LEAF;
        if (line < 4 || line >= count_)
            return fail("a slot leaves the table");
        if (value & MXG_SLOT_LEAF)
            return leaf(static_cast<uint32_t>(line), true, false);
        return tree(static_cast<uint32_t>(line), false);
    }

    const mxg_line* lines_;
    size_t count_;
    mxg_image_header header_{};
    mxg_image_counts counts_{};
    uint64_t visited_ = 0;
    std::string error_;
};

}  // namespace

std::string verify_image(const mxg_line* lines, size_t count)
{
    return Verifier(lines, count).run();
}

uint64_t image_checksum(const mxg_line* lines, size_t count)
{
    // Each step is a bijection of the sum for a given word, and of the word for a given sum.
    constexpr size_t kChecksumWord = offsetof(mxg_image_header, checksum) / 8;
    uint64_t sum = 0x9e3779b97f4a7c15ULL ^ count;
    for (size_t i = 0; i < count; i++)
        for (size_t w = 0; w < 8; w++) {
            const uint64_t word = i == 0 && w == kChecksumWord ? 0 : lines[i].word[w];
            sum = std::rotl((sum ^ word) * 0xff51afd7ed558ccdULL, 29);
        }
    return sum;
}

}  // namespace mxgate
