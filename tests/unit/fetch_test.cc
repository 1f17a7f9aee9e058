// SPDX-License-Identifier: BSD-2-Clause
// When to fetch, programs whose output is a feed, and where versions are kept.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "control/config/text.h"
#include "control/fetch/program.h"
#include "control/fetch/schedule.h"
#include "control/fetch/store.h"
#include "control/fetch/write_all.h"

namespace mxgate {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::StartsWith;
namespace fs = std::filesystem;

TEST(FetchSchedule, DoublesUpToTheRefreshAndNeverBelowTheMinimum)
{
    const FetchSchedule schedule{seconds(12 * 3600), seconds(900)};
    EXPECT_EQ(wait_before_next(schedule, 0, seconds(0), 0), seconds(12 * 3600));
    EXPECT_EQ(wait_before_next(schedule, 1, seconds(0), 0), seconds(1800));
    EXPECT_EQ(wait_before_next(schedule, 2, seconds(0), 0), seconds(3600));
    EXPECT_EQ(wait_before_next(schedule, 3, seconds(0), 0), seconds(7200));
    EXPECT_EQ(wait_before_next(schedule, 4'000'000'000, seconds(0), 0), seconds(12 * 3600));
    EXPECT_EQ(wait_before_next({seconds(1), seconds(900)}, 0, seconds(0), 0.9), seconds(900));
    EXPECT_EQ(wait_before_next(schedule, 1, seconds(86400), 0.5), seconds(86400));
    for (unsigned failures = 0; failures < 20; failures++) {
        seconds before = seconds::max();
        for (const double random : {0.0, 0.25, 0.5, 0.999999}) {
            const seconds full = wait_before_next(schedule, failures, seconds(0), 0);
            const seconds wait = wait_before_next(schedule, failures, seconds(0), random);
            EXPECT_GE(wait, schedule.minimum);
            EXPECT_GE(wait.count() * 10, full.count() * (failures > 0 ? 5 : 9));
            EXPECT_LE(wait, before);
            before = wait;
        }
    }
}

TEST(FetchSchedule, AClockThatWasSetBackKeepsNothingWaiting)
{
    const seconds refresh(12 * 3600);
    const int64_t now = 1'800'000'000, week = 7 * 86400;
    EXPECT_TRUE(is_due(0, now, refresh));
    EXPECT_TRUE(is_due(now, now, refresh));
    EXPECT_FALSE(is_due(now + 1, now, refresh));
    EXPECT_FALSE(is_due(now + week, now, refresh)) << "a server may ask for that";
    EXPECT_TRUE(is_due(now + week + 1, now, refresh));
    EXPECT_FALSE(is_due(now + 2 * week, now, seconds(2 * week)));
    EXPECT_TRUE(is_due(now + 2 * week + 1, now, seconds(2 * week)));
}

class Folder : public ::testing::Test
{
protected:
    Folder() : folder_(::testing::TempDir() + "/mxgate_store_" + std::to_string(getpid()))
    {
        fs::remove_all(folder_);
        fs::create_directories(folder_);
    }
    ~Folder() override { fs::remove_all(folder_); }

    const std::string folder_;
};

class Program : public Folder
{
protected:
    std::optional<std::string> run(ProgramOptions options,
                                   const std::atomic<bool>* cancel = nullptr)
    {
        const std::string path = folder_ + "/output";
        const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        auto failure = run_program(options, fd, cancel);
        ::close(fd);
        read_file(path, 1 << 30, output_);
        return failure;
    }
    std::optional<std::string> shell(const std::string& script)
    {
        ProgramOptions options;
        options.argv = {"/bin/sh", "-c", script};
        return run(options);
    }

    std::string output_;
};

TEST_F(Program, OutputIsTheFeed)
{
    ProgramOptions options;
    options.argv = {"/bin/echo", "192.0.2.0/24", "$HOME; `id`"};
    EXPECT_EQ(run(options), std::nullopt);
    EXPECT_EQ(output_, "192.0.2.0/24 $HOME; `id`\n");
    EXPECT_EQ(shell("yes 192.0.2.1 | head -n 200000; echo noise >&2"), std::nullopt);
    EXPECT_EQ(output_.size(), 200'000u * 10);
    // Nothing of ours leaks into it: no file, no variable, no input.
    const int leak = ::open("/dev/null", O_RDONLY);
    EXPECT_EQ(shell("ls /proc/self/fd | wc -l; env | grep -v -e PWD -e '^_' -e SHLVL; cat"),
              std::nullopt);
    ::close(leak);
    EXPECT_THAT(output_, StartsWith("4\nPATH="));
    EXPECT_EQ(std::count(output_.begin(), output_.end(), '\n'), 2);
}

TEST_F(Program, Failures)
{
    EXPECT_EQ(shell("echo 192.0.2.1; echo no network >&2; exit 3"),
              "exits with 3: `no network\\x0a`");
    EXPECT_EQ(shell("kill -9 $$"), "dies of signal 9");
    ProgramOptions options;
    options.argv = {"/nowhere/program"};
    EXPECT_EQ(run(options), "/nowhere/program: No such file or directory");
    options.argv = {"echo"};
    EXPECT_EQ(run(options), "the program is not given by an absolute path");
    options.argv = {"/usr/bin/yes"};
    options.max_bytes = 1 << 20;
    EXPECT_EQ(run(options), "writes more than 1048576 bytes");
}

TEST_F(Program, WhatTakesTooLongIsKilledWithItsChildren)
{
    ProgramOptions options;
    options.timeout = std::chrono::milliseconds(300);
    const std::string pids = folder_ + "/pid";
    for (const char* script : {"sleep 100 & echo $! > ", "exec >&-; sleep 100 & echo $! > "}) {
        options.argv = {"/bin/sh", "-c", script + pids + "; wait"};
        const auto begin = std::chrono::steady_clock::now();
        EXPECT_EQ(run(options), "takes longer than 300 ms");
        EXPECT_LT(std::chrono::steady_clock::now() - begin, seconds(20));
        pid_t child = 0;
        std::ifstream(pids) >> child;
        ASSERT_GT(child, 0);
        // It dies when it gets a processor, and whoever adopts it may reap it late.
        const auto is_dead = [child] {
            std::string state;
            read_file("/proc/" + std::to_string(child) + "/stat", 1000, state);
            return state.empty() || state.find(") Z") != std::string::npos ||
                   state.find(") X") != std::string::npos;
        };
        for (int i = 0; i < 1000 && !is_dead(); i++)
            ::usleep(10'000);
        EXPECT_TRUE(is_dead());
    }
    std::atomic<bool> cancel = true;
    EXPECT_EQ(run(options, &cancel), "cancelled");
}

class Store : public Folder
{
protected:
    void commit(const FeedStore& store, const std::string& text, const std::string& etag)
    {
        FeedStore::Candidate candidate = store.begin("drop");
        ASSERT_EQ(write_all(candidate.fd(), text), std::nullopt);
        store.commit("drop", candidate, {"", "https://x/", {etag, "then"}, 7});
    }
    size_t versions() const
    {
        size_t count = 0;
        for (const auto& entry : fs::directory_iterator(folder_))
            count += entry.path().filename().string().find(".version-") != std::string::npos;
        return count;
    }
};

TEST_F(Store, KeepsTheLastGoodCopy)
{
    const FeedStore store(folder_);
    EXPECT_FALSE(store.last_good("drop", "https://x/"));
    commit(store, "one\n", "1");
    commit(store, "two\n", "2");
    {
        const FeedStore::Candidate refused = store.begin("drop");
        write_all(refused.fd(), "worse\n");
        EXPECT_EQ(versions(), 2u);
    }
    EXPECT_EQ(versions(), 1u);
    const auto copy = FeedStore(folder_).last_good("drop", "https://x/");
    ASSERT_TRUE(copy);
    EXPECT_EQ(copy->validators, (Validators{"2", "then"}));
    EXPECT_EQ(copy->fetched, 7);
    std::string text;
    EXPECT_EQ(read_file(copy->path, 100, text), std::nullopt);
    EXPECT_EQ(text, "two\n");
    store.confirm("drop", *copy, 9);
    EXPECT_EQ(store.last_good("drop", "https://x/")->fetched, 9);
    EXPECT_EQ(store.last_good("drop", "https://x/")->path, copy->path);
    EXPECT_FALSE(store.last_good("drop", "https://y/"));  // a list from elsewhere is another list
}

TEST_F(Store, DamageIsNoCopy)
{
    const FeedStore store(folder_);
    for (const char* text : {"", "{", "[]", "{\"version\": 7}",
                             "{\"version\": \"../../etc/passwd\", \"source\": \"https://x/\", "
                             "\"etag\": \"\", \"last_modified\": \"\", \"fetched\": 1}"}) {
        std::ofstream(folder_ + "/drop.json") << text;
        EXPECT_FALSE(store.last_good("drop", "https://x/")) << text;
    }
    commit(store, "one\n", "1");
    fs::remove(store.last_good("drop", "https://x/")->path);
    EXPECT_FALSE(store.last_good("drop", "https://x/"));
}

// Killed at any moment, a writer leaves bytes and validators that belong together.
TEST_F(Store, KillsLeaveACopyThatAgrees)
{
    const FeedStore store(folder_);
    commit(store, "0", "0");
    for (int round = 0; round < 25; round++) {
        const pid_t child = ::fork();
        ASSERT_GE(child, 0);
        if (child == 0) {
            for (int i = 0;; i++)
                commit(store, std::to_string(i), std::to_string(i));
        }
        ::usleep(static_cast<useconds_t>(500 + round * 431));
        ::kill(child, SIGKILL);
        ::waitpid(child, nullptr, 0);
        const auto copy = store.last_good("drop", "https://x/");
        ASSERT_TRUE(copy);
        std::string text;
        ASSERT_EQ(read_file(copy->path, 100, text), std::nullopt);
        ASSERT_EQ(text, copy->validators.etag);
    }
    commit(store, "end", "end");
    EXPECT_EQ(versions(), 1u);
}

TEST_F(Store, OneFetchAtATime)
{
    const FeedStore store(folder_);
    auto lock = store.try_lock("drop");
    ASSERT_TRUE(lock);
    EXPECT_FALSE(store.try_lock("drop"));
    EXPECT_FALSE(FeedStore(folder_).try_lock("drop"));
    EXPECT_TRUE(store.try_lock("other"));
    lock.reset();
    EXPECT_TRUE(store.try_lock("drop"));
}

}  // namespace
}  // namespace mxgate
