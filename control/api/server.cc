// SPDX-License-Identifier: BSD-2-Clause
#include "control/api/server.h"

#include <httplib.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <functional>

#include "control/net/address_text.h"

namespace mxgate {
namespace {

using nlohmann::json;

constexpr const char* kJson = "application/json";

void reply(httplib::Response& response, int status, const json& body)
{
    response.status = status;
    response.set_content(body.dump(-1, ' ', false, json::error_handler_t::replace), kJson);
}

// A handler that answers with JSON; what goes wrong becomes {"error"} with `failure` as status.
httplib::Server::Handler handler(int failure, std::function<json(const httplib::Request&)> answer)
{
    return [failure, answer = std::move(answer)](const httplib::Request& request,
                                                 httplib::Response& response) {
        try {
            reply(response, 200, answer(request));
        } catch (const std::invalid_argument& error) {
            reply(response, 400, {{"error", error.what()}});
        } catch (const std::exception& error) {
            reply(response, failure, {{"error", error.what()}});
        }
    };
}

size_t limit_of(const httplib::Request& request)
{
    size_t limit = 100;
    const std::string text = request.get_param_value("limit");
    if (!text.empty()) {
        const auto result = std::from_chars(text.data(), text.data() + text.size(), limit);
        if (result.ec != std::errc() || result.ptr != text.data() + text.size())
            throw std::invalid_argument("limit is not a number");
    }
    return limit;
}

mxg_address address_of(const httplib::Request& request)
{
    const auto address = parse_address(request.get_param_value("address"));
    if (!address)
        throw std::invalid_argument("not an IPv4 or IPv6 address");
    return *address;
}

}  // namespace

std::string socket_path(const std::string& run_dir)
{
    return run_dir + "/control.sock";
}

void ApiServer::add_routes(Gate& gate)
{
    server_->Get("/v1/status", handler(500, [&](const auto&) { return gate.status(); }));
    server_->Get("/v1/counters", handler(500, [&](const auto&) { return gate.counters(); }));
    server_->Get("/v1/refused", handler(500, [&](const httplib::Request& request) {
                     return gate.refused(limit_of(request));
                 }));
    server_->Get("/v1/explain", handler(500, [&](const httplib::Request& request) {
                     return gate.explain(address_of(request));
                 }));
    server_->Post("/v1/reload", handler(409, [&](const auto&) { return gate.reload(); }));
    server_->Post("/v1/attach", handler(409, [&](const auto&) { return gate.attach(); }));
}

ApiServer::ApiServer(Gate& gate, const std::string& run_dir)
    : path_(socket_path(run_dir)), server_(std::make_unique<httplib::Server>())
{
    std::filesystem::create_directories(run_dir);
    ::unlink(path_.c_str());
    add_routes(gate);
    server_->set_address_family(AF_UNIX);
    server_->new_task_queue = [] { return new httplib::ThreadPool(2); };
    server_->set_payload_max_length(1 << 16);
    if (server_->bind_to_port(path_.c_str(), 80) == false)
        throw GateError("cannot listen on " + path_ + ": " + std::strerror(errno));
    ::chmod(path_.c_str(), 0660);
    thread_ = std::thread([this] { server_->listen_after_bind(); });
    while (!server_->is_running())  // stop() before that would be lost
        std::this_thread::yield();
}

ApiServer::~ApiServer()
{
    server_->stop();
    thread_.join();
    ::unlink(path_.c_str());
}

}  // namespace mxgate
