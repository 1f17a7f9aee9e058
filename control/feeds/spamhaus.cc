// SPDX-License-Identifier: BSD-2-Clause
// `spamhaus-drop`: the DROP lists, as text (`PREFIX ; SBL`) or as JSON lines with a closing line
// that says how many there are.
#include <fmt/format.h>

#include "control/config/text.h"
#include "control/feeds/json_lines.h"
#include "control/feeds/readers.h"
#include "control/feeds/words.h"

namespace mxgate {
namespace {

using nlohmann::json;

void read_text(std::string_view line, FeedInput& input, FeedBuilder& to)
{
    line = trim(line.substr(0, line.find_first_of("#;")));
    if (line.empty())
        return;
    to.count_line();
    to.add_prefix(line, input.line());
}

void read_entry(const json& object, std::string_view line, uint32_t number, FeedBuilder& to)
{
    to.count_line();
    const auto cidr = object.is_object() ? object.find("cidr") : object.end();
    const auto* text = cidr == object.end() ? nullptr : cidr->get_ptr<const json::string_t*>();
    if (!object.is_object())
        to.reject(number, "not a JSON object: " + show(line));
    else if (text == nullptr)
        to.reject(number, "no text `cidr`: " + show(line));
    else
        to.add_prefix(*text, number);
}

}  // namespace

void read_spamhaus(FeedInput& input, FeedBuilder& to)
{
    JsonLines lines;
    bool is_json = false, is_text = false;
    std::string_view line;
    while (!to.is_full() && input.next_line(line)) {
        // The first line with anything on it tells which form it is.
        is_json = is_json || (!is_text && line.starts_with('{'));
        is_text = is_text || (!is_json && !line.empty());
        if (is_text) {
            read_text(line, input, to);
        } else if (!line.empty()) {
            const json object = json::parse(line, nullptr, false);
            if (!lines.is_metadata(object))
                read_entry(object, line, input.line(), to);
        }
    }
    if (is_json)
        if (const auto failure = lines.check(to.lines()))
            to.refuse(*failure);
}

}  // namespace mxgate
