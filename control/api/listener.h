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
    // Listens from now on; `routes` says what is answered. A unix socket has mode 0660, and its
    // requests have the peer's user as remote_addr and its process as remote_port. Throws
    // GateError.
    HttpListener(const Endpoint& at, const std::function<void(httplib::Server&)>& routes);
    ~HttpListener();
    HttpListener(const HttpListener&) = delete;
    HttpListener& operator=(const HttpListener&) = delete;

private:
    void bind();

    Endpoint at_;
    std::unique_ptr<httplib::Server> server_;
    std::thread thread_;
};

}  // namespace mxgate
