// SPDX-License-Identifier: BSD-2-Clause
#include "control/feeds/feed.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "control/config/text.h"
#include "control/net/address_text.h"

namespace mxgate {
namespace {

constexpr size_t kMaxFileBytes = 1 << 30;
// Ranges can multiply: one line may become 254 prefixes. Above what any table takes, below what
// would hurt the host.
constexpr size_t kMaxEntries = 1 << 24;

using uint128 = unsigned __int128;

uint128 to_number(const mxg_address& address)
{
    return static_cast<uint128>(address.hi) << 64 | address.lo;
}

std::string_view trim(std::string_view text)
{
    constexpr std::string_view kSpace = " \t\r";
    const size_t first = text.find_first_not_of(kSpace);
    if (first == std::string_view::npos)
        return {};
    return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

// Calls `use(line, number)` for each line, trimmed, numbers from 1; a byte order mark is skipped.
template <class Use>
void for_each_line(std::string_view text, Use use)
{
    if (text.starts_with("\xef\xbb\xbf"))
        text.remove_prefix(3);
    for (uint32_t number = 1; !text.empty(); number++) {
        const size_t end = text.find('\n');
        use(trim(text.substr(0, end)), number);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
}

Diagnostic about(const FeedConfig& config, Diagnostic::Severity severity, uint32_t line,
                 std::string text)
{
    Diagnostic diagnostic;
    diagnostic.severity = severity;
    diagnostic.where.file = config.path;
    diagnostic.where.line = static_cast<int>(line);
    diagnostic.text = std::move(text);
    return diagnostic;
}

class Parser
{
public:
    explicit Parser(const FeedConfig& config) : config_(config) {}

    void read_prefixes(std::string_view text);
    void read_spamhaus(std::string_view text);
    Feed finish();

private:
    // One line of text: a prefix, with `extended` also a range or an exclusion.
    void read_line(std::string_view line, uint32_t number, bool extended);
    void read_prefix(std::string_view text, uint32_t number, bool exclusion);
    void read_range(std::string_view text, size_t dash, uint32_t number, bool exclusion);
    void read_json(std::string_view text);
    void read_metadata(const nlohmann::json& object);
    void reject(uint32_t number, std::string reason);
    void refuse(std::string reason)
    {
        feed_.errors.push_back(about(config_, Diagnostic::Severity::error, 0, std::move(reason)));
    }

    const FeedConfig& config_;
    Feed feed_;
    uint64_t promised_ = 0;  // sum of the `records` of the metadata lines
    bool has_metadata_ = false;
    bool bad_metadata_ = false;
};

void Parser::reject(uint32_t number, std::string reason)
{
    feed_.rejected++;
    if (feed_.rejects.size() < kRejectsKept)
        feed_.rejects.push_back({number, std::move(reason)});
}

void Parser::read_prefix(std::string_view text, uint32_t number, bool exclusion)
{
    const auto parsed = parse_prefix(text);
    if (!parsed) {
        reject(number, "not a prefix: " + show(text));
        return;
    }
    if (parsed->host_bits_set) {
        feed_.warning_count++;
        if (feed_.warnings.size() < kRejectsKept)
            feed_.warnings.push_back(about(config_, Diagnostic::Severity::warning, number,
                                           fmt::format("host bits are set; {} is read as {}",
                                                       show(text), to_string(parsed->prefix))));
    }
    feed_.entries.push_back({parsed->prefix, number, exclusion});
}

void Parser::read_range(std::string_view text, size_t dash, uint32_t number, bool exclusion)
{
    const auto first = parse_address(trim(text.substr(0, dash)));
    const auto last = parse_address(trim(text.substr(dash + 1)));
    if (!first || !last) {
        reject(number, "not a range of addresses: " + show(text));
        return;
    }
    if (first->family != last->family) {
        reject(number, "a range of two address families: " + show(text));
        return;
    }
    if (to_number(*first) > to_number(*last)) {
        reject(number, "a range that runs backwards: " + show(text));
        return;
    }
    // Both families as one 128-bit number line: the last address covers its unused low bits too.
    const uint32_t bits = mxg_family_bits(first->family);
    const uint128 end = to_number(*last) | (bits == 128 ? 0 : ~uint128{0} >> bits);
    for (uint128 start = to_number(*first);;) {
        // The largest block that starts here: as long as `start` is aligned and `end` not passed.
        uint32_t length = 0;
        while (length < bits) {
            const uint128 rest = ~uint128{0} >> length;
            if ((start & rest) == 0 && end - start >= rest)
                break;
            length++;
        }
        const mxg_address address{static_cast<uint64_t>(start >> 64), static_cast<uint64_t>(start),
                                  first->family, 0};
        feed_.entries.push_back({{address, length}, number, exclusion});
        const uint128 covered = length == 128 ? 0 : ~uint128{0} >> length;
        if (end - start <= covered)
            return;
        start += covered + 1;
    }
}

void Parser::read_line(std::string_view line, uint32_t number, bool extended)
{
    line = trim(line.substr(0, line.find_first_of("#;")));
    if (line.empty() || feed_.entries.size() > kMaxEntries)
        return;
    feed_.lines++;
    const bool exclusion = extended && line[0] == '!';
    if (exclusion)
        line = trim(line.substr(1));
    const size_t dash = extended ? line.find('-') : std::string_view::npos;
    if (dash == std::string_view::npos)
        read_prefix(line, number, exclusion);
    else
        read_range(line, dash, number, exclusion);
}

void Parser::read_prefixes(std::string_view text)
{
    for_each_line(text,
                  [&](std::string_view line, uint32_t number) { read_line(line, number, true); });
}

void Parser::read_spamhaus(std::string_view text)
{
    // The first character beyond white space and a byte order mark tells which form it is.
    const size_t first = text.find_first_not_of(" \t\r\n\xef\xbb\xbf");
    if (first != std::string_view::npos && text[first] == '{')
        read_json(text);
    else
        for_each_line(
            text, [&](std::string_view line, uint32_t number) { read_line(line, number, false); });
}

void Parser::read_metadata(const nlohmann::json& object)
{
    has_metadata_ = true;
    const auto records = object.find("records");
    if (records == object.end() || !records->is_number_unsigned())
        bad_metadata_ = true;
    else  // more than one where lists of both families were joined
        promised_ += records->get<uint64_t>();
}

void Parser::read_json(std::string_view text)
{
    for_each_line(text, [&](std::string_view line, uint32_t number) {
        if (line.empty() || feed_.entries.size() > kMaxEntries)
            return;
        const auto object = nlohmann::json::parse(line, nullptr, false);
        if (object.is_object()) {
            const auto type = object.find("type");
            if (type != object.end() && *type == "metadata") {
                read_metadata(object);
                return;
            }
        }
        feed_.lines++;
        if (!object.is_object()) {
            reject(number, "not a JSON object: " + show(line));
            return;
        }
        const auto cidr = object.find("cidr");
        const auto* value =
            cidr == object.end() ? nullptr : cidr->get_ptr<const nlohmann::json::string_t*>();
        if (value == nullptr)
            reject(number, "no text `cidr`: " + show(line));
        else
            read_prefix(*value, number, false);
    });
    if (!has_metadata_)
        refuse("truncated: no metadata line");
    else if (bad_metadata_)
        refuse("the metadata line has no `records`");
    else if (promised_ != feed_.lines)
        refuse(fmt::format("truncated: the metadata line promises {} records, there are {}",
                           promised_, feed_.lines));
}

Feed Parser::finish()
{
    const uint64_t good = feed_.lines - feed_.rejected;
    if (feed_.entries.size() > kMaxEntries)
        refuse(fmt::format("more than {} prefixes", kMaxEntries));
    else if (feed_.rejected > good)
        refuse(fmt::format("{} of {} lines are broken; the first is line {}: {}", feed_.rejected,
                           feed_.lines, feed_.rejects[0].line, feed_.rejects[0].reason));
    else if (good < config_.min_entries)
        refuse(fmt::format("{} valid entries, fewer than the {} of `guard.min_entries`", good,
                           config_.min_entries));
    return std::move(feed_);
}

}  // namespace

Feed parse_feed(std::string_view text, const FeedConfig& config)
{
    Parser parser(config);
    switch (config.format) {
        case FeedFormat::prefixes:
            parser.read_prefixes(text);
            break;
        case FeedFormat::spamhaus_drop:
            parser.read_spamhaus(text);
            break;
    }
    return parser.finish();
}

Feed read_feed(const FeedConfig& config)
{
    std::string text;
    if (const auto failure = read_file(config.path, kMaxFileBytes, text)) {
        Feed feed;
        feed.errors.push_back(about(config, Diagnostic::Severity::error, 0, *failure));
        return feed;
    }
    return parse_feed(text, config);
}

}  // namespace mxgate
