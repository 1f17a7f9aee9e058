// SPDX-License-Identifier: BSD-2-Clause
#include "control/fetch/fetch.h"

#include <algorithm>

#include "control/fetch/program.h"

namespace mxgate {
namespace {

std::chrono::milliseconds milliseconds(uint64_t ns)
{
    return std::chrono::milliseconds(ns / 1'000'000);
}

}  // namespace

FetchResult fetch_source(const FetchConfig& from, uint64_t max_bytes, const Validators& known,
                         int fd, const std::atomic<bool>* cancel, const FetchProgress& progress)
{
    if (!from.exec.empty()) {
        const ProgramOptions options{from.exec, max_bytes, milliseconds(from.timeout_ns)};
        FetchResult result;
        if (const auto failure = run_program(options, fd, cancel))
            result.error = *failure;
        else
            result.state = FetchResult::State::fresh;
        return result;
    }
    HttpOptions options;
    options.url = from.url;
    options.proxy = from.proxy;
    options.ca_file = from.ca;
    options.client_certificate = from.certificate;
    options.client_key = from.key;
    options.only_public = from.only_public;
    options.max_bytes = max_bytes;
    options.total_timeout = milliseconds(from.timeout_ns);
    options.connect_timeout = std::min(options.connect_timeout, options.total_timeout);
    options.progress = progress;
    return fetch_http(options, known, fd, cancel);
}

}  // namespace mxgate
