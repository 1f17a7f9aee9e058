// SPDX-License-Identifier: BSD-2-Clause
// The DPDK plane for replay: mxgate-dpdk as a child process, so that mxgate itself needs no DPDK.
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "control/replay/replay_plane.h"
#include "dataplane/dpdk/replay.h"

namespace mxgate {
namespace {

// Beside this program, or else where the shell would find it.
std::string program()
{
    std::error_code error;
    const std::filesystem::path own = std::filesystem::read_symlink("/proc/self/exe", error);
    const std::filesystem::path beside = own.parent_path() / "mxgate-dpdk";
    return std::filesystem::exists(beside, error) ? beside.string() : "mxgate-dpdk";
}

class DpdkChild : public ReplayPlane
{
public:
    DpdkChild(const PolicyTable& table, uint64_t capacity, const uint64_t (&key)[2])
    {
        int ends[2];
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
            throw PlaneError(system_text("socketpair", errno));
        socket_ = Fd(ends[0]);
        start(Fd(ends[1]));  // ours of it is closed again: else its end would never come
        const mxg_replay_begin begin{capacity, {key[0], key[1]}, table.plane.size()};
        ask(&begin, sizeof(begin), table.plane.data(), table.plane.size() * sizeof(mxg_line));
    }
    ~DpdkChild() override
    {
        socket_ = Fd();
        ::waitpid(child_, nullptr, 0);
    }

    mxg_decision decide(const std::vector<uint8_t>& frame, uint64_t now_ns) override
    {
        const mxg_replay_frame head{now_ns, frame.size()};
        ask(&head, sizeof(head), frame.data(), frame.size());
        return answer_.decision;
    }

    std::optional<uint64_t> runs() const override { return answer_.frames; }

private:
    void start(const Fd& theirs)
    {
        const std::string path = program();
        child_ = ::fork();
        if (child_ < 0)
            throw PlaneError(system_text("fork", errno));
        if (child_ != 0)
            return;
        const std::string number = std::to_string(::dup(theirs.get()));  // dup: without CLOEXEC
        ::execlp(path.c_str(), path.c_str(), "--replay", number.c_str(), nullptr);
        ::_exit(127);
    }

    void ask(const void* head, size_t head_bytes, const void* body, size_t body_bytes)
    {
        if (!write_whole(socket_.get(), head, head_bytes) ||
            !write_whole(socket_.get(), body, body_bytes) ||
            !read_whole(socket_.get(), &answer_, sizeof(answer_)))
            throw PlaneError("no answer from mxgate-dpdk; is the DPDK plane installed (" +
                             program() + ")?");
        if (answer_.error[0] != '\0')
            throw PlaneError(std::string("mxgate-dpdk: ") + answer_.error);
    }

    Fd socket_;
    pid_t child_ = -1;
    mxg_replay_answer answer_{};
};

}  // namespace

std::unique_ptr<ReplayPlane> make_dpdk_plane(const PolicyTable& table, uint64_t capacity)
{
    return std::make_unique<DpdkChild>(table, capacity, kReplayKey);
}

}  // namespace mxgate
