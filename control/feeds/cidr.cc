// SPDX-License-Identifier: BSD-2-Clause
// `cidr`: Postfix tables of cidr_table(5), such as postscreen's access lists. The first match wins;
// the action is what `map` maps.
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "control/config/text.h"
#include "control/feeds/actions.h"
#include "control/feeds/readers.h"
#include "control/feeds/words.h"
#include "control/net/address_text.h"
#include "control/net/ranges.h"

namespace mxgate {
namespace {

constexpr size_t kMaxDepth = 16;

using Prefixes = std::vector<mxg_prefix>;

bool before(const mxg_prefix& a, const mxg_prefix& b)
{
    if (a.address.family != b.address.family)
        return a.address.family < b.address.family;
    return number_of(a.address) < number_of(b.address);
}

// What is in both lists; the prefixes of each are disjoint, those of `block` sorted, and so are
// those that come out.
Prefixes both(const Prefixes& block, const Prefixes& rule)
{
    Prefixes out;
    for (const mxg_prefix& prefix : rule) {
        // Of prefixes that overlap one contains the other, so the first that begins no earlier,
        // and those behind it, are inside `prefix`, unless it or the one before contains `prefix`.
        auto next = std::lower_bound(block.begin(), block.end(), prefix, before);
        if (next != block.begin() && mxg_contains(*(next - 1), prefix.address))
            out.push_back(prefix);
        for (; next != block.end() && mxg_contains(prefix, next->address); next++)
            out.push_back(next->length < prefix.length ? prefix : *next);
    }
    std::sort(out.begin(), out.end(), before);
    return out;
}

// All of the family but the prefix.
Prefixes outside(const mxg_prefix& prefix)
{
    Prefixes out;
    for (uint32_t length = 1; length <= prefix.length; length++) {
        const Wide bit = Wide{1} << (128 - length);
        const Wide sibling = (number_of(prefix.address) & ~rest_of(length)) ^ bit;
        out.push_back(prefix_at(sibling, prefix.address.family, length));
    }
    std::sort(out.begin(), out.end(), before);
    return out;
}

class Cidr
{
public:
    Cidr(FeedInput& input, FeedBuilder& to) : input_(input), to_(to) {}

    void read()
    {
        // A line that begins with blanks belongs to the one before it.
        std::string rule;
        std::string_view line;
        while (!to_.is_full() && input_.next_raw_line(line)) {
            const std::string_view text = trim(line);
            if (text.empty() || text[0] == '#')
                continue;
            if (is_blank(line[0]) && !rule.empty()) {
                rule.append(" ").append(text);
                continue;
            }
            read_rule(rule);
            rule = text;
            number_ = input_.line();
        }
        read_rule(rule);
        for (const Block& block : blocks_)
            reject(block.line, "an `if` without its `endif`");
        to_.settle(Nesting::first);
        actions_.check(to_);
    }

private:
    // What an `if` lets through: nothing where it is broken, all where there is no list.
    struct Block {
        uint32_t line = 0;
        Prefixes inside;
    };

    void reject(uint32_t line, std::string reason)
    {
        to_.count_line();
        to_.reject(line, std::move(reason));
    }

    void read_rule(std::string_view rule)
    {
        if (rule.empty())
            return;
        const std::string_view whole = rule;
        const std::string_view first = take_word(rule);
        const std::string keyword = lower(first);
        if (keyword == "endif") {
            if (blocks_.empty())
                reject(number_, "an `endif` without `if`");
            else
                blocks_.pop_back();
        } else if (keyword == "if") {
            begin_block(whole.substr(2));
        } else {
            read_match(whole);
        }
    }

    void begin_block(std::string_view pattern)
    {
        Block block;
        block.line = number_;
        if (const auto prefixes = read_pattern(pattern))
            block.inside = blocks_.empty() ? *prefixes : both(blocks_.back().inside, *prefixes);
        if (blocks_.size() == kMaxDepth)
            to_.refuse(fmt::format("line {}: more than {} nested `if`", number_, kMaxDepth));
        else if (blocks_.size() < kMaxDepth)
            blocks_.push_back(std::move(block));
    }

    void read_match(std::string_view rule)
    {
        const bool negated = rule[0] == '!';
        if (negated)
            rule = trim(rule.substr(1));
        std::string_view action = rule;
        std::string pattern(take_word(action));
        if (action.empty()) {
            reject(number_, "no action: " + show(rule));
            return;
        }
        const auto prefixes = read_pattern((negated ? "!" : "") + pattern);
        if (!prefixes)
            return;
        to_.count_line();
        const Listing what = actions_.listing_of(action, to_);
        for (const mxg_prefix& prefix :
             blocks_.empty() ? *prefixes : both(blocks_.back().inside, *prefixes))
            to_.add(prefix, number_, what);
    }

    // `PREFIX`, `!PREFIX`, the address also in brackets. What is broken has been rejected.
    std::optional<Prefixes> read_pattern(std::string_view text)
    {
        text = trim(text);
        const std::string_view whole = text;
        const bool negated = text.starts_with('!');
        if (negated)
            text = trim(text.substr(1));
        std::string plain(text);
        std::erase_if(plain, [](char c) { return c == '[' || c == ']'; });
        const auto parsed = parse_prefix(plain);
        if (!parsed) {
            reject(number_, "not a prefix: " + show(whole));
            return std::nullopt;
        }
        if (parsed->host_bits_set)
            to_.warn(number_, fmt::format("host bits are set; {} is read as {}", show(text),
                                          to_string(parsed->prefix)));
        return negated ? outside(parsed->prefix) : Prefixes{parsed->prefix};
    }

    FeedInput& input_;
    FeedBuilder& to_;
    uint32_t number_ = 0;  // of the line that the rule began in
    std::vector<Block> blocks_;
    Actions actions_;
};

}  // namespace

void read_cidr(FeedInput& input, FeedBuilder& to)
{
    Cidr(input, to).read();
}

}  // namespace mxgate
