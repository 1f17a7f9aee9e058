// SPDX-License-Identifier: BSD-2-Clause
// Fetching from a real server on this host, well-behaved and not.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "control/config/text.h"
#include "control/fetch/http.h"
#include "tests/unit/certificate.h"
#include "tests/unit/http_server.h"

namespace mxgate {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using State = FetchResult::State;

class Fetch : public ::testing::Test
{
protected:
    Fetch()
    {
        folder_ = ::testing::TempDir() + "/mxgate_fetch_" + std::to_string(getpid());
        std::filesystem::create_directories(folder_);
    }
    ~Fetch() override { std::filesystem::remove_all(folder_); }

    FetchResult fetch(HttpOptions options, const Validators& known = {},
                      const std::atomic<bool>* cancel = nullptr)
    {
        const std::string path = folder_ + "/body";
        const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        const FetchResult result = fetch_http(options, known, fd, cancel);
        ::close(fd);
        read_file(path, 1 << 30, body_);
        return result;
    }
    FetchResult fetch(const std::string& url)
    {
        HttpOptions options;
        options.url = url;
        return fetch(options);
    }

    std::string folder_, body_;
};

TEST_F(Fetch, FreshThenUnchanged)
{
    Running<httplib::Server> plain;
    plain.server.Get("/list", [](const httplib::Request& request, httplib::Response& response) {
        response.set_header("ETag", "\"v1\"");
        response.set_header("Last-Modified", "Thu, 20 Aug 2026 12:53:45 GMT");
        if (request.get_header_value("If-None-Match") == "\"v1\"" &&
            request.get_header_value("If-Modified-Since") == "Thu, 20 Aug 2026 12:53:45 GMT")
            response.status = 304;
        else
            response.set_content("192.0.2.0/24\n", "text/plain");
    });
    const FetchResult fresh = fetch(plain.url("/list"));
    EXPECT_EQ(fresh.error, "");
    ASSERT_EQ(fresh.state, State::fresh);
    EXPECT_EQ(body_, "192.0.2.0/24\n");
    EXPECT_EQ(fresh.validators, (Validators{"\"v1\"", "Thu, 20 Aug 2026 12:53:45 GMT"}));
    HttpOptions options;
    options.url = plain.url("/list");
    EXPECT_EQ(fetch(options, fresh.validators).state, State::unchanged);
    EXPECT_EQ(body_, "");
    EXPECT_EQ(fetch(options, {"\"v0\"", ""}).state, State::fresh);
    // What a state folder holds must not become headers of its own.
    EXPECT_EQ(fetch(options, {"x\r\nIf-None-Match: \"v1\"", ""}).state, State::fresh);
}

TEST_F(Fetch, ServersThatFail)
{
    Running<httplib::Server> plain;
    httplib::Server& server = plain.server;
    server.Get("/500", [](const auto&, auto& response) { response.status = 500; });
    server.Get("/429", [](const auto&, auto& response) {
        response.status = 429;
        response.set_header("Retry-After", "7200");
    });
    server.Get("/304", [](const auto&, auto& response) { response.status = 304; });
    server.Get("/page", [](const auto&, auto& response) {
        response.set_content("<html>please log in</html>", "text/html; charset=utf-8");
    });
    server.Get("/cut", [](const auto&, auto& response) {
        response.set_content_provider(1000, "text/plain",
                                      [](size_t offset, size_t, httplib::DataSink& sink) {
                                          if (offset > 0)
                                              return false;
                                          sink.write("192.0.2.0/24\n", 13);
                                          return true;
                                      });
    });
    EXPECT_EQ(fetch(plain.url("/500")).error, "the server answers with status 500");
    EXPECT_EQ(fetch(plain.url("/nowhere")).error, "the server answers with status 404");
    const FetchResult busy = fetch(plain.url("/429"));
    EXPECT_EQ(busy.state, State::failed);
    EXPECT_EQ(busy.retry_after, std::chrono::seconds(7200));
    EXPECT_EQ(fetch(plain.url("/304")).error, "the server answers with status 304");
    EXPECT_EQ(fetch(plain.url("/page")).error,
              "the server sent a web page (text/html), not a list");
    const FetchResult cut = fetch(plain.url("/cut"));
    EXPECT_EQ(cut.state, State::failed);
    EXPECT_THAT(cut.error, HasSubstr("bytes remaining to read"));
    EXPECT_EQ(fetch("http://127.0.0.1:1/").state, State::failed);
}

TEST_F(Fetch, LimitsOfSizeAndTime)
{
    Running<httplib::Server> plain;
    const auto endless = [&plain](size_t bytes, std::chrono::milliseconds pause) {
        return [&plain, bytes, pause](const auto&, httplib::Response& response) {
            response.set_chunked_content_provider(
                "text/plain", [&plain, bytes, pause](size_t, httplib::DataSink& sink) {
                    const std::string block(bytes, '\n');
                    std::this_thread::sleep_for(pause);
                    return !plain.stopping && sink.write(block.data(), block.size());
                });
        };
    };
    plain.server.Get("/endless", endless(65536, std::chrono::milliseconds(0)));
    plain.server.Get("/slow", endless(1, std::chrono::milliseconds(20)));
    plain.server.Get("/large", [](const auto&, auto& response) {
        response.set_content(std::string(2000, 'x'), "text/plain");
    });
    HttpOptions options;
    options.max_bytes = 1000;
    options.url = plain.url("/large");
    EXPECT_EQ(fetch(options).error, "larger than 1000 bytes");
    options.max_bytes = 2000;
    EXPECT_EQ(fetch(options).state, State::fresh);
    options.max_bytes = 1 << 20;
    options.url = plain.url("/endless");
    EXPECT_EQ(fetch(options).error, "larger than 1048576 bytes");
    options.total_timeout = std::chrono::milliseconds(300);
    options.url = plain.url("/slow");
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_THAT(fetch(options).error, HasSubstr("timed out"));
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
    options.total_timeout = std::chrono::seconds(60);
    std::atomic<bool> cancel = true;
    EXPECT_EQ(fetch(options, {}, &cancel).error, "cancelled");
}

TEST_F(Fetch, RedirectionsAndSchemes)
{
    Running<httplib::Server> plain;
    plain.server.Get("/list", [](const auto&, auto& response) {
        response.set_header("ETag", "\"new\"");
        response.set_content("192.0.2.0/24\n", "text/plain");
    });
    plain.server.Get("/moved", [](const auto&, auto& response) {
        response.set_header("ETag", "\"old\"");
        response.set_redirect("/list");
    });
    plain.server.Get("/loop", [](const auto&, auto& response) { response.set_redirect("/loop"); });
    plain.server.Get("/file", [](const auto&, auto& response) {
        response.set_redirect("file:///etc/hostname");
    });
    EXPECT_EQ(fetch(plain.url("/moved")).validators.etag, "\"new\"");
    EXPECT_THAT(fetch(plain.url("/loop")).error, HasSubstr("redirects"));
    EXPECT_THAT(fetch(plain.url("/file")).error, HasSubstr("not supported or disabled"));
    for (const char* url :
         {"file:///etc/hostname", "ftp://127.0.0.1/", "gopher://127.0.0.1/", "", "no url"})
        EXPECT_EQ(fetch(url).state, State::failed) << url;
    EXPECT_EQ(body_, "");
}

TEST_F(Fetch, ThroughAProxy)
{
    Running<httplib::Server> proxy;
    proxy.server.Get(".*", [](const httplib::Request& request, httplib::Response& response) {
        response.set_content(request.path + " for " + request.get_header_value("Host"),
                             "text/plain");
    });
    HttpOptions options;
    options.url = "http://list.invalid/drop";
    options.proxy = proxy.url("");
    EXPECT_EQ(fetch(options).error, "");
    EXPECT_THAT(body_, HasSubstr("list.invalid"));
    options.proxy.clear();
    ::setenv("http_proxy", proxy.url("").c_str(), 1);
    EXPECT_EQ(fetch(options).state, State::failed);  // the environment has no say
    ::unsetenv("http_proxy");
}

class FetchTls : public Fetch
{
protected:
    FetchTls()
    {
        ca_.write(file("ca.pem"), file("ca.key"));
        other_.write(file("other.pem"), file("other.key"));
        make_certificate("here", "DNS:localhost,IP:127.0.0.1", &ca_)
            .write(file("server.pem"), file("server.key"));
        make_certificate("elsewhere", "DNS:elsewhere.example", &ca_)
            .write(file("wrong.pem"), file("wrong.key"));
        make_certificate("gate", "", &ca_).write(file("client.pem"), file("client.key"));
    }
    std::string file(const std::string& name) const { return folder_ + "/" + name; }
    HttpOptions trusting(const std::string& url) const
    {
        HttpOptions options;
        options.url = url;
        options.ca_file = file("ca.pem");
        return options;
    }
    static void serve(httplib::SSLServer& server)
    {
        server.Get("/list", [](const auto&, auto& response) {
            response.set_content("192.0.2.0/24\n", "text/plain");
        });
    }

    const Certificate ca_ = make_certificate("test CA", "", nullptr);
    const Certificate other_ = make_certificate("other CA", "", nullptr);
};

TEST_F(FetchTls, CertificatesAreChecked)
{
    Running<httplib::SSLServer> good(file("server.pem").c_str(), file("server.key").c_str());
    Running<httplib::SSLServer> wrong(file("wrong.pem").c_str(), file("wrong.key").c_str());
    serve(good.server);
    serve(wrong.server);
    EXPECT_EQ(fetch(trusting(good.url("/list"))).error, "");
    EXPECT_EQ(fetch(trusting(good.url("/list", "localhost"))).state, State::fresh);
    EXPECT_THAT(fetch(trusting(wrong.url("/list"))).error, HasSubstr("127.0.0.1"));
    HttpOptions options = trusting(good.url("/list"));
    options.ca_file = file("other.pem");
    EXPECT_THAT(fetch(options).error, HasSubstr("certificate"));
    options.ca_file.clear();
    EXPECT_THAT(fetch(options).error, HasSubstr("certificate"));
    EXPECT_EQ(body_, "");
}

TEST_F(FetchTls, ClientCertificates)
{
    Running<httplib::SSLServer> strict(file("server.pem").c_str(), file("server.key").c_str(),
                                       file("ca.pem").c_str());
    serve(strict.server);
    HttpOptions options = trusting(strict.url("/list"));
    EXPECT_EQ(fetch(options).state, State::failed);
    options.client_certificate = file("client.pem");
    options.client_key = file("client.key");
    EXPECT_EQ(fetch(options).error, "");
    options.client_key = file("other.key");
    EXPECT_EQ(fetch(options).state, State::failed);
}

TEST_F(FetchTls, NeverFromHttpsToHttp)
{
    Running<httplib::Server> plain;
    plain.server.Get("/list", [](const auto&, auto& response) {
        response.set_content("192.0.2.0/24\n", "text/plain");
    });
    Running<httplib::SSLServer> secure(file("server.pem").c_str(), file("server.key").c_str());
    serve(secure.server);
    secure.server.Get(
        "/down", [&](const auto&, auto& response) { response.set_redirect(plain.url("/list")); });
    plain.server.Get(
        "/up", [&](const auto&, auto& response) { response.set_redirect(secure.url("/list")); });
    EXPECT_THAT(fetch(trusting(secure.url("/down"))).error, HasSubstr("not supported or disabled"));
    EXPECT_EQ(body_, "");
    EXPECT_EQ(fetch(trusting(plain.url("/up"))).state, State::fresh);
}

}  // namespace
}  // namespace mxgate
