// SPDX-License-Identifier: BSD-2-Clause
// `mrt`: routing table dumps (RFC 6396 TABLE_DUMP_V2, RFC 8050 with path identifiers): the prefixes
// that the listed autonomous systems originate.
#include <fmt/format.h>

#include <string>

#include "control/feeds/asns.h"
#include "control/feeds/readers.h"

namespace mxgate {
namespace {

constexpr uint32_t kHeaderBytes = 12;
constexpr uint32_t kMaxRecordBytes = 16 << 20;  // thousands of peers with long paths
constexpr uint16_t kTableDumpV2 = 13;
constexpr uint8_t kAttributeAsPath = 2;
constexpr uint8_t kExtendedLength = 0x10;

// Segments of a path (RFC 4271); those of confederations have other numbers.
constexpr uint32_t kSet = 1;
constexpr uint32_t kSequence = 2;

// Big-endian numbers from a piece of a record; after reading past its end it is broken.
class Bytes
{
public:
    explicit Bytes(std::string_view bytes) : left_(bytes) {}

    uint32_t number(size_t size)
    {
        uint32_t value = 0;
        for (const char c : take(size))
            value = value << 8 | static_cast<uint8_t>(c);
        return value;
    }
    std::string_view take(size_t size)
    {
        broken_ |= size > left_.size();
        if (broken_)
            left_ = {};
        const std::string_view taken = left_.substr(0, size);
        left_.remove_prefix(taken.size());
        return taken;
    }
    bool at_end() const { return left_.empty(); }
    bool broken() const { return broken_; }

private:
    std::string_view left_;
    bool broken_ = false;
};

struct RibKind {
    uint32_t family = MXG_FAMILY_NONE;
    bool has_path_id = false;
};

// Of the subtypes that hold routes of one family.
RibKind kind_of(uint16_t subtype)
{
    switch (subtype) {
        case 2:  // RIB_IPV4_UNICAST, and with path identifiers
            return {MXG_FAMILY_IPV4, false};
        case 8:
            return {MXG_FAMILY_IPV4, true};
        case 4:  // RIB_IPV6_UNICAST
            return {MXG_FAMILY_IPV6, false};
        case 10:
            return {MXG_FAMILY_IPV6, true};
        default:  // peers, multicast, other families
            return {};
    }
}

class Mrt
{
public:
    Mrt(FeedInput& input, FeedBuilder& to, AsnSet asns)
        : input_(input), to_(to), asns_(std::move(asns))
    {
    }

    void read()
    {
        while (!to_.is_full() && input_.peek() >= 0 && read_record())
            ;
    }

private:
    // False if nothing can be read behind it.
    bool read_record()
    {
        number_++;
        char header[kHeaderBytes];
        if (input_.read(header, sizeof(header)) != sizeof(header))
            return refuse("truncated");
        Bytes head({header, sizeof(header)});
        head.take(4);  // time
        const auto type = static_cast<uint16_t>(head.number(2));
        const auto subtype = static_cast<uint16_t>(head.number(2));
        const uint32_t size = head.number(4);
        if (type != kTableDumpV2)
            return refuse(fmt::format("of type {}: no routing table dump (TABLE_DUMP_V2, {})", type,
                                      kTableDumpV2));
        if (size > kMaxRecordBytes)
            return refuse(fmt::format("of {} bytes: this is no MRT file", size));
        record_.resize(size);
        if (input_.read(record_.data(), size) != size)
            return refuse("truncated");
        if (const RibKind kind = kind_of(subtype); kind.family != MXG_FAMILY_NONE)
            read_routes(kind);
        return true;
    }

    bool refuse(const std::string& reason)
    {
        to_.refuse(fmt::format("record {} is {}", number_, reason));
        return false;
    }

    void read_routes(RibKind kind)
    {
        Bytes record(record_);
        record.take(4);  // sequence number
        const uint32_t length = record.number(1);
        if (length > mxg_family_bits(kind.family)) {
            to_.count_line();
            to_.reject(number_, fmt::format("a prefix of {} bits", length));
            return;
        }
        mxg_address address{0, 0, kind.family, 0};
        uint32_t bit = 0;
        for (const char c : record.take((length + 7) / 8)) {
            const auto octet = static_cast<uint64_t>(static_cast<uint8_t>(c));
            (bit < 64 ? address.hi : address.lo) |= octet << (56 - bit % 64);
            bit += 8;
        }
        bool listed = false;
        for (uint32_t routes = record.number(2); routes > 0 && !record.broken(); routes--) {
            record.take(2 + 4 + (kind.has_path_id ? 4 : 0));  // peer, time, path identifier
            const uint32_t size = record.number(2);
            listed |= is_listed(Bytes(record.take(size)));
        }
        if (record.broken() || broken_path_) {
            to_.count_line();
            to_.reject(number_, "a broken record");
        } else if (listed) {
            to_.count_line();
            to_.add({mxg_cut(address, length), length}, number_);
        }
        broken_path_ = false;
    }

    // Whether one of a route's origins is listed.
    bool is_listed(Bytes attributes)
    {
        while (!attributes.at_end()) {
            const uint32_t flags = attributes.number(1);
            const uint32_t type = attributes.number(1);
            const uint32_t size = attributes.number(flags & kExtendedLength ? 2 : 1);
            const std::string_view value = attributes.take(size);
            if (type == kAttributeAsPath && !attributes.broken())
                return ends_in_listed(Bytes(value));
        }
        broken_path_ |= attributes.broken();
        return false;
    }

    // The last system of the last sequence, or any of the last set; inside a confederation no one
    // originates for the world.
    bool ends_in_listed(Bytes path)
    {
        bool listed = false;
        while (!path.at_end()) {
            const uint32_t kind = path.number(1);
            uint32_t count = path.number(1);
            bool any = false, last = false;
            for (; count > 0 && !path.broken(); count--) {
                last = asns_.contains(path.number(4));
                any |= last;
            }
            if (kind == kSet || kind == kSequence)
                listed = kind == kSet ? any : last;
        }
        broken_path_ |= path.broken();
        return listed;
    }

    FeedInput& input_;
    FeedBuilder& to_;
    const AsnSet asns_;
    uint32_t number_ = 0;
    std::string record_;
    bool broken_path_ = false;  // of the record at hand
};

}  // namespace

void read_mrt(FeedInput& input, FeedBuilder& to)
{
    if (auto asns = read_asns(to))
        Mrt(input, to, std::move(*asns)).read();
}

}  // namespace mxgate
