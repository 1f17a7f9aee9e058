// SPDX-License-Identifier: BSD-2-Clause
// Cutting lines into words.
#pragma once

#include <string_view>

namespace mxgate {

inline constexpr std::string_view kBlank = " \t\r";

inline std::string_view trim(std::string_view text)
{
    const size_t first = text.find_first_not_of(kBlank);
    if (first == std::string_view::npos)
        return {};
    return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

// Takes the first word off `text`, and the blanks on both sides of it.
inline std::string_view take_word(std::string_view& text)
{
    text = trim(text);
    const std::string_view word = text.substr(0, text.find_first_of(kBlank));
    text = trim(text.substr(word.size()));
    return word;
}

}  // namespace mxgate
