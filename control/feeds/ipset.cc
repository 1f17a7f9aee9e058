// SPDX-License-Identifier: BSD-2-Clause
// `ipset`: what `ipset save` writes, and plain lists (.ipset, .netset) of one entry a line.
#include "control/config/text.h"
#include "control/feeds/readers.h"
#include "control/feeds/words.h"

namespace mxgate {
namespace {

// Whether `word` stands among the options behind an entry; text in quotes is a comment's.
bool has_option(std::string_view options, std::string_view word)
{
    bool quoted = false;
    while (!options.empty()) {
        const std::string_view next = take_word(options);
        if (!quoted && next == word)
            return true;
        for (const char c : next)
            quoted ^= c == '"';
    }
    return false;
}

void add_element(std::string_view element, std::string_view options, FeedInput& input,
                 FeedBuilder& to)
{
    to.count_line();
    Listing what;
    what.exclusion = has_option(options, "nomatch");
    if (element.find(',') != std::string_view::npos)
        to.reject(input.line(), "an element of more than an address: " + show(element));
    else
        to.add_text(element, input.line(), what);
}

void read_line(std::string_view line, FeedInput& input, FeedBuilder& to)
{
    const std::string_view whole = line;
    std::string_view word = take_word(line);
    if (word != "add" && word != "-A") {
        constexpr std::string_view kOther[] = {"create", "-N", "flush", "-F", "destroy", "-X",
                                               "swap",   "-W", "del",   "-D", "COMMIT"};
        for (const std::string_view other : kOther)
            if (word == other)
                return;
        add_element(word, line, input, to);
        return;
    }
    std::string_view set = take_word(line);
    while (set == "-exist" || set == "-!")
        set = take_word(line);
    const std::string& wanted = to.config().set;
    if (!wanted.empty() && wanted != set)
        return;
    const std::string_view element = take_word(line);
    if (!element.empty()) {
        add_element(element, line, input, to);
        return;
    }
    to.count_line();
    to.reject(input.line(), "no element: " + show(whole));
}

}  // namespace

void read_ipset(FeedInput& input, FeedBuilder& to)
{
    std::string_view line;
    while (!to.is_full() && input.next_line(line)) {
        if (!line.starts_with("add ") && !line.starts_with("-A "))  // there `#` may be in a comment
            line = trim(line.substr(0, line.find_first_of("#;")));
        if (!line.empty())
            read_line(line, input, to);
    }
    // The kernel looks for the longest element first, `nomatch` or not.
    to.settle(Nesting::longest);
}

}  // namespace mxgate
