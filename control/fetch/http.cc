// SPDX-License-Identifier: BSD-2-Clause
#include "control/fetch/http.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <fmt/format.h>
#include <sys/socket.h>

#include <charconv>
#include <memory>
#include <optional>
#include <string_view>

#include "control/config/text.h"
#include "control/fetch/write_all.h"
#include "control/net/address_text.h"
#include "control/net/public.h"

namespace mxgate {
namespace {

constexpr long kStallSeconds = 60;  // a connection that brings nothing for so long is given up

struct Transfer {
    const HttpOptions& options;
    int fd;
    const std::atomic<bool>* cancel;
    uint64_t written = 0;
    std::string failure;  // found by us, not by libcurl
    Validators validators;
    std::string content_type;
    std::chrono::seconds retry_after{0};
};

// Of the last response only: a redirection has headers as well.
size_t take_header(char* data, size_t, size_t size, void* user)
{
    auto& transfer = *static_cast<Transfer*>(user);
    std::string_view line(data, size);
    if (line.starts_with("HTTP/")) {
        transfer.validators = {};
        transfer.content_type.clear();
        transfer.retry_after = std::chrono::seconds{0};
    }
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos)
        return size;
    const std::string name = lower(line.substr(0, colon));
    line.remove_prefix(colon + 1);
    const size_t begin = line.find_first_not_of(" \t");
    const size_t end = line.find_last_not_of(" \t\r\n");
    const std::string_view value =
        begin == std::string_view::npos || end < begin ? "" : line.substr(begin, end - begin + 1);
    if (value.size() > kMaxValidator)
        return size;
    if (name == "etag")
        transfer.validators.etag = value;
    else if (name == "last-modified")
        transfer.validators.last_modified = value;
    else if (name == "content-type")
        transfer.content_type = lower(value);
    int64_t seconds = 0;
    if (name == "retry-after" &&
        std::from_chars(value.data(), value.data() + value.size(), seconds).ec == std::errc() &&
        seconds > 0)
        transfer.retry_after = std::min(std::chrono::seconds(seconds), kMaxRetryAfter);
    return size;
}

size_t take_body(char* data, size_t, size_t size, void* user)
{
    auto& transfer = *static_cast<Transfer*>(user);
    if (size > transfer.options.max_bytes - transfer.written) {
        transfer.failure = fmt::format("larger than {} bytes", transfer.options.max_bytes);
        return 0;
    }
    if (const auto failure = write_all(transfer.fd, {data, size})) {
        transfer.failure = *failure;
        return 0;
    }
    transfer.written += size;
    return size;
}

int is_cancelled(void* user, curl_off_t all, curl_off_t got, curl_off_t, curl_off_t)
{
    const auto& transfer = *static_cast<Transfer*>(user);
    if (transfer.options.progress)
        transfer.options.progress(static_cast<uint64_t>(got), static_cast<uint64_t>(all));
    return transfer.cancel != nullptr && *transfer.cancel ? 1 : 0;
}

// The address of a name is known here, for each connection and redirection anew.
curl_socket_t open_public(void* user, curlsocktype, struct curl_sockaddr* to)
{
    char text[INET6_ADDRSTRLEN] = "";
    const void* bytes =
        to->family == AF_INET6
            ? static_cast<const void*>(&reinterpret_cast<const sockaddr_in6*>(&to->addr)->sin6_addr)
            : &reinterpret_cast<const sockaddr_in*>(&to->addr)->sin_addr;
    ::inet_ntop(to->family, bytes, text, sizeof(text));
    const auto address = parse_address(text);
    if (!address || !is_public({*address, mxg_family_bits(address->family)})) {
        static_cast<Transfer*>(user)->failure =
            fmt::format("{} is no public address; nothing is fetched from there", text);
        return CURL_SOCKET_BAD;
    }
    return ::socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

using Handle = std::unique_ptr<CURL, void (*)(CURL*)>;
using Headers = std::unique_ptr<curl_slist, void (*)(curl_slist*)>;

void set_limits(CURL* curl, const HttpOptions& options)
{
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS,
                     static_cast<long>(options.connect_timeout.count()));
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(options.total_timeout.count()));
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, kStallSeconds);
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(curl, CURLOPT_MAXREDIRS, options.max_redirects);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    const bool is_tls = lower(options.url.substr(0, 6)) == "https:";
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, is_tls ? "https" : "http,https");
}

// Reads a PEM file itself: libcurl may not have the right to. The reason if that fails.
std::optional<std::string> set_pem(CURL* curl, CURLoption option, const std::string& path)
{
    constexpr size_t kMaxBytes = 16 << 20;
    std::string text;
    if (path.empty())
        return std::nullopt;
    if (const auto failure = read_file(path, kMaxBytes, text))
        return path + ": " + *failure;
    curl_blob blob{text.data(), text.size(), CURL_BLOB_COPY};
    curl_easy_setopt(curl, option, &blob);
    return std::nullopt;
}

std::optional<std::string> set_peers(CURL* curl, const HttpOptions& options)
{
    curl_easy_setopt(curl, CURLOPT_PROXY, options.proxy.c_str());
    curl_easy_setopt(curl, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "mxgate/" MXGATE_VERSION);
    if (!options.ca_file.empty()) {  // that one, and no other
        curl_easy_setopt(curl, CURLOPT_CAINFO, nullptr);
        curl_easy_setopt(curl, CURLOPT_CAPATH, nullptr);
    }
    for (const auto& [option, path] : {std::pair{CURLOPT_CAINFO_BLOB, &options.ca_file},
                                       std::pair{CURLOPT_SSLCERT_BLOB, &options.client_certificate},
                                       std::pair{CURLOPT_SSLKEY_BLOB, &options.client_key}})
        if (auto failure = set_pem(curl, option, *path))
            return failure;
    return std::nullopt;
}

void set_callbacks(CURL* curl, Transfer& transfer, char* reason)
{
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reason);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, &transfer);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, is_cancelled);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &transfer);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    if (transfer.options.only_public && transfer.options.proxy.empty()) {
        curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, open_public);
        curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, &transfer);
    }
}

Headers conditions(const Validators& known)
{
    Headers headers(nullptr, curl_slist_free_all);
    const auto add = [&](const char* name, const std::string& value) {
        // A line break would begin a header of its own.
        if (value.empty() || value.find_first_of("\r\n") != std::string::npos)
            return;
        headers.reset(
            curl_slist_append(headers.release(), fmt::format("{}: {}", name, value).c_str()));
    };
    add("If-None-Match", known.etag);
    add("If-Modified-Since", known.last_modified);
    return headers;
}

// What is wrong with a response that came whole; empty: nothing.
std::string judge(long status, const Transfer& transfer)
{
    if (status != 200)
        return fmt::format("the server answers with status {}", status);
    if (transfer.content_type.starts_with("text/html"))
        return "the server sent a web page (text/html), not a list";
    return "";
}

}  // namespace

FetchResult fetch_http(const HttpOptions& options, const Validators& known, int fd,
                       const std::atomic<bool>* cancel)
{
    static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
    FetchResult result;
    const Handle curl(ready == CURLE_OK ? curl_easy_init() : nullptr, curl_easy_cleanup);
    if (!curl) {
        result.error = "libcurl cannot be started";
        return result;
    }
    Transfer transfer{options, fd, cancel, 0, {}, {}, {}, {}};
    char reason[CURL_ERROR_SIZE] = "";
    curl_easy_setopt(curl.get(), CURLOPT_URL, options.url.c_str());
    set_limits(curl.get(), options);
    if (const auto failure = set_peers(curl.get(), options)) {
        result.error = *failure;
        return result;
    }
    set_callbacks(curl.get(), transfer, reason);
    const Headers headers = conditions(known);
    curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers.get());
    const CURLcode code = curl_easy_perform(curl.get());
    long status = 0;
    curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
    result.retry_after = transfer.retry_after;
    if (code != CURLE_OK && !transfer.failure.empty())
        result.error = transfer.failure;
    else if (code == CURLE_ABORTED_BY_CALLBACK)
        result.error = "cancelled";
    else if (code != CURLE_OK)
        result.error = reason[0] != '\0' ? reason : curl_easy_strerror(code);
    else if (status == 304 && headers)
        result.state = FetchResult::State::unchanged;
    else
        result.error = judge(status, transfer);
    if (result.error.empty() && result.state != FetchResult::State::unchanged) {
        result.state = FetchResult::State::fresh;
        result.validators = transfer.validators;
    }
    return result;
}

}  // namespace mxgate
