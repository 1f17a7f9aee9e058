// SPDX-License-Identifier: BSD-2-Clause
// Lists that are made of the prefixlen files that objects in other lists name.
#include <algorithm>

#include "control/gate/feed_keeper.h"

namespace mxgate {

// What a list is made from is there: of a part of its lists of objects at least.
bool FeedKeeper::is_ready(const State& state) const
{
    const auto& objects = state.source.fetch.discover.objects;
    return objects.empty() || std::any_of(objects.begin(), objects.end(), [&](const auto& name) {
               const auto found = states_.find({true, name});
               return found != states_.end() && !found->second.now.path.empty();
           });
}

FetchResult FeedKeeper::fetch_files(const Source& source, const std::string& kept, int fd,
                                    const std::atomic<bool>& cancel)
{
    FilesWanted wanted{source.key.name, source.fetch, source.expire_ns, {}, source.by_hand};
    {
        const std::lock_guard lock(mutex_);
        for (const std::string& name : source.fetch.discover.objects) {
            const auto found = states_.find({true, name});
            if (found != states_.end() && !found->second.now.path.empty())
                wanted.objects.push_back({found->second.now.path, found->second.source.nrtm});
        }
    }
    FilesFetched fetched = files_.fetch(wanted, lengths_, kept, fd, cancel);
    {
        const std::lock_guard lock(mutex_);
        const auto found = states_.find(source.key);
        if (found != states_.end()) {
            found->second.files = fetched.files;
            found->second.files_failing = fetched.failing;
            found->second.again = seconds_now() + fetched.again.count();
        }
    }
    const bool any = fetched.result.state != FetchResult::State::failed;
    if (!fetched.failed.empty() && any)  // otherwise that is the error
        events_.add(EventKind::feed_failed, source.key.name, fetched.failed);
    if (!fetched.recovered.empty())
        events_.add(EventKind::feed_recovered, source.key.name, fetched.recovered);
    return fetched.result;
}

// The objects have changed: they may name other files.
void FeedKeeper::want_files_of(const SourceKey& objects)
{
    const std::lock_guard lock(mutex_);
    for (auto& [key, state] : states_) {
        const auto& from = state.source.fetch.discover.objects;
        if (objects.lengths && std::find(from.begin(), from.end(), objects.name) != from.end())
            state.soon = true;
    }
}

}  // namespace mxgate
