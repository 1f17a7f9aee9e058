// SPDX-License-Identifier: BSD-2-Clause
// Logs of arrivals: tables, logs of Postfix in both forms of time, and what is neither.
#include "control/whatif/arrivals.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>

#include "control/net/address_text.h"
#include "control/whatif/sender_name.h"

namespace mxgate {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int64_t kWritten = 1'767'600'000;  // 2026-01-05 08:00 UTC

struct Read {
    ArrivalLog log;
    std::vector<std::string> arrivals;  // TIME_US ADDRESS NAME
};

Read read(const std::string& text, int64_t written = kWritten)
{
    Read out;
    FeedInput input = FeedInput::of_text(text, 1 << 20);
    out.log = read_arrivals(input, "mail.log", written, [&](const Arrival& a) {
        out.arrivals.push_back(fmt::format("{} {} {}", a.time_us, to_string(a.client), a.name));
    });
    EXPECT_EQ(out.log.arrivals, out.arrivals.size());
    return out;
}

std::vector<std::string> rejects(const ArrivalLog& log)
{
    std::vector<std::string> out;
    for (const RejectedLine& line : log.rejects)
        out.push_back(fmt::format("{} {}", line.line, line.reason));
    return out;
}

class LocalTime : public ::testing::Test
{
protected:
    LocalTime() { set("Europe/Berlin"); }
    ~LocalTime() override { set("UTC"); }
    static void set(const char* zone)
    {
        ::setenv("TZ", zone, 1);
        ::tzset();
    }
};

TEST(Arrivals, OfATable)
{
    const Read got = read(
        "# unix_time\tmx\tclient_ip\trdns\thelo\tproto\r\n"
        "1672531224\tmx1\t192.0.2.55\tmail.example.com\tmail.example.com\tESMTPS\r\n"
        "\n"
        "1672531225.25\tmx1\t2001:db8::1\t-\tx\tSMTP\n"
        "1672531226\tmx1\t192.0.2.56\tunknown\n"
        "1672531227\tmx1\t192.0.2.57\n"
        "1672531228\tmx1\t192.0.2.58\tbad\x1b[2Jname\n");
    EXPECT_THAT(got.arrivals,
                ElementsAre("1672531224000000 192.0.2.55 mail.example.com",
                            "1672531225250000 2001:db8::1 ", "1672531226000000 192.0.2.56 ",
                            "1672531227000000 192.0.2.57 ", "1672531228000000 192.0.2.58 "));
    EXPECT_EQ(got.log.lines, 5u);
    EXPECT_THAT(got.log.rejects, IsEmpty());
    EXPECT_FALSE(got.log.backwards);
}

TEST(Arrivals, BrokenRowsAreNamed)
{
    const Read got = read(
        "1\tmx\t192.0.2.1\n"
        "then\tmx\t192.0.2.2\n"
        "3\tmx\tnobody\n"
        "4\tmx\n"
        "-5\tmx\t192.0.2.3\n"
        "6\tmx\t192.0.2.4\n");
    EXPECT_THAT(got.arrivals, ElementsAre("1000000 192.0.2.1 ", "6000000 192.0.2.4 "));
    EXPECT_EQ(got.log.rejected, 4u);
    EXPECT_THAT(rejects(got.log),
                ElementsAre(HasSubstr("2 not a time"), HasSubstr("3 not an IPv4 or IPv6 address"),
                            HasSubstr("4 not an IPv4"), HasSubstr("5 not a time")));
}

TEST(Arrivals, TimeThatRunsBackwardsIsNoticed)
{
    EXPECT_FALSE(read("9000\tmx\t::2\n8999\tmx\t::3\n").log.backwards);
    EXPECT_EQ(read("1\tmx\t::2\n9000\tmx\t::2\n5000\tmx\t::3\n").log.backwards, 3u);
}

TEST_F(LocalTime, OfPostfix)
{
    // Winter: an hour ahead of UTC.
    const Read got = read(
        "Jan  5 04:00:00 mx postfix/smtpd[13]: connect from mail.example.com[192.0.2.1]\n"
        "Jan  5 04:00:01 mx postfix/smtpd[13]: disconnect from mail.example.com[192.0.2.1]\n"
        "Jan  5 04:00:02 mx postfix/submission/smtpd[14]: connect from a.example[192.0.2.2]\n"
        "Jan  5 04:00:03 mx postfix/smtps/smtpd[15]: connect from a.example[192.0.2.2]\n"
        "Jan  5 04:00:04 mx dovecot[1]: nothing of ours\n"
        "Jan  5 04:00:05 mx postfix-in/smtpd[7]: connect from unknown[2001:db8::7]:4711\n"
        "Jan  5 04:00:06 mx postfix/smtpd[7]: connect from unknown[unknown]\n"
        "Jam  5 04:00:07 mx postfix/smtpd[7]: connect from unknown[192.0.2.3]\n");
    EXPECT_THAT(got.arrivals, ElementsAre("1767582000000000 192.0.2.1 mail.example.com",
                                          "1767582005000000 2001:db8::7 "));
    EXPECT_THAT(rejects(got.log), ElementsAre(HasSubstr("7 no client address"),
                                              HasSubstr("8 does not begin with a time")));
}

TEST_F(LocalTime, YearsAreFoundFromTheEnd)
{
    const auto at = [](const std::string& day) {
        return read(day + " 12:00:00 mx postfix/smtpd[1]: connect from unknown[192.0.2.1]\n")
            .arrivals.at(0);
    };
    EXPECT_EQ(at("Dec 31"), "1767178800000000 192.0.2.1 ");  // 2025
    EXPECT_EQ(at("Jul  1"), "1751364000000000 192.0.2.1 ");  // 2025, summer time
    EXPECT_EQ(at("Jan  5"), "1767610800000000 192.0.2.1 ");  // 2026
    EXPECT_EQ(at("Feb 29"), "1709204400000000 192.0.2.1 ");  // 2024
}

TEST(Arrivals, OfPostfixWithTimesOfRfc3339)
{
    const Read got = read(
        "2026-01-05T03:49:15.123456+01:00 mx postfix/smtpd[13]: connect from a.example[192.0.2.1]\n"
        "2026-01-05T02:49:16Z mx postfix/smtpd[13]: connect from a.example[192.0.2.1]\n"
        "2026-13-05T02:49:16Z mx postfix/smtpd[13]: connect from a.example[192.0.2.1]\n");
    EXPECT_THAT(got.arrivals, ElementsAre("1767581355123456 192.0.2.1 a.example",
                                          "1767581356000000 192.0.2.1 a.example"));
    EXPECT_THAT(rejects(got.log), ElementsAre(HasSubstr("3 does not begin with a time")));
}

TEST(Arrivals, BehindPostscreenAreCountedOnce)
{
    const Read got = read(
        "Jan  5 03:00:00 mx postfix/postscreen[2]: CONNECT from [192.0.2.1]:4711 to "
        "[192.0.2.25]:25\n"
        "Jan  5 03:00:00 mx postfix/postscreen[2]: PASS OLD [192.0.2.1]:4711\n"
        "Jan  5 03:00:00 mx postfix/smtpd[13]: connect from a.example[192.0.2.1]\n"
        "Jan  5 03:00:01 mx other/smtpd[13]: connect from a.example[192.0.2.1]\n");
    EXPECT_EQ(got.log.arrivals, 2u);
    EXPECT_EQ(got.log.repeated, 1u);
}

TEST(Arrivals, WhatIsNoLogIsRefused)
{
    for (const char* text : {"hello\n", "<html>\n", "2001:db8::/32\n", "17\n"})
        try {
            read(text);
            FAIL() << text;
        } catch (const std::runtime_error& error) {
            EXPECT_THAT(error.what(), HasSubstr("mail.log:1: neither a table of arrivals"));
        }
    EXPECT_EQ(read("").log.lines, 0u);
    EXPECT_THROW(read("\x1f\x8b\x08"), std::runtime_error);  // a truncated gzip file
}

TEST(SenderName, IsTheRegisteredDomain)
{
    SenderNames names;
    EXPECT_EQ(names.sender_of("mail-wm1-x32a.google.com"), "google.com");
    EXPECT_EQ(names.sender_of("Google.COM."), "google.com");
    EXPECT_EQ(names.sender_of("mx.a.example.co.uk"), "example.co.uk");
    EXPECT_EQ(names.sender_of("ec2-192-0-2-1.compute-1.amazonaws.com"), "amazonaws.com");
    EXPECT_EQ(names.sender_of("localhost"), "localhost");
    EXPECT_EQ(names.sender_of("co.uk"), "co.uk");
    EXPECT_EQ(names.sender_of(""), "");
}

}  // namespace
}  // namespace mxgate
