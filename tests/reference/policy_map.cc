// SPDX-License-Identifier: BSD-2-Clause
#include "tests/reference/policy_map.h"

#include "control/net/address_text.h"

namespace mxgate::reference {
namespace {

// The bits that a prefix leaves open, all set.
Number open_bits(const Prefix& prefix)
{
    Number out = 0;
    for (int bit = prefix.length; bit < prefix.first.width(); bit++)
        out = out << 1 | 1;
    return out;
}

}  // namespace

Prefix unmapped(const Prefix& prefix)
{
    const auto inside = mapped_ipv4(prefix.first);
    if (!inside || prefix.length < 96)
        return prefix;
    return {*inside, prefix.length - 96};
}

bool contains(const Prefix& prefix, const Address& address)
{
    if (prefix.first.family != address.family)
        return false;
    if (prefix.length == 0)
        return true;
    const int rest = address.width() - prefix.length;
    return address.value >> rest == prefix.first.value >> rest;
}

Prefix cut(const Address& address, int length)
{
    Prefix out{address, length};
    out.first.value &= ~open_bits(out);
    return out;
}

Address last_of(const Prefix& prefix)
{
    Address out = prefix.first;
    out.value |= open_bits(prefix);
    return out;
}

Address from(const mxg_address& address)
{
    if (address.family == MXG_FAMILY_IPV4)
        return {4, address.hi >> 32};
    return {6, static_cast<Number>(address.hi) << 64 | address.lo};
}

mxg_address to_core(const Address& address)
{
    if (address.family == 4)
        return {static_cast<uint64_t>(address.value) << 32, 0, MXG_FAMILY_IPV4, 0};
    return {static_cast<uint64_t>(address.value >> 64), static_cast<uint64_t>(address.value),
            MXG_FAMILY_IPV6, 0};
}

Prefix from(const mxg_prefix& prefix)
{
    return {from(prefix.address), static_cast<int>(prefix.length)};
}

mxg_prefix to_core(const Prefix& prefix)
{
    return {to_core(prefix.first), static_cast<uint32_t>(prefix.length)};
}

std::string to_string(const Address& address)
{
    return mxgate::to_string(to_core(address));
}

std::string to_string(const Prefix& prefix)
{
    return mxgate::to_string(to_core(prefix));
}

std::optional<Address> mapped_ipv4(const Address& address)
{
    if (address.family != 6 || address.value >> 32 != 0xffff)
        return std::nullopt;
    return Address{4, address.value & 0xffffffff};
}

void PolicyMap::add_entry(size_t feed, Prefix prefix, bool exclusion)
{
    entries_.push_back({feed, unmapped(prefix), exclusion});
}

size_t PolicyMap::add_length_source(int rank)
{
    length_ranks_.push_back(rank);
    return length_ranks_.size() - 1;
}

void PolicyMap::add_length(size_t source, Prefix prefix, int length)
{
    const Prefix as_ipv4 = unmapped(prefix);
    if (as_ipv4.first.family != prefix.first.family)
        length = length > 96 ? length - 96 : 1;
    lengths_.push_back({source, as_ipv4, length, 0});
}

void PolicyMap::add_end_sites(size_t source, Prefix prefix, uint32_t end_sites)
{
    shared_.push_back({source, unmapped(prefix), 0, end_sites});
}

bool PolicyMap::excluded(size_t feed, const Address& address) const
{
    for (const Entry& entry : entries_)
        if (entry.exclusion && entry.feed == feed && contains(entry.prefix, address))
            return true;
    return false;
}

bool PolicyMap::better(const Entry& a, const Entry& b) const
{
    const int length_a = effective(a).length, length_b = effective(b).length;
    if (feeds_[a.feed].priority != feeds_[b.feed].priority)
        return feeds_[a.feed].priority > feeds_[b.feed].priority;
    if (length_a != length_b)
        return length_a > length_b;
    return a.feed < b.feed;
}

bool PolicyMap::better(const Length& a, const Length& b) const
{
    if (length_ranks_[a.source] != length_ranks_[b.source])
        return length_ranks_[a.source] < length_ranks_[b.source];
    if (a.prefix.length != b.prefix.length)
        return a.prefix.length > b.prefix.length;
    return a.source < b.source;
}

int PolicyMap::length_of(const Prefix& prefix) const
{
    const Length* best = nullptr;
    for (const Length& length : lengths_)
        if (length.prefix.length <= prefix.length && contains(length.prefix, prefix.first) &&
            (!best || better(length, *best)))
            best = &length;
    if (best)
        return best->length;
    return prefix.first.family == 4 ? default_length_ipv4_ : default_length_ipv6_;
}

Prefix PolicyMap::effective(const Entry& entry) const
{
    if (!feeds_[entry.feed].widen || entry.exclusion)
        return entry.prefix;
    if (effective_.empty())
        for (const Entry& each : entries_) {
            const int site = length_of(each.prefix);
            const bool widen =
                feeds_[each.feed].widen && !each.exclusion && each.prefix.length > site;
            effective_.push_back(widen ? cut(each.prefix.first, site) : each.prefix);
        }
    return effective_[static_cast<size_t>(&entry - entries_.data())];
}

Answer PolicyMap::ask(const Address& address) const
{
    const Entry* best = nullptr;
    for (const Entry& entry : entries_) {
        if (entry.exclusion || !contains(effective(entry), address))
            continue;
        if ((!best || better(entry, *best)) && !excluded(entry.feed, address))
            best = &entry;
    }
    Answer out;
    out.class_name = best ? feeds_[best->feed].class_name : default_class_;
    if (best) {
        out.feed = best->feed;
        out.prefix = effective(*best);
    }
    out.length = length_of({address, address.width()});
    const Length* most_trusted = nullptr;
    for (const Length& stated : shared_)
        if (contains(stated.prefix, address) && (!most_trusted || better(stated, *most_trusted)))
            most_trusted = &stated;
    out.end_sites = most_trusted ? most_trusted->end_sites : 0;
    return out;
}

std::vector<Prefix> PolicyMap::all_prefixes() const
{
    std::vector<Prefix> out;
    for (const Entry& entry : entries_) {
        out.push_back(entry.prefix);
        out.push_back(effective(entry));
    }
    for (const auto* stated : {&lengths_, &shared_})
        for (const Length& length : *stated)
            out.push_back(length.prefix);
    return out;
}

}  // namespace mxgate::reference
