// SPDX-License-Identifier: BSD-2-Clause
#include "control/daemon/service.h"

#include <systemd/sd-daemon.h>

namespace mxgate {

Service::Service()
{
    uint64_t limit_us = 0;
    if (::sd_watchdog_enabled(0, &limit_us) > 0)
        interval_ = std::chrono::microseconds(limit_us / 4);
}

void Service::ready(const std::string& state) const
{
    ::sd_notify(0, ("READY=1\nSTATUS=" + state).c_str());
}

void Service::reloading() const
{
    ::sd_notify(0, "RELOADING=1");
}

void Service::ending() const
{
    ::sd_notify(0, "STOPPING=1");
}

void Service::alive()
{
    const auto now = std::chrono::steady_clock::now();
    if (interval_.count() == 0 || now - last_ < interval_)
        return;
    last_ = now;
    ::sd_notify(0, "WATCHDOG=1");
}

}  // namespace mxgate
