// SPDX-License-Identifier: BSD-2-Clause
// A real gate on a real control socket: what docs/openapi.yaml says of it, garbage, and a crowd.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <yaml-cpp/yaml.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <thread>

#include "control/api/client.h"
#include "control/api/server.h"
#include "control/cli/verbs.h"
#include "control/gate/only_one.h"
#include "tests/reference/policy_case.h"

namespace mxgate {
namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;

// A gate of the DPDK plane, whose process is away: the whole of mxgated but for packets.
class Api : public ::testing::Test
{
protected:
    Api()
    {
        write("gate.yaml",
              "gate:\n"
              "  plane: dpdk\n"
              "  dpdk: {ports: [net_null0, net_null1]}\n"
              "  services: [{name: mx, addresses: [\"2001:db8:2::25\"]}]\n"
              "feeds: [{name: list, format: prefixes, path: list.txt, class: bad}]\n");
        write("list.txt", "2001:db8:bad::/48\n");
        gate_.start();
        api_ = serve_api(gate_, dir_);
        api_->open();
    }

    void write(const std::string& name, const std::string& text) const
    {
        std::ofstream(dir_ + "/" + name) << text;
    }
    json get(const std::string& path) const { return api_get(dir_, path); }

    // A connection of its own; -1 where it is refused.
    int connect() const
    {
        sockaddr_un at{};
        at.sun_family = AF_UNIX;
        socket_path(dir_).copy(at.sun_path, sizeof(at.sun_path) - 1);
        const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (::connect(fd, reinterpret_cast<const sockaddr*>(&at), sizeof(at)) == 0)
            return fd;
        ::close(fd);
        return -1;
    }

    // Sends `text`, or what of it finds room, and gives all of the answer.
    std::string ask(const std::string& text) const
    {
        const int fd = connect();
        EXPECT_GE(fd, 0);
        ::send(fd, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        ::shutdown(fd, SHUT_WR);
        std::string answer;
        char buffer[4096];
        for (ssize_t got; (got = ::recv(fd, buffer, sizeof(buffer), 0)) > 0;)
            answer.append(buffer, static_cast<size_t>(got));
        ::close(fd);
        return answer;
    }

    reference::TemporaryFolder folder_;
    std::string dir_ = folder_.path();
    Gate gate_{{dir_ + "/gate.yaml", dir_, dir_ + "/state", dir_ + "/pins"}};
    std::unique_ptr<HttpListener> api_;
};

// --- who is there

TEST_F(Api, OnlyWhereNobodyListensThereIsNoDaemon)
{
    api_.reset();
    EXPECT_THROW(get("/v1/status"), NotRunning);
    EXPECT_THROW(api_get(dir_ + "/nowhere", "/v1/status"), NotRunning);
    // One that listens and never answers, as when it is stopped half way.
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    socket_path(dir_).copy(at.sun_path, sizeof(at.sun_path) - 1);
    std::filesystem::remove(socket_path(dir_));
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ASSERT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&at), sizeof(at)), 0);
    ASSERT_EQ(::listen(fd, 8), 0);
    std::thread closer([&] {
        for (int peer; (peer = ::accept4(fd, nullptr, nullptr, SOCK_CLOEXEC)) >= 0;)
            ::close(peer);
    });
    try {
        api_post(dir_, "/v1/attach");
        ADD_FAILURE() << "nobody answered";
    } catch (const NotRunning& error) {
        ADD_FAILURE() << error.what();
    } catch (const NoDaemon&) {
    }
    ::shutdown(fd, SHUT_RDWR);  // ends accept4()
    closer.join();
    ::close(fd);
    std::filesystem::remove(socket_path(dir_));
    std::filesystem::create_symlink(socket_path(dir_), socket_path(dir_));  // cannot be asked
    try {
        get("/v1/status");
        ADD_FAILURE() << "nobody is there";
    } catch (const NotRunning& error) {
        ADD_FAILURE() << error.what();
    } catch (const NoDaemon&) {
    }
}

TEST_F(Api, WithoutAGateCountersSaySo)
{
    try {
        counters_without_daemon({"", dir_ + "/none", dir_ + "/none", dir_ + "/none"});
        ADD_FAILURE() << "there is none";
    } catch (const std::exception& error) {
        EXPECT_EQ(std::string(error.what()).find("table.mxg"), std::string::npos) << error.what();
    }
}

// Who may not look is not told that there is no gate.
TEST_F(Api, WithoutPermissionThereMayBeAGate)
{
    if (::geteuid() != 0)
        GTEST_SKIP() << "SKIP: another user's attempt needs root";
    std::filesystem::create_directories(dir_ + "/dpdk");
    const pid_t child = ::fork();
    if (child == 0) {  // nobody
        if (::setgid(65534) != 0 || ::setuid(65534) != 0)
            ::_exit(2);
        try {
            status_without_daemon({"", dir_, dir_ + "/state", dir_ + "/pins"});
        } catch (const std::exception& error) {
            const std::string text = error.what();
            std::fprintf(stderr, "%s\n", text.c_str());
            ::_exit(text.find("no gate") == std::string::npos &&
                            text.find("no state") == std::string::npos &&
                            text.find("a member of group mxgate") != std::string::npos
                        ? 0
                        : 1);
        }
        ::_exit(3);
    }
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
}

TEST_F(Api, AttachIsNoSecondPublisher)
{
    CliOptions options;
    options.run_dir = dir_;
    options.state_dir = dir_ + "/state";
    options.pin_dir = dir_ + "/pins";
    api_.reset();  // a daemon that is still reading its feeds: it has no socket yet
    const uint64_t before = gate_.status().at("table").at("generation");
    {
        const OnlyOne daemon(dir_, options.state_dir);
        EXPECT_THROW(attach(options, dir_ + "/gate.yaml", false), GateError);
        EXPECT_THROW(OnlyOne other(dir_, dir_ + "/other"), GateError);
        EXPECT_THROW(OnlyOne other(dir_ + "/other", options.state_dir), GateError);
    }
    EXPECT_EQ(read_table(table_path(options.state_dir)).info.generation, before);
    const OnlyOne next(dir_, options.state_dir);
}

// A path of a unix socket has at most 107 bytes.
TEST_F(Api, TheLongestRunDirectory)
{
    const std::string dir = dir_ + "/" + std::string(107 - 13 - dir_.size() - 1, 'r');
    ASSERT_EQ(socket_path(dir).size(), 107u);
    serve_api(gate_, dir)->open();
}

TEST_F(Api, AStartWithReadOnlyState)
{
    const std::string state = dir_ + "/state";
    bool tried = false;
    std::thread([&] {
        if (::unshare(CLONE_NEWNS) != 0 ||
            ::mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
            ::mount(state.c_str(), state.c_str(), nullptr, MS_BIND, nullptr) != 0 ||
            ::mount("", state.c_str(), nullptr, MS_BIND | MS_REMOUNT | MS_RDONLY, nullptr) != 0)
            return;
        tried = true;
        EXPECT_FALSE(std::ofstream(state + "/file").is_open());
        const OnlyOne only(dir_, state);
        EXPECT_THROW(OnlyOne other(dir_ + "/other", state), GateError);
    }).join();
    if (!tried)
        GTEST_SKIP() << "SKIP: mounts are refused";
}

// Neither what is in force nor what the next start would have changes before all that can fail has
// been done; and until then nobody finds the socket.
TEST_F(Api, AStartThatCannotListenChangesNothing)
{
    api_.reset();
    write("list.txt", "2001:db8:bad2::/48\n");
    const int other = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in at{AF_INET, 0, {htonl(INADDR_LOOPBACK)}, {}};
    socklen_t size = sizeof(at);
    ASSERT_EQ(::bind(other, reinterpret_cast<const sockaddr*>(&at), size), 0);
    ASSERT_EQ(::listen(other, 1), 0);
    ASSERT_EQ(::getsockname(other, reinterpret_cast<sockaddr*>(&at), &size), 0);
    const auto why_not = [&]() -> std::string {
        Gate next({dir_ + "/gate.yaml", dir_, dir_ + "/state", dir_ + "/pins"});
        std::unique_ptr<HttpListener> api, metrics;
        try {
            next.start(Gate::From::feeds, [&](const Config&) {
                api = serve_api(next, dir_);
                EXPECT_FALSE(std::filesystem::exists(socket_path(dir_)));
                metrics = serve_metrics(next, {"", "127.0.0.1", ntohs(at.sin_port)});
            });
        } catch (const GateError& error) {
            return error.what();
        }
        return {};
    };
    const auto generation = [&] { return read_table(table_path(dir_ + "/state")).info.generation; };
    EXPECT_EQ(why_not(), "cannot listen on 127.0.0.1 port " + std::to_string(ntohs(at.sin_port)) +
                             ": Address already in use");
    std::filesystem::create_directory(socket_path(dir_));
    EXPECT_EQ(why_not(), "cannot listen on " + socket_path(dir_) + ": Is a directory");
    EXPECT_EQ(generation(), 1u);
    std::filesystem::remove(socket_path(dir_));
    ::close(other);
    EXPECT_EQ(why_not(), "");
    EXPECT_EQ(generation(), 2u);
    EXPECT_FALSE(std::filesystem::exists(dir_ + "/control.soc~"));
}

// --- docs/openapi.yaml

YAML::Node page()
{
    return YAML::LoadFile(MXGATE_SOURCE_DIR "/docs/openapi.yaml");
}

// The schema itself, where it is a reference to one, or one that may be null.
YAML::Node resolved(const YAML::Node& all, const YAML::Node& schema)
{
    if (schema["allOf"])
        return resolved(all, schema["allOf"][0]);
    if (!schema["$ref"])
        return schema;
    const auto name = schema["$ref"].as<std::string>();
    return all["components"]["schemas"][name.substr(name.rfind('/') + 1)];
}

// Every field of `value` stands in the schema, with the type it has there.
void expect_described(const YAML::Node& all, const YAML::Node& reference, const json& value,
                      const std::string& where)
{
    const YAML::Node schema = resolved(all, reference);
    if (value.is_null()) {
        EXPECT_TRUE(reference["nullable"] && reference["nullable"].as<bool>()) << where;
        return;
    }
    const std::string type = schema["type"].as<std::string>("");
    EXPECT_TRUE(type == value.type_name() || (value.is_number_integer() && type == "integer") ||
                (value.is_number() && type == "number"))
        << where << " is " << value.type_name() << ", described as " << type;
    if (value.is_array())
        for (const json& item : value)
            expect_described(all, schema["items"], item, where + "[]");
    if (value.is_object() && !schema["additionalProperties"])
        for (const auto& [key, field] : value.items()) {
            ASSERT_TRUE(schema["properties"][key]) << where << "." << key << " is not described";
            expect_described(all, schema["properties"][key], field, where + "." + key);
        }
}

YAML::Node schema_of(const YAML::Node& all, const std::string& path, const std::string& method)
{
    return all["paths"][path][method]["responses"]["200"]["content"]["application/json"]["schema"];
}

TEST_F(Api, PageAndRoutesAreTheSame)
{
    std::set<std::string> described;
    const YAML::Node paths = page()["paths"];
    for (const auto& path : paths)
        for (const auto& method : path.second) {
            std::string name = method.first.as<std::string>();
            for (char& c : name)
                c = static_cast<char>(::toupper(c));
            described.insert(name + " " + path.first.as<std::string>());
        }
    const std::vector<std::string> routes = api_routes();
    EXPECT_EQ(described, std::set<std::string>(routes.begin(), routes.end()));
}

TEST_F(Api, AnswersAreAsDescribed)
{
    const YAML::Node all = page();
    const auto expect_get = [&](const std::string& path, const std::string& query) {
        expect_described(all, schema_of(all, path, "get"), get(path + query), path);
    };
    expect_get("/v1/status", "");
    expect_get("/v1/counters", "");
    expect_get("/v1/refused", "?limit=5");
    expect_get("/v1/watch", "");
    expect_get("/v1/watch", "?verdicts=7&limit=5");
    expect_get("/v1/feeds", "");
    expect_get("/v1/classes", "");
    expect_get("/v1/events", "?limit=5");
    expect_get("/v1/senders", "");
    expect_get("/v1/top", "?limit=5");
    expect_get("/v1/explain", "?address=2001:db8:bad::1");
    expect_get("/v1/explain", "?address=192.0.2.1");
    expect_get("/v1/explain", "?address=2002:c000:201::1");
    const auto expect_post = [&](const std::string& path, const Parameters& parameters) {
        expect_described(all, schema_of(all, path, "post"), api_post(dir_, path, parameters), path);
    };
    expect_post("/v1/reload", {});
    expect_post("/v1/attach", {});
    EXPECT_EQ(get("/v1/status").at("table").at("generation"), 2);
    expect_post("/v1/overrides", {{"prefix", "2001:db8:7::/48"}, {"action", "deny"}});
    expect_get("/v1/overrides", "");
    EXPECT_EQ(get("/v1/overrides").at("overrides").size(), 1u);
    expect_post("/v1/overrides/forget", {{"prefix", "2001:db8:7::/48"}});
    write("list.txt", "2001:db8:bad::/48\n2001:db8:bad2::/48\n");
    expect_post("/v1/reload", {});
    expect_post("/v1/feeds/rollback", {{"name", "list"}});
    EXPECT_EQ(get("/v1/explain?address=2001:db8:bad::1").at("class"), "bad");
}

TEST_F(Api, MistakesAreAnswered)
{
    EXPECT_TRUE(ask("GET /v1/explain?address=nobody HTTP/1.0\r\n\r\n").starts_with("HTTP/1.1 400"));
    EXPECT_TRUE(ask("GET /v1/refused?limit=-1 HTTP/1.0\r\n\r\n").starts_with("HTTP/1.1 400"));
    EXPECT_TRUE(ask("GET /v1/watch?verdicts=x HTTP/1.0\r\n\r\n").starts_with("HTTP/1.1 400"));
    EXPECT_TRUE(ask("GET /v1/nothing HTTP/1.0\r\n\r\n").starts_with("HTTP/1.1 404"));
    EXPECT_TRUE(ask("GET /v1/reload HTTP/1.0\r\n\r\n").starts_with("HTTP/1.1 404"));
    write("list.txt", "nonsense\n");
    const std::string refused = ask("POST /v1/reload HTTP/1.0\r\nContent-Length: 0\r\n\r\n");
    EXPECT_TRUE(refused.starts_with("HTTP/1.1 409")) << refused;
    EXPECT_NE(refused.find("list.txt"), std::string::npos) << refused;
}

// --- peers

TEST_F(Api, OtherUsersAreRefused)
{
    struct stat socket {
    };
    ASSERT_EQ(::stat(socket_path(dir_).c_str(), &socket), 0);
    EXPECT_EQ(socket.st_mode & 0777, 0660u);
    if (::geteuid() != 0)
        GTEST_SKIP() << "SKIP: another user's attempt needs root";
    ::chmod(dir_.c_str(), 0755);
    const pid_t child = ::fork();
    if (child == 0) {  // nobody
        if (::setgid(65534) != 0 || ::setuid(65534) != 0)
            ::_exit(2);
        ::_exit(connect() < 0 && errno != ENOENT ? 0 : 1);
    }
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    EXPECT_GE(connect(), 0);
}

TEST_F(Api, SurvivesGarbage)
{
    std::mt19937 random(7);
    const std::string requests[] = {
        "GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /v1/explain?address=2001:db8::1&address=%zz HTTP/1.1\r\nRange: bytes=0-1\r\n\r\n",
        "POST /v1/attach HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "POST /v1/attach HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n"};
    for (int round = 0; round < 400; round++) {
        std::string text = requests[random() % 4];
        for (unsigned i = random() % 8; i > 0; i--)
            text[random() % text.size()] = static_cast<char>(random());
        ask(text.substr(0, random() % (text.size() + 1)));
        if (round % 50 == 0)
            ask(std::string(1 << 18, static_cast<char>(random())));
    }
    EXPECT_EQ(get("/v1/status").at("plane"), "dpdk");
}

// 1,000 clients at once: some ask, some say nothing, some stop half way. Publishing goes on beside
// them, and each who asks is answered.
TEST_F(Api, AThousandClientsDoNotHoldUpPublishing)
{
    constexpr int kClients = 1000;
    rlimit files{};
    ::getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
    std::vector<int> clients;
    const std::string whole = "GET /v1/counters HTTP/1.1\r\nHost: x\r\n\r\n";
    std::atomic<bool> connected = false;
    std::thread crowd([&] {
        for (int i = 0; i < kClients; i++) {
            clients.push_back(connect());
            const size_t part = i % 4 == 0 ? 0 : i % 4 == 1 ? whole.size() / 2 : whole.size();
            ::send(clients.back(), whole.data(), part, MSG_NOSIGNAL);
        }
        connected = true;
    });
    std::chrono::duration<double> slowest{};
    int reloads = 0;
    while (!connected || reloads < 10) {
        const auto before = Clock::now();
        gate_.reload();
        slowest = std::max<std::chrono::duration<double>>(slowest, Clock::now() - before);
        reloads++;
    }
    crowd.join();
    EXPECT_LT(slowest.count(), 5.0) << "the slowest of " << reloads << " reloads";
    int answered = 0;
    for (int i = 0; i < kClients; i++) {
        ASSERT_GE(clients[i], 0) << "client " << i << " was turned away";
        char first[15] = {};
        pollfd watch{clients[i], POLLIN, 0};
        ASSERT_EQ(::poll(&watch, 1, 60'000), 1) << "client " << i << " hears nothing";
        if (::recv(clients[i], first, sizeof(first), 0) > 0)
            answered += std::string(first, 12) == "HTTP/1.1 200";
        ::close(clients[i]);
    }
    EXPECT_EQ(answered, kClients / 2);
    EXPECT_EQ(get("/v1/status").at("failed_reloads"), 0);
}

}  // namespace
}  // namespace mxgate
