// SPDX-License-Identifier: BSD-2-Clause
// What mxgated and mxgate-dpdk tell systemd (sd_notify(3)); outside of systemd nothing is told.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace mxgate {

class Service
{
public:
    Service();

    // `state`: a line for `systemctl status`.
    void ready(const std::string& state) const;
    void reloading() const;
    void ending() const;

    // To be called often by the loop whose life is the service's.
    void alive();

private:
    std::chrono::microseconds interval_{0};  // between two signs of life; 0: none are wanted
    std::chrono::steady_clock::time_point last_{};
};

}  // namespace mxgate
