// SPDX-License-Identifier: BSD-2-Clause
// Fetching a feed over HTTP(S) (RFC 9110), into a file.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

namespace mxgate {

// Bytes of the body so far, and all of them; 0: the server does not say.
using FetchProgress = std::function<void(uint64_t got, uint64_t all)>;

struct HttpOptions {
    std::string url;                             // http or https
    std::string proxy;                           // URL; empty: none, whatever the environment says
    std::string ca_file;                         // PEM; empty: the system's
    std::string client_certificate, client_key;  // PEM; empty: none
    uint64_t max_bytes = 1ULL << 30;             // of the body, as it is sent
    std::chrono::milliseconds connect_timeout{30'000};
    std::chrono::milliseconds total_timeout{600'000};
    long max_redirects = 5;  // never from https to http
    // Without a proxy: connects to no address that is not public. For URLs that strangers wrote,
    // who must not send us to what only we can reach.
    bool only_public = false;
    FetchProgress progress;
};

inline constexpr size_t kMaxValidator = 1024;  // bytes
inline constexpr std::chrono::seconds kMaxRetryAfter{7 * 86400};

// What a server said to know a version by.
struct Validators {
    std::string etag;
    std::string last_modified;

    bool operator==(const Validators&) const = default;
};

struct FetchResult {
    enum class State { fresh, unchanged, failed };
    State state = State::failed;
    std::string error;                    // of `failed`; no credentials in it
    Validators validators;                // of `fresh`
    std::chrono::seconds retry_after{0};  // what the server asked to wait (RFC 9110 10.2.3)
};

// Writes the body to `fd`; what has been written counts only if the state is `fresh`. With `known`
// the server may answer that nothing has changed. Ends early when `*cancel` becomes true. Safe to
// call from several threads.
FetchResult fetch_http(const HttpOptions& options, const Validators& known, int fd,
                       const std::atomic<bool>* cancel = nullptr);

}  // namespace mxgate
