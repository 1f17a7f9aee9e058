// SPDX-License-Identifier: BSD-2-Clause
#include "dataplane/dpdk/handover.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace mxgate {
namespace {

constexpr int kSeals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
constexpr size_t kMaxPeers = 8;
constexpr size_t kMaxAnswer = 1024;
constexpr int kAnswerSeconds = 60;  // to verify 8 GiB

Fd unix_socket()
{
    Fd out(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    if (!out)
        throw PlaneError(system_text("socket", errno));
    return out;
}

sockaddr_un address_of(const std::string& path)
{
    sockaddr_un out{};
    out.sun_family = AF_UNIX;
    if (path.size() >= sizeof(out.sun_path))
        throw PlaneError(path + ": too long for a socket's name; choose a shorter --run-dir");
    path.copy(out.sun_path, sizeof(out.sun_path) - 1);
    return out;
}

bool may_speak(const Fd& peer)
{
    ucred who{};
    socklen_t size = sizeof(who);
    return ::getsockopt(peer.get(), SOL_SOCKET, SO_PEERCRED, &who, &size) == 0 &&
           (who.uid == 0 || who.uid == ::geteuid());
}

// A message with one descriptor; *ended at the peer's end.
Fd receive_descriptor(const Fd& from, bool* ended)
{
    char word = 0;
    iovec data{&word, 1};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * 4)];
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    const ssize_t got = ::recvmsg(from.get(), &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    *ended = got <= 0 && !(got < 0 && (errno == EAGAIN || errno == EINTR));
    Fd out;
    for (cmsghdr* c = CMSG_FIRSTHDR(&message); got > 0 && c; c = CMSG_NXTHDR(&message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        const size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            std::memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
            out = Fd(fd);  // the last one stays, others are closed
        }
    }
    return out;
}

}  // namespace

Fd sealed_image(const std::vector<mxg_line>& image)
{
    Fd out(::memfd_create("mxgate-table", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    const size_t bytes = image.size() * sizeof(mxg_line);
    if (!out || ::ftruncate(out.get(), static_cast<off_t>(bytes)) != 0)
        throw PlaneError(system_text("no memory for the policy table", errno));
    if (bytes != 0) {
        const Mapping memory(out.get(), bytes, true);
        std::memcpy(memory.data(), image.data(), bytes);
    }
    if (::fcntl(out.get(), F_ADD_SEALS, kSeals) != 0)
        throw PlaneError(system_text("cannot seal the policy table", errno));
    return out;
}

std::vector<mxg_line> read_sealed(const Fd& memfd)
{
    const int seals = ::fcntl(memfd.get(), F_GET_SEALS);
    if (seals < 0 || (seals & kSeals) != kSeals)
        throw PlaneError("not a sealed memfd");
    struct stat status {
    };
    if (::fstat(memfd.get(), &status) != 0 || status.st_size < MXG_LINE_BYTES ||
        status.st_size % MXG_LINE_BYTES != 0 ||
        static_cast<uint64_t>(status.st_size) / MXG_LINE_BYTES > MXG_MAX_LINES)
        throw PlaneError("not the size of an image");
    std::vector<mxg_line> out(static_cast<size_t>(status.st_size) / MXG_LINE_BYTES);
    auto* to = reinterpret_cast<char*>(out.data());
    for (off_t at = 0; at < status.st_size;) {
        const ssize_t got =
            ::pread(memfd.get(), to + at, static_cast<size_t>(status.st_size - at), at);
        if (got <= 0)
            throw PlaneError(system_text("cannot read the image", got < 0 ? errno : EIO));
        at += got;
    }
    return out;
}

HandoverServer::HandoverServer(const std::string& path) : path_(path), listen_(unix_socket())
{
    const sockaddr_un address = address_of(path);
    ::unlink(path.c_str());
    if (::bind(listen_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
        ::chmod(path.c_str(), 0600) != 0 || ::listen(listen_.get(), 4) != 0)
        throw PlaneError(system_text("cannot listen on " + path, errno));
}

HandoverServer::~HandoverServer()
{
    ::unlink(path_.c_str());
}

void HandoverServer::answer(Fd& peer, const std::function<std::string(const Fd& memfd)>& take)
{
    bool ended = false;
    const Fd memfd = receive_descriptor(peer, &ended);
    if (ended) {
        peer = Fd();
        return;
    }
    std::string refusal = "no descriptor came with the message";
    if (memfd) {
        try {
            refusal = take(memfd);
        } catch (const std::exception& error) {
            refusal = error.what();
        }
    }
    refusal.resize(std::min(refusal.size(), kMaxAnswer - 1));
    refusal += '\0';  // never an empty message: that would read as the end
    if (::send(peer.get(), refusal.data(), refusal.size(), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        peer = Fd();
}

void HandoverServer::serve(int timeout_ms, const std::function<std::string(const Fd& memfd)>& take)
{
    std::vector<pollfd> wait{{listen_.get(), POLLIN, 0}};
    for (const Fd& peer : peers_)
        wait.push_back({peer.get(), POLLIN, 0});
    if (::poll(wait.data(), wait.size(), timeout_ms) <= 0)
        return;
    for (size_t i = 0; i < peers_.size(); i++)
        if (wait[i + 1].revents != 0)
            answer(peers_[i], take);
    std::erase_if(peers_, [](const Fd& peer) { return !peer; });
    if (wait[0].revents == 0)
        return;
    Fd peer(::accept4(listen_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (peer && may_speak(peer)) {
        if (peers_.size() == kMaxPeers)  // the oldest has had its time
            peers_.erase(peers_.begin());
        peers_.push_back(std::move(peer));
    }
}

bool HandoverClient::connected()
{
    if (socket_) {
        pollfd wait{socket_.get(), POLLIN, 0};
        if (::poll(&wait, 1, 0) == 0)
            return true;
        socket_ = Fd();  // unasked words or the end: either way not the peer we knew
    }
    Fd fresh = unix_socket();
    const sockaddr_un address = address_of(path_);
    if (::connect(fresh.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
        return false;
    socket_ = std::move(fresh);
    connections_++;
    return true;
}

void HandoverClient::hand_over(const Fd& memfd)
{
    char word = 'T';
    iovec data{&word, 1};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    cmsghdr* c = CMSG_FIRSTHDR(&message);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    const int fd = memfd.get();
    std::memcpy(CMSG_DATA(c), &fd, sizeof(fd));
    const timeval patience{kAnswerSeconds, 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    char text[kMaxAnswer] = {};
    if (!socket_ || ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL) < 0 ||
        ::recv(socket_.get(), text, sizeof(text) - 1, 0) <= 0) {
        socket_ = Fd();
        throw PlaneError("mxgate-dpdk does not answer on " + path_);
    }
    if (text[0] != '\0')
        throw PlaneError(std::string("mxgate-dpdk refuses the policy table: ") + text);
}

}  // namespace mxgate
