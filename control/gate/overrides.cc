// SPDX-License-Identifier: BSD-2-Clause
#include "control/gate/overrides.h"

#include <algorithm>
#include <filesystem>
#include <stdexcept>
#include <system_error>

#include "control/config/text.h"
#include "control/fetch/durable.h"
#include "control/net/address_text.h"
#include "control/net/ranges.h"
#include "control/text/json.h"

namespace mxgate {
namespace {

using nlohmann::json;

constexpr size_t kMaxBytes = 64 << 20;

const ClassConfig* find_class(const Config& config, const OverrideRequest& request)
{
    for (const ClassConfig& c : config.classes) {
        const bool lets_in = c.action == Action::pass;
        const bool refuses = c.action != Action::pass && c.action != Action::limit;
        if (request.class_name.empty() ? (*request.lets_in ? lets_in : refuses)
                                       : c.name == request.class_name)
            return &c;
    }
    return nullptr;
}

Override from_json(const json& entry)
{
    Override out;
    out.prefix = override_prefix(entry.at("prefix"));
    out.class_name = entry.at("class");
    out.reason = entry.at("reason");
    out.who = entry.at("who");
    out.since = whole<int64_t>(entry.at("since"));
    if (!entry.at("until").is_null())
        out.until = whole<int64_t>(entry["until"]);
    return out;
}

}  // namespace

std::optional<uint8_t> class_number(const TableInfo& info, const std::string& name)
{
    for (size_t i = 0; i < info.classes.size(); i++)
        if (info.classes[i].name == name && !info.classes[i].retired)
            return static_cast<uint8_t>(i);
    return std::nullopt;
}

mxg_prefix override_prefix(const std::string& text)
{
    const auto parsed = parse_prefix(text);
    if (!parsed)
        throw std::invalid_argument("`" + text + "` is not an address or prefix");
    if (parsed->host_bits_set)
        throw std::invalid_argument("host bits are set; did you mean " + to_string(parsed->prefix) +
                                    "?");
    const mxg_address& address = parsed->prefix.address;
    if (address.family == MXG_FAMILY_IPV6 && address.hi == 0 && address.lo >> 32 == 0xffff)
        throw std::invalid_argument("`" + text +
                                    "` never stands in a packet; give the IPv4 prefix");
    return parsed->prefix;
}

Override to_override(const OverrideRequest& request, const Config& config, int64_t now)
{
    Override out;
    out.prefix = override_prefix(request.prefix);
    const ClassConfig* c = find_class(config, request);
    if (!c && !request.class_name.empty())
        throw std::invalid_argument("there is no class `" + request.class_name + "`");
    if (!c)
        throw std::invalid_argument(*request.lets_in
                                        ? "no class has `action: pass`; use `mxgate class`"
                                        : "no class refuses; use `mxgate class`");
    out.class_name = c->name;
    out.reason = request.reason;
    out.who = request.who;
    out.since = now;
    if (request.for_ns == 0)
        throw std::invalid_argument(
            "for no time at all it would not hold; `mxgate forget` takes "
            "back what is set");
    if (request.for_ns)
        out.until = now + static_cast<int64_t>((*request.for_ns + 999'999'999) / 1'000'000'000);
    return out;
}

std::string Overrides::load()
{
    namespace fs = std::filesystem;
    std::error_code failure;
    if (fs::status(path_, failure).type() == fs::file_type::not_found)
        return {};
    std::string text, wrong;
    if (const auto error = read_file(path_, kMaxBytes, text)) {
        unread_ = *error;
        return path_ + ": " + unread_ +
               "; nothing set by hand holds, nor can be changed: make it readable, and restart";
    }
    const json entries = json::parse(text, nullptr, false);
    if (!entries.is_array())
        wrong = "not a list in JSON";
    else
        for (const json& entry : entries)
            try {
                all_.push_back(from_json(entry));
            } catch (const std::exception& error) {
                wrong = error.what();
            }
    if (wrong.empty())
        return {};
    const std::string aside = path_ + ".broken";
    if (!fs::copy_file(path_, aside, fs::copy_options::overwrite_existing, failure))
        unread_ = aside + ": " + failure.message();
    return path_ + ": " + wrong + "; " + std::to_string(all_.size()) +
           " entries hold, the file is kept as " + aside;
}

void Overrides::keep(const std::vector<Override>& all) const
{
    if (!unread_.empty())
        throw std::runtime_error("what is set by hand cannot be kept: " + unread_);
    json out = json::array();
    for (const Override& entry : all)
        out.push_back(to_json(entry));
    try {
        write_durably(path_, out.dump(2, ' ', false, json::error_handler_t::replace) + "\n", 0640);
    } catch (const std::system_error& error) {
        throw std::runtime_error(std::string("what is set by hand cannot be kept: ") +
                                 error.what());
    }
}

void Overrides::set(const Override& fresh)
{
    std::vector<Override> next = all_;
    std::erase_if(next, [&](const Override& old) { return same_prefix(old.prefix, fresh.prefix); });
    next.push_back(fresh);
    if (next.size() > MXG_OVERRIDES)
        throw std::runtime_error("more than " + std::to_string(MXG_OVERRIDES) +
                                 " prefixes set by hand; put them into a feed");
    keep(next);
    all_ = std::move(next);
}

bool Overrides::forget(const mxg_prefix& prefix)
{
    std::vector<Override> next = all_;
    if (std::erase_if(next, [&](const Override& old) { return same_prefix(old.prefix, prefix); }) ==
        0)
        return false;
    keep(next);
    all_ = std::move(next);
    return true;
}

void Overrides::restore(const Overrides& before)
{
    all_ = before.all_;
    try {
        keep(all_);
    } catch (const std::runtime_error&) {
        // The next change writes it.
    }
}

bool Overrides::expire(int64_t now)
{
    // The file is written with the next change: what is over says nothing.
    return std::erase_if(all_,
                         [&](const Override& old) { return old.until && *old.until <= now; }) > 0;
}

const Override* Overrides::find(const mxg_address& address, const TableInfo& info) const
{
    const Override* best = nullptr;
    for (const Override& entry : all_)
        if (mxg_contains(entry.prefix, address) &&
            (!best || entry.prefix.length > best->prefix.length) &&
            class_number(info, entry.class_name))
            best = &entry;
    return best;
}

std::vector<mxg_override> Overrides::records(const TableInfo& info) const
{
    const int64_t offset = monotonic_to_unix_ns();
    std::vector<mxg_override> out;
    for (const Override& entry : all_) {
        mxg_override record{};
        record.hi = entry.prefix.address.hi;
        record.lo = entry.prefix.address.lo;
        record.family = static_cast<uint8_t>(entry.prefix.address.family);
        record.length = static_cast<uint8_t>(entry.prefix.length);
        record.until_ns = UINT64_MAX;
        if (entry.until)
            record.until_ns =
                static_cast<uint64_t>(std::max<int64_t>(*entry.until * 1'000'000'000 - offset, 0));
        if (const auto number = class_number(info, entry.class_name)) {
            record.class_id = *number;
            out.push_back(record);
        }
    }
    return out;
}

json to_json(const Override& entry)
{
    return {{"prefix", to_string(entry.prefix)},
            {"class", entry.class_name},
            {"reason", entry.reason},
            {"who", entry.who},
            {"since", entry.since},
            {"until", entry.until ? json(*entry.until) : json(nullptr)}};
}

json Overrides::report(const TableInfo& info) const
{
    json out = json::array();
    for (const Override& entry : all_) {
        out.push_back(to_json(entry));
        out.back()["in_force"] =
            !has_names(info) || class_number(info, entry.class_name).has_value();
    }
    return out;
}

}  // namespace mxgate
