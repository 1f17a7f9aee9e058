// SPDX-License-Identifier: BSD-2-Clause
// mxgate-connect: real TCP connections from many source addresses of this host, for labs and tests.
//
// Prints a JSON line for each: {"source","result":"connected|timeout|refused|…","seconds"} where
// `connected` means that the handshake was completed, and a summary at the end.
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <map>
#include <random>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "tests/tools/prefix.h"

namespace {

using namespace mxgate::tools;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

struct Options {
    std::vector<std::string> from;
    std::string to;
    uint16_t port = 25;
    unsigned count = 1;
    double rate = 0;
    unsigned timeout_ms = 800;  // under a second, so that no SYN is ever sent twice
    double hold = 0;            // seconds for which connections stay open once all are
    bool reset = false;         // ended by RST, not by FIN
    uint64_t seed = std::random_device{}();
};

struct Attempt {
    int fd = -1;
    std::string source;
    Clock::time_point start;
};

std::map<std::string, unsigned> results;
std::vector<int> held;
bool hold_open = false;

void finish(Attempt& attempt, const std::string& result)
{
    const std::chrono::duration<double> seconds = Clock::now() - attempt.start;
    std::printf("{\"source\":\"%s\",\"result\":\"%s\",\"seconds\":%.3f}\n", attempt.source.c_str(),
                result.c_str(), seconds.count());
    ++results[result];
    if (hold_open && result == "connected")
        held.push_back(attempt.fd);
    else
        close(attempt.fd);
    attempt.fd = -1;
}

std::string result_of(int error)
{
    return error == 0              ? "connected"
           : error == ECONNREFUSED ? "refused"
           : error == ETIMEDOUT    ? "timeout"
                                   : std::generic_category().message(error);
}

Attempt begin(const Address& from, const Address& to, uint16_t port)
{
    Attempt attempt{socket(to.family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0),
                    to_string(from), Clock::now()};
    const SocketAddress source = socket_address(from, 0);
    const SocketAddress target = socket_address(to, port);
    if (attempt.fd < 0 || bind(attempt.fd, source.get(), source.size) < 0) {
        throw std::system_error(errno, std::generic_category(), "bind to " + attempt.source);
    }
    if (connect(attempt.fd, target.get(), target.size) == 0) {
        finish(attempt, "connected");
    } else if (errno != EINPROGRESS) {
        finish(attempt, result_of(errno));
    }
    return attempt;
}

// Takes what came to an end off the list; waits for at most `wait`.
void collect(std::vector<Attempt>& open, milliseconds wait, milliseconds timeout)
{
    std::vector<pollfd> polls;
    for (const Attempt& attempt : open) {
        polls.push_back({attempt.fd, POLLOUT, 0});
    }
    poll(polls.data(), polls.size(), static_cast<int>(wait.count()));
    for (size_t i = 0; i < open.size(); ++i) {
        if (polls[i].revents != 0) {
            int error = 0;
            socklen_t size = sizeof error;
            getsockopt(open[i].fd, SOL_SOCKET, SO_ERROR, &error, &size);
            finish(open[i], result_of(error));
        } else if (Clock::now() - open[i].start >= timeout) {
            finish(open[i], "timeout");
        }
    }
    std::erase_if(open, [](const Attempt& attempt) { return attempt.fd < 0; });
}

void run(const Options& options)
{
    const Address to = parse_address(options.to);
    const std::vector<Prefix> prefixes = parse_prefixes(options.from, to);
    const milliseconds timeout(options.timeout_ms);
    std::mt19937_64 random(options.seed);
    std::vector<Attempt> open;
    const auto start = Clock::now();
    for (unsigned n = 0; n < options.count; ++n) {
        const auto due = options.rate == 0
                             ? start
                             : start + std::chrono::duration_cast<Clock::duration>(
                                           std::chrono::duration<double>(n / options.rate));
        while (Clock::now() < due) {
            collect(open, milliseconds(1), timeout);
        }
        const Prefix& prefix = prefixes[n % prefixes.size()];
        open.push_back(begin(prefix.host(random(), random()), to, options.port));
        std::erase_if(open, [](const Attempt& attempt) { return attempt.fd < 0; });
    }
    while (!open.empty()) {
        collect(open, milliseconds(10), timeout);
    }
    const std::chrono::duration<double> seconds = Clock::now() - start;
    std::fflush(stdout);
    if (hold_open)
        std::this_thread::sleep_for(std::chrono::duration<double>(options.hold));
    for (const int fd : held) {
        const linger at_once{1, 0};
        if (options.reset)
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        close(fd);
    }
    std::printf(
        "{\"attempts\":%u,\"connected\":%u,\"timeout\":%u,\"refused\":%u,\"seconds\":%.3f}\n",
        options.count, results["connected"], results["timeout"], results["refused"],
        seconds.count());
}

}  // namespace

int main(int argc, char** argv)
{
    Options options;
    CLI::App app{"Opens TCP connections from random addresses of prefixes routed to this host"};
    app.add_option("--from", options.from, "source prefixes, used in turn")->required();
    app.add_option("--to", options.to, "address of the protected service")->required();
    app.add_option("--port", options.port, "destination port")->capture_default_str();
    app.add_option("--count", options.count, "connections to open")->capture_default_str();
    app.add_option("--rate", options.rate, "connections per second; 0: at once");
    app.add_option("--timeout-ms", options.timeout_ms, "give up after so long")
        ->capture_default_str();
    app.add_option("--hold", options.hold, "seconds to keep all connections open");
    app.add_flag("--reset", options.reset, "end what was held by RST");
    app.add_option("--seed", options.seed, "make the run repeatable");
    app.footer(
        "Example, in a lab namespace:\n  mxgate-connect --from 2001:db8:100:1::/64 --to "
        "2001:db8:2::25 --count 60 --rate 30");
    CLI11_PARSE(app, argc, argv);
    try {
        hold_open = options.hold > 0;
        run(options);
        return 0;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "mxgate-connect: %s\n", error.what());
        return 1;
    }
}
