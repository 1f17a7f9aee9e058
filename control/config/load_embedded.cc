// SPDX-License-Identifier: BSD-2-Clause
// `aggregation.embedded`: IPv6 addresses that carry an IPv4 address, beyond those that every
// network knows.
#include <algorithm>

#include "control/config/reader.h"
#include "dataplane/core/image.h"

namespace mxgate {
namespace {

struct Known {
    const char* name;
    mxg_prefix prefix;
};

// What the planes look for in any case; dataplane/core/embedded.h.
constexpr Known kKnown[] = {
    {"IPv4-mapped addresses", {{0, 0xffffULL << 32, MXG_FAMILY_IPV6, 0}, 96}},
    {"6to4", {{0x2002ULL << 48, 0, MXG_FAMILY_IPV6, 0}, 16}},
    {"Teredo", {{0x20010000ULL << 32, 0, MXG_FAMILY_IPV6, 0}, 32}},
    {"NAT64", {{0x64ff9bULL << 32, 0, MXG_FAMILY_IPV6, 0}, 96}},
};

}  // namespace

void Reader::read_embedded(const YamlNode& node)
{
    const Section fields = section(node, "embedded", {"nat64", "sixrd", "isatap"});
    const auto items = [&](const char* key, const char* expected, const auto& read) {
        const YamlEntry* entry = fields.find(key);
        if (entry == nullptr)
            return;
        if (entry->value->kind != YamlNode::Kind::list)
            wrong_kind(report_, *entry->value, expected);
        for (const YamlNode* item : entry->value->items)
            read(*item);
    };
    items("nat64", "a list of prefixes", [&](const YamlNode& item) { read_nat64(item); });
    items("sixrd", "a list of 6rd domains", [&](const YamlNode& item) { read_sixrd(item); });
    items("isatap", "a list of prefixes", [&](const YamlNode& item) { read_isatap(item); });
}

// An IPv6 prefix, or nothing, which is reported.
std::optional<mxg_prefix> Reader::read_ipv6_prefix(const YamlNode& node)
{
    const auto prefix = read_prefix(report_, node);
    if (prefix && prefix->address.family != MXG_FAMILY_IPV6) {
        error_at(report_, node, fmt::format("{} is not an IPv6 prefix", to_string(*prefix)));
        return std::nullopt;
    }
    return prefix;
}

// Counts a way to carry an IPv4 address; false if there are too many.
bool Reader::count_embedding(const YamlNode& node)
{
    if (++embeddings_ == MXG_MAX_EMBEDDINGS + 1)
        error_at(report_, node,
                 fmt::format("more than {} prefixes in `embedded`", MXG_MAX_EMBEDDINGS));
    return embeddings_ <= MXG_MAX_EMBEDDINGS;
}

// An address must not be of two kinds.
bool Reader::is_new_embedding(const YamlNode& node, const mxg_prefix& prefix)
{
    for (const Known& known : kKnown)
        if (overlap(known.prefix, prefix)) {
            error_at(
                report_, node,
                fmt::format("{} overlaps with {} ({}), which the gate knows without being told",
                            to_string(prefix), known.name, to_string(known.prefix)));
            return false;
        }
    const auto clash = [&](const mxg_prefix& other) {
        if (overlap(other, prefix))
            error_at(report_, node,
                     fmt::format("{} overlaps with {}", to_string(prefix), to_string(other)));
        return overlap(other, prefix);
    };
    const EmbeddedConfig& known = config_.embedded;
    return std::none_of(known.nat64.begin(), known.nat64.end(), clash) &&
           std::none_of(known.sixrd.begin(), known.sixrd.end(),
                        [&](const SixRdConfig& domain) { return clash(domain.prefix); });
}

// RFC 6052 2.2: six lengths, and bits 64 to 71 are zero.
void Reader::read_nat64(const YamlNode& node)
{
    constexpr uint32_t kLengths[] = {32, 40, 48, 56, 64, 96};
    const auto prefix = read_ipv6_prefix(node);
    if (!prefix)
        return;
    if (std::find(std::begin(kLengths), std::end(kLengths), prefix->length) == std::end(kLengths))
        return error_at(report_, node,
                        fmt::format("a NAT64 prefix has 32, 40, 48, 56, 64 or 96 bits (RFC 6052); "
                                    "{} has {}",
                                    to_string(*prefix), prefix->length));
    if (prefix->address.lo >> 56 != 0)
        return error_at(report_, node,
                        fmt::format("bits 64 to 71 of a NAT64 prefix are zero (RFC 6052); in {} "
                                    "they are not",
                                    to_string(*prefix)));
    if (is_new_embedding(node, *prefix) && count_embedding(node))
        config_.embedded.nat64.push_back(*prefix);
}

void Reader::read_sixrd(const YamlNode& node)
{
    const Section fields =
        section(node, "6rd domain", {"prefix", "ipv4_mask_length", "ipv4_prefix"});
    if (!fields.is_map())
        return;
    const YamlEntry* entry = fields.require("prefix");
    const auto prefix = entry == nullptr ? std::nullopt : read_ipv6_prefix(*entry->value);
    const auto ipv4 = read_common_bits(node, fields);
    if (!prefix || !ipv4)
        return;
    if (prefix->length == 0 || prefix->length + 32 - ipv4->length > 64)
        return error_at(report_, *entry->value,
                        fmt::format("a customer of {} would have {} bits; a 6rd delegated prefix "
                                    "has at most 64 (RFC 5969)",
                                    to_string(*prefix), prefix->length + 32 - ipv4->length));
    if (is_new_embedding(*entry->value, *prefix) && count_embedding(node))
        config_.embedded.sixrd.push_back({*prefix, *ipv4});
}

// What all IPv4 addresses of a 6rd domain have in common: `ipv4_prefix`, whose length
// `ipv4_mask_length` states where it is written as an address.
std::optional<mxg_prefix> Reader::read_common_bits(const YamlNode& node, const Section& fields)
{
    constexpr uint32_t kMostCommon = 31;
    const YamlEntry* mask = fields.find("ipv4_mask_length");
    const YamlEntry* common = fields.find("ipv4_prefix");
    const auto length =
        mask == nullptr ? std::nullopt : read_integer(report_, *mask->value, 0, kMostCommon);
    if (common == nullptr) {
        if (mask == nullptr)
            error_at(report_, node, "this 6rd domain has no `ipv4_mask_length`");
        if (!length)
            return std::nullopt;
        if (*length == 0)
            return mxg_prefix{{0, 0, MXG_FAMILY_IPV4, 0}, 0};
        error_at(report_, *mask, "`ipv4_mask_length` without `ipv4_prefix`: which bits?");
        return std::nullopt;
    }
    auto prefix = read_prefix(report_, *common->value);
    if (!prefix || (mask != nullptr && !length))
        return std::nullopt;
    if (prefix->address.family != MXG_FAMILY_IPV4) {
        error_at(report_, *common->value,
                 fmt::format("{} is not an IPv4 prefix", to_string(*prefix)));
        return std::nullopt;
    }
    const auto bits = static_cast<uint32_t>(length.value_or(prefix->length));
    const bool as_address = prefix->length == 32;
    const mxg_address cut = mxg_cut(prefix->address, bits);
    if (bits > kMostCommon || (prefix->length != bits && !as_address) ||
        !mxg_same_address(cut, prefix->address)) {
        error_at(report_, *common->value,
                 fmt::format("{} is not the {} bits that the addresses of the domain have in "
                             "common",
                             to_string(*prefix), bits));
        return std::nullopt;
    }
    return mxg_prefix{cut, bits};
}

// RFC 5214 6.1: the interface identifier tells; `prefix` is where it is believed.
void Reader::read_isatap(const YamlNode& node)
{
    const auto prefix = read_ipv6_prefix(node);
    if (!prefix)
        return;
    if (prefix->length > 64)
        return error_at(report_, node,
                        fmt::format("an ISATAP prefix has at most 64 bits; {} has {}",
                                    to_string(*prefix), prefix->length));
    if (count_embedding(node))
        config_.embedded.isatap.push_back(*prefix);
}

}  // namespace mxgate
