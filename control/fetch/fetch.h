// SPDX-License-Identifier: BSD-2-Clause
// Fetching a list as the configuration says, by whichever transport.
#pragma once

#include "control/config/config.h"
#include "control/fetch/http.h"

namespace mxgate {

// As fetch_http; a program has no validators and is always `fresh` or `failed`. `max_bytes`: of
// the list as it is sent.
FetchResult fetch_source(const FetchConfig& from, uint64_t max_bytes, const Validators& known,
                         int fd, const std::atomic<bool>* cancel = nullptr,
                         const FetchProgress& progress = {});

}  // namespace mxgate
