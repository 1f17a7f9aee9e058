// SPDX-License-Identifier: BSD-2-Clause
#include "control/gate/overrides.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "control/fetch/write_all.h"
#include "control/net/address_text.h"
#include "dataplane/state/memory.h"

namespace mxgate {
namespace {

using nlohmann::json;

bool same(const mxg_prefix& a, const mxg_prefix& b)
{
    return a.length == b.length && mxg_same_address(a.address, b.address);
}

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
    out.since = entry.at("since");
    if (!entry.at("until").is_null())
        out.until = entry["until"].get<int64_t>();
    return out;
}

// On disk under its name only once it is whole, and after a power cut too.
void write_file(const std::string& path, const std::string& text)
{
    const std::string fresh = path + ".new";
    std::optional<std::string> error;
    {
        const Fd file(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640));
        error = file ? write_all(file.get(), text) : std::strerror(errno);
        if (!error && ::fsync(file.get()) != 0)
            error = std::strerror(errno);
    }
    if (!error && ::rename(fresh.c_str(), path.c_str()) != 0)
        error = std::strerror(errno);
    if (error) {
        ::unlink(fresh.c_str());
        throw std::runtime_error("what is set by hand cannot be kept: " + path + ": " + *error);
    }
}

}  // namespace

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
    if (request.for_ns)
        out.until = now + static_cast<int64_t>((*request.for_ns + 999'999'999) / 1'000'000'000);
    return out;
}

std::string Overrides::load()
{
    std::ifstream in(path_);
    if (!in)
        return {};
    try {
        for (const json& entry : json::parse(in))
            all_.push_back(from_json(entry));
        return {};
    } catch (const std::exception& error) {
        all_.clear();
        std::error_code ignored;
        std::filesystem::rename(path_, path_ + ".broken", ignored);
        return path_ + ": " + error.what() + "; set aside as " + path_ + ".broken";
    }
}

void Overrides::keep(const std::vector<Override>& all) const
{
    json out = json::array();
    for (const Override& entry : all)
        out.push_back(to_json(entry));
    write_file(path_, out.dump(2, ' ', false, json::error_handler_t::replace) + "\n");
}

void Overrides::set(const Override& fresh)
{
    std::vector<Override> next = all_;
    std::erase_if(next, [&](const Override& old) { return same(old.prefix, fresh.prefix); });
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
    if (std::erase_if(next, [&](const Override& old) { return same(old.prefix, prefix); }) == 0)
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

const Override* Overrides::find(const mxg_address& address) const
{
    const Override* best = nullptr;
    for (const Override& entry : all_)
        if (mxg_contains(entry.prefix, address) &&
            (!best || entry.prefix.length > best->prefix.length))
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
        for (size_t i = 0; i < info.classes.size(); i++)
            if (info.classes[i].name == entry.class_name && !info.classes[i].retired) {
                record.class_id = static_cast<uint8_t>(i);
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

json Overrides::report() const
{
    json out = json::array();
    for (const Override& entry : all_)
        out.push_back(to_json(entry));
    return out;
}

}  // namespace mxgate
