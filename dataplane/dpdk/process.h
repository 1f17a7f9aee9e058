// SPDX-License-Identifier: BSD-2-Clause
// The DPDK plane as a process: ports, workers, and the table that mxgated hands over.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/core/image.h"
#include "dataplane/dpdk/ports.h"

namespace mxgate {

struct DpdkProcess {
    DpdkSettings settings;
    std::string run_dir;
    uint64_t capacity = 0;              // sources.capacity
    std::vector<mxg_line> first_image;  // in force until there is another: services, no feeds
    // For people: one line each.
    std::function<void(const std::string&text)> say, warn;
    // For whoever watches over the process: frames pass now; they still do, each worker has come
    // round since the last time (several times a second); it ends.
    std::function<void()> ready, alive, ending;
};

// Runs the plane until SIGTERM or SIGINT. Throws PlaneError when it cannot start.
void run_dpdk(const DpdkProcess& process);

}  // namespace mxgate
