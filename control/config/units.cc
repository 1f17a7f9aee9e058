// SPDX-License-Identifier: BSD-2-Clause
#include "control/config/units.h"

#include <charconv>
#include <span>

namespace mxgate {
namespace {

struct Unit {
    std::string_view name;
    uint64_t factor;
};

constexpr Unit kSizes[] = {{"", 1},
                           {"k", 1'000},
                           {"M", 1'000'000},
                           {"G", 1'000'000'000},
                           {"Ki", 1ULL << 10},
                           {"Mi", 1ULL << 20},
                           {"Gi", 1ULL << 30}};

constexpr uint64_t kSecond = 1'000'000'000;
constexpr Unit kDurations[] = {{"us", 1'000},          {"ms", 1'000'000},
                               {"s", kSecond},         {"min", 60 * kSecond},
                               {"h", 3'600 * kSecond}, {"d", 86'400 * kSecond}};

// Leading digits of `text`, which is moved on to what follows them.
std::optional<uint64_t> take_digits(std::string_view& text)
{
    uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{})
        return std::nullopt;
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    return value;
}

std::optional<uint64_t> scale(uint64_t value, std::string_view unit, std::span<const Unit> units)
{
    for (const Unit& known : units) {
        uint64_t product = 0;
        if (known.name == unit && !__builtin_mul_overflow(value, known.factor, &product))
            return product;
    }
    return std::nullopt;
}

std::optional<uint64_t> parse_scaled(std::string_view text, std::span<const Unit> units)
{
    const auto value = take_digits(text);
    return value ? scale(*value, text, units) : std::nullopt;
}

}  // namespace

std::optional<uint64_t> parse_number(std::string_view text)
{
    return parse_scaled(text, kSizes);
}

std::optional<int64_t> parse_integer(std::string_view text)
{
    int64_t value = 0;
    const char* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, value);
    if (parsed.ec != std::errc{} || parsed.ptr != end)
        return std::nullopt;
    return value;
}

std::optional<uint64_t> parse_duration(std::string_view text)
{
    return parse_scaled(text, kDurations);
}

std::optional<RateLimit> parse_rate(std::string_view text)
{
    const size_t slash = text.find('/');
    if (slash == std::string_view::npos)
        return std::nullopt;
    const auto count = parse_number(text.substr(0, slash));
    std::string_view period = text.substr(slash + 1);
    uint64_t multiplier = 1;
    if (!period.empty() && period[0] >= '0' && period[0] <= '9') {
        const auto digits = take_digits(period);
        if (!digits)
            return std::nullopt;
        multiplier = *digits;
    }
    const auto period_ns = scale(multiplier, period, kDurations);
    if (!count || !period_ns || period == "ms" || period == "us")
        return std::nullopt;
    return RateLimit{*count, *period_ns, 1};
}

std::optional<uint64_t> parse_bandwidth(std::string_view text)
{
    constexpr std::string_view kUnit = "B/s";
    if (!text.ends_with(kUnit))
        return std::nullopt;
    text.remove_suffix(kUnit.size());
    return parse_number(text);
}

std::optional<double> parse_share(std::string_view text)
{
    double percent = 0;
    const char* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, percent, std::chars_format::fixed);
    if (parsed.ec != std::errc{} || parsed.ptr + 1 != end || *parsed.ptr != '%' ||
        !(percent >= 0 && percent <= 1e6))
        return std::nullopt;
    return percent / 100;
}

std::optional<PortRange> parse_ports(std::string_view text)
{
    const size_t dash = text.find('-');
    const auto port = [](std::string_view digits) -> std::optional<uint16_t> {
        const auto value = take_digits(digits);
        if (!value || !digits.empty() || *value == 0 || *value > 65535)
            return std::nullopt;
        return static_cast<uint16_t>(*value);
    };
    const auto first = port(text.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : port(text.substr(dash + 1));
    if (!first || !last || *first > *last)
        return std::nullopt;
    return PortRange{*first, *last};
}

}  // namespace mxgate
