// SPDX-License-Identifier: BSD-2-Clause
// Cutting lines into words.
#pragma once

#include <algorithm>
#include <string_view>

namespace mxgate {

inline bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

inline std::string_view trim(std::string_view text)
{
    while (!text.empty() && is_blank(text.front()))
        text.remove_prefix(1);
    while (!text.empty() && is_blank(text.back()))
        text.remove_suffix(1);
    return text;
}

// Takes the first word off `text`, and the blanks on both sides of it.
inline std::string_view take_word(std::string_view& text)
{
    text = trim(text);
    const auto end = std::find_if(text.begin(), text.end(), is_blank);
    const std::string_view word(text.begin(), end);
    text = trim(text.substr(word.size()));
    return word;
}

}  // namespace mxgate
