// SPDX-License-Identifier: BSD-2-Clause
// A gate whose feeds come from servers, well-behaved and not: never a worse table, always an event.
#include <mutex>

#include "tests/unit/certificate.h"
#include "tests/unit/feed_gate.h"
#include "tests/unit/http_server.h"

namespace mxgate {
namespace {

using httplib::Request;
using httplib::Response;
using ::testing::HasSubstr;
using Answer = std::function<void(const Request&, Response&)>;

Answer text(const std::string& body, const char* type = "text/plain")
{
    return [=](const Request&, Response& response) { response.set_content(body, type); };
}

class GateFetch : public FeedGate
{
protected:
    GateFetch()
    {
        answer(text(kGood));
        server_.server.Get("/list", [this](const Request& request, Response& response) {
            Answer now;
            {
                const std::lock_guard lock(mutex_);
                asked_++;
                now = answer_;
            }
            now(request, response);
        });
    }
    ~GateFetch() override { gate_.reset(); }

    void answer(Answer answer)
    {
        const std::lock_guard lock(mutex_);
        answer_ = std::move(answer);
    }
    void configure_feed(const std::string& more = "", const std::string& rest = "")
    {
        configure("  - {name: drop, format: prefixes, class: bad, max_size: 100k, url: \"" +
                      server_.url("/list") + "\"" + more + "}\n",
                  rest);
    }
    // With the good list in force.
    void start_good(const std::string& more = "")
    {
        configure_feed(more);
        start();
        ASSERT_TRUE(await([&] { return feed("drop").at("state") == "ok"; }));
        ASSERT_EQ(class_of("2001:db8:bad::1"), "bad");
        forget_events();
    }
    // What the server does now changes nothing in the table, and an event of `kind` says `why`;
    // nor does it after a new start without the server's list.
    void expect_refused(const std::string& what, Answer bad, const std::string& kind,
                        const std::string& why)
    {
        const uint64_t before = generation();
        answer(std::move(bad));
        gate_->fetch("drop");
        EXPECT_THAT(next_event(kind), HasSubstr(why)) << what;
        expect_good(what);
        EXPECT_EQ(generation(), before) << what;
        EXPECT_THAT(feed("drop").at("error").get<std::string>(), HasSubstr(why)) << what;
        EXPECT_EQ(feed("drop").at("entries"), 3) << what;
        EXPECT_EQ(feed("drop").at("file").is_null(), false) << what;
        EXPECT_GT(feed("drop").at("next"), seconds_now()) << what;
    }
    void expect_good(const std::string& what)
    {
        EXPECT_EQ(class_of("2001:db8:bad::1"), "bad") << what;
        EXPECT_EQ(class_of("198.51.100.7"), "bad") << what;
        EXPECT_EQ(class_of("2001:db8::1"), "unknown") << what;
        EXPECT_EQ(class_of("2001:db8:2::25"), "unknown") << what;
    }

    std::atomic<int> at_once_ = 0, most_ = 0;  // fetches
    Running<httplib::Server> server_;
    std::mutex mutex_;
    Answer answer_;
    int asked_ = 0;
};

TEST_F(GateFetch, BadAnswersNeverMakeAWorseTable)
{
    start_good(", guard: {min_entries: 2}");
    expect_refused(
        "500", [](const Request&, Response& r) { r.status = 500; }, "feed-failed", "status 500");
    EXPECT_EQ(feed("drop").at("state"), "failing");
    expect_refused(
        "truncated",
        [](const Request&, Response& r) {
            r.set_content_provider(1000, "text/plain",
                                   [](size_t offset, size_t, httplib::DataSink& sink) {
                                       return offset == 0 && sink.write("192.0.2.0/24\n", 13);
                                   });
        },
        "feed-failed", "bytes remaining");
    expect_refused(
        "endless",
        [this](const Request&, Response& r) {
            r.set_chunked_content_provider("text/plain", [this](size_t, httplib::DataSink& sink) {
                const std::string block(65536, '\n');
                return !server_.stopping && sink.write(block.data(), block.size());
            });
        },
        "feed-failed", "larger than 100000 bytes");
    expect_refused("a web page", text("<html>log in</html>", "text/html"), "feed-failed",
                   "web page");
    expect_refused("no list", text("never\na\nlist\n"), "feed-refused", "lines are broken");
    expect_refused("packed nonsense", text(std::string("\x1f\x8b\x08\0nonsense", 12)),
                   "feed-refused", "unpacked");
    expect_refused("nothing", text(""), "feed-refused", "0 valid entries");
    EXPECT_EQ(feed("drop").at("state"), "refused");
    EXPECT_TRUE(feed("drop").at("alarm"));
    const std::string good = kGood;
    expect_refused("::/0", text(good + "::/0\n"), "feed-refused", "::/0 is shorter than /20");
    expect_refused("0.0.0.0/1", text(good + "0.0.0.0/1\n"), "feed-refused",
                   "0.0.0.0/1 is shorter than /8");
    expect_refused("mapped", text(good + "::ffff:0:0/96\n"), "feed-refused",
                   "0.0.0.0/0 is shorter than /8");
    expect_refused("our prefix", text(good + "2001:db8:2::/64\n"), "feed-refused",
                   "line 4: 2001:db8:2::/64 denies the gate's own address 2001:db8:2::25");
    expect_refused("our address", text(good + "192.0.2.25\n"), "feed-refused",
                   "denies the gate's own address 192.0.2.25");
    // All of that does not live in the state folder either.
    server_.server.stop();
    start();
    expect_good("a new start");
    EXPECT_EQ(feed("drop").at("state"), "ok");
    EXPECT_GT(feed("drop").at("next"), seconds_now() + 3600);  // it is fresh enough
}

TEST_F(GateFetch, EntriesAreJudgedAsWidened)
{
    configure_feed(", widen: end_site",
                   "aggregation: {lengths: [{prefix: \"2400::/16\", length: 18}]}\n");
    start();
    ASSERT_TRUE(await([&] { return feed("drop").at("state") == "ok"; }));
    forget_events();
    const std::string good = kGood;
    expect_refused("a neighbour", text(good + "2001:db8:2::99\n"), "feed-refused",
                   "line 4: 2001:db8:2::/64, the end site of 2001:db8:2::99/128, denies the gate's "
                   "own address 2001:db8:2::25");
    expect_refused("a wide site", text(good + "2400:4000::/48\n"), "feed-refused",
                   "line 4: 2400:4000::/18, the end site of 2400:4000::/48, is shorter than /20");
}

TEST_F(GateFetch, RecoversWithTheNextGoodVersion)
{
    start_good();
    expect_refused(
        "500", [](const Request&, Response& r) { r.status = 500; }, "feed-failed", "status 500");
    answer(text(std::string(kGood) + "2001:db8:5::/48\n"));
    gate_->fetch("");
    EXPECT_EQ(next_event("feed-recovered"), "fetched again");
    EXPECT_EQ(next_event("feed-updated"), "a new version is in force");
    EXPECT_EQ(class_of("2001:db8:5::1"), "bad");
    EXPECT_EQ(feed("drop").at("state"), "ok");
    EXPECT_EQ(feed("drop").at("failures"), 1);
    EXPECT_FALSE(feed("drop").at("alarm"));
}

TEST_F(GateFetch, TheLastErrorIsShown)
{
    start_good();
    const auto error = [&] { return feed("drop").at("error").dump(); };
    answer(text("nonsense\n"));
    gate_->fetch("drop");
    EXPECT_TRUE(await([&] { return error().find("lines are broken") != std::string::npos; }));
    answer([](const Request&, Response& response) { response.status = 503; });
    gate_->fetch("drop");
    EXPECT_TRUE(await([&] { return error().find("503") != std::string::npos; })) << error();
    EXPECT_EQ(feed("drop").at("state"), "refused") << "what was fetched before";
    answer(text("nonsense\n"));
    gate_->fetch("drop");
    EXPECT_TRUE(await([&] { return error().find("lines are broken") != std::string::npos; }));
}

TEST_F(GateFetch, UnchangedIsNoNewTable)
{
    std::atomic<int> not_modified = 0;
    const auto by_etag = [&](const Request& request, Response& response) {
        response.set_header("ETag", "\"1\"");
        if (request.get_header_value("If-None-Match") == "\"1\"") {
            response.status = 304;
            not_modified++;
        } else {
            response.set_content(kGood, "text/plain");
        }
    };
    answer(by_etag);
    start_good();
    const uint64_t before = generation();
    gate_->fetch("drop");
    EXPECT_TRUE(
        await([&] { return not_modified == 1 && feed("drop").at("next") > seconds_now(); }));
    answer(text(kGood));  // the same bytes from a server that knows no validators
    gate_->fetch("drop");
    EXPECT_TRUE(await([&] { return asked_ == 3 && feed("drop").at("next") > seconds_now(); }));
    EXPECT_EQ(generation(), before);
    start();  // the validators outlive the process
    answer(by_etag);
    gate_->fetch("drop");
    EXPECT_TRUE(await([&] { return asked_ == 4 && feed("drop").at("next") > seconds_now(); }));
    EXPECT_EQ(feed("drop").at("state"), "ok");
}

TEST_F(GateFetch, UnchangedIsNotStale)
{
    configure_feed("", "  stale_after: 2s\n");
    start();
    ASSERT_TRUE(await([&] { return feed("drop").at("state") == "ok"; }));
    const uint64_t before = generation();
    const auto stale = [&] { return gate_->status().at("table").at("stale") == true; };
    EXPECT_FALSE(stale());
    EXPECT_TRUE(await(stale));
    gate_->tick();
    EXPECT_EQ(next_event("table-stale"), "older than gate.stale_after (drop): it stays in use");
    EXPECT_EQ(class_of("2001:db8:bad::1"), "bad");
    gate_->fetch("drop");
    EXPECT_TRUE(await([&] { return !stale(); }));
    gate_->tick();
    EXPECT_NE(next_event("table-fresh"), "");
    EXPECT_EQ(generation(), before);
    answer([](const Request&, Response& r) { r.status = 500; });
    EXPECT_TRUE(await(stale));
    gate_->fetch("drop");
    EXPECT_TRUE(await([&] { return feed("drop").at("state") == "failing"; }));
    EXPECT_TRUE(stale());
}

TEST_F(GateFetch, ShrinksOnlyByForce)
{
    start_good(", guard: {max_change: 50%}");
    expect_refused("2 of 3 gone", text("2001:db8:bad::/48\n"), "feed-refused",
                   "2 of 3 entries are gone and 0 are new, more than `max_change: 50%`");
    EXPECT_TRUE(await([&] { return feed("drop").at("held") == true; }));
    gate_->reload();  // forces nothing
    expect_good("a reload");
    EXPECT_TRUE(feed("drop").at("held"));
    gate_->reload(true);
    EXPECT_EQ(class_of("2001:db8:bad::1"), "bad");
    EXPECT_EQ(class_of("198.51.100.7"), "unknown");
    EXPECT_EQ(feed("drop").at("state"), "ok");
    EXPECT_FALSE(feed("drop").at("held"));
}

TEST_F(GateFetch, DefaultRoutesByPermission)
{
    answer(text(std::string(kGood) + "2000::/3\n"));
    configure_feed(", guard: {shortest: {ipv6: 3}}");
    start();
    // It denies the gate's own address as well: that nobody can allow.
    EXPECT_THAT(next_event("feed-refused"), HasSubstr("the gate's own address"));
    answer(text(std::string(kGood) + "3000::/4\n"));
    gate_->fetch("drop");
    EXPECT_TRUE(await([&] { return class_of("3000::1") == "bad"; }));
}

TEST_F(GateFetch, AServerThatIsAwayAtTheFirstStart)
{
    answer([](const Request&, Response& r) { r.status = 503; });
    configure_feed();
    start();
    EXPECT_THAT(next_event("feed-failed"), HasSubstr("503"));
    EXPECT_EQ(class_of("2001:db8:bad::1"), "unknown");
    EXPECT_EQ(feed("drop").at("state"), "failing");
    EXPECT_TRUE(feed("drop").at("alarm"));  // there is nothing to fall back on
    answer(text(kGood));
    gate_->fetch("drop");
    EXPECT_TRUE(await([&] { return class_of("2001:db8:bad::1") == "bad"; }));
}

TEST_F(GateFetch, AnotherUrlKeepsTheVersionUntilItHasOne)
{
    start_good();
    configure("  - {name: drop, format: prefixes, class: bad, url: \"" + server_.url("/gone") +
              "\"}\n");
    gate_->reload();
    EXPECT_THAT(next_event("feed-failed"), HasSubstr("404"));
    expect_good("another URL");
}

TEST_F(GateFetch, AnotherUrlHasNoUseForWhatWasHeldBack)
{
    start_good(", guard: {max_change: 50%}");
    expect_refused("2 of 3 gone", text("2001:db8:bad::/48\n"), "feed-refused", "are gone");
    ASSERT_TRUE(await([&] { return feed("drop").at("held") == true; }));
    configure("  - {name: drop, format: prefixes, class: bad, guard: {max_change: 50%}, url: \"" +
              server_.url("/gone") + "\"}\n");
    gate_->reload(true);
    expect_good("another URL");
    EXPECT_THAT(next_event("feed-failed"), HasSubstr("404"));
    gate_->reload(true);
    expect_good("another URL, and a second reload");
    EXPECT_FALSE(feed("drop").at("held"));
}

TEST_F(GateFetch, ASlowServerHoldsNothingUp)
{
    const auto slow = [&](const Request&, Response& response) {
        most_ = std::max<int>(most_, ++at_once_);
        for (int i = 0; i < 200 && !server_.stopping; i++)
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        at_once_--;
        response.set_content(kGood, "text/plain");
    };
    start_good();
    answer(slow);
    gate_->fetch("drop");
    EXPECT_TRUE(await([&] { return at_once_ == 1; }));
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < 5; i++) {
        gate_->reload();
        gate_->feeds();
        gate_->fetch("drop");
    }
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(1500));
    EXPECT_EQ(most_, 1) << "fetches of one feed at once";
    EXPECT_EQ(at_once_, 1);
    gate_.reset();  // does not wait for the server
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
}

TEST_F(GateFetch, AFileThatDeniesTooMuchBlamesNobodyElse)
{
    write("good.txt", "2001:db8:1::/48\n");
    write("deny.txt", "2001:db8:9::/48\n");
    configure(
        "  - {name: good, format: prefixes, class: good, priority: 1, path: good.txt}\n"
        "  - {name: deny, format: prefixes, class: bad, priority: 2, path: deny.txt}\n"
        "  - {name: drop, format: prefixes, class: bad, priority: 3, url: \"" +
        server_.url("/list") + "\"}\n");
    start();
    ASSERT_TRUE(await([&] { return feed("drop").at("state") == "ok"; }));
    write("deny.txt", "2001:db8::/32\n");
    EXPECT_THAT(next_event("table-refused"), HasSubstr("2001:db8:1::/48"));
    forget_events();
    answer(text(std::string(kGood) + "198.18.0.0/15\n"));
    gate_->fetch("drop");
    EXPECT_TRUE(await([&] { return class_of("198.18.0.1") == "bad"; }));
    EXPECT_EQ(next_event("feed-updated"), "a new version is in force");
    EXPECT_EQ(feed("drop").at("state"), "ok");
    EXPECT_EQ(class_of("2001:db8:1::1"), "good");
    EXPECT_EQ(class_of("2001:db8:9::1"), "bad");
    EXPECT_FALSE(gate_->status().at("last_error").is_null());
    // One that is itself to blame is held back for it.
    answer(text(std::string(kGood) + "2001:db8:1::/48\n"));
    gate_->fetch("drop");
    EXPECT_THAT(next_event("feed-refused"), HasSubstr("would newly deny"));
    EXPECT_TRUE(await([&] { return feed("drop").at("held") == true; }));
    EXPECT_EQ(class_of("2001:db8:1::1"), "good");
    EXPECT_EQ(class_of("198.18.0.1"), "bad");
}

TEST_F(GateFetch, RollbackHoldsUntilThereIsANewerVersion)
{
    start_good();
    answer(text(std::string(kGood) + "2001:db8:5::/48\n"));
    gate_->fetch("drop");
    ASSERT_TRUE(await([&] { return class_of("2001:db8:5::1") == "bad"; }));
    EXPECT_EQ(gate_->roll_back("drop", false).at("version"), 1);
    expect_good("rolled back");
    EXPECT_EQ(class_of("2001:db8:5::1"), "unknown");
    EXPECT_EQ(feed("drop").at("state"), "rolled-back");
    EXPECT_NE(next_event("feed-rolled-back"), "");
    start();
    EXPECT_EQ(class_of("2001:db8:5::1"), "unknown") << "after a restart";
    gate_->fetch("drop");  // the same again
    gate_->reload();
    EXPECT_EQ(class_of("2001:db8:5::1"), "unknown");
    EXPECT_THROW(gate_->roll_back("drop", false), GateError);
    EXPECT_THROW(gate_->roll_back("nobody", false), GateError);
    answer(text(std::string(kGood) + "2001:db8:6::/48\n"));
    gate_->fetch("drop");
    EXPECT_TRUE(await([&] { return class_of("2001:db8:6::1") == "bad"; }));
    EXPECT_EQ(class_of("2001:db8:5::1"), "unknown");
    EXPECT_TRUE(await([&] { return feed("drop").at("state") == "ok"; }));
}

TEST_F(GateFetch, WhatARollbackChoseDoesNotExpire)
{
    start_good(", expire: 1h");
    set_version_age("drop", 3 * 7 * 86400);  // it has long been the same
    answer(text(std::string(kGood) + "2001:db8:5::/48\n"));
    gate_->fetch("drop");
    ASSERT_TRUE(await([&] { return class_of("2001:db8:5::1") == "bad"; }));
    gate_->roll_back("drop", false);
    expect_good("rolled back");
    EXPECT_EQ(feed("drop").at("state"), "rolled-back");
    gate_->reload();
    start();
    expect_good("after a restart");
    EXPECT_EQ(feed("drop").at("state"), "rolled-back");
}

TEST_F(GateFetch, WhatTheSourceStillHasIsNotOld)
{
    start_good(", expire: 1h");
    set_version_age("drop", 3 * 7 * 86400);
    gate_->fetch("drop");  // the same again
    ASSERT_TRUE(await([&] { return version_date("drop") > seconds_now() - 60; }));
    configure("  - {name: drop, format: prefixes, class: bad, expire: 1h, url: \"" +
              server_.url("/gone") + "\"}\n");
    gate_->reload();
    expect_good("from elsewhere, and never fetched there");
    EXPECT_NE(feed("drop").at("state"), "expired");
}

TEST_F(GateFetch, WhatIsFromTheFutureIsFetchedAtOnce)
{
    for (const int64_t ahead : {3600, 365 * 86400}) {
        start_good();
        gate_.reset();
        asked_ = 0;
        restart_after("drop", -ahead);
        EXPECT_TRUE(await([&] { return asked_ == 1 && feed("drop").at("date") <= seconds_now(); }));
        expect_good("the same again");
    }
}

TEST_F(GateFetch, WhatCannotBeKeptIsInForceAndKeptLater)
{
    const std::string taken = file("state/fetched/feeds/drop.json");
    std::filesystem::create_directories(taken);  // no file gets this name
    configure_feed();
    start();
    EXPECT_THAT(next_event("feed-unkept"), HasSubstr("cannot be kept"));
    EXPECT_TRUE(await([&] { return feed("drop").at("state") == "unkept"; }));
    EXPECT_EQ(feed("drop").at("alarm"), true);
    EXPECT_EQ(feed("drop").at("entries"), 3);
    expect_good("in force all the same");
    std::filesystem::remove(taken);  // and nothing else happens
    EXPECT_TRUE(await([&] { return feed("drop").at("state") == "ok"; }));
    EXPECT_TRUE(std::filesystem::is_regular_file(taken));
    start();
    expect_good("after a restart");
}

TEST_F(GateFetch, Programs)
{
    write("list.sh", "#!/bin/sh\ncat " + file("list.txt") + "\n");
    // It runs as somebody else.
    for (const std::string& path : {folder_.path(), file("list.sh")})
        std::filesystem::permissions(path, std::filesystem::perms(0755));
    write("list.txt", kGood);
    configure("  - {name: drop, format: prefixes, class: bad, exec: [" + file("list.sh") + "]}\n");
    start();
    ASSERT_TRUE(await([&] { return class_of("2001:db8:bad::1") == "bad"; }));
    std::filesystem::remove(file("list.txt"));
    gate_->fetch("drop");
    EXPECT_THAT(next_event("feed-failed"), HasSubstr("exits with 1"));
    expect_good("a program that fails");
}

TEST_F(GateFetch, TlsWithAWrongNameAndLengths)
{
    const Certificate ca = make_certificate("test CA", "", nullptr);
    ca.write(file("ca.pem"), file("ca.key"));
    make_certificate("here", "IP:127.0.0.1", &ca).write(file("here.pem"), file("here.key"));
    make_certificate("else", "DNS:else.example", &ca).write(file("else.pem"), file("else.key"));
    Running<httplib::SSLServer> right(file("here.pem").c_str(), file("here.key").c_str());
    Running<httplib::SSLServer> wrong(file("else.pem").c_str(), file("else.key").c_str());
    for (httplib::SSLServer* server : {&right.server, &wrong.server}) {
        server->Get("/list", [](const auto&, auto& r) { r.set_content(kGood, "text/plain"); });
        server->Get("/lengths",
                    [](const auto&, auto& r) { r.set_content("2001:db8::/32,56,\n", "text/csv"); });
    }
    const auto with = [&](const std::string& list, const std::string& lengths) {
        configure("  - {name: drop, format: prefixes, class: bad, url: \"" + list +
                      "\", tls: {ca: ca.pem}}\n",
                  "aggregation:\n  feeds: [{name: isp, format: prefixlen, url: \"" + lengths +
                      "\", tls: {ca: ca.pem}}]\n");
    };
    with(wrong.url("/list"), right.url("/lengths"));
    start();
    EXPECT_THAT(next_event("feed-failed"), HasSubstr("127.0.0.1"));
    EXPECT_EQ(class_of("2001:db8:bad::1"), "unknown");
    const auto length = [&] {
        return gate_->explain(*parse_address("2001:db8::1")).at("view").at("end_site_length");
    };
    EXPECT_TRUE(await([&] { return length() == 56; }));
    with(right.url("/list"), wrong.url("/lengths"));
    gate_->reload();
    EXPECT_TRUE(await([&] { return class_of("2001:db8:bad::1") == "bad"; }));
    EXPECT_EQ(length(), 56);
    EXPECT_TRUE(await([&] { return feed("isp").at("state") == "failing"; }));
    EXPECT_EQ(feed("isp").at("entries"), 1);
}

}  // namespace
}  // namespace mxgate
