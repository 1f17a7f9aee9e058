// SPDX-License-Identifier: BSD-2-Clause
// The policy map once more, as slow and as plain as can be: every entry is looked at for every
// address. Shares no code with the compiler or the planes.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/core/address.h"

namespace mxgate::reference {

__extension__ using Number = unsigned __int128;

// `value` has `width()` bits: an IPv4 address is a plain 32-bit number.
struct Address {
    int family = 6;
    Number value = 0;

    int width() const { return family == 4 ? 32 : 128; }
    bool operator==(const Address& other) const = default;
};

struct Prefix {
    Address first;
    int length = 0;

    bool operator==(const Prefix& other) const = default;
};

bool contains(const Prefix& prefix, const Address& address);
Prefix cut(const Address& address, int length);
Address last_of(const Prefix& prefix);
// The IPv4 prefix inside ::ffff:0:0/96; any other as it is.
Prefix unmapped(const Prefix& prefix);

Address from(const mxg_address& address);
mxg_address to_core(const Address& address);
Prefix from(const mxg_prefix& prefix);
mxg_prefix to_core(const Prefix& prefix);
std::string to_string(const Address& address);
std::string to_string(const Prefix& prefix);

// The IPv4 address inside ::ffff:0:0/96 (RFC 4291).
std::optional<Address> mapped_ipv4(const Address& address);

struct Feed {
    std::string name;
    std::string class_name;
    int priority = 0;
    bool widen = false;
};

struct Answer {
    std::string class_name;
    std::optional<size_t> feed;    // place in the configuration
    std::optional<Prefix> prefix;  // the entry that decided the class, widened
    int length = 0;                // end-site prefix length
    uint32_t end_sites = 0;        // that share the address or end-site prefix; 0: not stated
};

class PolicyMap
{
public:
    PolicyMap(std::string default_class, int default_length_ipv4, int default_length_ipv6)
        : default_class_(std::move(default_class)),
          default_length_ipv4_(default_length_ipv4),
          default_length_ipv6_(default_length_ipv6)
    {
    }

    void add_feed(Feed feed) { feeds_.push_back(std::move(feed)); }
    // A mapped prefix is the IPv4 prefix inside it.
    void add_entry(size_t feed, Prefix prefix, bool exclusion);
    // Sources of lengths: the lower rank wins, then the longer prefix, then the earlier source.
    size_t add_length_source(int rank);
    void add_length(size_t source, Prefix prefix, int length);  // mapped ones likewise
    void add_end_sites(size_t source, Prefix prefix, uint32_t end_sites);

    // `address` as it is: an embedded one is not looked into.
    Answer ask(const Address& address) const;

    const std::vector<Feed>& feeds() const { return feeds_; }
    std::vector<Prefix> all_prefixes() const;

private:
    struct Entry {
        size_t feed;
        Prefix prefix;
        bool exclusion;
    };
    struct Length {
        size_t source;
        Prefix prefix;
        int length;
        uint32_t end_sites;
    };
    // The end-site length that holds for all of `prefix`.
    int length_of(const Prefix& prefix) const;
    Prefix effective(const Entry& entry) const;

    bool excluded(size_t feed, const Address& address) const;
    bool better(const Entry& a, const Entry& b) const;
    bool better(const Length& a, const Length& b) const;

    std::string default_class_;
    int default_length_ipv4_, default_length_ipv6_;
    std::vector<Feed> feeds_;
    std::vector<Entry> entries_;
    std::vector<int> length_ranks_;
    std::vector<Length> lengths_, shared_;
    mutable std::vector<Prefix> effective_;  // of each entry, once known
};

}  // namespace mxgate::reference
