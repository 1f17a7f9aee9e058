// SPDX-License-Identifier: BSD-2-Clause
// HTTP/JSON over a unix socket: what the CLI asks, and nothing else asks yet.
//
//   GET  /v1/status
//   GET  /v1/counters              {"counters": [...], "feeds": [...]}
//   GET  /v1/refused?limit=N       {"senders": [...], "samples_lost": N}
//   GET  /v1/explain?address=A
//   POST /v1/reload                409 with {"error"} where the new table is refused
//   POST /v1/attach
#pragma once

#include <memory>
#include <string>
#include <thread>

#include "control/gate/gate.h"

namespace httplib {
class Server;
}

namespace mxgate {

// Path of the control socket.
std::string socket_path(const std::string& run_dir);

class ApiServer
{
public:
    // Listens on the control socket (mode 0660) from now on; throws GateError.
    ApiServer(Gate& gate, const std::string& run_dir);
    ~ApiServer();
    ApiServer(const ApiServer&) = delete;
    ApiServer& operator=(const ApiServer&) = delete;

private:
    void add_routes(Gate& gate);

    std::string path_;
    std::unique_ptr<httplib::Server> server_;
    std::thread thread_;
};

}  // namespace mxgate
