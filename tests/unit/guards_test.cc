// SPDX-License-Identifier: BSD-2-Clause
// `max_change`, beside sets.
#include "control/gate/guards.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "control/net/address_text.h"

namespace mxgate {
namespace {

Feed random_list(std::mt19937& random, bool sorted)
{
    Feed out;
    for (auto i = static_cast<uint32_t>(random() % 12); i > 0; i--) {
        const auto number = random() % 6;
        const std::string text = number < 2   ? fmt::format("192.0.2.{}", number)
                                 : number < 4 ? fmt::format("::ffff:192.0.2.{}", number - 2)
                                              : fmt::format("2001:db8::/{}", 30 + number);
        FeedEntry entry;
        entry.prefix = parse_prefix(text)->prefix;
        entry.line = i;
        entry.exclusion = random() % 4 == 0;
        entry.value = random() % 4 == 0 ? 1 : kNoValue;
        out.entries.push_back(entry);
    }
    if (sorted)
        std::sort(out.entries.begin(), out.entries.end(), [](const auto& a, const auto& b) {
            const auto key = [](const FeedEntry& e) {
                return std::tuple(e.prefix.address.family, e.prefix.address.hi, e.prefix.address.lo,
                                  e.prefix.length, e.exclusion, e.value);
            };
            return key(a) < key(b);
        });
    return out;
}

// What counts as one entry; mapped addresses are IPv4.
std::set<std::string> set_of(const Feed& list)
{
    std::set<std::string> out;
    for (const FeedEntry& entry : list.entries) {
        std::string text = to_string(entry.prefix);
        if (text.starts_with("::ffff:"))
            text = text.substr(7, text.find('/') - 7) + "/32";
        out.insert(fmt::format("{} {} {}", text, entry.exclusion, entry.value));
    }
    return out;
}

TEST(TooMuchChange, IsThatOfSets)
{
    std::mt19937 random(1);
    for (int i = 0; i < 20'000; i++) {
        const Feed before = random_list(random, i % 2 == 0),
                   after = random_list(random, i % 3 == 0);
        const auto old = set_of(before), fresh = set_of(after);
        const auto missing = [](const auto& some, const auto& all) {
            return std::count_if(some.begin(), some.end(),
                                 [&](const auto& one) { return !all.contains(one); });
        };
        const auto gone = missing(old, fresh), added = missing(fresh, old);
        const double most = 0.25 * static_cast<double>(random() % 8);
        const bool too_much = !old.empty() && static_cast<double>(std::max(gone, added)) >
                                                  most * static_cast<double>(old.size());
        const auto said = too_much_change(before, after, most);
        ASSERT_EQ(said.has_value(), too_much) << i;
        if (said) {
            ASSERT_EQ(said->find(fmt::format("{} of {} entries are gone and {} are new", gone,
                                             old.size(), added)),
                      0)
                << *said;
        }
    }
}

}  // namespace
}  // namespace mxgate
