// SPDX-License-Identifier: BSD-2-Clause
// Frames out of capture files (pcap and pcapng, gzipped or not, through libpcap), made fit for a
// plane.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace mxgate {

struct CapturedFrame {
    uint64_t packet = 0;         // place in the file, from 1
    uint64_t time_us = 0;        // Unix time
    std::vector<uint8_t> bytes;  // with an Ethernet header, padded with zeros to the wire length
};

struct CaptureReport {
    uint64_t frames = 0;        // given to `take`
    uint64_t skipped_link = 0;  // of a link type that is neither Ethernet nor raw IP
    uint64_t skipped_size = 0;  // over 64 KiB or under 14 bytes
    std::string warning;        // the file ends in the middle, or the like; empty if all is well
};

inline constexpr uint32_t kMaxFrameBytes = 65536;

// Calls `take` for every frame of `path` that a plane can be given. Throws std::runtime_error if
// the file cannot be opened or is no capture.
CaptureReport read_capture(const std::string& path,
                           const std::function<void(const CapturedFrame&)>& take);

}  // namespace mxgate
