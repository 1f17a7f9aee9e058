// SPDX-License-Identifier: BSD-2-Clause
// A source of end-site lengths, by its format.
#pragma once

#include "control/config/config.h"
#include "control/feeds/input.h"
#include "control/lengths/length_list.h"
#include "control/lengths/signature.h"

namespace mxgate {

// Bytes, unpacked: the largest registry's inetnum objects take a third of this.
inline constexpr uint64_t kMaxUnpacked = 16ULL << 30;

// "prefixlen", "rpsl", …
const char* format_name(LengthFormat format);

// What is trusted of a source in this format; a verified signature raises prefixlen.
LengthOrigin origin_of(LengthFormat format);

// Reads `path`, a version of the feed; of one that discovers files, all of them together. Refused
// (error) when it cannot be read or holds fewer than feed.min_entries entries.
LengthList read_length_file(const LengthFeedConfig& feed, const std::string& path);
LengthList read_lengths(const LengthFeedConfig& feed, FeedInput& input);

// Why a version with so few entries is refused; empty: it is not.
std::string fault_of_count(const LengthFeedConfig& feed, uint64_t entries);

struct SignedFile {
    LengthList list;
    SignatureCheck signature;
};
// A prefixlen file of at most 64 MiB with its signature, if it has one.
SignedFile read_signed_file(const LengthFeedConfig& feed, const std::string& path,
                            const TrustStore& trust);

}  // namespace mxgate
