// SPDX-License-Identifier: BSD-2-Clause
// mxgate-flood: TCP SYNs from random addresses of given prefixes, for labs and tests.
//
// Frames are written to an AF_PACKET socket, so no source address needs to exist on this host.
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "tests/tools/prefix.h"
#include "tests/tools/syn_frame.h"

namespace {

using namespace mxgate::tools;

using Clock = std::chrono::steady_clock;

constexpr size_t kBatch = 64;
volatile std::sig_atomic_t stopped = 0;

struct Options {
    std::string interface;
    std::string gateway_mac;
    std::vector<std::string> from;
    std::string to;
    uint16_t port = 25;
    uint64_t rate = 0;
    uint64_t count = 0;
    double seconds = 0;
    uint64_t seed = std::random_device{}();
    bool in_order = false;
    bool own_network = false;
};

[[noreturn]] void fail_errno(const std::string& what)
{
    throw std::system_error(errno, std::generic_category(), what);
}

Mac parse_mac(const std::string& text)
{
    Mac mac{};
    int used = 0;
    if (std::sscanf(text.c_str(), "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &mac[0], &mac[1],
                    &mac[2], &mac[3], &mac[4], &mac[5], &used) != 6 ||
        static_cast<size_t>(used) != text.size()) {
        throw std::runtime_error("not a MAC address: " + text);
    }
    return mac;
}

int open_packet_socket(unsigned interface)
{
    const int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_ifindex = static_cast<int>(interface);
    if (fd < 0 || bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0) {
        fail_errno("AF_PACKET socket");
    }
    return fd;
}

Mac interface_mac(int fd, const std::string& name)
{
    ifreq request{};
    name.copy(request.ifr_name, IFNAMSIZ - 1);
    if (ioctl(fd, SIOCGIFHWADDR, &request) < 0) {
        fail_errno("address of " + name);
    }
    Mac mac{};
    std::memcpy(mac.data(), request.ifr_hwaddr.sa_data, mac.size());
    return mac;
}

// Hands the frames to the driver; what it has no room for is tried again, so that the count holds.
void send_all(int fd, std::vector<mmsghdr>& messages, size_t count)
{
    for (size_t done = 0; done < count;) {
        const int sent = sendmmsg(fd, &messages[done], static_cast<unsigned>(count - done), 0);
        if (sent > 0) {
            done += static_cast<size_t>(sent);
        } else if (errno == ENOBUFS || errno == EAGAIN) {
            std::this_thread::sleep_for(std::chrono::microseconds(50));
        } else if (errno != EINTR) {
            fail_errno("send");
        }
    }
}

std::optional<ino_t> inode(const std::string& path)
{
    struct stat status;
    return stat(path.c_str(), &status) == 0 ? std::optional(status.st_ino) : std::nullopt;
}

// A lab namespace is not that of process 1, or at least (where that may not be read) a named one.
bool in_lab_namespace()
{
    const auto own = inode("/proc/self/ns/net");
    if (const auto initial = inode("/proc/1/ns/net")) {
        return own != initial;
    }
    std::error_code error;
    const std::filesystem::directory_iterator names("/run/netns", error);
    return std::any_of(begin(names), end(names),
                       [&](const auto& name) { return inode(name.path()) == own; });
}

uint64_t flood(const Options& options, Clock::time_point start)
{
    const Address to = parse_address(options.to);
    const std::vector<Prefix> prefixes = parse_prefixes(options.from, to);
    const unsigned interface = if_nametoindex(options.interface.c_str());
    if (interface == 0) {
        fail_errno(options.interface);
    }
    const int fd = open_packet_socket(interface);
    const Mac own = interface_mac(fd, options.interface);
    const Mac gateway = parse_mac(options.gateway_mac);
    std::mt19937_64 random(options.seed);
    std::vector<Frame> frames(kBatch);
    std::vector<iovec> vectors(kBatch);
    std::vector<mmsghdr> messages(kBatch);
    const auto end = start + std::chrono::duration_cast<Clock::duration>(
                                 std::chrono::duration<double>(options.seconds));
    // At most 2000 wake-ups a second, and small batches, keep a slow rate even.
    const uint64_t batch =
        options.rate == 0 ? kBatch : std::clamp<uint64_t>(options.rate / 2000, 1, kBatch);
    uint64_t sent = 0;
    while (stopped == 0 && (options.count == 0 || sent < options.count)) {
        const auto due =
            options.rate == 0
                ? start
                : start + std::chrono::nanoseconds(sent * 1'000'000'000 / options.rate);
        if (options.seconds > 0 && std::max(due, Clock::now()) >= end) {
            break;
        }
        std::this_thread::sleep_until(due);
        const uint64_t now = options.count == 0 ? batch : std::min(batch, options.count - sent);
        for (size_t i = 0; i < now; ++i) {
            const uint64_t n = sent + i;
            const Prefix& prefix = prefixes[(options.in_order ? n : random()) % prefixes.size()];
            const Address from = options.in_order ? prefix.host(0, n / prefixes.size())
                                                  : prefix.host(random(), random());
            write_syn(frames[i], {own, gateway, from, to, options.port}, random());
            vectors[i] = {frames[i].bytes.data(), frames[i].size};
            messages[i].msg_hdr.msg_iov = &vectors[i];
            messages[i].msg_hdr.msg_iovlen = 1;
        }
        send_all(fd, messages, now);
        sent += now;
    }
    close(fd);
    return sent;
}

}  // namespace

int main(int argc, char** argv)
{
    Options options;
    CLI::App app{
        "Sends TCP SYNs from random addresses of the given prefixes (labs and tests only)"};
    app.add_option("--interface", options.interface, "interface to send on")->required();
    app.add_option("--gateway-mac", options.gateway_mac, "next hop")->required();
    app.add_option("--from", options.from, "source prefixes; each SYN takes a random address")
        ->required();
    app.add_option("--to", options.to, "address of the protected service")->required();
    app.add_option("--port", options.port, "destination port")->capture_default_str();
    app.add_option("--rate", options.rate, "SYNs per second; 0: as fast as it goes");
    app.add_option("--count", options.count, "end after so many");
    app.add_option("--seconds", options.seconds, "end after so long");
    app.add_option("--seed", options.seed, "make the run repeatable");
    app.add_flag("--in-order", options.in_order, "count through the prefixes instead of at random");
    app.add_flag("--i-own-this-network", options.own_network,
                 "allow the host's own network namespace");
    app.footer(
        "Example, in a lab namespace:\n  mxgate-flood --interface send0 --gateway-mac "
        "02:00:00:00:00:02 --from 2001:db8:100::/40 --to 2001:db8:2::25 --rate 5000");
    CLI11_PARSE(app, argc, argv);
    std::signal(SIGINT, [](int) { stopped = 1; });
    std::signal(SIGTERM, [](int) { stopped = 1; });
    try {
        if (!options.own_network && !in_lab_namespace()) {
            throw std::runtime_error(
                "not inside a lab's network namespace, where it belongs; if "
                "this network is yours: --i-own-this-network");
        }
        const auto start = Clock::now();
        const uint64_t sent = flood(options, start);
        const std::chrono::duration<double> seconds = Clock::now() - start;
        std::printf("{\"sent\":%llu,\"seconds\":%.3f}\n", static_cast<unsigned long long>(sent),
                    seconds.count());
        return 0;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "mxgate-flood: %s\n", error.what());
        return 1;
    }
}
