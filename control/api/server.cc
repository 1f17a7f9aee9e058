// SPDX-License-Identifier: BSD-2-Clause
#include "control/api/server.h"

#include <httplib.h>
#include <spdlog/spdlog.h>

#include <charconv>
#include <memory>
#include <mutex>

#include "control/config/units.h"
#include "control/metrics/metrics.h"
#include "control/net/address_text.h"

namespace mxgate {
namespace {

using httplib::Request;
using httplib::Response;
using nlohmann::json;

constexpr const char* kJson = "application/json";

size_t number_of(const Request& request, const char* name, size_t otherwise)
{
    size_t number = otherwise;
    const std::string text = request.get_param_value(name);
    if (!text.empty()) {
        const auto result = std::from_chars(text.data(), text.data() + text.size(), number);
        if (result.ec != std::errc() || result.ptr != text.data() + text.size())
            throw std::invalid_argument(std::string(name) + " is not a number");
    }
    return number;
}

bool is_set(const Request& request, const char* name)
{
    return request.get_param_value(name) == "true";
}

mxg_address address_of(const Request& request)
{
    const auto address = parse_address(request.get_param_value("address"));
    if (!address)
        throw std::invalid_argument("not an IPv4 or IPv6 address");
    return *address;
}

OverrideRequest override_of(const Request& request)
{
    OverrideRequest out;
    out.prefix = request.get_param_value("prefix");
    out.class_name = request.get_param_value("class");
    out.reason = request.get_param_value("reason");
    out.who = request.remote_addr;
    const std::string action = request.get_param_value("action");
    if (out.class_name.empty() == action.empty())
        throw std::invalid_argument("give either `class` or `action`");
    if (!action.empty() && action != "allow" && action != "deny")
        throw std::invalid_argument("`action` is `allow` or `deny`");
    out.lets_in = action == "allow";
    if (const std::string time = request.get_param_value("for"); !time.empty()) {
        out.for_ns = parse_duration(time);
        if (!out.for_ns)
            throw std::invalid_argument("`" + time +
                                        "` is not a duration; write for example `10min` or `2h`");
    }
    return out;
}

std::string metrics_of(Gate& gate)
{
    return prometheus_text(gate.status(), gate.counters(), gate.feeds());
}

struct Route {
    const char* path;
    json (*answer)(Gate& gate, const Request& request);
};

constexpr Route kReads[] = {
    {"/v1/status", [](Gate& gate, const Request&) { return gate.status(); }},
    {"/v1/counters", [](Gate& gate, const Request&) { return gate.counters(); }},
    {"/v1/overrides", [](Gate& gate, const Request&) { return gate.overrides(); }},
    {"/v1/refused",
     [](Gate& gate, const Request& request) {
         return gate.refused(number_of(request, "limit", 100));
     }},
    {"/v1/top",
     [](Gate& gate, const Request& request) { return gate.top(number_of(request, "limit", 100)); }},
    {"/v1/watch",
     [](Gate& gate, const Request& request) {
         return gate.watch(number_of(request, "verdicts", Gate::kFromNow),
                           number_of(request, "events", Gate::kFromNow),
                           number_of(request, "limit", 100));
     }},
    {"/v1/feeds", [](Gate& gate, const Request&) { return gate.feeds(); }},
    {"/v1/classes", [](Gate& gate, const Request&) { return gate.classes(); }},
    {"/v1/events",
     [](Gate& gate, const Request& request) {
         return gate.events(number_of(request, "after", 0), number_of(request, "limit", 100));
     }},
    {"/v1/senders", [](Gate& gate, const Request&) { return gate.senders(); }},
    {"/v1/explain",
     [](Gate& gate, const Request& request) { return gate.explain(address_of(request)); }},
};
constexpr Route kChanges[] = {
    {"/v1/overrides",
     [](Gate& gate, const Request& request) { return gate.set_override(override_of(request)); }},
    {"/v1/overrides/forget",
     [](Gate& gate, const Request& request) {
         return gate.forget_override(request.get_param_value("prefix"));
     }},
    {"/v1/reload",
     [](Gate& gate, const Request& request) { return gate.reload(is_set(request, "force")); }},
    {"/v1/feeds/fetch",
     [](Gate& gate, const Request& request) {
         return gate.fetch(request.get_param_value("name"));
     }},
    {"/v1/feeds/rollback",
     [](Gate& gate, const Request& request) {
         return gate.roll_back(request.get_param_value("name"), is_set(request, "undo"));
     }},
    {"/v1/attach", [](Gate& gate, const Request&) { return gate.attach(); }},
};
constexpr const char* kMetrics = "/metrics";

void reply(Response& response, int status, const json& body)
{
    response.status = status;
    response.set_content(body.dump(-1, ' ', false, json::error_handler_t::replace), kJson);
}

// Calls `answer`; what goes wrong becomes {"error"}, with `failure` as status.
void guarded(Response& response, int failure, const std::function<void()>& answer)
{
    try {
        answer();
    } catch (const std::invalid_argument& error) {
        reply(response, 400, {{"error", error.what()}});
    } catch (const std::exception& error) {
        reply(response, failure, {{"error", error.what()}});
    }
}

// Reads take turns: however many clients ask, publishing waits for one of them at most.
void add_reads(httplib::Server& server, Gate& gate, bool api)
{
    const auto turn = std::make_shared<std::mutex>();
    const auto add = [&](const char* path, auto answer) {
        server.Get(path, [turn, answer](const Request& request, Response& response) {
            guarded(response, 500, [&] {
                const std::lock_guard mine(*turn);
                answer(request, response);
            });
        });
    };
    add(kMetrics, [&gate](const Request&, Response& response) {
        response.set_content(metrics_of(gate), kPrometheusType);
    });
    if (!api)
        return;
    for (const Route& route : kReads)
        add(route.path, [&gate, route](const Request& request, Response& response) {
            reply(response, 200, route.answer(gate, request));
        });
}

void add_changes(httplib::Server& server, Gate& gate)
{
    for (const Route& route : kChanges)
        server.Post(route.path, [&gate, route](const Request& request, Response& response) {
            spdlog::info("POST {} by {}, process {}", route.path, request.remote_addr,
                         request.remote_port);
            guarded(response, 409, [&] { reply(response, 200, route.answer(gate, request)); });
        });
}

}  // namespace

std::string socket_path(const std::string& run_dir)
{
    return run_dir + "/control.sock";
}

std::unique_ptr<HttpListener> serve_api(Gate& gate, const std::string& run_dir)
{
    const Endpoint at{socket_path(run_dir), "", 0};
    return std::make_unique<HttpListener>(at, [&](httplib::Server& server) {
        add_reads(server, gate, true);
        add_changes(server, gate);
        server.set_logger([](const Request& request, const Response& response) {
            spdlog::debug("{} {} by {}, process {}: {}", request.method, request.path,
                          request.remote_addr, request.remote_port, response.status);
        });
    });
}

std::unique_ptr<HttpListener> serve_metrics(Gate& gate, const Endpoint& at)
{
    return std::make_unique<HttpListener>(
        at, [&](httplib::Server& server) { add_reads(server, gate, false); });
}

std::vector<std::string> api_routes()
{
    std::vector<std::string> out{std::string("GET ") + kMetrics};
    for (const Route& route : kReads)
        out.push_back(std::string("GET ") + route.path);
    for (const Route& route : kChanges)
        out.push_back(std::string("POST ") + route.path);
    return out;
}

}  // namespace mxgate
