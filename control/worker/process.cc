// SPDX-License-Identifier: BSD-2-Clause
#include "control/worker/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <deque>
#include <filesystem>
#include <system_error>

#include "control/config/open_file.h"
#include "control/config/text.h"
#include "control/worker/apart.h"

namespace mxgate {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kPatience{10};
constexpr int kGraceMs = 1000;
constexpr int kPollMs = 100;  // how soon a cancellation is seen

// Beside this program, as it is built; or in ../libexec, as it is installed.
std::string program()
{
    std::error_code error;
    const fs::path here = fs::read_symlink("/proc/self/exe", error).parent_path();
    const fs::path beside = here / "mxgate-worker";
    return fs::exists(beside, error) ? beside : here.parent_path() / "libexec" / "mxgate-worker";
}

// The error number, 0 if it runs.
int start(const std::string& path, int socket, pid_t& pid)
{
    char name[] = "mxgate-worker";
    char* argv[] = {name, nullptr};
    char search[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
    // Lists of millions fill memory once: by 2 MiB a page fault, where the kernel lets one ask.
    char pages[] = "GLIBC_TUNABLES=glibc.malloc.hugetlb=1";
    char* environment[] = {search, pages, nullptr};
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDWR, 0);
    posix_spawn_file_actions_adddup2(&files, 0, 1);
    posix_spawn_file_actions_adddup2(&files, socket, kWorkerSocket);
    posix_spawn_file_actions_addclosefrom_np(&files, kWorkerSocket + 1);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t none, standard;
    sigemptyset(&none);
    sigfillset(&standard);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &standard);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    const int error = posix_spawn(&pid, path.c_str(), &files, &attributes, argv, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    return error;
}

// How far a process is in the files that it was given: its place in them is this one's too.
class Given
{
public:
    void add(Fd file)
    {
        struct stat status {
        };
        if (!file || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode))
            return;
        if (files_.size() == kAtOnce) {
            done_ += place_in(files_.front());
            files_.pop_front();
        }
        files_.push_back(std::move(file));
    }

    uint64_t bytes_read() const
    {
        uint64_t out = done_;
        for (const Fd& file : files_)
            out += place_in(file);
        return out;
    }

private:
    static constexpr size_t kAtOnce = 8;  // more than are read at the same time

    static uint64_t place_in(const Fd& file)
    {
        const off_t place = ::lseek(file.get(), 0, SEEK_CUR);
        return place > 0 ? static_cast<uint64_t>(place) : 0;
    }

    std::deque<Fd> files_;
    uint64_t done_ = 0;  // in those before
};

// What it may read, or why not.
Fd hand_out(Channel& channel, const std::string& path, const std::set<std::string>& files)
{
    errno = EACCES;
    Fd file(may_read(path, files) ? open_file(path) : -1);
    channel.send(MessageKind::opened, file ? "0" : std::to_string(errno), file.get());
    return file;
}

}  // namespace

bool may_read(const std::string& path, const std::set<std::string>& files)
{
    const fs::path whole(path);
    const std::string name = whole.filename().string();
    return files.contains(path) || (!name.empty() && name != "." && name != ".." &&
                                    files.contains(whole.parent_path().string()));
}

WorkerProcess::WorkerProcess()
{
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        throw WorkerError(fmt::format("socketpair: {}", std::strerror(errno)));
    Fd ours(ends[0]), theirs(ends[1]);
    const std::string path = program();
    if (const int error = start(path, theirs.get(), pid_))
        throw WorkerError(fmt::format("{}: {}", path, std::strerror(error)));
    channel_.emplace(std::move(ours), kPatience);
}

WorkerProcess::~WorkerProcess()
{
    end();
}

// How it ended. It sees that nobody listens any more, and takes its program with it.
std::string WorkerProcess::end()
{
    if (pid_ < 0)
        return {};
    channel_.reset();
    siginfo_t info{};
    for (int ms = 0; ms < kGraceMs && info.si_pid != pid_; ms++) {
        if (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) != 0)
            break;
        if (info.si_pid != pid_)
            ::usleep(1000);
    }
    ::kill(pid_, SIGKILL);  // of another user: needs CAP_KILL
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR)
        ;
    pid_ = -1;
    return WIFSIGNALED(status)
               ? fmt::format("died of signal {} ({})", WTERMSIG(status),
                             sigabbrev_np(WTERMSIG(status)) ? sigabbrev_np(WTERMSIG(status)) : "?")
               : fmt::format("ended with {}", WEXITSTATUS(status));
}

std::optional<Message> WorkerProcess::run(MessageKind job, const std::string& text, int fd,
                                          const Terms& terms)
{
    const auto limit = Clock::now() + terms.limit;
    Given given;
    try {
        channel_->send(job, text, fd);
        for (;;) {
            if (terms.cancel != nullptr && *terms.cancel)
                return std::nullopt;
            if (Clock::now() >= limit)
                throw WorkerError(fmt::format("mxgate-worker takes longer than {} s",
                                              terms.limit.count() / 1000));
            if (terms.reading)
                terms.reading(given.bytes_read());
            pollfd readable{channel_->fd(), POLLIN, 0};
            if (::poll(&readable, 1, kPollMs) <= 0)
                continue;
            std::optional<Message> message = channel_->receive();
            if (!message)
                break;
            if (message->kind == MessageKind::done)
                return message;
            if (message->kind == MessageKind::failed)
                throw WorkerError("mxgate-worker: " + show(message->text));
            if (message->kind == MessageKind::open)
                given.add(hand_out(*channel_, message->text, terms.files));
            else if (message->kind == MessageKind::progress && terms.progress)
                terms.progress(message->text);
        }
    } catch (const std::system_error&) {
        // It is gone.
    }
    throw WorkerError("mxgate-worker, which reads lists, " + end());
}

}  // namespace mxgate
