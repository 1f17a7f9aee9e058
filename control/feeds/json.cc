// SPDX-License-Identifier: BSD-2-Clause
// `json`: prefixes at certain places of JSON documents, read without keeping the document.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "control/config/text.h"
#include "control/feeds/readers.h"

namespace mxgate {
namespace {

using nlohmann::json;

constexpr size_t kMaxDepth = 64;

// What nlohmann-json reads from: one byte at a time, shared by the copies that it makes.
class Bytes
{
public:
    using iterator_category = std::input_iterator_tag;
    using value_type = char;
    using difference_type = std::ptrdiff_t;
    using pointer = const char*;
    using reference = char;

    explicit Bytes(FeedInput* input) : input_(input) {}
    char operator*() const { return static_cast<char>(input_->peek()); }
    Bytes& operator++()
    {
        input_->get();
        return *this;
    }
    // Equal to any other at the end of the input.
    bool operator==(const Bytes&) const { return input_->peek() < 0; }
    bool operator!=(const Bytes& other) const { return !(*this == other); }

private:
    FeedInput* input_;
};

// Follows where the document is, and takes what stands at a selected place.
class Handler
{
public:
    Handler(FeedInput& input, FeedBuilder& to)
        : input_(input), to_(to), picked_(to.config().select.size(), false)
    {
    }

    bool null() { return true; }  // a member that is not given
    bool boolean(bool value) { return other(value ? "true" : "false"); }
    bool number_integer(json::number_integer_t value) { return other(std::to_string(value)); }
    bool number_unsigned(json::number_unsigned_t value) { return other(std::to_string(value)); }
    bool number_float(json::number_float_t, const std::string& text) { return other(text); }
    bool binary(json::binary_t&) { return other("binary"); }

    bool string(std::string& text)
    {
        if (is_selected()) {
            to_.count_line();
            to_.add_text(text, input_.line());
        }
        return !to_.is_full();
    }
    bool start_object(size_t) { return enter({false, {}}, "an object"); }
    bool start_array(size_t) { return enter({true, {}}, "a list"); }
    bool end_object() { return leave(); }
    bool end_array() { return leave(); }
    bool key(std::string& name)
    {
        at_.back().key = name;
        return true;
    }

    template <class Error>
    bool parse_error(size_t, const std::string&, const Error&)
    {
        to_.refuse(fmt::format("line {}: broken or truncated JSON", std::max(input_.line(), 1u)));
        return false;
    }

    void finish()
    {
        for (size_t i = 0; i < picked_.size(); i++)
            if (!picked_[i])
                to_.warn(0, fmt::format("{} picks nothing", show(to_.config().select[i].text)));
    }

private:
    struct Level {
        bool is_list;
        std::string key;  // of an object: the member we are at
    };

    // `[]` stands for the elements of a list, `*` for every member of an object.
    static bool fits(const Level& level, const std::string& step)
    {
        return level.is_list ? step == "[]" : step == "*" || step == level.key;
    }

    bool is_selected()
    {
        bool selected = false;
        const std::vector<JsonPath>& paths = to_.config().select;
        for (size_t i = 0; i < paths.size(); i++)
            if (paths[i].steps.size() == at_.size() &&
                std::equal(at_.begin(), at_.end(), paths[i].steps.begin(), fits))
                selected = picked_[i] = true;
        return selected;
    }

    bool other(const std::string& text)
    {
        reject_if_selected(text);
        return true;
    }

    void reject_if_selected(const std::string& what)
    {
        if (!is_selected())
            return;
        to_.count_line();
        to_.reject(input_.line(), "not text: " + show(what));
    }

    bool enter(Level level, const char* what)
    {
        reject_if_selected(what);
        if (at_.size() == kMaxDepth) {
            to_.refuse(
                fmt::format("line {}: JSON nested deeper than {}", input_.line(), kMaxDepth));
            return false;
        }
        at_.push_back(std::move(level));
        return true;
    }

    bool leave()
    {
        at_.pop_back();
        return true;
    }

    FeedInput& input_;
    FeedBuilder& to_;
    std::vector<Level> at_;
    std::vector<bool> picked_;
};

// Skips blanks; false at the end.
bool more(FeedInput& input)
{
    while (input.peek() == ' ' || input.peek() == '\t' || input.peek() == '\r' ||
           input.peek() == '\n')
        input.get();
    return input.peek() >= 0;
}

}  // namespace

void read_json(FeedInput& input, FeedBuilder& to)
{
    Handler handler(input, to);
    // One document after the other: JSON lines are read as well.
    do {
        if (!json::sax_parse(Bytes(&input), Bytes(&input), &handler, json::input_format_t::json,
                             false))
            return;
    } while (more(input));
    handler.finish();
}

}  // namespace mxgate
