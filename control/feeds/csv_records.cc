// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <utility>

#include "control/feeds/csv.h"
#include "control/feeds/words.h"

namespace mxgate {
namespace {

// A stray quote must not swallow the rest of the file.
constexpr size_t kMaxRecordLines = 100;

}  // namespace

bool CsvRecords::next()
{
    do {
        if (!input_.next_raw_line(text_))
            return false;
        if (text_.ends_with('\r'))
            text_.remove_suffix(1);
    } while (trim(text_).empty() ||
             std::string_view("#;%").find(trim(text_)[0]) != std::string_view::npos);
    line_ = input_.line();
    broken_ = false;
    if (delimiter_ == '\t' || text_.find('"') == std::string_view::npos)
        split_plain();
    else
        read_quoted();
    return true;
}

void CsvRecords::split_plain()
{
    fields_.clear();
    for (std::string_view rest = text_;;) {
        const size_t end = rest.find(delimiter_);
        fields_.push_back(trim(rest.substr(0, end)));
        if (end == std::string_view::npos)
            return;
        rest.remove_prefix(end + 1);
    }
}

void CsvRecords::read_quoted()
{
    joined_ = text_;
    for (size_t lines = 1; !split_quoted(); lines++) {
        std::string_view more;
        if (lines == kMaxRecordLines || !input_.next_raw_line(more)) {
            broken_ = true;
            break;
        }
        joined_.append("\n").append(more);
    }
    text_ = joined_;
}

// False if the record goes on in the next line.
bool CsvRecords::split_quoted()
{
    unquoted_.clear();
    std::vector<std::pair<size_t, size_t>> plain;  // begin and size; npos: the next of unquoted_
    const std::string& text = joined_;
    for (size_t at = 0;; at++) {
        at = std::min(text.find_first_not_of(' ', at), text.size());
        if (at < text.size() && text[at] == '"') {
            std::string field;
            for (at++;; at++) {
                if (at >= text.size())
                    return false;
                if (text[at] == '"' && text.compare(at, 2, "\"\"") != 0)
                    break;
                at += text[at] == '"';
                field += text[at];
            }
            unquoted_.push_back(std::move(field));
            plain.emplace_back(std::string::npos, 0);
            const size_t end = std::min(text.find(delimiter_, at), text.size());
            broken_ |= !trim(std::string_view(text).substr(at + 1, end - at - 1)).empty();
            at = end;
        } else {
            const size_t end = std::min(text.find(delimiter_, at), text.size());
            plain.emplace_back(at, end - at);
            at = end;
        }
        if (at >= text.size())
            break;
    }
    fields_.clear();
    auto next = unquoted_.begin();
    for (const auto& [begin, size] : plain)
        fields_.push_back(trim(begin == std::string::npos
                                   ? std::string_view(*next++)
                                   : std::string_view(text).substr(begin, size)));
    return true;
}

}  // namespace mxgate
