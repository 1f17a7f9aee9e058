// SPDX-License-Identifier: BSD-2-Clause
#include "control/feeds/asns.h"

#include <fmt/format.h>

#include <charconv>

#include "control/config/text.h"
#include "control/feeds/json_lines.h"
#include "control/feeds/words.h"

namespace mxgate {
namespace {

using nlohmann::json;

class Reader
{
public:
    Reader(const std::string& path, FeedBuilder& to) : path_(path), to_(to) {}

    void read_line(std::string_view line, uint32_t number)
    {
        if (line.starts_with('{')) {
            read_json(line, number);
            return;
        }
        line = trim(line.substr(0, line.find_first_of("#;")));
        if (!line.empty())
            take(parse_asn(line), line, number);
    }

    std::optional<AsnSet> finish(const std::optional<std::string>& failure)
    {
        std::optional<std::string> refusal = failure;
        if (!refusal && is_json_)
            refusal = metadata_.check(lines_);
        if (!refusal && broken_ > lines_ - broken_)
            refusal = fmt::format("{} of {} lines are broken", broken_, lines_);
        if (!refusal && found_.empty())
            refusal = "no AS number";
        if (!refusal)
            return std::move(found_);
        to_.refuse(fmt::format("the list of AS numbers {}: {}", path_, *refusal));
        return std::nullopt;
    }

private:
    void read_json(std::string_view line, uint32_t number)
    {
        is_json_ = true;
        const json object = json::parse(line, nullptr, false);
        if (metadata_.is_metadata(object))
            return;
        std::optional<uint32_t> asn;
        if (object.is_object() && object.contains("asn") && object["asn"].is_number_unsigned() &&
            object["asn"].get<uint64_t>() <= UINT32_MAX)
            asn = object["asn"].get<uint32_t>();
        take(asn, line, number);
    }

    void take(std::optional<uint32_t> asn, std::string_view line, uint32_t number)
    {
        lines_++;
        if (asn) {
            found_.insert(*asn);
            return;
        }
        broken_++;
        to_.warn(number, "not an AS number: " + show(line), path_);
    }

    const std::string& path_;
    FeedBuilder& to_;
    AsnSet found_;
    JsonLines metadata_;
    bool is_json_ = false;
    uint64_t lines_ = 0, broken_ = 0;
};

}  // namespace

std::optional<uint32_t> parse_asn(std::string_view text)
{
    if (text.size() > 2 && (text[0] == 'A' || text[0] == 'a') && (text[1] == 'S' || text[1] == 's'))
        text.remove_prefix(2);
    uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size())
        return std::nullopt;
    return value;
}

std::optional<AsnSet> parse_asns(FeedInput input, const std::string& path, FeedBuilder& to)
{
    Reader reader(path, to);
    std::string_view line;
    while (input.next_line(line))
        reader.read_line(line, input.line());
    return reader.finish(input.failure());
}

std::optional<AsnSet> read_asns(FeedBuilder& to)
{
    const FeedConfig& config = to.config();
    return parse_asns(FeedInput::of_file(config.asns, config.max_size), config.asns, to);
}

}  // namespace mxgate
