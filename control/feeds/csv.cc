// SPDX-License-Identifier: BSD-2-Clause
// `csv` and `tsv`: tables in which some columns hold prefixes.
#include "control/feeds/csv.h"

#include <fmt/format.h>

#include <charconv>

#include "control/config/text.h"
#include "control/feeds/asns.h"
#include "control/feeds/readers.h"

namespace mxgate {
namespace {

constexpr size_t kNone = SIZE_MAX;

class Table
{
public:
    Table(FeedInput& input, FeedBuilder& to, char delimiter) : records_(input, delimiter), to_(to)
    {
    }

    void read()
    {
        if (!to_.config().asns.empty()) {
            asns_ = read_asns(to_);
            if (!asns_)
                return;
        }
        if (!find_columns())
            return;
        while (!to_.is_full() && records_.next())
            read_record();
    }

private:
    // Each by its number, or by its name: then the first record is the header.
    bool find_columns()
    {
        const FeedColumns& wanted = to_.config().columns;
        struct Column {
            const std::string& name;
            size_t& place;
        };
        const Column columns[] = {{wanted.prefix, prefix_}, {wanted.address, address_},
                                  {wanted.length, length_}, {wanted.first, first_},
                                  {wanted.last, last_},     {wanted.value, value_},
                                  {wanted.asn, asn_}};
        bool has_header = false;
        for (const auto& [name, place] : columns) {
            if (name.empty())
                continue;
            size_t number = 0;
            const char* end = name.data() + name.size();
            const auto [at, error] = std::from_chars(name.data(), end, number);
            if (error == std::errc() && at == end) {
                place = number - 1;
                most_ = std::max(most_, place);
                continue;
            }
            if (!has_header && !records_.next())
                return true;  // an empty file: no entries
            has_header = true;
            place = column_named(name);
            if (place == kNone)
                return false;
            most_ = std::max(most_, place);
        }
        return true;
    }

    size_t column_named(const std::string& name)
    {
        const auto& header = records_.fields();
        for (size_t i = 0; i < header.size(); i++)
            if (header[i] == name)
                return i;
        to_.refuse(fmt::format("line {} has no column {}; did you mean {}?", records_.line(),
                               show(name), show(nearest(name, header))));
        return kNone;
    }

    std::string_view field(size_t place) const { return records_.fields()[place]; }

    void read_record()
    {
        const uint32_t line = records_.line();
        if (records_.broken() || records_.fields().size() <= most_) {
            to_.count_line();
            to_.reject(line, records_.broken() ? "broken quotes: " + show(records_.text())
                                               : fmt::format("{} columns instead of {} or more: {}",
                                                             records_.fields().size(), most_ + 1,
                                                             show(records_.text())));
            return;
        }
        if (asns_ && !is_listed(field(asn_)))
            return;
        to_.count_line();
        Listing what;
        if (value_ != kNone)
            what.value = to_.value_of(field(value_));
        if (what.value == kSkipped)
            to_.skip();
        else if (prefix_ != kNone)
            to_.add_prefix(field(prefix_), line, what);
        else if (address_ != kNone)
            to_.add_prefix(fmt::format("{}/{}", field(address_), field(length_)), line, what);
        else
            to_.add_range(field(first_), field(last_), line, what);
    }

    // Origins of several systems are written `1_2`, `{1,2}` and the like.
    bool is_listed(std::string_view origins) const
    {
        constexpr std::string_view kDigits = "0123456789";
        for (;;) {
            const size_t begin = origins.find_first_of(kDigits);
            if (begin == std::string_view::npos)
                return false;
            origins.remove_prefix(begin);
            const size_t end = std::min(origins.find_first_not_of(kDigits), origins.size());
            const auto asn = parse_asn(origins.substr(0, end));
            if (asn && asns_->contains(*asn))
                return true;
            origins.remove_prefix(end);
        }
    }

    CsvRecords records_;
    FeedBuilder& to_;
    std::optional<AsnSet> asns_;
    size_t prefix_ = kNone, address_ = kNone, length_ = kNone, first_ = kNone, last_ = kNone,
           value_ = kNone, asn_ = kNone;
    size_t most_ = 0;
};

}  // namespace

void read_csv(FeedInput& input, FeedBuilder& to)
{
    Table(input, to, to.config().delimiter).read();
}

void read_tsv(FeedInput& input, FeedBuilder& to)
{
    Table(input, to, '\t').read();
}

}  // namespace mxgate
