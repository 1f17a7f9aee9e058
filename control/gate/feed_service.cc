// SPDX-License-Identifier: BSD-2-Clause
#include "control/gate/feed_service.h"

#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace mxgate {
namespace {

constexpr int kFetchers = 4;  // a slow server holds up one of them, for `timeout` at the most
constexpr std::chrono::seconds kLookAgain{30};  // the clock may be set, a file change unseen
constexpr int kCalmMs = 50;                     // one change seldom comes alone
constexpr std::chrono::seconds kLongestUnrest{2};
constexpr std::chrono::seconds kFirstWait{1}, kLongestWait{300};  // after updates that failed

}  // namespace

FeedService::FeedService(FeedKeeper& keeper, std::function<bool(bool)> update,
                         std::function<bool()> retry, std::vector<std::string> paths, bool again)
    : keeper_(keeper),
      update_(std::move(update)),
      retry_(std::move(retry)),
      paths_(std::move(paths)),
      again_(again),
      wake_fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC))
{
    files_.follow(paths_);
    threads_.emplace_back([this] { watch(); });
    for (int i = 0; i < kFetchers; i++)
        threads_.emplace_back([this] { fetch_in_turn(); });
}

FeedService::~FeedService()
{
    ending_ = true;
    wake();
    for (std::thread& thread : threads_)
        thread.join();
    ::close(wake_fd_);
}

void FeedService::follow(std::vector<std::string> paths, bool again)
{
    {
        const std::lock_guard lock(mutex_);
        paths_ = std::move(paths);
        follow_ = true;
        again_ = again_ || again;
    }
    wake();
}

void FeedService::wake()
{
    {
        const std::lock_guard lock(mutex_);  // whoever is about to wait sees it
    }
    tasks_.notify_all();
    ::eventfd_write(wake_fd_, 1);
}

void FeedService::fetch_in_turn()
{
    while (!ending_) {
        std::optional<Source> task;
        {
            std::unique_lock lock(mutex_);
            int64_t next = 0;
            std::tie(task, next) = keeper_.next_task();
            if (!task && !ending_)
                tasks_.wait_for(lock, std::clamp(std::chrono::seconds(next - seconds_now()),
                                                 std::chrono::seconds(1), kLookAgain));
        }
        if (!task || !keeper_.fetch(*task, ending_))
            continue;
        {
            const std::lock_guard lock(mutex_);
            delivered_ = true;
        }
        wake();
    }
}

// Until something has changed and calm is back, or for a while.
FeedService::Change FeedService::wait_for_change()
{
    const auto begin = std::chrono::steady_clock::now();
    Change change;
    for (int timeout = 1000;; timeout = kCalmMs) {
        pollfd both[] = {{wake_fd_, POLLIN, 0}, {files_.fd(), POLLIN, 0}};
        const bool quiet = ::poll(both, 2, timeout) == 0;
        eventfd_t count = 0;
        ::eventfd_read(wake_fd_, &count);
        change.files = files_.take() || change.files;
        if (begin >= next_look_) {
            change.files = files_.look() || change.files;
            next_look_ = begin + kLookAgain;
        }
        {
            const std::lock_guard lock(mutex_);
            change.deliveries = change.deliveries || delivered_;
            delivered_ = false;
            if (follow_)
                files_.follow(paths_);
            follow_ = false;
        }
        const bool any = change.files || change.deliveries;
        if (ending_ || quiet || !any || std::chrono::steady_clock::now() - begin > kLongestUnrest)
            return change;
    }
}

void FeedService::watch()
{
    bool again = false;
    using Clock = std::chrono::steady_clock;
    std::chrono::seconds wait = kFirstWait;
    Clock::time_point next = Clock::now() + wait;
    while (!ending_) {
        const Change change = wait_for_change();
        {
            const std::lock_guard lock(mutex_);
            again = std::exchange(again_, false) || again;
        }
        const bool due = again && Clock::now() >= next;
        const bool files = change.files || keeper_.is_expiry_due();
        const bool any = files || change.deliveries;
        if ((!any && !due) || ending_)
            continue;
        if (any)
            again = !update_(files || due) || (again && !files && !due);
        else
            again = !retry_();
        wait = again ? std::min(wait * 2, kLongestWait) : kFirstWait;
        next = Clock::now() + wait;
        const std::lock_guard lock(mutex_);
        tasks_.notify_all();  // lists that are made from what is in force now
    }
}

}  // namespace mxgate
