// SPDX-License-Identifier: BSD-2-Clause
#include "control/api/client.h"

#include <httplib.h>

#include "control/api/server.h"

namespace mxgate {
namespace {

nlohmann::json ask(const std::string& run_dir, const std::string& path, bool post,
                   const Parameters& parameters)
{
    const std::string socket = socket_path(run_dir);
    httplib::Client client(socket, 80);
    client.set_address_family(AF_UNIX);
    client.set_default_headers({{"Host", "localhost"}});
    client.set_read_timeout(60);  // a reload compiles millions of prefixes
    const httplib::Result result = post ? client.Post(path, parameters) : client.Get(path);
    if (!result)
        throw NoDaemon("mxgated does not answer on " + socket +
                       ": is it running, and may you use its socket?");
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
