// SPDX-License-Identifier: BSD-2-Clause
// What a gate says of itself, as Prometheus metrics: the one place where they have their names.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace mxgate {

// Prometheus' text format, of what Gate::status(), Gate::counters() and Gate::feeds() give. The
// names are the same for both planes, which label `plane` tells apart; the configuration bounds
// every other label.
std::string prometheus_text(const nlohmann::json& status, const nlohmann::json& counters,
                            const nlohmann::json& feeds);

// Content-Type of that text.
inline constexpr const char* kPrometheusType = "text/plain; version=0.0.4; charset=utf-8";

}  // namespace mxgate
