// SPDX-License-Identifier: BSD-2-Clause
// Prefixlen files that registry objects name (RFC 9977 section 4): what of them may be believed.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "control/lengths/length_list.h"
#include "control/lengths/rpsl.h"
#include "control/lengths/signature.h"
#include "control/net/nesting.h"

namespace mxgate {

// A range of an object and the file that the object names for it.
struct PrefixlenReference {
    mxg_prefix range{};
    std::string url;
    uint32_t line = 0;  // of the object
};

struct FetchedFile {
    std::string text;
    std::string error;  // not empty: there is no text
};
// Gets a URL; only `https://` ones are asked for, each once.
using Fetch = std::function<FetchedFile(const std::string& url)>;

struct DiscoveredFile {
    std::string url;
    LengthOrigin origin = LengthOrigin::prefixlen;
    LengthList list;          // what may be believed, and what was refused
    uint64_t outside = 0;     // of the rejected: not in the range of an object that names the file
    std::string fetch_error;  // not empty: there is no list
    std::string signature;    // why a signature does not count
};

class Discovery
{
public:
    // An object names one file: of `prefixlen:` the first, or else of the remarks. What is no https
    // URL, and what is left over, is logged.
    void take(const RpslObject& object);

    // Fetches every file once. An entry counts where the most specific object that contains it
    // names its file; of a wider entry only what no more specific object has a file of its own for.
    // A file that cannot be had leaves its range to the wider object. Without a trust store no
    // file counts as signed.
    std::vector<DiscoveredFile> run(const Fetch& fetch, const TrustStore* trust);

    const std::vector<PrefixlenReference>& references() const { return references_; }
    const LengthList& log() const { return log_; }  // of objects: records, rejected, rejects

private:
    void index();
    uint32_t most_specific(const mxg_prefix& prefix) const;
    void confine(DiscoveredFile& file, size_t number) const;
    void carve(const LengthEntry& entry, size_t number, LengthList& into) const;

    std::vector<PrefixlenReference> references_;
    LengthList log_;
    Nesting ranges_;               // of the references
    std::vector<size_t> file_of_;  // of each reference
    std::vector<bool> fetched_;    // of each file
};

}  // namespace mxgate
