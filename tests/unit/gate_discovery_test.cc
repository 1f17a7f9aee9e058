// SPDX-License-Identifier: BSD-2-Clause
// A gate that finds prefixlen files through registry objects, on a server of the test's own.
#include <fmt/format.h>

#include <map>
#include <mutex>

#include "tests/unit/certificate.h"
#include "tests/unit/feed_gate.h"
#include "tests/unit/http_server.h"

namespace mxgate {
namespace {

using httplib::Request;
using httplib::Response;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;

class GateDiscovery : public FeedGate
{
protected:
    GateDiscovery()
    {
        const Certificate ca = make_certificate("test CA", "", nullptr);
        ca.write(file("ca.pem"), file("ca.key"));
        make_certificate("here", "IP:127.0.0.1", &ca).write(file("here.pem"), file("here.key"));
        server_.emplace(file("here.pem").c_str(), file("here.key").c_str());
        server_->server.Get("/(.*)", [this](const Request& request, Response& response) {
            const std::lock_guard lock(mutex_);
            const std::string name = request.matches[1];
            asked_[name]++;
            const auto found = web_.find(name);
            const std::string etag = '"' + std::to_string(version_) + '"';
            response.set_header("ETag", etag);
            if (found == web_.end())
                response.status = 404;
            else if (request.get_header_value("If-None-Match") == etag)
                response.status = 304, unchanged_++;
            else
                response.set_content(found->second, "text/csv");
        });
    }
    ~GateDiscovery() override { gate_.reset(); }

    // What the server has from now on; no text: 404.
    void serve(const std::string& name, const std::optional<std::string>& text)
    {
        const std::lock_guard lock(mutex_);
        version_++;
        web_.erase(name);
        if (text)
            web_[name] = *text;
    }
    int asked(const std::string& name)
    {
        const std::lock_guard lock(mutex_);
        return asked_[name];
    }
    std::string url(const std::string& name) const { return server_->url("/" + name); }
    std::string object(const std::string& range, const std::string& attribute) const
    {
        return "inet6num: " + range + "\nstatus: ALLOCATED-BY-RIR\n" + attribute + "\n\n";
    }
    std::string named(const std::string& range, const std::string& file_name) const
    {
        return object(range, "prefixlen: " + url(file_name));
    }
    // `objects` is what the registry says.
    void start_with(const std::string& objects, const std::string& more = ", hosts: any")
    {
        write("objects", objects);
        configure("  - {name: drop, format: prefixes, class: bad, path: drop}\n",
                  "aggregation:\n"
                  "  feeds:\n"
                  "    - {name: isps, format: prefixlen, tls: {ca: ca.pem},\n"
                  "       discover: {objects: [ripe]" +
                      more +
                      "}}\n"
                      "    - {name: ripe, format: rpsl, path: objects, guard: {min_entries: 0}}\n");
        write("drop", kGood);
        start();
    }
    // A version is in force and nothing is under way.
    bool await_state(const std::string& state)
    {
        return await([&] { return feed("isps").at("state") == state; });
    }
    // Files are told apart by their time in seconds.
    static void await_next_second()
    {
        const int64_t now = seconds_now();
        await([&] { return seconds_now() > now; });
    }
    std::vector<SourceVersion> kept() const
    {
        return SourceVersions(file("state") + "/lengths").list("isps");
    }
    json view(const std::string& address)
    {
        return gate_->explain(*parse_address(address)).at("view");
    }
    int length(const std::string& address) { return view(address).at("end_site_length"); }
    bool await_length(const std::string& address, int wanted)
    {
        return await([&] { return length(address) == wanted; });
    }

    std::optional<Running<httplib::SSLServer>> server_;
    std::mutex mutex_;
    std::map<std::string, std::string> web_;
    std::map<std::string, int> asked_;
    int version_ = 0;
    std::atomic<int> unchanged_ = 0;
};

// The most specific object wins, entries outside the objects are refused and counted.
TEST_F(GateDiscovery, FilesOfObjects)
{
    serve("wide", "2001:db8::/32,56,\n2001:dbf::/32,48,\n");
    serve("near", "2001:db8:8000::/34,60,\n");
    start_with(named("2001:db8::/32", "wide") + named("2001:db8:8000::/34", "near") +
               object("2001:dbb::/32", "prefixlen: http://127.0.0.1/plain") +
               object("2001:dba::/32", "remarks: Prefixlen " + url("gone")));
    ASSERT_TRUE(await_length("2001:db8:1::1", 56));
    EXPECT_EQ(length("2001:db8:8000::1"), 60);
    EXPECT_EQ(length("2001:dbf::1"), 64);
    EXPECT_EQ(asked("plain"), 0);
    EXPECT_THAT(next_event("feed-failed"), AllOf(HasSubstr("1 of 3 files cannot be fetched"),
                                                 HasSubstr("gone"), HasSubstr("status 404")));
    ASSERT_TRUE(await_state("ok"));
    const json list = feed("isps");
    EXPECT_EQ(list.at("files"), 3);
    EXPECT_EQ(list.at("files_failing"), 1);
    EXPECT_EQ(list.at("entries"), 3);   // the /32 without the /34 is a /33 and a /34
    EXPECT_EQ(list.at("rejected"), 2);  // an entry outside, an object without https
    const json won = view("2001:db8:8000::1").at("lengths").at(0);
    EXPECT_EQ(won.at("file"), url("near"));
    EXPECT_EQ(won.at("source"), "isps");
    EXPECT_EQ(won.at("line"), 1);
    EXPECT_EQ(won.at("origin"), "prefixlen");
    // Without the server and its process all stays.
    server_->server.stop();
    start();
    EXPECT_EQ(length("2001:db8:8000::1"), 60);
    EXPECT_GT(feed("isps").at("next"), seconds_now() + 600);
}

TEST_F(GateDiscovery, FetchedConditionally)
{
    serve("a", "2001:db8::/32,56,\n");
    start_with(named("2001:db8::/32", "a"));
    ASSERT_TRUE(await_length("2001:db8::1", 56));
    ASSERT_TRUE(await_state("ok"));
    const uint64_t before = generation();
    gate_->fetch("isps");
    EXPECT_TRUE(await([&] { return unchanged_ == 1; }));
    EXPECT_TRUE(await([&] { return feed("isps").at("next") > seconds_now(); }));
    EXPECT_EQ(generation(), before);
    EXPECT_EQ(asked("a"), 2);
}

TEST_F(GateDiscovery, BadFilesKeepTheirLastGoodText)
{
    serve("a", "2001:db8::/32,56,\n");
    serve("b", "2001:dba::/32,48,\n");
    start_with(named("2001:db8::/32", "a") + named("2001:dba::/32", "b"));
    ASSERT_TRUE(await_length("2001:db8::1", 56));
    for (const std::string& bad :
         {std::string("<html>log in</html>"), std::string("never\na\nlist\n"),
          std::string("\x1f\x8b\x08\0nonsense", 12), std::string((4 << 20) + 1, '\n')}) {
        serve("a", "2001:db8::/32,56,\n");
        gate_->fetch("isps");
        EXPECT_TRUE(await([&] { return feed("isps").at("files_failing") == 0; }));
        forget_events();
        serve("a", bad);
        serve("b", "2001:dba::/32,52,\n");
        gate_->fetch("isps");
        EXPECT_THAT(next_event("feed-failed"), HasSubstr(url("a"))) << bad.substr(0, 20);
        EXPECT_TRUE(await_length("2001:dba::1", 52));  // the others go on
        EXPECT_EQ(length("2001:db8::1"), 56) << bad.substr(0, 20);
        EXPECT_EQ(feed("isps").at("files_failing"), 1);
        serve("b", "2001:dba::/32,48,\n");
    }
    serve("a", "2001:db8::/32,60,\n");
    gate_->fetch("isps");
    EXPECT_THAT(next_event("feed-recovered"), HasSubstr(url("a")));
    EXPECT_TRUE(await_length("2001:db8::1", 60));
}

// A text taken back stays away though another file changes, until its own file has another.
TEST_F(GateDiscovery, RollbackOfOneFileOutlivesOthersChanges)
{
    serve("a", "2001:db8::/32,56,\n");
    serve("b", "2001:dba::/32,48,\n");
    start_with(named("2001:db8::/32", "a") + named("2001:dba::/32", "b"));
    ASSERT_TRUE(await_length("2001:db8::1", 56));
    ASSERT_TRUE(await_state("ok"));
    const json first = feed("isps").at("file");
    serve("a", "2001:db8::/32,33,\n");
    gate_->fetch("isps");
    ASSERT_TRUE(await_length("2001:db8::1", 33));
    ASSERT_TRUE(await([&] { return kept().size() == 2 && feed("isps").at("file") != first; }));

    // As `mxgate lengths rollback isps` does.
    SourceVersions versions(file("state") + "/lengths");
    versions.roll_back("isps", feed("isps").at("file"));
    gate_->reload();
    EXPECT_EQ(length("2001:db8::1"), 56);
    EXPECT_EQ(feed("isps").at("state"), "rolled-back");
    for (const int other : {49, 50, 51, 52, 53, 54}) {  // more versions than are kept
        serve("b", "2001:dba::/32," + std::to_string(other) + ",\n");
        gate_->fetch("isps");
        ASSERT_TRUE(await_length("2001:dba::1", other));
        EXPECT_EQ(length("2001:db8::1"), 56) << other;
    }
    EXPECT_EQ(feed("isps").at("state"), "ok");
    serve("a", "2001:db8::/32,60,\n");
    gate_->fetch("isps");
    EXPECT_TRUE(await_length("2001:db8::1", 60));
    EXPECT_EQ(length("2001:dba::1"), 54);
}

TEST_F(GateDiscovery, UndoneRollback)
{
    serve("a", "2001:db8::/32,56,\n");
    start_with(named("2001:db8::/32", "a"));
    ASSERT_TRUE(await_length("2001:db8::1", 56));
    ASSERT_TRUE(await_state("ok"));
    const json first = feed("isps").at("file");
    serve("a", "2001:db8::/32,60,\n");
    gate_->fetch("isps");
    ASSERT_TRUE(await_length("2001:db8::1", 60));
    ASSERT_TRUE(await([&] { return kept().size() == 2 && feed("isps").at("file") != first; }));
    SourceVersions versions(file("state") + "/lengths");
    versions.roll_back("isps", feed("isps").at("file"));
    gate_->reload();
    gate_->fetch("isps");
    ASSERT_TRUE(await_state("ok"));
    EXPECT_EQ(length("2001:db8::1"), 56);
    versions.forget_refusals("isps");
    gate_->fetch("isps");
    EXPECT_TRUE(await_length("2001:db8::1", 60));
}

TEST_F(GateDiscovery, ChangedObjectsNameOtherFiles)
{
    serve("a", "2001:db8::/32,56,\n");
    serve("b", "2001:dba::/32,48,\n");
    const std::string first = named("2001:db8::/32", "a") + named("2001:dbb::/32", "gone");
    start_with(first);
    ASSERT_TRUE(await_length("2001:db8::1", 56));
    await_next_second();
    write("objects", first + named("2001:dba::/32", "b"));
    EXPECT_TRUE(await_length("2001:dba::1", 48));
    EXPECT_EQ(asked("a"), 1) << "it was not due";
    EXPECT_EQ(asked("gone"), 1) << "nor one that has failed a moment ago";
    await_next_second();
    write("objects", named("2001:dba::/32", "b"));
    EXPECT_TRUE(await_length("2001:db8::1", 64));
}

TEST_F(GateDiscovery, StrangersDoNotSendUsToOurOwnNetwork)
{
    serve("a", "2001:db8::/32,56,\n");
    start_with(named("2001:db8::/32", "a"), "");
    EXPECT_THAT(next_event("feed-failed"),
                HasSubstr("127.0.0.1 is no public address; nothing is fetched from there"));
    EXPECT_EQ(asked("a"), 0);
    EXPECT_EQ(length("2001:db8::1"), 64);
    EXPECT_EQ(feed("isps").at("state"), "failing");
}

TEST_F(GateDiscovery, NoMoreFilesThanAreAllowed)
{
    std::string objects = named("2001:dba::/32", "wide");
    for (int i = 0; i < 20; i++) {
        serve("f" + std::to_string(i), "2001:db8::/32,56,\n");
        objects += named(fmt::format("2001:db8:{:x}::/48", i), "f" + std::to_string(i));
    }
    serve("wide", "2001:dba::/32,48,\n");
    start_with(objects, ", hosts: any, files: 3");
    ASSERT_TRUE(await_length("2001:dba::1", 48));
    EXPECT_EQ(feed("isps").at("files"), 3);
    int fetched = 0;
    for (int i = 0; i < 20; i++)
        fetched += asked("f" + std::to_string(i));
    EXPECT_EQ(fetched, 2);
}

}  // namespace
}  // namespace mxgate
