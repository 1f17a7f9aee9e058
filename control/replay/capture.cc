// SPDX-License-Identifier: BSD-2-Clause
#include "control/replay/capture.h"

#include <pcap/pcap.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <stdexcept>

namespace mxgate {
namespace {

constexpr uint32_t kEthernetBytes = 14;

bool is_raw_ip(int link)
{
    return link == DLT_RAW || link == DLT_IPV4 || link == DLT_IPV6;
}

// An Ethernet header from nobody to nobody, with the type that the IP version nibble says.
void add_ethernet(std::vector<uint8_t>& bytes, uint8_t first)
{
    const bool ipv6 = first >> 4 == 6;
    bytes.assign(kEthernetBytes, 0);
    bytes[12] = ipv6 ? 0x86 : 0x08;
    bytes[13] = ipv6 ? 0xdd : 0x00;
}

void fill(CapturedFrame& frame, const pcap_pkthdr& head, const u_char* data, bool raw)
{
    frame.bytes.clear();
    if (raw)
        add_ethernet(frame.bytes, head.caplen > 0 ? data[0] : 0);
    frame.bytes.insert(frame.bytes.end(), data, data + head.caplen);
    const size_t whole = head.len + (raw ? kEthernetBytes : 0u);
    frame.bytes.resize(std::max(frame.bytes.size(), whole), 0);
    frame.time_us =
        static_cast<uint64_t>(head.ts.tv_sec) * 1'000'000 + static_cast<uint64_t>(head.ts.tv_usec);
}

// A stream over a file that may be gzipped.
std::FILE* open_stream(const std::string& path)
{
    gzFile file = gzopen(path.c_str(), "rb");
    if (!file)
        throw std::runtime_error(path + ": " + std::strerror(errno));
    cookie_io_functions_t io{};
    io.read = [](void* cookie, char* to, size_t bytes) -> ssize_t {
        return gzread(static_cast<gzFile>(cookie), to, static_cast<unsigned>(bytes));
    };
    io.close = [](void* cookie) { return gzclose(static_cast<gzFile>(cookie)); };
    std::FILE* stream = fopencookie(file, "rb", io);
    if (!stream) {
        gzclose(file);
        throw std::runtime_error(path + ": " + std::strerror(errno));
    }
    return stream;
}

}  // namespace

CaptureReport read_capture(const std::string& path,
                           const std::function<void(const CapturedFrame&)>& take)
{
    char error[PCAP_ERRBUF_SIZE] = {};
    std::FILE* stream = open_stream(path);
    const std::unique_ptr<pcap_t, decltype(&pcap_close)> capture(pcap_fopen_offline(stream, error),
                                                                 pcap_close);
    if (!capture) {
        std::fclose(stream);
        throw std::runtime_error(path + ": " + error);
    }
    const int link = pcap_datalink(capture.get());
    const bool raw = is_raw_ip(link);
    CaptureReport report;
    CapturedFrame frame;
    pcap_pkthdr* head = nullptr;
    const u_char* data = nullptr;
    int got;
    while ((got = pcap_next_ex(capture.get(), &head, &data)) == 1) {
        frame.packet++;
        const uint64_t whole = std::max(head->len, head->caplen) + (raw ? kEthernetBytes : 0u);
        if (!raw && link != DLT_EN10MB) {
            report.skipped_link++;
        } else if (whole < kEthernetBytes || whole > kMaxFrameBytes) {
            report.skipped_size++;
        } else {
            fill(frame, *head, data, raw);
            report.frames++;
            take(frame);
        }
    }
    if (got == PCAP_ERROR)
        report.warning = std::string("stopped after packet ") + std::to_string(frame.packet) +
                         ": " + pcap_geterr(capture.get());
    return report;
}

}  // namespace mxgate
