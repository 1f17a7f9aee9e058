// SPDX-License-Identifier: BSD-2-Clause
// One mxgate-worker, from its start to its end.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <optional>
#include <set>
#include <string>

#include "control/worker/channel.h"

namespace mxgate {

// Whether `path` is one of `files`, or lies in one of them that is a folder.
bool may_read(const std::string& path, const std::set<std::string>& files);

class WorkerProcess
{
public:
    // Throws WorkerError if it cannot be started.
    WorkerProcess();
    // Ends it, if it has not ended.
    ~WorkerProcess();
    WorkerProcess(const WorkerProcess&) = delete;
    WorkerProcess& operator=(const WorkerProcess&) = delete;

    struct Terms {
        std::set<std::string> files;  // it may read these, and those in them that are folders
        std::chrono::milliseconds limit{0};
        const std::atomic<bool>* cancel = nullptr;
        std::function<void(const std::string&)> progress;
        std::function<void(uint64_t)> reading;  // told often: bytes that it has read of `files`
    };
    // Gives it the job, with `fd`, and what it asks for, until it is done; nothing if `*cancel`
    // became true. Throws WorkerError.
    std::optional<Message> run(MessageKind job, const std::string& text, int fd,
                               const Terms& terms);

private:
    std::string end();

    pid_t pid_ = -1;
    std::optional<Channel> channel_;
};

}  // namespace mxgate
