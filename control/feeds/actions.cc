// SPDX-License-Identifier: BSD-2-Clause
#include "control/feeds/actions.h"

#include <fmt/format.h>

#include <algorithm>

#include "control/config/text.h"
#include "control/feeds/words.h"

namespace mxgate {
namespace {

constexpr size_t kMaxUnmapped = 2;  // enough to know that there is more than one

std::string kind_of(const std::string& word)
{
    const bool digits = word.find_first_not_of("0123456789") == std::string::npos;
    if (word == "ok" || word == "permit")
        return "permit";
    if (word == "reject" || word.starts_with("defer") || word == "drop")
        return "reject";
    if (digits)
        return word.size() == 3 && (word[0] == '4' || word[0] == '5') ? "reject" : "permit";
    return word;
}

}  // namespace

Listing Actions::listing_of(std::string_view action, FeedBuilder& to)
{
    const std::string word = lower(take_word(action));
    const std::string kind = kind_of(word);
    Listing out;
    out.value = to.value_of(word);
    if (out.value >= kSkipped)
        out.value = to.value_of(kind);
    if (out.value == kNoValue && kind == "dunno")
        out.value = kSkipped;
    if (out.value == kNoValue && unmapped_.size() < kMaxUnmapped)
        unmapped_.insert(kind);
    if (out.value == kSkipped && kind == "dunno")
        return {kNoValue, true};
    if (out.value == kSkipped)
        to.skip();
    return out;
}

void Actions::check(FeedBuilder& to) const
{
    if (unmapped_.size() > 1)
        to.refuse(fmt::format(
            "the actions {} and {} would both get class {}; say in `map` which "
            "class each of them means",
            show(*unmapped_.begin()), show(*unmapped_.rbegin()), show(to.config().class_name)));
}

}  // namespace mxgate
