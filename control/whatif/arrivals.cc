// SPDX-License-Identifier: BSD-2-Clause
#include "control/whatif/arrivals.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <stdexcept>

#include "control/config/text.h"
#include "control/feeds/words.h"
#include "control/net/address_text.h"
#include "control/whatif/postfix_log.h"

namespace mxgate {
namespace {

constexpr uint64_t kHourUs = 3'600'000'000;

// Takes the text up to the next tab off `line`.
std::string_view take_column(std::string_view& line)
{
    const size_t tab = line.find('\t');
    const std::string_view column = line.substr(0, tab);
    line.remove_prefix(tab == std::string_view::npos ? line.size() : tab + 1);
    return column;
}

std::optional<uint64_t> unix_time_us(std::string_view text)
{
    uint64_t seconds = 0, micros = 0;
    const char* end = text.data() + text.size();
    auto at = std::from_chars(text.data(), end, seconds);
    if (at.ec != std::errc() || seconds > 1ULL << 40)
        return std::nullopt;
    if (at.ptr != end && *at.ptr == '.') {
        const char* from = at.ptr + 1;
        uint64_t unit = 100'000;
        for (at.ptr = from; at.ptr != end && *at.ptr >= '0' && *at.ptr <= '9'; at.ptr++, unit /= 10)
            micros += static_cast<uint64_t>(*at.ptr - '0') * unit;
    }
    if (at.ptr != end)
        return std::nullopt;
    return seconds * 1'000'000 + micros;
}

bool is_table(std::string_view line)
{
    return unix_time_us(line.substr(0, line.find('\t'))) && line.find('\t') != line.npos;
}

PostfixLog::Line read_row(std::string_view line, Arrival& out, std::string& reason)
{
    const std::string_view time = take_column(line);
    const auto time_us = unix_time_us(time);
    take_column(line);  // the MX
    const std::string_view address = take_column(line);
    const auto client = parse_address(address);
    if (!time_us)
        reason = "not a time in seconds since 1970: " + show(time);
    else if (!client)
        reason = "not an IPv4 or IPv6 address: " + show(address);
    if (!time_us || !client)
        return PostfixLog::Line::broken;
    const std::string_view name = take_column(line);
    out = {*time_us, *client, name};
    return PostfixLog::Line::arrival;
}

// Names go to terminals: what is no host name, as `-` and `unknown`, is none.
std::string_view host_name(std::string_view name)
{
    const bool good = std::all_of(name.begin(), name.end(), [](unsigned char c) {
        return std::isalnum(c) || c == '.' || c == '-' || c == '_';
    });
    return good && name != "-" && name != "unknown" ? name : std::string_view();
}

void reject(ArrivalLog& log, uint32_t line, std::string reason)
{
    log.rejected++;
    if (log.rejects.size() >= kRejectsKept)
        return;
    RejectedLine rejected;
    rejected.line = line;
    rejected.reason = std::move(reason);
    log.rejects.push_back(std::move(rejected));
}

}  // namespace

ArrivalLog read_arrivals(FeedInput& input, const std::string& path, int64_t written,
                         const std::function<void(const Arrival&)>& take)
{
    ArrivalLog log;
    PostfixLog postfix(written);
    std::optional<bool> table;
    std::string_view line;
    std::string reason;
    Arrival arrival;
    uint64_t latest_us = 0;
    while (input.next_raw_line(line)) {
        if (trim(line).empty() || line.starts_with('#'))
            continue;
        if (line.ends_with('\r'))
            line.remove_suffix(1);
        std::string_view rest = line;
        if (!table && !(table = is_table(line)).value() && !postfix.take_time(rest))
            throw std::runtime_error(fmt::format(
                "{}:{}: neither a table of arrivals (time, MX and address with tabs between them), "
                "nor a log of Postfix, nor a capture",
                path, input.line()));
        log.lines++;
        const PostfixLog::Line kind =
            *table ? read_row(line, arrival, reason) : postfix.read(line, arrival, reason);
        if (kind == PostfixLog::Line::broken)
            reject(log, input.line(), reason);
        log.repeated += kind == PostfixLog::Line::repeated;
        if (kind != PostfixLog::Line::arrival)
            continue;
        log.arrivals++;
        if (arrival.time_us + kHourUs < latest_us && !log.backwards)
            log.backwards = input.line();
        latest_us = std::max(latest_us, arrival.time_us);
        arrival.name = host_name(arrival.name);
        take(arrival);
    }
    if (input.failure())
        throw std::runtime_error(fmt::format("{}: {}", path, *input.failure()));
    return log;
}

}  // namespace mxgate
