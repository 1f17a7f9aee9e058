// SPDX-License-Identifier: BSD-2-Clause
// The prefixlen files that registry objects name, as one list: one file on disk with the ranges of
// the objects and the texts of the files, so that versions of it can be kept and taken back like
// those of any other source, and nothing else is needed to read it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "control/feeds/input.h"
#include "control/lengths/discovery.h"
#include "control/lengths/length_list.h"
#include "control/lengths/signature.h"

namespace mxgate {

// Of one file, and of all together: that bounds the entries.
inline constexpr uint64_t kMaxPrefixlenFile = 64 << 20;
inline constexpr uint64_t kMaxPrefixlenFiles = 128 << 20;

struct FileText {
    std::string url;
    int64_t date = 0;  // Unix time at which this text was fetched first
    std::string text;  // as it was sent, perhaps packed
};

// One file, of which what may be believed has been read.
struct DiscoveredFile {
    std::string url;
    int64_t date = 0;
    LengthOrigin origin = LengthOrigin::prefixlen;
    LengthList list;
    uint64_t outside = 0;   // of the rejected: in no object that names the file
    std::string signature;  // why a signature does not count
};

// Where the list is written to.
class DiscoveredWriter
{
public:
    explicit DiscoveredWriter(int fd) : fd_(fd) {}

    // First all of `discovery`, then (it is settled) the files. Throw std::runtime_error.
    void begin(const Discovery& discovery);
    void add(const FileText& file);

private:
    void write(const std::string& bytes);
    int fd_;
};

// Calls `use` for each file as it stands there; the reason if it is no such list.
std::string for_each_text(FeedInput& input, const std::function<void(FileText&&)>& use);

// What DiscoveredWriter::begin() wrote; the reason if it is none.
std::string read_references(FeedInput& input, Discovery& into);

struct DiscoveredList {
    std::vector<DiscoveredFile> files;
    LengthList log;     // of the objects: records, rejected, rejects
    std::string error;  // not empty: the list must not be used
};
// Without a trust store no file counts as signed.
DiscoveredList read_discovered(FeedInput& input, const TrustStore* trust);

// Adds what was refused of a file to the log of all.
void take_log(const DiscoveredFile& file, LengthList& log);

// All of it as one list.
LengthList merge(DiscoveredList&& list);

}  // namespace mxgate
