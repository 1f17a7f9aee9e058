// SPDX-License-Identifier: BSD-2-Clause
// Records of delimiter-separated files.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "control/feeds/input.h"

namespace mxgate {

// Reads records of RFC 4180 (quoted fields may hold delimiters, quotes and line breaks), or, with
// a tab, lines of fields in which a quote is a character like any other. Empty lines and lines that
// begin with `#`, `;` or `%` are no records.
class CsvRecords
{
public:
    CsvRecords(FeedInput& input, char delimiter) : input_(input), delimiter_(delimiter) {}

    // The next record; false at the end.
    bool next();

    // Of the record read last: its fields without blanks around them, its first line, its text,
    // and whether it is broken (text after a closing quote, or a quote that is never closed).
    const std::vector<std::string_view>& fields() const { return fields_; }
    uint32_t line() const { return line_; }
    std::string_view text() const { return text_; }
    bool broken() const { return broken_; }

private:
    void split_plain();
    bool split_quoted();
    void read_quoted();

    FeedInput& input_;
    const char delimiter_;
    uint32_t line_ = 0;
    bool broken_ = false;
    std::string_view text_;
    std::string joined_;  // a record of several lines
    std::vector<std::string_view> fields_;
    std::vector<std::string> unquoted_;  // fields that differ from what the text holds
};

}  // namespace mxgate
