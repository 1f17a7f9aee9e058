// SPDX-License-Identifier: BSD-2-Clause
#include "control/whatif/postfix_log.h"

#include <algorithm>
#include <ctime>

#include "control/config/text.h"
#include "control/net/address_text.h"

namespace mxgate {
namespace {

constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
constexpr int64_t kDay = 86400;

// The number that `digits` characters of `text` from `at` are, -1 if they are none.
int number(std::string_view text, size_t at, size_t digits)
{
    int out = 0;
    if (at + digits > text.size())
        return -1;
    for (size_t i = at; i < at + digits; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -1;
        out = out * 10 + (text[i] - '0');
    }
    return out;
}

// HH:MM:SS at `at`.
bool clock_at(std::string_view text, size_t at, int (&clock)[3])
{
    for (size_t i = 0; i < 3; i++) {
        clock[i] = number(text, at + i * 3, 2);
        if (clock[i] < 0 || (i > 0 && text[at + i * 3 - 1] != ':'))
            return false;
    }
    return clock[0] < 24 && clock[1] < 60 && clock[2] <= 60;
}

// `Z`, `+HH:MM` or `-HH:MM` in seconds; nothing if it is none of them.
std::optional<int64_t> zone_of(std::string_view text)
{
    if (text == "Z")
        return 0;
    const int hours = number(text, 1, 2), minutes = number(text, 4, 2);
    if (text.size() != 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':' || hours < 0 ||
        minutes < 0)
        return std::nullopt;
    const int64_t seconds = hours * 3600 + minutes * 60;
    return text[0] == '-' ? -seconds : seconds;
}

// "2026-11-22T03:49:15.123456+00:00", a word.
std::optional<uint64_t> rfc3339_us(std::string_view word)
{
    int clock[3];
    std::tm parts{};
    const int year = number(word, 0, 4), month = number(word, 5, 2), day = number(word, 8, 2);
    if (year < 1970 || month < 1 || month > 12 || day < 1 || day > 31 || word.size() < 20 ||
        word[4] != '-' || word[7] != '-' || word[10] != 'T' || !clock_at(word, 11, clock))
        return std::nullopt;
    parts.tm_year = year - 1900;
    parts.tm_mon = month - 1;
    parts.tm_mday = day;
    parts.tm_hour = clock[0];
    parts.tm_min = clock[1];
    parts.tm_sec = clock[2];
    size_t at = 19;
    uint64_t micros = 0, unit = 100'000;
    if (word[at] == '.')
        for (at++; number(word, at, 1) >= 0; at++, unit /= 10)
            micros += static_cast<uint64_t>(number(word, at, 1)) * unit;
    const auto zone = zone_of(word.substr(at));
    const int64_t seconds = ::timegm(&parts) - zone.value_or(0);
    if (!zone || seconds < 0)
        return std::nullopt;
    return static_cast<uint64_t>(seconds) * 1'000'000 + micros;
}

// The text between the first `[` of `text` and the `]` after it.
std::string_view in_brackets(std::string_view text)
{
    const size_t open = text.find('['), close = text.find(']', open);
    if (close == std::string_view::npos)
        return {};
    return text.substr(open + 1, close - open - 1);
}

}  // namespace

// Of the latest year in which it is not after `written_`; leap seconds and changes of the clock are
// the C library's affair, which is asked once an hour of the log.
std::optional<int64_t> PostfixLog::local_time(int month, int day, int hour, int minute, int second)
{
    const int hour_of_year = (month * 31 + day) * 24 + hour;
    if (hour_of_year != hour_) {
        std::tm now{}, parts{};
        const time_t written = written_;
        ::localtime_r(&written, &now);
        for (int year = now.tm_year;; year--) {
            parts = {};
            parts.tm_year = year;
            parts.tm_mon = month;
            parts.tm_mday = day;
            parts.tm_hour = hour;
            parts.tm_isdst = -1;
            hour_begin_ = ::mktime(&parts);
            const bool exists = parts.tm_mon == month;  // a 29th of February
            if (exists && hour_begin_ <= written_ + kDay)
                break;
            if (year < now.tm_year - 8)
                return std::nullopt;
        }
        hour_ = hour_of_year;
    }
    return hour_begin_ + minute * 60 + second;
}

std::optional<uint64_t> PostfixLog::take_time(std::string_view& line)
{
    constexpr size_t kBytes = 15;  // "Nov  2 03:49:15"
    if (number(line, 0, 4) >= 0) {
        const size_t end = line.find(' ');
        const auto time_us = rfc3339_us(line.substr(0, end));
        if (time_us)
            line.remove_prefix(std::min(end, line.size()));
        return time_us;
    }
    int clock[3];
    const size_t month = line.size() > kBytes ? kMonths.find(line.substr(0, 3)) : kMonths.npos;
    if (month == kMonths.npos || month % 3 != 0 || line[3] != ' ' || line[6] != ' ' ||
        line[kBytes] != ' ' || !clock_at(line, 7, clock))
        return std::nullopt;
    const int day = line[4] == ' ' ? number(line, 5, 1) : number(line, 4, 2);
    if (day < 1 || day > 31)
        return std::nullopt;
    const auto seconds = local_time(static_cast<int>(month / 3), day, clock[0], clock[1], clock[2]);
    if (!seconds || *seconds < 0)
        return std::nullopt;
    line.remove_prefix(kBytes);
    return static_cast<uint64_t>(*seconds) * 1'000'000;
}

// " HOST INSTANCE/smtpd[PID]: connect from NAME[ADDRESS]", with :PORT where Postfix logs it;
// " HOST INSTANCE/postscreen[PID]: CONNECT from [ADDRESS]:PORT to [ADDRESS]:PORT".
PostfixLog::Line PostfixLog::read(std::string_view line, Arrival& out, std::string& reason)
{
    constexpr std::string_view kSmtpd = "]: connect from ", kScreen = "]: CONNECT from ";
    size_t at = line.find(kSmtpd);
    const bool screen = at == line.npos;
    if (screen && (at = line.find(kScreen)) == line.npos)
        return Line::other;
    std::string_view head = line, tail = line.substr(at + kScreen.size());
    tail = tail.substr(0, tail.find(' '));
    const auto time_us = take_time(head);
    if (!time_us) {
        reason = "does not begin with a time: " + show(line.substr(0, 32));
        return Line::broken;
    }
    head = head.substr(0, head.find("]: "));
    const size_t open = head.rfind('['), blank = head.rfind(' ', open);
    if (open == head.npos || blank == head.npos)
        return Line::other;
    const std::string_view program = head.substr(blank + 1, open - blank - 1);
    const std::string_view instance = program.substr(0, program.find('/'));
    if (program.substr(program.rfind('/') + 1) != (screen ? "postscreen" : "smtpd") ||
        program.find("/submission") != program.npos || program.find("/smtps/") != program.npos)
        return Line::other;
    if (screen)
        screened_.emplace(instance);
    else if (screened_.contains(instance))
        return Line::repeated;
    const auto client = parse_address(in_brackets(tail));
    if (!client) {
        reason = "no client address: " + show(tail);
        return Line::broken;
    }
    out = {*time_us, *client, tail.substr(0, tail.find('['))};
    return Line::arrival;
}

}  // namespace mxgate
