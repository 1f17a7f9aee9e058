// SPDX-License-Identifier: BSD-2-Clause
#include "control/lengths/csv.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "control/config/text.h"
#include "control/feeds/words.h"
#include "control/net/address_text.h"

namespace mxgate {
namespace {

// Digits only.
std::optional<uint32_t> read_count(std::string_view text)
{
    uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || error != std::errc() || end != text.data() + text.size())
        return std::nullopt;
    return value;
}

// What a row says, still as text.
struct Row {
    std::string_view prefix, length, end_sites;
    uint32_t line = 0;
};

enum class HostBits { reject, clear };

// True if the length of the row can hold in its prefix; `out` is 0 where there is none.
bool read_site_length(const Row& row, const mxg_prefix& prefix, LengthList& list, uint32_t& out)
{
    if (row.length.empty())
        return true;
    const uint32_t bits = mxg_family_bits(prefix.address.family);
    const auto length = read_count(row.length);
    if (!length || *length < 1 || *length > bits)
        list.reject(row.line,
                    fmt::format("not an end-site length of 1 to {}: {}", bits, show(row.length)));
    else if (*length < prefix.length)
        list.reject(row.line, fmt::format("the end-site length {} is shorter than the prefix {}",
                                          *length, to_string(prefix)));
    else
        out = *length;
    return out != 0;
}

void take_row(const Row& row, HostBits host_bits, LengthList& list)
{
    list.records++;
    if (row.prefix.empty())
        return list.reject(row.line, "no prefix");
    const auto parsed = parse_prefix(row.prefix);
    if (!parsed)
        return list.reject(row.line, "not a prefix: " + show(row.prefix));
    if (parsed->host_bits_set && host_bits == HostBits::reject)
        return list.reject(row.line, "host bits are set: " + show(row.prefix));
    uint32_t site_length = 0, end_sites = 0;
    if (!read_site_length(row, parsed->prefix, list, site_length))
        return;
    if (!row.end_sites.empty()) {
        const auto count = read_count(row.end_sites);
        if (!count || *count == 0)
            return list.reject(row.line, "not a number of end sites: " + show(row.end_sites));
        end_sites = *count;
    }
    if (site_length == 0 && end_sites == 0) {
        list.ignored++;
        return;
    }
    if (parsed->host_bits_set)
        list.warn(row.line, fmt::format("host bits are set; {} is read as {}", show(row.prefix),
                                        to_string(parsed->prefix)));
    list.add(parsed->prefix, site_length, end_sites, row.line);
}

// Calls `use(text, number)` for each line that holds more than a comment.
template <class Use>
void for_each_entry(FeedInput& input, LengthList& list, Use use)
{
    for (std::string_view line; list.error.empty() && input.next_line(line);) {
        const std::string_view text = trim(line.substr(0, line.find('#')));
        if (!text.empty())
            use(text, input.line());
    }
    if (input.failure())
        list.error = *input.failure();
    list.finish();
}

// A prefix that is one end site has its own length.
void take_site(Row row, HostBits host_bits, LengthList& list)
{
    const size_t bar = row.prefix.find('/');
    if (row.length.empty() && bar != std::string_view::npos)
        row.length = row.prefix.substr(bar + 1);
    else if (row.length.empty())
        row.length = row.prefix.find(':') == std::string_view::npos ? "32" : "128";
    take_row(row, host_bits, list);
}

// The fields of a line, quoted as in RFC 4180; nothing if a quote is not closed.
std::optional<std::vector<std::string>> split_fields(std::string_view text, char separator)
{
    std::vector<std::string> fields(1);
    bool quoted = false;
    for (size_t i = 0; i < text.size(); i++) {
        const char c = text[i];
        if (quoted && c == '"' && i + 1 < text.size() && text[i + 1] == '"') {
            fields.back() += c;
            i++;
        } else if (c == '"' && (quoted || trim(fields.back()).empty())) {
            quoted = !quoted;
        } else if (c == separator && !quoted) {
            fields.emplace_back();
        } else {
            fields.back() += c;
        }
    }
    if (quoted)
        return std::nullopt;
    return fields;
}

std::string lower(std::string_view text)
{
    std::string out(trim(text));
    for (char& c : out)
        if (c >= 'A' && c <= 'Z')
            c = static_cast<char>(c - 'A' + 'a');
    return out;
}

constexpr int kNoColumn = -1;

struct Header {
    char separator = ',';
    int prefix = kNoColumn, length = kNoColumn, end_sites = kNoColumn;
};

// The place of the column called `wanted`, or else of the first of `usual` that is there.
int find_column(const std::vector<std::string>& names, const std::string& wanted,
                std::initializer_list<std::string_view> usual)
{
    const auto place = [&](std::string_view name) {
        const auto found = std::find(names.begin(), names.end(), name);
        return found == names.end() ? kNoColumn : static_cast<int>(found - names.begin());
    };
    if (!wanted.empty())
        return place(lower(wanted));
    for (const std::string_view name : usual)
        if (const int found = place(name); found != kNoColumn)
            return found;
    return kNoColumn;
}

std::optional<Header> read_header(std::string_view text, const CsvColumns& columns,
                                  std::string& error)
{
    Header header;
    for (const char separator : {',', ';', '\t'})
        if (std::count(text.begin(), text.end(), separator) >
            std::count(text.begin(), text.end(), header.separator))
            header.separator = separator;
    auto names = split_fields(text, header.separator).value_or(std::vector<std::string>());
    for (std::string& name : names)
        name = lower(name);
    header.prefix = find_column(
        names, columns.prefix, {"prefix", "network", "cidr", "subnet", "range", "customer_prefix"});
    header.length =
        find_column(names, columns.length,
                    {"length", "end_site_length", "end-site-length", "site_length",
                     "assignment_size", "assignment-size", "prefix_length", "prefixlen"});
    header.end_sites = find_column(names, columns.end_sites,
                                   {"end_sites", "end-sites", "end_site_count", "customers"});
    const auto missing = [&](const std::string& wanted, int found, const char* key) {
        if (found == kNoColumn && !wanted.empty())
            error = fmt::format("the header has no column {}, which `columns.{}` names",
                                show(wanted), key);
    };
    missing(columns.end_sites, header.end_sites, "end_sites");
    missing(columns.length, header.length, "length");
    missing(columns.prefix, header.prefix, "prefix");
    if (error.empty() && header.prefix == kNoColumn)
        error =
            "the first line names no column `prefix`, `network`, `cidr` or `subnet`; name it with "
            "`columns: {prefix: …}`";
    if (!error.empty())
        return std::nullopt;
    return header;
}

}  // namespace

LengthList read_prefixlen(FeedInput& input)
{
    LengthList list;
    for_each_entry(input, list, [&](std::string_view text, uint32_t number) {
        const auto commas = std::count(text.begin(), text.end(), ',');
        if (commas != 2) {
            list.records++;
            list.reject(number, fmt::format("expected 2 commas, found {}: {}", commas, show(text)));
            return;
        }
        const size_t first = text.find(','), second = text.find(',', first + 1);
        take_row({trim(text.substr(0, first)), trim(text.substr(first + 1, second - first - 1)),
                  trim(text.substr(second + 1)), number},
                 HostBits::reject, list);
    });
    return list;
}

LengthList read_geofeed(FeedInput& input)
{
    LengthList list;
    for_each_entry(input, list, [&](std::string_view text, uint32_t number) {
        take_site({trim(text.substr(0, text.find(','))), {}, {}, number}, HostBits::reject, list);
    });
    return list;
}

LengthList read_csv(FeedInput& input, const CsvColumns& columns)
{
    LengthList list;
    std::optional<Header> header;
    for_each_entry(input, list, [&](std::string_view text, uint32_t number) {
        if (!header) {
            header = read_header(text, columns, list.error);
            return;
        }
        const auto fields = split_fields(text, header->separator);
        if (!fields) {
            list.records++;
            return list.reject(number, "a quote is not closed: " + show(text));
        }
        const auto field = [&](int place) -> std::string_view {
            return place < 0 || static_cast<size_t>(place) >= fields->size()
                       ? std::string_view{}
                       : trim((*fields)[static_cast<size_t>(place)]);
        };
        take_site({field(header->prefix), field(header->length), field(header->end_sites), number},
                  HostBits::clear, list);
    });
    if (!header && list.error.empty())
        list.error = "there is no header line";
    return list;
}

}  // namespace mxgate
