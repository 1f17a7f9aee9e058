// SPDX-License-Identifier: BSD-2-Clause
// Prefixlen files that registry objects name (RFC 9977 section 4): which there are, and what of
// them may be believed.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "control/lengths/length_list.h"
#include "control/lengths/rpsl.h"
#include "control/net/nesting.h"

namespace mxgate {

// A range of an object and the file that the object names for it: an https URL.
struct PrefixlenReference {
    mxg_prefix range{};
    std::string url;
    uint32_t line = 0;  // of the object; 0: unknown
};

class Discovery
{
public:
    // An object names one file: of `prefixlen:` the first, or else of the remarks. What is no https
    // URL, and what is left over, is logged.
    void take(const RpslObject& object);
    void add(PrefixlenReference reference) { references_.push_back(std::move(reference)); }

    // Each file once, those of the widest ranges first: whoever has one allocation cannot push the
    // others out with many small objects.
    std::vector<std::string> files() const;

    // Only these files are there: what others are named for is left to the wider object. To be
    // called once, before confine().
    void settle(const std::set<std::string>& files);

    // Leaves of what the file at `url` states what may be believed. An entry counts where the most
    // specific object that contains it names the file; of a wider entry only what no more specific
    // object has a file of its own for. Gives how many entries are in no object that names it.
    uint64_t confine(const std::string& url, LengthList& list) const;

    const std::vector<PrefixlenReference>& references() const { return references_; }
    const LengthList& log() const { return log_; }  // of objects: records, rejected, rejects
    LengthList& log() { return log_; }

private:
    void carve(const LengthEntry& entry, const std::string& url, LengthList& into) const;

    std::vector<PrefixlenReference> references_;
    LengthList log_;
    Nesting ranges_;  // of the references
};

}  // namespace mxgate
