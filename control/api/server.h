// SPDX-License-Identifier: BSD-2-Clause
// What a gate answers over HTTP: the API on the control socket, which the CLI uses, and metrics.
// docs/openapi.yaml describes it; a test holds that page to the routes.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "control/api/listener.h"
#include "control/gate/gate.h"

namespace mxgate {

// Path of the control socket.
std::string socket_path(const std::string& run_dir);

// The API on the control socket, from HttpListener::open() on. Throws GateError.
std::unique_ptr<HttpListener> serve_api(Gate& gate, const std::string& run_dir);

// Only GET /metrics, for Prometheus; likewise.
std::unique_ptr<HttpListener> serve_metrics(Gate& gate, const Endpoint& at);

// The API's routes, each as "GET /v1/status".
std::vector<std::string> api_routes();

}  // namespace mxgate
