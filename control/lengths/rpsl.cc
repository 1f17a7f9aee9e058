// SPDX-License-Identifier: BSD-2-Clause
#include "control/lengths/rpsl.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "control/config/text.h"
#include "control/feeds/words.h"
#include "control/net/address_text.h"
#include "control/net/ranges.h"

namespace mxgate {
namespace {

constexpr size_t kMaxValue = 1024;      // of one attribute that we keep
constexpr size_t kMaxUrls = 16;         // of one object
constexpr size_t kMaxRecord = 1 << 20;  // one object of a snapshot, as JSON

char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool same_name(std::string_view a, std::string_view b)
{
    if (a.size() != b.size())
        return false;
    for (size_t i = 0; i < a.size(); i++)
        if (lower(a[i]) != lower(b[i]))
            return false;
    return true;
}

// Puts lines together to objects. An attribute ends where the next begins, because a line that
// starts with a space, a tab or `+` continues it.
class ObjectBuilder
{
public:
    explicit ObjectBuilder(std::function<void(const RpslObject&)> use) : use_(std::move(use)) {}

    void line(std::string_view text, uint32_t number)
    {
        if (text.empty() || trim(text).empty()) {
            // In RPSL a line of spaces continues an attribute; registries do not write such lines.
            end_object();
            return;
        }
        if (text[0] == '%' || text[0] == '#')
            return;  // the server's remarks
        if (text[0] == ' ' || text[0] == '\t' || text[0] == '+') {
            append(text.substr(1));
            return;
        }
        end_attribute();
        const size_t colon = text.find(':');
        if (object_.line == 0)
            object_.line = number;
        if (colon == std::string_view::npos) {
            if (object_.damage.empty())
                object_.damage = "not an attribute: " + show(text);
            return;
        }
        wanted_ = which(trim(text.substr(0, colon)));
        append(text.substr(colon + 1));
    }

    void end_object()
    {
        end_attribute();
        if (object_.family != 0)
            use_(object_);
        object_ = {};
    }

private:
    enum class Wanted { none, ipv4, ipv6, either, status, size, prefixlen, remarks };

    static Wanted which(std::string_view name)
    {
        static constexpr std::pair<std::string_view, Wanted> kNames[] = {
            {"inetnum", Wanted::ipv4},         {"inet6num", Wanted::ipv6},
            {"netrange", Wanted::either},      {"status", Wanted::status},
            {"assignment-size", Wanted::size}, {"prefixlen", Wanted::prefixlen},
            {"remarks", Wanted::remarks},      {"comment", Wanted::remarks},
            {"extref", Wanted::remarks}};
        for (const auto& [known, wanted] : kNames)
            if (same_name(known, name))
                return wanted;
        return Wanted::none;
    }

    void append(std::string_view text)
    {
        if (wanted_ == Wanted::none)
            return;
        text = trim(text.substr(0, text.find('#')));
        if (!value_.empty() && !text.empty())
            value_ += ' ';
        value_.append(text.substr(0, kMaxValue - std::min(kMaxValue, value_.size())));
    }

    void set(std::string& into, const char* name)
    {
        if (!into.empty() && object_.damage.empty())
            object_.damage = fmt::format("two attributes `{}`", name);
        else
            into = value_;
    }

    void end_attribute()
    {
        switch (wanted_) {
            case Wanted::ipv4:
            case Wanted::ipv6:
            case Wanted::either:
                set(object_.range, "range");
                object_.family = wanted_ == Wanted::ipv6 || (wanted_ == Wanted::either &&
                                                             value_.find(':') != std::string::npos)
                                     ? MXG_FAMILY_IPV6
                                     : MXG_FAMILY_IPV4;
                break;
            case Wanted::status:
                set(object_.status, "status");
                break;
            case Wanted::size:
                set(object_.assignment_size, "assignment-size");
                break;
            case Wanted::prefixlen:
                add_url(object_.prefixlen, value_);
                break;
            case Wanted::remarks: {
                constexpr std::string_view kWord = "prefixlen";
                const std::string_view value = value_;
                if (value.size() > kWord.size() && value[kWord.size()] == ' ' &&
                    value.find("://") != std::string_view::npos &&
                    same_name(value.substr(0, kWord.size()), kWord))
                    add_url(object_.prefixlen_remarks, trim(value.substr(kWord.size())));
                break;
            }
            case Wanted::none:
                break;
        }
        wanted_ = Wanted::none;
        value_.clear();
    }

    static void add_url(std::vector<std::string>& urls, std::string_view url)
    {
        if (urls.size() < kMaxUrls)
            urls.emplace_back(url);
    }

    std::function<void(const RpslObject&)> use_;
    RpslObject object_;
    Wanted wanted_ = Wanted::none;
    std::string value_;
};

// The text of an object in a record of a snapshot; empty if it is another kind of record.
std::string object_text(std::string_view record)
{
    const auto json = nlohmann::json::parse(record, nullptr, false);
    if (!json.is_object())
        return {};
    const auto object = json.find("object");
    if (object == json.end() || !object->is_string())
        return {};
    return object->get<std::string>();
}

std::string header_error(std::string_view record)
{
    const auto json = nlohmann::json::parse(record, nullptr, false);
    if (!json.is_object() || json.value("nrtm_version", nlohmann::json()) != 4)
        return "not an NRTM version 4 snapshot: its first record has no `nrtm_version: 4`";
    if (json.value("type", nlohmann::json()) != "snapshot")
        return "an NRTM file, but no snapshot; name the snapshot file";
    return {};
}

class SnapshotReader
{
public:
    SnapshotReader(const std::function<void(const RpslObject&)>& use, std::string& error)
        : use_(use), error_(error)
    {
    }

    void take(std::string_view record)
    {
        record = trim_record(record);
        if (record.empty() || !error_.empty())
            return;
        records_++;
        if (records_ == 1) {
            error_ = header_error(record);
            return;
        }
        ObjectBuilder builder([this](const RpslObject& object) {
            RpslObject numbered = object;
            numbered.line = records_;
            use_(numbered);
        });
        const std::string text = object_text(record);
        for (std::string_view rest = text; !rest.empty();) {
            const size_t end = rest.find('\n');
            builder.line(rest.substr(0, end), records_);
            rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
        }
        builder.end_object();
    }

    uint32_t records() const { return records_; }

private:
    static std::string_view trim_record(std::string_view record)
    {
        while (!record.empty() && (record.back() == '\n' || record.back() == '\r'))
            record.remove_suffix(1);
        return trim(record);
    }

    const std::function<void(const RpslObject&)>& use_;
    std::string& error_;
    uint32_t records_ = 0;
};

constexpr char kRecordSeparator = '\x1e';

}  // namespace

void for_each_object(FeedInput& input, const std::function<void(const RpslObject&)>& use)
{
    ObjectBuilder builder(use);
    for (std::string_view line; input.next_raw_line(line);)
        builder.line(line, input.line());
    if (!input.failure())
        builder.end_object();
}

void for_each_nrtm_object(FeedInput& input, const std::function<void(const RpslObject&)>& use,
                          std::string& error)
{
    SnapshotReader reader(use, error);
    // A JSON text sequence (RFC 7464), or a record a line where the separators were lost.
    const bool sequence = input.peek() == kRecordSeparator;
    std::string record;
    for (std::string_view line; error.empty() && input.next_raw_line(line);) {
        const bool begins = !sequence || line.starts_with(kRecordSeparator);
        if (begins) {
            reader.take(record);
            record.clear();
            line.remove_prefix(sequence ? 1 : 0);
        }
        record.append(line.substr(0, kMaxRecord - std::min(kMaxRecord, record.size())));
        record += '\n';
    }
    if (error.empty() && !input.failure())
        reader.take(record);
    if (error.empty() && reader.records() == 0)
        error = "the snapshot is empty";
}

std::vector<mxg_prefix> range_of(const RpslObject& object, std::string& reason)
{
    const std::string_view text = object.range;
    const auto fail = [&](const char* what) {
        reason = what + show(text);
        return std::vector<mxg_prefix>{};
    };
    const size_t dash = text.find('-');
    if (dash == std::string_view::npos) {
        const auto parsed = parse_prefix(text);
        if (!parsed || parsed->prefix.address.family != object.family)
            return fail(object.family == MXG_FAMILY_IPV4 ? "not an IPv4 range: "
                                                         : "not an IPv6 prefix: ");
        if (parsed->host_bits_set)
            return fail("host bits are set: ");
        return {parsed->prefix};
    }
    const auto first = parse_address(trim(text.substr(0, dash)));
    const auto last = parse_address(trim(text.substr(dash + 1)));
    if (!first || !last || first->family != object.family || last->family != object.family)
        return fail("not a range: ");
    if (number_of(*first) > number_of(*last))
        return fail("a range that runs backwards: ");
    std::vector<mxg_prefix> out;
    split_range(number_of(*first), last_of({*last, mxg_family_bits(last->family)}), last->family,
                [&](const mxg_prefix& part) { out.push_back(part); });
    return out;
}

}  // namespace mxgate
