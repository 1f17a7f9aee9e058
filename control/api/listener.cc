// SPDX-License-Identifier: BSD-2-Clause
#include "control/api/listener.h"

#include <httplib.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <semaphore>

#include "control/gate/gate.h"

namespace mxgate {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kToAsk = std::chrono::seconds(1);   // for a whole request, from the connection on
constexpr auto kToHear = std::chrono::seconds(5);  // for the next piece of the answer
constexpr int kBacklog = 1024;
constexpr size_t kWorkers = 64;
constexpr size_t kMaxConnections = 256;  // those beyond wait in the backlog and cost no descriptor
constexpr size_t kMaxRequest = 1 << 16;

// httplib's own stream gives each byte of a request five seconds.
class Connection : public httplib::Stream
{
public:
    explicit Connection(int socket) : socket_(socket), end_(Clock::now() + kToAsk) {}

    bool is_readable() const override { return at_ < filled_ || wait(POLLIN, end_); }
    bool is_writable() const override { return wait(POLLOUT, Clock::now() + kToHear); }

    ssize_t read(char* to, size_t bytes) override
    {
        if (at_ == filled_) {
            if (!is_readable())
                return -1;
            const ssize_t got = ::recv(socket_, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
            if (got <= 0)
                return got;
            at_ = 0;
            filled_ = static_cast<size_t>(got);
        }
        const size_t count = std::min(bytes, filled_ - at_);
        std::memcpy(to, buffer_.data() + at_, count);
        at_ += count;
        return static_cast<ssize_t>(count);
    }

    ssize_t write(const char* from, size_t bytes) override
    {
        return is_writable() ? ::send(socket_, from, bytes, MSG_NOSIGNAL | MSG_DONTWAIT) : -1;
    }

    void get_remote_ip_and_port(std::string& peer, int& process) const override
    {
        ucred who{};
        socklen_t size = sizeof(who);
        if (::getsockopt(socket_, SOL_SOCKET, SO_PEERCRED, &who, &size) == 0 && who.pid != 0) {
            peer = "uid " + std::to_string(who.uid);
            process = who.pid;
        }
    }
    void get_local_ip_and_port(std::string&, int&) const override {}
    socket_t socket() const override { return socket_; }

private:
    bool wait(short event, Clock::time_point end) const
    {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now());
        pollfd watch{socket_, event, 0};
        return left.count() > 0 && ::poll(&watch, 1, static_cast<int>(left.count())) > 0;
    }

    int socket_;
    Clock::time_point end_;
    std::array<char, 4096> buffer_{};
    size_t at_ = 0, filled_ = 0;
};

// Makes the accepting thread wait, so that connections cannot use up the process's descriptors,
// which publishing needs.
class BoundedPool : public httplib::ThreadPool
{
public:
    BoundedPool() : ThreadPool(kWorkers) {}

    void enqueue(std::function<void()> job) override
    {
        free_.acquire();
        ThreadPool::enqueue([this, job = std::move(job)] {
            job();
            free_.release();
        });
    }

private:
    std::counting_semaphore<kMaxConnections> free_{kMaxConnections};
};

// Two daemons must not share a port, which httplib's default would let them.
void reuse_address(int socket)
{
    const int yes = 1;
    ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
}

std::string to_string(const Endpoint& at)
{
    return at.socket.empty() ? at.address + " port " + std::to_string(at.port) : at.socket;
}

// The name of a unix socket until it is open: no longer, for there is little room for such names.
std::string fresh_name(std::string socket)
{
    socket.back() = socket.back() == '~' ? '-' : '~';
    return socket;
}

[[noreturn]] void refuse(const Endpoint& at, int error)
{
    throw GateError("cannot listen on " + to_string(at) + ": " + std::strerror(error));
}

}  // namespace

class HttpListener::OneRequestServer : public httplib::Server
{
public:
    ~OneRequestServer() override
    {
        if (svr_sock_ != INVALID_SOCKET)  // never opened: else stop() has closed it
            ::close(svr_sock_);
    }

    // httplib's own backlog of 5 turns away clients that come together.
    void lengthen_backlog() { ::listen(svr_sock_, kBacklog); }

private:
    bool process_and_close_socket(socket_t socket) override
    {
        Connection connection(socket);
        bool closed = true;
        const bool done = process_request(connection, true, closed, nullptr);
        ::shutdown(socket, SHUT_WR);
        ::close(socket);
        return done;
    }
};

// What lies at the socket's name and cannot be taken away is found now, not in open().
bool HttpListener::bind_unix_socket()
{
    const std::string fresh = fresh_name(at_.socket);
    std::filesystem::create_directories(std::filesystem::path(at_.socket).parent_path());
    for (const std::string& name : {at_.socket, fresh})
        if (::unlink(name.c_str()) != 0 && errno != ENOENT)
            return false;
    server_->set_address_family(AF_UNIX);
    const mode_t before = ::umask(0117);  // so that at no moment others may connect
    const bool bound = server_->bind_to_port(fresh, 80);
    ::umask(before);
    return bound;
}

HttpListener::HttpListener(const Endpoint& at, const std::function<void(httplib::Server&)>& routes)
    : at_(at), server_(std::make_unique<OneRequestServer>())
{
    routes(*server_);
    server_->new_task_queue = [] { return new BoundedPool; };
    server_->set_payload_max_length(kMaxRequest);
    server_->set_socket_options(reuse_address);
    if (!(at_.socket.empty() ? server_->bind_to_port(at_.address, at_.port) : bind_unix_socket()))
        refuse(at_, errno);
    server_->lengthen_backlog();
}

void HttpListener::open()
{
    if (!at_.socket.empty() && ::rename(fresh_name(at_.socket).c_str(), at_.socket.c_str()) != 0)
        refuse(at_, errno);
    thread_ = std::thread([this] { server_->listen_after_bind(); });
    while (!server_->is_running())  // stop() before that would be lost
        std::this_thread::yield();
}

HttpListener::~HttpListener()
{
    const bool opened = thread_.joinable();
    if (opened) {
        server_->stop();
        thread_.join();
    }
    if (!at_.socket.empty())
        ::unlink((opened ? at_.socket : fresh_name(at_.socket)).c_str());
}

}  // namespace mxgate
