// SPDX-License-Identifier: BSD-2-Clause
#include "control/table/flatten.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <stdexcept>

namespace mxgate {

uint16_t PolicySet::index_of(const mxg_policy& policy)
{
    uint64_t key;
    std::memcpy(&key, &policy, sizeof(key));
    if (key == last_.first && !all_.empty())
        return last_.second;
    auto found = index_.find(key);
    if (found == index_.end()) {
        if (all_.size() >= kMaxPolicies)
            throw std::length_error(
                "more than 8192 distinct policies (class, feed, end-site length)");
        found = index_.emplace(key, static_cast<uint16_t>(all_.size())).first;
        all_.push_back(policy);
    }
    last_ = *found;
    return last_.second;
}

namespace {

// Whole powers of two, so that few policies differ by it alone.
uint8_t share_of(uint32_t end_sites, uint32_t cap)
{
    return static_cast<uint8_t>(std::bit_width(std::min(end_sites, cap)) - 1);
}

// A sweep over the sorted entries with the stack of those that contain the sweep's position.
class Sweep
{
public:
    Sweep(const FlattenInput& input, uint8_t family, PolicySet& policies, std::vector<bool>& won)
        : input_(input), entries_(*input.entries), policies_(policies), won_(won)
    {
        const uint8_t length =
            family == MXG_FAMILY_IPV4 ? input.default_length_ipv4 : input.default_length_ipv6;
        edges_.reserve(2 * entries_.size() + 1);
        push({~static_cast<Wide>(0), kNoEntry, kNoEntry, kNoEntry, length, 0, 0});
    }

    void add(uint32_t index)
    {
        TableEntry& entry = entries_[index];
        const Wide first = first_address(entry);
        while (stack_.back().last < first)
            pop();
        if (first != 0)
            cover(first - 1);
        entry.parent = chain_.empty() ? kNoEntry : chain_.back();
        chain_.push_back(index);
        exclusions_ += entry.exclusion;
        Level level = stack_.back();
        level.last = last_address(entry);
        if (is_length(entry)) {
            take_length(index, level);
            take_end_sites(index, level);
        } else {
            level.winner = winner_with(index, level.winner);
        }
        push(level);
    }

    std::vector<Edge> finish()
    {
        while (stack_.size() > 1)
            pop();
        cover(~static_cast<Wide>(0));
        return std::move(edges_);
    }

private:
    struct Level {
        Wide last;               // last address of the level
        uint32_t winner;         // entry that decides the class, or kNoEntry
        uint32_t length_winner;  // and the end-site length
        uint32_t shared_winner;  // and the number of end sites
        uint8_t site_length;
        uint32_t end_sites;
        uint16_t policy;
    };

    uint32_t winner_with(uint32_t index, uint32_t current) const
    {
        if (exclusions_ > 0)
            return input_.precedence->winner(entries_, chain_);
        if (current == kNoEntry || input_.precedence->beats(entries_[index], entries_[current]))
            return index;
        return current;
    }

    void take_length(uint32_t index, Level& level) const
    {
        const TableEntry& entry = entries_[index];
        if (!input_.precedence->states_length(entry))
            return;
        if (level.length_winner == kNoEntry ||
            input_.precedence->length_beats(entry, entries_[level.length_winner])) {
            level.length_winner = index;
            level.site_length = entry.site_length;
        }
    }

    void take_end_sites(uint32_t index, Level& level) const
    {
        const TableEntry& entry = entries_[index];
        const uint32_t stated = input_.shared ? end_sites_in(*input_.shared, index) : 0;
        if (stated == 0 || !input_.precedence->applies(entry))
            return;
        if (level.shared_winner == kNoEntry ||
            input_.precedence->length_beats(entry, entries_[level.shared_winner])) {
            level.shared_winner = index;
            level.end_sites = stated;
        }
    }

    void push(Level level)
    {
        mxg_policy policy{};
        policy.length = level.site_length;
        policy.feed = kNoFeed;
        policy.class_id = input_.default_class;
        policy.flags = MXG_POLICY_DEFAULT_CLASS;
        if (level.winner != kNoEntry) {
            policy.feed = entries_[level.winner].feed;
            policy.class_id = entries_[level.winner].class_id;
            policy.flags = 0;
        }
        if (level.end_sites > 1) {
            policy.flags |= MXG_POLICY_SHARED;
            policy.share = share_of(level.end_sites, input_.shared_cap);
        }
        level.policy = policies_.index_of(policy);
        stack_.push_back(level);
    }

    void pop()
    {
        cover(stack_.back().last);
        stack_.pop_back();
        exclusions_ -= entries_[chain_.back()].exclusion;
        chain_.pop_back();
    }

    // From the cursor up to and with `last`, the innermost level decides.
    void cover(Wide last)
    {
        if (done_ || cursor_ > last)
            return;
        const Level& level = stack_.back();
        if (edges_.empty() || edges_.back().policy != level.policy)
            edges_.push_back({static_cast<uint64_t>(cursor_ >> 64), static_cast<uint64_t>(cursor_),
                              level.policy});
        if (level.winner != kNoEntry)
            won_[level.winner] = true;
        if (level.length_winner != kNoEntry)
            won_[level.length_winner] = true;
        cursor_ = last + 1;
        done_ = cursor_ == 0;
    }

    const FlattenInput& input_;
    std::vector<TableEntry>& entries_;
    PolicySet& policies_;
    std::vector<bool>& won_;
    std::vector<Level> stack_;
    std::vector<uint32_t> chain_;  // entries of stack_[1..]
    unsigned exclusions_ = 0;      // in chain_
    Wide cursor_ = 0;
    bool done_ = false;
    std::vector<Edge> edges_;
};

}  // namespace

std::vector<Edge> flatten(const FlattenInput& input, uint8_t family, PolicySet& policies,
                          std::vector<bool>& won)
{
    Sweep sweep(input, family, policies, won);
    for (uint32_t i = 0; i < input.entries->size(); i++)
        if ((*input.entries)[i].family == family)
            sweep.add(i);
    return sweep.finish();
}

}  // namespace mxgate
