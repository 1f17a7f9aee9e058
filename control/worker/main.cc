// SPDX-License-Identifier: BSD-2-Clause
// mxgate-worker: fetches one list, or reads lists and compiles them, for mxgated and mxgate, which
// start it for that (apart.h). It has no rights, and no words for people.
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>

#include "control/config/open_file.h"
#include "control/fetch/fetch.h"
#include "control/fetch/write_all.h"
#include "control/gate/list_compile.h"
#include "control/lengths/read.h"
#include "control/worker/channel.h"
#include "control/worker/messages.h"
#include "control/worker/sandbox.h"

namespace {

using namespace mxgate;

constexpr std::chrono::milliseconds kProgressEvery{100};

// By asking for it.
int open_for(Channel& channel, const std::string& path)
{
    static std::mutex mutex;  // lists are read by threads
    const std::lock_guard lock(mutex);
    channel.send(MessageKind::open, path);
    const std::optional<Message> answer = channel.receive();
    if (!answer || answer->kind != MessageKind::opened)
        throw std::runtime_error("no answer");
    if (answer->fd)
        return ::dup(answer->fd.get());
    errno = std::stoi(answer->text);
    return -1;
}

void fetch(Channel& channel, const Message& message)
{
    const FetchJob job = fetch_job_from(message.text);
    confine(job.from.exec.empty() ? Task::fetch : Task::program);
    std::atomic<bool> gone = false;  // who wanted it
    std::thread([&] {
        pollfd end{channel.fd(), POLLRDHUP, 0};
        while (::poll(&end, 1, -1) <= 0)
            ;
        gone = true;
    }).detach();
    auto said = std::chrono::steady_clock::now();
    const auto progress = [&](uint64_t got, uint64_t all) {
        const auto now = std::chrono::steady_clock::now();
        if (gone || now - said < kProgressEvery)
            return;
        said = now;
        try {
            channel.send(MessageKind::progress, fmt::format("{} {}", got, all));
        } catch (const std::system_error&) {
            gone = true;
        }
    };
    const FetchResult result =
        job.prefixlen
            ? fetch_prefixlen_file(job.from, job.max_bytes, job.known, message.fd.get(), &gone)
            : fetch_source(job.from, job.max_bytes, job.known, message.fd.get(), &gone, progress);
    channel.send(MessageKind::done, to_text(result));
}

void find(Channel& channel, const Message& message)
{
    const std::vector<ObjectList> objects = object_lists_from(message.text);
    confine(Task::compile);
    channel.send(MessageKind::done, find_references(objects, message.fd.get()));
}

void read_lengths(Channel& channel, const Message& message)
{
    const LengthsJob job = lengths_job_from(message.text);
    const Config config = parse_config(job.config, job.file).config.value();
    const auto feed =
        std::find_if(config.length_feeds.begin(), config.length_feeds.end(),
                     [&](const LengthFeedConfig& known) { return known.name == job.name; });
    confine(Task::compile);
    LengthList list;
    if (feed == config.length_feeds.end())
        list.error = "not in the configuration";
    else
        list = read_length_file(*feed, job.path);
    if (const auto failure = write_all(message.fd.get(), bytes_of(list.entries)))
        list.error = *failure;
    channel.send(MessageKind::done, list.error);
}

void compile(Channel& channel, const Message& message)
{
    const CompileJob job = compile_job_from(message.text);
    confine(Task::compile);
    const CompileAnswer answer = compile_lists(job);
    const Fd table = answer.result.table ? sealed_table(*answer.result.table) : Fd();
    channel.send(MessageKind::done, to_text(answer), table.get());
}

void work(Channel& channel)
{
    const std::optional<Message> job = channel.receive();
    if (!job)
        return;
    if (job->kind == MessageKind::fetch)
        fetch(channel, *job);
    else if (job->kind == MessageKind::find)
        find(channel, *job);
    else if (job->kind == MessageKind::lengths)
        read_lengths(channel, *job);
    else if (job->kind == MessageKind::compile)
        compile(channel, *job);
}

}  // namespace

int main(int argc, char**)
{
    if (argc > 1) {
        std::fprintf(stderr, "mxgate-worker is started by mxgated, for its own use\n");
        return 2;
    }
    int status = 0;
    Channel channel{Fd(kWorkerSocket)};
    try {
        give_up_rights();
        open_files_by([&](const std::string& path) { return open_for(channel, path); });
        work(channel);
    } catch (const std::exception& error) {
        status = 1;
        try {
            channel.send(MessageKind::failed, error.what());
        } catch (const std::system_error&) {
            // Nobody listens.
        }
    }
    ::_exit(status);  // nothing is left to do, and little is allowed
}
