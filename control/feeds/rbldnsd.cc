// SPDX-License-Identifier: BSD-2-Clause
// `rbldnsd`: the data files of rbldnsd(8): ip4set, ip4trie, ip4tset, ip6trie, ip6tset, and combined
// files that hold several of them. The A value of an entry is what `map` maps.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>

#include "control/config/text.h"
#include "control/feeds/readers.h"
#include "control/feeds/words.h"
#include "control/net/address_text.h"
#include "control/net/ranges.h"

namespace mxgate {
namespace {

constexpr std::string_view kFirstValue = "127.0.0.2";  // where a file gives none

std::optional<uint32_t> take_number(std::string_view& text, uint32_t most)
{
    uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || value > most)
        return std::nullopt;
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    return value;
}

// One to four octets of an IPv4 address.
struct Octets {
    uint32_t value = 0;
    uint32_t count = 0;

    uint32_t first() const { return count == 4 ? value : value << (32 - 8 * count); }
    uint32_t last() const { return first() | rest(); }
    uint32_t rest() const { return count == 4 ? 0 : ~0u >> (8 * count); }
};

std::optional<Octets> take_octets(std::string_view& text)
{
    Octets out;
    do {
        if (out.count > 0)
            text.remove_prefix(1);
        const auto octet = take_number(text, 255);
        if (!octet)
            return std::nullopt;
        out.value = out.value << 8 | *octet;
        out.count++;
    } while (out.count < 4 && text.starts_with('.'));
    return out;
}

class Rbldnsd
{
public:
    Rbldnsd(FeedInput& input, FeedBuilder& to) : input_(input), to_(to)
    {
        combined_ = to.config().dataset == RbldnsdDataset::combined;
        dataset_ = combined_ ? std::nullopt : std::optional(to.config().dataset);
        set_default(kFirstValue);
    }

    void read()
    {
        std::string_view line;
        while (!to_.is_full() && input_.next_line(line))
            read_line(line);
        end_dataset();
    }

private:
    void read_line(std::string_view line)
    {
        if (line.empty())
            return;
        // `#$`, `;$` and `:$` too, so that one file can serve other servers as well.
        if (line[0] == '$' || (line.size() > 1 && line[1] == '$' &&
                               std::string_view("#;:").find(line[0]) != std::string_view::npos)) {
            read_special(line.substr(line[0] == '$' ? 1 : 2));
            return;
        }
        if (line[0] == '#' || line[0] == ';' || !dataset_)
            return;
        // `::1` is an address.
        if (line[0] == ':' && !(line.starts_with("::") && holds_ipv6()))
            read_default(line);
        else
            read_entry(line);
    }

    bool holds_ipv6() const
    {
        return *dataset_ == RbldnsdDataset::ip6trie || *dataset_ == RbldnsdDataset::ip6tset;
    }

    void read_special(std::string_view text)
    {
        const std::string_view name = take_word(text);
        if (name == "DATASET")
            begin_dataset(text);
        else if (name == "MAXRANGE4")
            read_max_range(text);
    }

    void read_max_range(std::string_view text)
    {
        const bool as_length = text.starts_with('/');
        std::string_view digits = text.substr(as_length ? 1 : 0);
        const auto number = take_number(digits, as_length ? 32 : ~0u);
        if (!number || !digits.empty())
            to_.warn(input_.line(), "not a range size: " + show(text));
        else
            max_range_ = std::min(max_range_, as_length ? uint64_t{1} << (32 - *number) : *number);
    }

    void begin_dataset(std::string_view text)
    {
        const std::string_view type = text.substr(0, text.find_first_of(": \t"));
        if (!combined_) {
            to_.refuse(
                fmt::format("line {} begins a dataset: write `dataset: combined`", input_.line()));
            return;
        }
        end_dataset();
        set_default(kFirstValue);
        max_range_ = std::numeric_limits<uint64_t>::max();
        dataset_ = std::nullopt;
        for (const auto& [name, dataset] : kRbldnsdDatasets)
            if (name == type && dataset != RbldnsdDataset::combined)
                dataset_ = dataset;
        // The others hold names, or say who may ask.
        constexpr std::string_view kOthers[] = {"dnset", "generic", "acl", "dnhash"};
        if (!dataset_ &&
            std::find(std::begin(kOthers), std::end(kOthers), type) == std::end(kOthers))
            to_.warn(input_.line(), "unknown kind of dataset: " + show(type));
    }

    // Exclusions count for their own dataset only.
    void end_dataset()
    {
        const bool by_octets = dataset_ == RbldnsdDataset::ip4set;
        to_.settle(by_octets ? Nesting::octets : Nesting::longest, begin_, combined_);
        begin_ = to_.size();
    }

    void set_default(std::string_view value) { default_ = to_.value_of(value); }

    // `:A:TEXT` or `:A`; takes it for what stands after an address as well.
    std::optional<uint8_t> value_in(std::string_view text)
    {
        if (!text.starts_with(':'))
            return default_;  // text only, or nothing
        text.remove_prefix(1);
        text = trim(text.substr(0, text.find_first_of(": \t;#")));
        const std::string_view whole = text;
        const auto octets = take_octets(text);
        if (!octets || !text.empty() || (octets->count != 1 && octets->count != 4))
            return std::nullopt;
        if (octets->count == 4)
            return to_.value_of(whole);
        return to_.value_of(fmt::format("127.0.0.{}", octets->value));
    }

    void read_default(std::string_view line)
    {
        if (const auto value = value_in(line)) {
            default_ = *value;
            return;
        }
        // What follows would get a value that is not meant.
        to_.count_line();
        to_.reject(input_.line(), "not an A value: " + show(line));
        default_ = kSkipped;
    }

    void read_entry(std::string_view line)
    {
        Listing what;
        what.exclusion = line[0] == '!';
        if (what.exclusion)
            line = trim(line.substr(1));
        const std::string_view entry = line;
        const std::string_view address = take_word(line);
        to_.count_line();
        const auto value = value_in(line);
        if (!value) {
            to_.reject(input_.line(), "not an A value: " + show(entry));
            return;
        }
        const bool one_value =
            *dataset_ == RbldnsdDataset::ip4tset || *dataset_ == RbldnsdDataset::ip6tset;
        what.value = what.exclusion ? kNoValue : one_value ? default_ : *value;
        if (!add(address, what))
            to_.reject(input_.line(),
                       fmt::format("not an entry of an {}: {}", name_of(*dataset_), show(entry)));
        else if (what.value == kSkipped)
            to_.skip();
    }

    bool add(std::string_view address, Listing what)
    {
        switch (*dataset_) {
            case RbldnsdDataset::ip4set:
                return add_ipv4(address, what, true);
            case RbldnsdDataset::ip4trie:
                return add_ipv4(address, what, false);
            case RbldnsdDataset::ip4tset:
                return add_single_ipv4(address, what);
            case RbldnsdDataset::ip6trie:
                return add_ipv6(address, what);
            case RbldnsdDataset::ip6tset:
                return what.exclusion ? add_single_ipv6(address, what) : add_site(address, what);
            case RbldnsdDataset::combined:
                break;
        }
        return false;
    }

    bool add_ipv4(std::string_view text, Listing what, bool ranges)
    {
        const std::string_view entry = text;
        const auto from = take_octets(text);
        if (!from)
            return false;
        uint32_t first = from->first(), last = from->last();
        if (text.starts_with('/')) {
            text.remove_prefix(1);
            const auto length = take_number(text, 32);
            if (!length)
                return false;
            const uint32_t rest = *length == 32 ? 0 : ~0u >> *length;
            if ((first & rest) != 0)
                to_.warn(input_.line(), fmt::format("host bits are set in {}", show(entry)));
            first &= ~rest;
            last = first | rest;
        } else if (ranges && text.starts_with('-')) {
            text.remove_prefix(1);
            auto to = take_octets(text);
            if (!to)
                return false;
            if (to->count == 1)  // of the last octet that is given
                *to = {(from->value & ~255u) | to->value, from->count};
            last = to->last();
        }
        if (!text.empty() || last < first || last - first >= max_range_)
            return false;
        to_.add_numbers(Wide{first} << 96, (Wide{last} << 96) | rest_of(32), MXG_FAMILY_IPV4,
                        input_.line(), what);
        return true;
    }

    bool add_address(const std::optional<mxg_address>& address, uint32_t family, uint32_t length,
                     Listing what)
    {
        if (!address || address->family != family)
            return false;
        const mxg_prefix prefix{mxg_cut(*address, length), length};
        if (!mxg_same_address(prefix.address, *address))
            to_.warn(input_.line(), fmt::format("host bits are set; {}/{} is read as {}",
                                                to_string(*address), length, to_string(prefix)));
        to_.add(prefix, input_.line(), what);
        return true;
    }

    bool add_single_ipv4(std::string_view text, Listing what)
    {
        return add_address(parse_address(text), MXG_FAMILY_IPV4, 32, what);
    }

    bool add_single_ipv6(std::string_view text, Listing what)
    {
        return add_address(parse_address(text), MXG_FAMILY_IPV6, 128, what);
    }

    // Without `::` the groups that are missing are zeros, and say how long the prefix is.
    bool add_ipv6(std::string_view text, Listing what)
    {
        const size_t slash = text.find('/');
        const std::string_view groups = text.substr(0, slash);
        const auto colons = static_cast<uint32_t>(std::count(groups.begin(), groups.end(), ':'));
        const bool partial = groups.find("::") == std::string_view::npos && colons < 7;
        uint32_t length = partial ? 16 * (colons + 1) : 128;
        if (slash != std::string_view::npos) {
            std::string_view digits = text.substr(slash + 1);
            const auto number = take_number(digits, 128);
            if (!number || !digits.empty())
                return false;
            length = *number;
        }
        return add_address(parse_address(std::string(groups) + (partial ? "::" : "")),
                           MXG_FAMILY_IPV6, length, what);
    }

    // Four groups: a /64.
    bool add_site(std::string_view text, Listing what)
    {
        if (std::count(text.begin(), text.end(), ':') != 3 ||
            text.find('/') != std::string_view::npos)
            return false;
        return add_ipv6(text, what);
    }

    static std::string_view name_of(RbldnsdDataset dataset)
    {
        for (const auto& [name, known] : kRbldnsdDatasets)
            if (known == dataset)
                return name;
        return "";
    }

    FeedInput& input_;
    FeedBuilder& to_;
    bool combined_ = false;
    std::optional<RbldnsdDataset> dataset_;  // none: what stands here is not for us
    size_t begin_ = 0;                       // where the entries of the dataset begin
    uint8_t default_ = kNoValue;
    uint64_t max_range_ = std::numeric_limits<uint64_t>::max();
};

}  // namespace

void read_rbldnsd(FeedInput& input, FeedBuilder& to)
{
    Rbldnsd(input, to).read();
}

}  // namespace mxgate
