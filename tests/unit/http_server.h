// SPDX-License-Identifier: BSD-2-Clause
// A real HTTP server in a thread of its own, for tests of what fetches.
#pragma once

#include <httplib.h>

#include <atomic>
#include <string>
#include <thread>
#include <type_traits>

namespace mxgate {

template <class Server>
class Running
{
public:
    template <class... Arguments>
    explicit Running(Arguments... arguments) : server(arguments...)
    {
        port = server.bind_to_any_port("127.0.0.1");
        thread_ = std::thread([this] { server.listen_after_bind(); });
    }
    ~Running()
    {
        stopping = true;
        server.stop();
        thread_.join();
    }

    std::string url(const std::string& path, const char* host = "127.0.0.1") const
    {
        constexpr bool tls = std::is_same_v<Server, httplib::SSLServer>;
        return std::string(tls ? "https://" : "http://") + host + ":" + std::to_string(port) + path;
    }

    Server server;
    int port = 0;
    std::atomic<bool> stopping = false;

private:
    std::thread thread_;
};

}  // namespace mxgate
