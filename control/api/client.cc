// SPDX-License-Identifier: BSD-2-Clause
#include "control/api/client.h"

#include <httplib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>

#include "control/api/server.h"

namespace mxgate {
namespace {

// Why nobody listens; 0: somebody does.
int refusal_of(const std::string& socket)
{
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    socket.copy(at.sun_path, sizeof(at.sun_path) - 1);
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const bool listens =
        fd >= 0 && ::connect(fd, reinterpret_cast<const sockaddr*>(&at), sizeof(at)) == 0;
    const int error = listens ? 0 : errno;
    if (fd >= 0)
        ::close(fd);
    return error;
}

[[noreturn]] void fail(const std::string& socket)
{
    const int refusal = refusal_of(socket);
    if (refusal == ENOENT || refusal == ECONNREFUSED)
        throw NotRunning("mxgated does not answer on " + socket + ": is it running?");
    throw NoDaemon("mxgated does not answer on " + socket + ": " +
                   (refusal == 0 ? "it listens, but is busy or went away"
                                 : std::string(std::strerror(refusal)) + "; may you use it?"));
}

nlohmann::json ask(const std::string& run_dir, const std::string& path, bool post,
                   const Parameters& parameters)
{
    const std::string socket = socket_path(run_dir);
    httplib::Client client(socket, 80);
    client.set_address_family(AF_UNIX);
    client.set_default_headers({{"Host", "localhost"}});
    // Changes have as long as they take: a reload reads and compiles millions of prefixes.
    client.set_read_timeout(post ? std::chrono::minutes(24 * 60) : std::chrono::minutes(1));
    const httplib::Result result = post ? client.Post(path, parameters) : client.Get(path);
    if (!result)
        fail(socket);
    const auto body = nlohmann::json::parse(result->body, nullptr, false);
    if (result->status != 200)
        throw std::runtime_error(body.is_object() && body.contains("error")
                                     ? body["error"].get<std::string>()
                                     : "mxgated answers " + std::to_string(result->status));
    return body;
}

}  // namespace

nlohmann::json api_get(const std::string& run_dir, const std::string& path)
{
    return ask(run_dir, path, false, {});
}

nlohmann::json api_post(const std::string& run_dir, const std::string& path,
                        const Parameters& parameters)
{
    return ask(run_dir, path, true, parameters);
}

}  // namespace mxgate
