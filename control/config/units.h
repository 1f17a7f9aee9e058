// SPDX-License-Identifier: BSD-2-Clause
// Numbers with units, as they are written in the configuration file.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "control/config/config.h"

namespace mxgate {

// `250`, `64k`, `1M`, `2G` (decimal), `64Ki`, `16Mi`, `1Gi` (binary).
std::optional<uint64_t> parse_number(std::string_view text);

// Digits with an optional sign and nothing else.
std::optional<int64_t> parse_integer(std::string_view text);

// `500ms`, `60s`, `10min`, `2h`, `7d`, in nanoseconds.
std::optional<uint64_t> parse_duration(std::string_view text);

// `64kB/s`, `1MB/s`, `512KiB/s`: bytes per second.
std::optional<uint64_t> parse_bandwidth(std::string_view text);

// `30/min`, `1/10min`, `500/s`; burst is left at 1. Zero parses, the caller refuses it.
std::optional<RateLimit> parse_rate(std::string_view text);

// `50%`, `2.5%`, as a number: 0.5.
std::optional<double> parse_share(std::string_view text);

// `25` or `1-65535`.
std::optional<PortRange> parse_ports(std::string_view text);

}  // namespace mxgate
