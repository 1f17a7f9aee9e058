// SPDX-License-Identifier: BSD-2-Clause
// The threads that keep the feeds of a gate fresh: some that fetch, and one that watches files and
// has a new table made when anything changed.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "control/gate/feed_keeper.h"
#include "control/gate/file_watch.h"

namespace mxgate {

class FeedService
{
public:
    // `update`: makes a table of what there is now; true: files have changed, or time alone has
    // changed what counts. Where it answers false `retry` is asked, with a back-off, until one of
    // them answers true. `paths`: of the files to watch. `again`: the first table is still to be
    // made, or kept.
    FeedService(FeedKeeper& keeper, std::function<bool(bool)> update, std::function<bool()> retry,
                std::vector<std::string> paths, bool again);
    // Ends what is under way.
    ~FeedService();
    FeedService(const FeedService&) = delete;
    FeedService& operator=(const FeedService&) = delete;

    // The configuration has changed; `again`: what is in force now is still to be kept on disk.
    void follow(std::vector<std::string> paths, bool again);
    // Fetches may be due, or versions may have come.
    void wake();

private:
    void fetch_in_turn();
    void watch();
    struct Change {
        bool files = false, deliveries = false;
    };
    Change wait_for_change();

    FeedKeeper& keeper_;
    const std::function<bool(bool)> update_;
    const std::function<bool()> retry_;
    FileWatch files_;
    std::chrono::steady_clock::time_point next_look_{};
    std::atomic<bool> ending_ = false;
    std::mutex mutex_;  // of what follows
    std::condition_variable tasks_;
    std::vector<std::string> paths_;
    bool follow_ = false, delivered_ = false, again_;
    int wake_fd_;
    std::vector<std::thread> threads_;
};

}  // namespace mxgate
