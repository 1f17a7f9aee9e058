// SPDX-License-Identifier: BSD-2-Clause
#include "control/fetch/program.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "control/config/text.h"
#include "control/fetch/write_all.h"

namespace mxgate {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kErrorsKept = 512;
constexpr int kPollMs = 100;  // how soon a cancellation is seen

class Pipe
{
public:
    Pipe() { ok_ = ::pipe2(ends_.data(), O_CLOEXEC) == 0; }
    ~Pipe()
    {
        close_end(0);
        close_end(1);
    }
    Pipe(const Pipe&) = delete;
    Pipe& operator=(const Pipe&) = delete;

    bool ok() const { return ok_; }
    int end(size_t which) const { return ends_[which]; }
    void close_end(size_t which)
    {
        if (ends_[which] >= 0)
            ::close(ends_[which]);
        ends_[which] = -1;
    }

private:
    std::array<int, 2> ends_{-1, -1};
    bool ok_ = false;
};

// The first of a program's process group: a process that waits for the end of this one, killed as
// it may be, and then kills the group.
class Group
{
public:
    Group()
    {
        pid_ = alive_.ok() ? ::fork() : -1;
        if (pid_ == 0)
            watch();
        if (pid_ > 0)
            ::setpgid(pid_, pid_);  // before anybody joins
    }
    ~Group()
    {
        end();
        int status = 0;
        while (pid_ > 0 && ::waitpid(pid_, &status, 0) < 0 && errno == EINTR)
            ;
    }
    Group(const Group&) = delete;
    Group& operator=(const Group&) = delete;

    bool ok() const { return pid_ > 0; }
    pid_t id() const { return pid_; }
    void end() const
    {
        if (pid_ > 0)
            ::kill(-pid_, SIGKILL);
    }

private:
    // Other threads may have held locks: nothing but system calls from here on.
    [[noreturn]] void watch() const
    {
        ::setpgid(0, 0);
        ::dup2(alive_.end(0), 0);
        ::close_range(1, ~0U, 0);
        char unused;
        while (::read(0, &unused, 1) < 0 && errno == EINTR)
            ;
        ::kill(-::getpid(), SIGKILL);
        ::_exit(0);
    }

    Pipe alive_;
    pid_t pid_ = -1;
};

// The error number, 0 if it runs.
int start(const ProgramOptions& options, const Group& group, const Pipe& output, const Pipe& errors,
          pid_t& pid)
{
    std::vector<char*> argv;
    for (const std::string& word : options.argv)
        argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    char* environment[] = {path, nullptr};
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, output.end(1), 1);
    posix_spawn_file_actions_adddup2(&files, errors.end(1), 2);
    posix_spawn_file_actions_addclosefrom_np(&files, 3);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t none;
    sigemptyset(&none);
    sigset_t standard;
    sigfillset(&standard);
    posix_spawnattr_setpgroup(&attributes, group.id());
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &standard);
    posix_spawnattr_setflags(
        &attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    const int error = posix_spawn(&pid, argv[0], &files, &attributes, argv.data(), environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    return error;
}

// Takes both outputs until they end; the reason to stop the program earlier.
class Reader
{
public:
    Reader(const ProgramOptions& options, Pipe& output, Pipe& errors, int fd,
           const std::atomic<bool>* cancel)
        : options_(options), output_(output), errors_(errors), fd_(fd), cancel_(cancel)
    {
    }

    std::optional<std::string> read()
    {
        const auto end = Clock::now() + options_.timeout;
        while (output_.end(0) >= 0) {
            if (cancel_ != nullptr && *cancel_)
                return "cancelled";
            if (Clock::now() >= end)
                return fmt::format("takes longer than {} ms", options_.timeout.count());
            // An end of -1 is not looked at.
            pollfd both[] = {{output_.end(0), POLLIN, 0}, {errors_.end(0), POLLIN, 0}};
            if (::poll(both, 2, kPollMs) < 0 && errno != EINTR)
                return std::strerror(errno);
            if (both[1].revents != 0)
                take_errors();
            if (both[0].revents != 0)
                if (auto failure = take_output())
                    return failure;
        }
        return std::nullopt;
    }

    const std::string& last_errors() const { return said_; }
    void take_errors()
    {
        char buffer[4096];
        const ssize_t got = ::read(errors_.end(0), buffer, sizeof(buffer));
        if (got <= 0) {
            errors_.close_end(0);
            return;
        }
        said_.append(buffer, static_cast<size_t>(got));
        if (said_.size() > kErrorsKept)
            said_.erase(0, said_.size() - kErrorsKept);
    }

private:
    std::optional<std::string> take_output()
    {
        char buffer[65536];
        const ssize_t got = ::read(output_.end(0), buffer, sizeof(buffer));
        if (got <= 0) {
            output_.close_end(0);
            return std::nullopt;
        }
        written_ += static_cast<uint64_t>(got);
        if (written_ > options_.max_bytes)
            return fmt::format("writes more than {} bytes", options_.max_bytes);
        return write_all(fd_, {buffer, static_cast<size_t>(got)});
    }

    const ProgramOptions& options_;
    Pipe& output_;
    Pipe& errors_;
    const int fd_;
    const std::atomic<bool>* cancel_;
    uint64_t written_ = 0;
    std::string said_;
};

// Waits until `end` and leaves it unreaped, so that its number stays its own; false if it still
// runs then.
bool wait_for(pid_t pid, Clock::time_point end)
{
    for (;;) {
        siginfo_t info{};
        const int done =
            ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT);
        if ((done == 0 && info.si_pid == pid) || (done < 0 && errno != EINTR))
            return true;
        if (Clock::now() >= end)
            return false;
        ::usleep(1000);
    }
}

}  // namespace

std::optional<std::string> run_program(const ProgramOptions& options, int fd,
                                       const std::atomic<bool>* cancel)
{
    if (options.argv.empty() || !options.argv[0].starts_with('/'))
        return "the program is not given by an absolute path";
    const Group group;
    Pipe output, errors;
    if (!group.ok() || !output.ok() || !errors.ok())
        return std::strerror(errno);
    pid_t pid = 0;
    const auto begin = Clock::now();
    if (const int error = start(options, group, output, errors, pid))
        return fmt::format("{}: {}", options.argv[0], std::strerror(error));
    output.close_end(1);
    errors.close_end(1);
    ::fcntl(errors.end(0), F_SETFL, O_NONBLOCK);
    Reader reader(options, output, errors, fd, cancel);
    std::optional<std::string> failure = reader.read();
    // It may close its output and go on: that is no reason to wait longer.
    if (!failure && !wait_for(pid, begin + options.timeout))
        failure = fmt::format("takes longer than {} ms", options.timeout.count());
    group.end();  // the program, or what it left behind
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (failure)
        return failure;
    if (errors.end(0) >= 0)
        reader.take_errors();
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return std::nullopt;
    const std::string how = WIFEXITED(status) ? fmt::format("exits with {}", WEXITSTATUS(status))
                                              : fmt::format("dies of signal {}", WTERMSIG(status));
    return reader.last_errors().empty() ? how
                                        : fmt::format("{}: {}", how, show(reader.last_errors()));
}

}  // namespace mxgate
