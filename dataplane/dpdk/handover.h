// SPDX-License-Identifier: BSD-2-Clause
// How an image goes from mxgated to mxgate-dpdk: a sealed memfd over a unix socket (SCM_RIGHTS),
// one message each way, the answer empty or the reason of a refusal. mxgate-dpdk listens, so that
// the connection's end tells mxgated of a restart; only root and mxgate-dpdk's own user are heard.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "dataplane/core/image.h"
#include "dataplane/state/memory.h"

namespace mxgate {

// A memfd that holds `image` and can be neither written nor resized any more.
Fd sealed_image(const std::vector<mxg_line>& image);

// Reads an image out of a memfd that must be sealed; throws PlaneError. The copy is ours: nobody
// can change it while it is verified.
std::vector<mxg_line> read_sealed(const Fd& memfd);

// mxgate-dpdk's end.
class HandoverServer
{
public:
    explicit HandoverServer(const std::string& path);
    ~HandoverServer();
    HandoverServer(const HandoverServer&) = delete;
    HandoverServer& operator=(const HandoverServer&) = delete;

    // Waits up to `timeout_ms` for one image and gives it to `take`, whose answer is the reason
    // for which it is refused, or empty. What peers do wrong is theirs to hear, and never thrown.
    void serve(int timeout_ms, const std::function<std::string(const Fd& memfd)>& take);

private:
    void answer(Fd& peer, const std::function<std::string(const Fd& memfd)>& take);

    std::string path_;
    Fd listen_;
    std::vector<Fd> peers_;
};

// mxgated's end.
class HandoverClient
{
public:
    explicit HandoverClient(std::string path) : path_(std::move(path)) {}

    // Connects if need be; false if nobody listens. The first true after a false, or after the
    // peer was replaced, means: hand the image over again.
    bool connected();

    // Throws PlaneError with the plane's own words if it refuses, or if it does not answer.
    void hand_over(const Fd& memfd);

    // Grows with every new connection.
    uint64_t connections() const { return connections_; }

private:
    std::string path_;
    Fd socket_;
    uint64_t connections_ = 0;
};

}  // namespace mxgate
