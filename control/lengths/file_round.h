// SPDX-License-Identifier: BSD-2-Clause
// One round over prefixlen files: what is due is fetched, what was taken back is left out.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "control/config/config.h"
#include "control/fetch/http.h"
#include "control/fetch/store.h"
#include "control/fetch/versions.h"
#include "control/lengths/discovered.h"
#include "control/lengths/file_states.h"

namespace mxgate {

// The soonest that a file is fetched again, whoever asks for it.
inline constexpr std::chrono::seconds kLeastWait{900};

// A list of registry objects.
struct ObjectList {
    std::string path;
    bool nrtm = false;
};

// A list that is made of such files, and what it is made from.
struct FilesWanted {
    std::string name;  // of the list
    const FetchConfig& from;
    std::optional<uint64_t> expire_ns;  // a file that was not had for so long counts no longer
    std::vector<ObjectList> objects;
    bool now = false;  // all files are due
};

// As fetch_source(); what came is `fresh` only if it is a prefixlen file of at most `max_bytes`,
// unpacked. `fd` is open for reading too.
FetchResult fetch_prefixlen_file(const FetchConfig& from, uint64_t max_bytes,
                                 const Validators& known, int fd, const std::atomic<bool>* cancel);

// Writes the files that the objects name to `fd`, as read_references() reads them. The reason, if
// they cannot be read.
std::string find_references(const std::vector<ObjectList>& objects, int fd);

// What touches the bytes of strangers; one may have it done by another process.
struct FileWork {
    std::function<FetchResult(const FetchConfig&, uint64_t max_bytes, const Validators& known,
                              int fd, const std::atomic<bool>* cancel)>
        fetch = fetch_prefixlen_file;
    std::function<std::string(const std::vector<ObjectList>&, int fd)> find = find_references;
};

class FileRound
{
public:
    // `store` has the copies, by the digest of their URL.
    FileRound(const FilesWanted& wanted, const FileWork& work, const FeedStore& store,
              FileStates& states, const std::atomic<bool>& cancel)
        : wanted_(wanted), work_(work), store_(store), states_(states), cancel_(cancel)
    {
    }

    // Fetches those of `urls` that are due: conditionally, from several servers at once, but never
    // twice from one. A text that is no prefixlen file does not replace the copy.
    void fetch(const std::vector<std::string>& urls);

    // Notes which texts were taken back with versions of the list, and which no longer are. `kept`:
    // the list as it was stored last.
    void take_back(const SourceVersions& versions, const std::string& kept);

    // The text to use: the copy; of one that was taken back the text in force; none if it is too
    // old.
    std::optional<FileText> text_of(const std::string& url) const;

    // URLs, those that fail with the reason: since this round.
    const std::vector<std::string>& failed() const { return failed_; }
    const std::vector<std::string>& recovered() const { return recovered_; }

private:
    using Texts = std::map<std::string, std::string>;  // by URL
    static Texts texts_of(const std::string& path);
    bool is_due(const std::string& url, int64_t now) const;
    bool is_refused(const std::string& url, const std::string& text) const;
    void refuse(const std::string& url, RefusedText text);
    void fetch_servers();
    FetchResult fetch_one(const std::string& url);
    FetchResult take_text(const std::string& url, FeedStore::Candidate candidate,
                          FetchResult result);
    void note(const std::string& url, const FetchResult& result);

    static constexpr std::chrono::hours kLongest{1};  // what is not reached by then is due next

    const FilesWanted& wanted_;
    const FileWork& work_;
    const FeedStore& store_;
    FileStates& states_;
    const std::atomic<bool>& cancel_;
    const std::chrono::steady_clock::time_point end_ = std::chrono::steady_clock::now() + kLongest;
    std::optional<Texts> in_force_;
    std::mutex mutex_;  // of what the threads share: states_ and what follows
    std::vector<std::vector<std::string>> servers_;  // URLs of each
    size_t next_server_ = 0;
    std::vector<std::string> failed_, recovered_;
};

}  // namespace mxgate
