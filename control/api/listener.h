// SPDX-License-Identifier: BSD-2-Clause
// An HTTP server on a unix socket or a TCP port, whose clients cannot tie it down: a request per
// connection, a second to send it, and a bounded number of connections taken at a time.
#pragma once

#include <functional>
#include <memory>
#include <thread>

#include "control/config/config.h"

namespace httplib {
class Server;
}

namespace mxgate {

class HttpListener
{
public:
    // Takes the address, so that nobody else can; answers from open() on. `routes` says what is
    // answered. A unix socket has mode 0660, and its requests have the peer's user as remote_addr
    // and its process as remote_port. Throws GateError.
    HttpListener(const Endpoint& at, const std::function<void(httplib::Server&)>& routes);
    ~HttpListener();
    HttpListener(const HttpListener&) = delete;
    HttpListener& operator=(const HttpListener&) = delete;

    // Answers from now on, and those who came to a TCP port before. A unix socket has its name
    // only now: who finds it is answered. Throws GateError.
    void open();

private:
    class OneRequestServer;

    bool bind_unix_socket();

    Endpoint at_;
    std::unique_ptr<OneRequestServer> server_;
    std::thread thread_;
};

}  // namespace mxgate
