// SPDX-License-Identifier: BSD-2-Clause
#include "control/worker/channel.h"

#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace mxgate {
namespace {

struct Header {
    uint32_t kind;
    uint32_t bytes;
};

Fd descriptor_of(msghdr& message)
{
    Fd out;
    for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        const size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd = -1;
            std::memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
            out = Fd(fd);  // the last one stays, others are closed
        }
    }
    return out;
}

}  // namespace

Channel::Channel(Fd socket, std::chrono::seconds patience) : socket_(std::move(socket))
{
    const timeval limit{static_cast<time_t>(patience.count()), 0};
    for (const int which : {SO_RCVTIMEO, SO_SNDTIMEO})
        ::setsockopt(socket_.get(), SOL_SOCKET, which, &limit, sizeof(limit));
}

void Channel::send(MessageKind kind, std::string_view text, int fd)
{
    Header header{static_cast<uint32_t>(kind), static_cast<uint32_t>(text.size())};
    iovec data{&header, sizeof(header)};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    if (fd >= 0) {
        message.msg_control = control;
        message.msg_controllen = sizeof(control);
        cmsghdr* rights = CMSG_FIRSTHDR(&message);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(sizeof(int));
        std::memcpy(CMSG_DATA(rights), &fd, sizeof(int));
    }
    ssize_t sent = 0;
    do
        sent = ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    const auto begun = static_cast<size_t>(std::max<ssize_t>(sent, 0));
    if (sent < 0 ||
        !write_whole(socket_.get(), reinterpret_cast<char*>(&header) + begun,
                     sizeof(header) - begun) ||
        !write_whole(socket_.get(), text.data(), text.size()))
        throw std::system_error(errno, std::generic_category(), "message to another process");
}

std::optional<Message> Channel::receive()
{
    Header header{};
    iovec data{&header, sizeof(header)};
    alignas(cmsghdr) char control[CMSG_SPACE(4 * sizeof(int))];
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    ssize_t got = 0;
    do
        got = ::recvmsg(socket_.get(), &message, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got <= 0)
        return std::nullopt;
    Message out;
    out.fd = descriptor_of(message);
    const auto begun = static_cast<size_t>(got);
    if (!read_whole(socket_.get(), reinterpret_cast<char*>(&header) + begun,
                    sizeof(header) - begun) ||
        header.kind > static_cast<uint32_t>(MessageKind::done) || header.bytes > kMaxText)
        return std::nullopt;
    out.kind = static_cast<MessageKind>(header.kind);
    out.text.resize(header.bytes);
    if (!read_whole(socket_.get(), out.text.data(), out.text.size()))
        return std::nullopt;
    return out;
}

}  // namespace mxgate
