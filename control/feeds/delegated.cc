// SPDX-License-Identifier: BSD-2-Clause
// `delegated-extended`: the RIRs' statistics, `registry|cc|type|start|value|date|status[|id…]`.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <vector>

#include "control/config/text.h"
#include "control/feeds/readers.h"
#include "control/net/address_text.h"
#include "control/net/ranges.h"

namespace mxgate {
namespace {

class Delegated
{
public:
    Delegated(FeedInput& input, FeedBuilder& to) : input_(input), to_(to) {}

    void read()
    {
        std::string_view line;
        while (!to_.is_full() && input_.next_line(line))
            if (!line.empty() && line[0] != '#')
                read_line(line);
        check_counts();
    }

private:
    struct Count {
        uint64_t promised = 0, found = 0;
        bool has_summary = false;
    };

    void read_line(std::string_view line)
    {
        std::vector<std::string_view>& fields = fields_;
        fields.clear();
        for (std::string_view rest = line;;) {
            const size_t end = rest.find('|');
            fields.push_back(rest.substr(0, end));
            if (end == std::string_view::npos)
                break;
            rest.remove_prefix(end + 1);
        }
        if (fields.size() >= 6 && fields.back() == "summary") {
            read_summary();
            return;
        }
        const bool is_version =
            fields[0].find_first_not_of("0123456789.") == std::string_view::npos;
        if (is_version || (fields.size() > 2 && fields[2] == "asn"))
            return;
        const bool ipv4 = fields.size() > 2 && fields[2] == "ipv4";
        const bool ipv6 = fields.size() > 2 && fields[2] == "ipv6";
        if (ipv4 || ipv6)
            (ipv4 ? ipv4_ : ipv6_).found++;
        if (fields.size() >= 7 && (ipv4 || ipv6) && !is_wanted())
            return;
        to_.count_line();
        if (fields.size() < 7 || !(ipv4 || ipv6) || !(ipv4 ? add_ipv4() : add_ipv6()))
            to_.reject(input_.line(), "not a record: " + show(line));
    }

    void read_summary()
    {
        Count* count = fields_[2] == "ipv4" ? &ipv4_ : fields_[2] == "ipv6" ? &ipv6_ : nullptr;
        if (count == nullptr)
            return;
        count->has_summary = true;
        count->promised += number(fields_[4]).value_or(0);
    }

    void check_counts()
    {
        for (const auto& [name, count] : {std::pair{"ipv4", ipv4_}, std::pair{"ipv6", ipv6_}})
            if (count.has_summary && count.promised != count.found)
                to_.refuse(
                    fmt::format("truncated: the summary promises {} records of {}, there "
                                "are {}",
                                count.promised, name, count.found));
    }

    static bool passes(const std::vector<std::string>& filter, std::string_view value)
    {
        return filter.empty() || std::find(filter.begin(), filter.end(), value) != filter.end();
    }

    bool is_wanted() const
    {
        const FeedConfig& config = to_.config();
        return passes(config.country, fields_[1]) && passes(config.status, fields_[6]) &&
               passes(config.opaque_id, fields_.size() > 7 ? fields_[7] : std::string_view{});
    }

    static std::optional<uint64_t> number(std::string_view text)
    {
        uint64_t value = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (error != std::errc() || end != text.data() + text.size())
            return std::nullopt;
        return value;
    }

    // A number of addresses, which need not be a power of two.
    bool add_ipv4()
    {
        const auto start = parse_address(fields_[3]);
        const auto count = number(fields_[4]);
        if (!start || start->family != MXG_FAMILY_IPV4 || !count || *count == 0 ||
            *count > (uint64_t{1} << 32) - (start->hi >> 32))
            return false;
        const Wide first = number_of(*start);
        to_.add_numbers(first, first + (Wide{*count - 1} << 96) + rest_of(32), MXG_FAMILY_IPV4,
                        input_.line());
        return true;
    }

    // A prefix length.
    bool add_ipv6()
    {
        const auto start = parse_address(fields_[3]);
        const auto length = number(fields_[4]);
        if (!start || start->family != MXG_FAMILY_IPV6 || !length || *length > 128)
            return false;
        to_.add_prefix(fmt::format("{}/{}", fields_[3], *length), input_.line());
        return true;
    }

    FeedInput& input_;
    FeedBuilder& to_;
    std::vector<std::string_view> fields_;
    Count ipv4_, ipv6_;
};

}  // namespace

void read_delegated(FeedInput& input, FeedBuilder& to)
{
    Delegated(input, to).read();
}

}  // namespace mxgate
