// SPDX-License-Identifier: BSD-2-Clause
#include "control/worker/apart.h"

#include <sys/mman.h>
#include <unistd.h>

#include <filesystem>
#include <sstream>
#include <system_error>

#include "control/table/rules.h"
#include "control/worker/messages.h"
#include "control/worker/process.h"

namespace mxgate {
namespace {

constexpr std::chrono::minutes kCompileLimit{10};
constexpr size_t kMaxReason = 4096;
constexpr std::chrono::seconds kFetchGrace{30};  // it ends by itself before

// All that a job may read.
std::set<std::string> files_of(const CompileJob& job)
{
    std::set<std::string> out{job.config.file, job.config.trust_store, job.config.crls};
    for (const FeedConfig& feed : job.config.feeds) {
        out.insert(feed.path);
        out.insert(feed.asns);
    }
    for (const LengthFeedConfig& feed : job.config.length_feeds)
        out.insert(feed.path);
    for (const auto& [key, versions] : job.lists) {
        out.insert(versions.now.path);
        out.insert(versions.before.path);
        if (versions.delivered)
            out.insert(versions.delivered->path);
        if (versions.stays)
            out.insert(*versions.stays);
    }
    out.erase("");
    return out;
}

// Of a list, as it is stored; of a folder all its files.
uint64_t size_of(const std::string& path)
{
    namespace fs = std::filesystem;
    std::error_code error;
    const auto of_file = [&](const fs::path& file) {
        const uint64_t size = fs::is_regular_file(file, error) ? fs::file_size(file, error) : 0;
        return error ? 0 : size;
    };
    if (!fs::is_directory(path, error))
        return of_file(path);
    uint64_t out = 0;
    for (const auto& entry : fs::directory_iterator(path, error))
        out += of_file(entry.path());
    return out;
}

// What is read for a job where nothing is wrong with it.
uint64_t size_of(const CompileJob& job)
{
    uint64_t out = 0;
    for (const auto& [key, versions] : job.lists) {
        if (versions.delivered)
            out += size_of(versions.delivered->path);
        else if (versions.counts)
            out += size_of(versions.stays.value_or(versions.now.path));
    }
    return out;
}

// Of a table only what prefixes are in it is the worker's to say.
PolicyTable checked(PolicyTable table, const CompileJob& job)
{
    const PolicyTable own = empty_table(job.config, job.previous ? &*job.previous : nullptr);
    if (table.info.generation != job.generation ||
        reinterpret_cast<const mxg_image_header*>(table.plane.data())->generation != job.generation)
        throw WorkerError("mxgate-worker: the table is of another generation");
    if (const std::string what = compare_rules(table, own); !what.empty())
        throw WorkerError("mxgate-worker: not as the configuration says: " + what);
    return table;
}

FetchResult fetch_by_worker(const FetchJob& job, int fd, const std::atomic<bool>* cancel,
                            const FetchProgress& progress)
{
    const FetchConfig& from = job.from;
    WorkerProcess::Terms terms;
    terms.files = {from.ca, from.certificate, from.key};
    terms.limit = std::chrono::milliseconds(from.timeout_ns / 1'000'000) + kFetchGrace;
    terms.cancel = cancel;
    if (progress)
        terms.progress = [&](const std::string& text) {
            uint64_t got = 0, all = 0;
            if (std::istringstream(text) >> got >> all)
                progress(got, all);
        };
    FetchResult failed;
    try {
        WorkerProcess worker;
        const std::optional<Message> done = worker.run(MessageKind::fetch, to_text(job), fd, terms);
        if (done)
            return fetch_result_from(done->text);
        failed.error = "cancelled";
    } catch (const WorkerError& error) {
        failed.error = error.what();
    } catch (const std::exception& error) {
        failed.error = std::string("mxgate-worker makes no sense: ") + error.what();
    }
    return failed;
}

}  // namespace

FetchResult fetch_apart(const FetchConfig& from, uint64_t max_bytes, const Validators& known,
                        int fd, const std::atomic<bool>* cancel, const FetchProgress& progress)
{
    return fetch_by_worker({from, max_bytes, known, false}, fd, cancel, progress);
}

FetchResult fetch_prefixlen_file_apart(const FetchConfig& from, uint64_t max_bytes,
                                       const Validators& known, int fd,
                                       const std::atomic<bool>* cancel)
{
    return fetch_by_worker({from, max_bytes, known, true}, fd, cancel, {});
}

std::string find_references_apart(const std::vector<ObjectList>& objects, int fd)
{
    WorkerProcess::Terms terms;
    for (const ObjectList& list : objects)
        terms.files.insert(list.path);
    terms.limit = kCompileLimit;
    try {
        WorkerProcess worker;
        const std::optional<Message> done =
            worker.run(MessageKind::find, to_text(objects), fd, terms);
        return done ? done->text.substr(0, kMaxReason) : "cancelled";
    } catch (const WorkerError& error) {
        return error.what();
    }
}

LengthList read_length_file_apart(const Config& config, const std::string& name,
                                  const std::string& path)
{
    WorkerProcess::Terms terms;
    terms.files = {path};
    terms.limit = kCompileLimit;
    const Fd file(::memfd_create("lengths", MFD_CLOEXEC));
    LengthList out;
    try {
        WorkerProcess worker;
        const std::optional<Message> done =
            worker.run(MessageKind::lengths, to_text({config.file, config.text, name, path}),
                       file.get(), terms);
        out.error = done ? done->text.substr(0, kMaxReason) : "cancelled";
        std::string bytes;
        char part[65536];
        for (off_t at = 0; out.error.empty(); at += static_cast<off_t>(sizeof(part))) {
            const ssize_t got = ::pread(file.get(), part, sizeof(part), at);
            if (got > 0)
                bytes.append(part, static_cast<size_t>(got));
            if (got < static_cast<ssize_t>(sizeof(part)) ||
                bytes.size() > kMaxLengths * sizeof(LengthEntry))
                break;
        }
        out.entries = length_entries_from(bytes);
    } catch (const std::exception& error) {
        out.error = error.what();
    }
    return out;
}

CompileAnswer compile_apart(const CompileJob& job, const FetchProgress& progress)
{
    WorkerProcess::Terms terms;
    terms.files = files_of(job);
    terms.limit = kCompileLimit;
    if (progress)
        terms.reading = [&, whole = size_of(job)](uint64_t read) { progress(read, whole); };
    WorkerProcess worker;
    std::optional<Message> done = worker.run(MessageKind::compile, to_text(job), -1, terms);
    if (!done)
        throw WorkerError("cancelled");
    try {
        CompileAnswer answer = compile_answer_from(done->text, job, static_cast<bool>(done->fd));
        if (done->fd)
            answer.result.table = checked(read_sealed_table(std::move(done->fd)), job);
        return answer;
    } catch (const WorkerError&) {
        throw;
    } catch (const std::exception& error) {
        throw WorkerError(std::string("mxgate-worker makes no sense: ") + error.what());
    }
}

}  // namespace mxgate
