// SPDX-License-Identifier: BSD-2-Clause
// The process that reads lists: what it may do, and that its death costs nothing.
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <future>
#include <map>
#include <sstream>

#include "control/table/rules.h"
#include "control/worker/apart.h"
#include "control/worker/process.h"
#include "control/worker/sandbox.h"
#include "tests/unit/feed_gate.h"
#include "tests/unit/http_server.h"

namespace mxgate {
namespace {

using ::testing::HasSubstr;

// How a process ends that is confined for `task` and then does this: its exit code, or the signal
// with a minus.
int confined(Task task, const std::function<int()>& act)
{
    const pid_t child = ::fork();
    if (child == 0) {
        const rlimit no_core{0, 0};
        ::setrlimit(RLIMIT_CORE, &no_core);
        ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        confine(task);
        ::_exit(act());
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

// The error number of a call.
template <typename Call>
std::function<int()> error_of(Call call)
{
    return [=] { return call() < 0 ? errno : 0; };
}

const auto kSocket = [](int family) {
    return error_of([=] { return ::socket(family, SOCK_STREAM, 0); });
};
const auto kOpen = [](int flags) {
    return error_of([=] { return ::open("/etc/passwd", flags | O_CLOEXEC); });
};
const auto kFork = error_of([] {
    const pid_t child = static_cast<pid_t>(::syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
    if (child == 0)
        ::_exit(0);
    return child;
});
const auto kExec = error_of([] { return ::execl("/bin/true", "true", nullptr); });
const auto kBpf = error_of([] { return ::syscall(SYS_bpf, 0, nullptr, 0); });
const auto kTrace = error_of([] { return ::ptrace(PTRACE_TRACEME, 0, 0, 0); });
const auto kNewCode = error_of([] {
    void* memory = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? -1 : 0;
});

TEST(Sandbox, AForbiddenCallKills)
{
    EXPECT_EQ(confined(Task::compile, [] { return 7; }), 7);
    EXPECT_EQ(confined(Task::compile, kOpen(O_RDONLY)), EACCES);
    for (const auto& call :
         {kSocket(AF_INET), kSocket(AF_UNIX), kFork, kExec, kBpf, kTrace, kNewCode})
        EXPECT_EQ(confined(Task::compile, call), -SIGSYS);
    EXPECT_EQ(confined(Task::fetch, kOpen(O_RDONLY)), 0);
    EXPECT_EQ(confined(Task::fetch, kSocket(AF_INET6)), 0);
    EXPECT_EQ(confined(Task::fetch, kSocket(AF_UNIX)), EACCES);
    EXPECT_EQ(confined(Task::fetch, kNewCode), 0);  // libraries of name services
    for (const auto& call : {kSocket(AF_PACKET), kOpen(O_WRONLY), kOpen(O_RDONLY | O_CREAT), kFork,
                             kExec, kBpf, kTrace})
        EXPECT_EQ(confined(Task::fetch, call), -SIGSYS);
    EXPECT_EQ(confined(Task::program, kFork), 0);
    EXPECT_EQ(confined(Task::program, kExec), 0);
    EXPECT_EQ(confined(Task::program, kBpf), EPERM);
    EXPECT_EQ(confined(Task::program, kTrace), EPERM);
}

TEST(Sandbox, FilesThatMayBeRead)
{
    const std::set<std::string> files{"/lists", "/etc/mxgate/a.txt"};
    for (const char* path : {"/lists", "/lists/one", "/etc/mxgate/a.txt"})
        EXPECT_TRUE(may_read(path, files)) << path;
    for (const char* path : {"/etc/shadow", "/lists/..", "/lists/.", "/lists/", "/lists/../etc",
                             "/lists/deeper/one", "lists/one", "/etc/mxgate/b.txt", ""})
        EXPECT_FALSE(may_read(path, files)) << path;
}

TEST(SealedTable, IsVerified)
{
    reference::PolicyCase policy = reference::PolicyCase::from_yaml(
        "gate: {interfaces: [gate0], services: [{name: mx, addresses: [192.0.2.25]}]}\n");
    policy.add(policy.add_feed("drop", "bad", 0), "2001:db8::/32");
    const PolicyTable table = policy.compile(7);
    Fd sealed = sealed_table(table);
    EXPECT_LT(::pwrite(sealed.get(), "x", 1, 0), 0);
    EXPECT_LT(::ftruncate(sealed.get(), 0), 0);
    EXPECT_EQ(read_sealed_table(std::move(sealed)).info.generation, 7);
    const auto read_of = [&](const std::function<void(PolicyTable&)>& damage) {
        PolicyTable other = table;
        damage(other);
        try {
            read_sealed_table(sealed_table(other));
        } catch (const TableError& error) {
            return std::string(error.what());
        }
        return std::string();
    };
    EXPECT_EQ(read_of([](PolicyTable&) {}), "");
    EXPECT_THAT(read_of([](PolicyTable& t) { t.plane[1].word[0] ^= 1; }), HasSubstr("checksum"));
    EXPECT_THAT(read_of([](PolicyTable& t) { t.entries[0].class_id = 200; }),
                HasSubstr("an entry is damaged"));
    EXPECT_THAT(read_of([](PolicyTable& t) { t.entries[0].length = 129; }),
                HasSubstr("an entry is damaged"));
    EXPECT_THAT(read_of([](PolicyTable& t) { t.info.classes.pop_back(); }), HasSubstr("differ"));
    EXPECT_THAT(read_of([](PolicyTable& t) { t.info.default_length_ipv6 = 200; }),
                HasSubstr("default length"));
    Fd open_one(::memfd_create("test", MFD_ALLOW_SEALING));
    EXPECT_THROW(read_sealed_table(std::move(open_one)), TableError);
    Fd hollow(::memfd_create("test", MFD_ALLOW_SEALING));  // nothing, but 8 GiB to read
    ASSERT_EQ(::ftruncate(hollow.get(), 8LL << 30), 0);
    ::fcntl(hollow.get(), F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
    EXPECT_THROW(read_sealed_table(std::move(hollow)), TableError);
}

TEST(Rules, DifferInEveryPart)
{
    constexpr const char* kConfig =
        "gate: {interfaces: [gate0], services: [{name: mx, addresses: [192.0.2.25], ports: [25]}], "
        "replies: {rate: 10/s, burst: 5}}\n"
        "aggregation: {embedded: {nat64: [\"2001:db8:64::/96\"]}}\n"
        "sources: {levels: {ipv6: [48]}}\n"
        "classes:\n"
        "  good: {action: pass}\n"
        "  some: {action: limit, rate: 6/min, burst: 3, levels: {ipv6: {48: {rate: 60/min}}}}\n"
        "default_class: some\n";
    const auto made = [&](const std::string& from, const std::string& to) {
        std::string text = kConfig;
        if (!from.empty())
            text.replace(text.find(from), from.size(), to);
        const ConfigResult result = parse_config(text, "f");
        if (!result.config)
            throw std::runtime_error(to_string(result.diagnostics[0]));
        return empty_table(*result.config);
    };
    const PolicyTable table = made("", "");
    EXPECT_EQ(compare_rules(table, made("", "")), "");
    for (const auto& [from, to, what] : {
             std::tuple{"action: pass", "action: drop", "names"},
             std::tuple{"192.0.2.25", "192.0.2.26", "services"},
             std::tuple{"ports: [25]", "ports: [25, 587]", "services"},
             std::tuple{"64::/96", "65::/96", "embedded"},
             std::tuple{"rate: 10/s", "rate: 11/s", "answers"},
             std::tuple{"burst: 3", "burst: 4", "classes"},
             std::tuple{"rate: 60/min", "rate: 61/min", "classes"},
             std::tuple{"gate: {", "gate: {mode: monitor, ", "flags"},
         })
        EXPECT_THAT(compare_rules(table, made(from, to)), HasSubstr(what)) << to;
}

// Fields of /proc/PID/status.
std::map<std::string, std::string> status_of(pid_t pid)
{
    std::map<std::string, std::string> out;
    std::ifstream file("/proc/" + std::to_string(pid) + "/status");
    for (std::string line; std::getline(file, line);)
        if (const size_t colon = line.find(':'); colon != std::string::npos) {
            const size_t begin = line.find_first_not_of(" \t", colon + 1);
            out[line.substr(0, colon)] = begin == std::string::npos ? "" : line.substr(begin);
        }
    return out;
}

// The workers of this process that are confined, and what is known of them.
std::map<pid_t, std::map<std::string, std::string>> workers()
{
    std::map<pid_t, std::map<std::string, std::string>> out;
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator("/proc", ignored)) {
        const pid_t pid = std::atoi(entry.path().filename().c_str());
        auto status = pid > 0 ? status_of(pid) : std::map<std::string, std::string>();
        if (status["Name"] == "mxgate-worker" && status["PPid"] == std::to_string(::getpid()) &&
            status["Seccomp"] == "2" && !status["State"].starts_with('Z'))
            out.emplace(pid, std::move(status));
    }
    return out;
}

void expect_no_rights(std::map<std::string, std::string> status)
{
    for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapAmb"})
        EXPECT_EQ(status[set], "0000000000000000") << set;
    EXPECT_EQ(status["NoNewPrivs"], "1");
    EXPECT_EQ(status["Seccomp"], "2");
    if (::geteuid() != 0)
        return;
    for (const char* ids : {"Uid", "Gid"}) {
        std::istringstream all(status[ids]);
        for (unsigned id = 0; all >> id;)
            EXPECT_NE(id, 0) << ids;
    }
    EXPECT_EQ(status["Groups"], "");
}

class Worker : public FeedGate
{
protected:
    ~Worker() override { gate_.reset(); }

    // A list that takes a while to compile.
    void write_list(const std::string& first) const
    {
        std::string text = first + "\n";
        for (unsigned i = 0; i < 200'000; i++)
            text += fmt::format("2001:{:x}:{:x}::/48\n", 0x1000 + i / 50'000, i % 50'000);
        write("a.txt", text);
    }
    void start_with_list()
    {
        write_list("2001:db8:1::/48");
        configure("  - {name: a, format: prefixes, path: a.txt, class: bad}\n");
        start();
        ASSERT_EQ(class_of("2001:db8:1::1"), "bad");
        forget_events();
    }
};

TEST_F(Worker, HasNoRights)
{
    Running<httplib::Server> server;
    std::atomic<bool> asked = false;
    server.server.Get("/list", [&](const auto&, auto& response) {
        asked = true;
        while (!server.stopping)
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        response.set_content(kGood, "text/plain");
    });
    configure("  - {name: slow, format: prefixes, class: bad, url: \"" + server.url("/list") +
              "\"}\n");
    start();
    ASSERT_TRUE(await([&] { return asked.load(); }));
    const auto fetching = workers();
    ASSERT_EQ(fetching.size(), 1);
    expect_no_rights(fetching.begin()->second);
    ::kill(fetching.begin()->first, SIGKILL);
    EXPECT_THAT(next_event("feed-failed"), HasSubstr("died of signal 9 (KILL)"));
    EXPECT_EQ(feed("slow").at("state"), "failing");
    EXPECT_GT(feed("slow").at("next"), seconds_now());
    gate_.reset();
    EXPECT_TRUE(workers().empty());
}

// How many processes have this word on their command line.
size_t running(const std::string& word)
{
    size_t out = 0;
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator("/proc", ignored)) {
        std::ifstream file(entry.path() / "cmdline");
        const std::string line(std::istreambuf_iterator<char>(file), {});
        out += line.find('\0' + word + '\0') != std::string::npos;
    }
    return out;
}

TEST_F(Worker, TakesItsProgramWithIt)
{
    const std::string word = fmt::format("9{}.25", ::getpid());  // this test's own
    const std::string program = fmt::format("sleep {} & exec sleep {}", word, word);
    configure("  - {name: silent, format: prefixes, class: bad, exec: [/bin/sh, -c, \"" + program +
              "\"]}\n");
    start();
    ASSERT_TRUE(await([&] { return running(word) == 2; }));
    const auto fetching = workers();
    ASSERT_EQ(fetching.size(), 1);
    ::kill(fetching.begin()->first, SIGKILL);
    EXPECT_THAT(next_event("feed-failed"), HasSubstr("died of signal 9 (KILL)"));
    EXPECT_TRUE(await([&] { return running(word) == 0; }));
}

TEST_F(Worker, ItsDeathInACompileCostsNothing)
{
    start_with_list();
    const uint64_t before = generation();
    std::atomic<uint64_t> done = 0;
    auto reloads = std::async(std::launch::async, [&] {
        for (; done < 100; done++)
            gate_->reload();
    });
    while (reloads.wait_for(std::chrono::seconds(0)) != std::future_status::ready)
        for (const auto& [pid, status] : workers()) {
            expect_no_rights(status);
            ::kill(pid, SIGKILL);
        }
    EXPECT_THROW(reloads.get(), GateError);
    EXPECT_THAT(next_event("table-refused"), HasSubstr("died of signal 9 (KILL)"));
    EXPECT_EQ(generation(), before + done);
    EXPECT_EQ(class_of("2001:db8:1::1"), "bad");
    gate_->reload();
    EXPECT_EQ(generation(), before + done + 1);
}

TEST_F(Worker, IsStartedAgain)
{
    start_with_list();
    std::atomic<bool> killing = true;
    std::thread killer([&] {
        while (killing)
            for (const auto& [pid, status] : workers())
                ::kill(pid, SIGKILL);
    });
    write_list("2001:db8:2::/48");
    EXPECT_THAT(next_event("table-refused"), HasSubstr("died of signal 9 (KILL)"));
    EXPECT_EQ(class_of("2001:db8:1::1"), "bad");
    killing = false;
    killer.join();
    EXPECT_TRUE(await([&] { return class_of("2001:db8:2::1") == "bad"; }));
    EXPECT_EQ(class_of("2001:db8:1::1"), "unknown");
}

}  // namespace
}  // namespace mxgate
