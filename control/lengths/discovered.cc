// SPDX-License-Identifier: BSD-2-Clause
#include "control/lengths/discovered.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "control/fetch/write_all.h"
#include "control/lengths/csv.h"
#include "control/net/address_text.h"
#include "control/text/json.h"

namespace mxgate {
namespace {

using nlohmann::json;

constexpr char kDamaged[] = "this is no list of discovered files, or it is damaged";

std::string line_of(const json& record)
{
    return record.dump(-1, ' ', true, json::error_handler_t::replace) + "\n";
}

struct Damaged : std::runtime_error {
    Damaged() : std::runtime_error(kDamaged) {}
};

// It goes to terminals and into JSON.
std::string printable(const json& value)
{
    auto text = value.get<std::string>();
    if (std::any_of(text.begin(), text.end(), [](char c) { return c < ' ' || c > '~'; }))
        throw Damaged();
    return text;
}

PrefixlenReference reference_of(const json& record)
{
    const auto parsed = parse_prefix(record.at("range").get<std::string>());
    if (!parsed || parsed->host_bits_set)
        throw Damaged();
    PrefixlenReference out;
    out.range = parsed->prefix;
    out.url = printable(record.at("url"));
    return out;
}

void take_objects(const json& record, LengthList& log)
{
    log.records = whole<uint64_t>(record.at("records"));
    for (const json& reject : record.at("rejects"))
        log.reject(whole<uint32_t>(reject.at(0)), printable(reject.at(1)));
    log.rejected = std::max(log.rejected, whole<uint64_t>(record.at("rejected")));
}

FileText file_of(const json& record, FeedInput& input)
{
    const auto bytes = whole<uint64_t>(record.at("bytes"));
    FileText out;
    if (bytes > kMaxPrefixlenFile)
        throw Damaged();
    out.url = printable(record.at("file"));
    out.date = whole<int64_t>(record.at("date"));
    out.text.resize(bytes);
    if (input.read(out.text.data(), bytes) != bytes || input.get() != '\n')
        throw Damaged();
    return out;
}

using OnFile = std::function<void(FileText&&)>;

// Ranges and objects go into `discovery`, where there is one.
std::string read_records(FeedInput& input, Discovery* discovery, const OnFile& on_file)
{
    try {
        std::string_view line;
        if (!input.next_raw_line(line) || json::parse(line).at("discovered") != 1)
            return kDamaged;
        while (input.next_raw_line(line)) {
            const json record = json::parse(line);
            if (record.contains("file"))
                on_file(file_of(record, input));
            else if (!discovery)
                continue;
            else if (record.contains("range"))
                discovery->add(reference_of(record));
            else
                take_objects(record.at("objects"), discovery->log());
        }
    } catch (const json::exception&) {
        return kDamaged;
    } catch (const Damaged& damage) {
        return damage.what();
    }
    return input.failure().value_or("");
}

DiscoveredFile read_file(FileText&& file, const Discovery& discovery, const TrustStore* trust)
{
    DiscoveredFile out;
    FeedInput input = FeedInput::of_text(file.text, kMaxPrefixlenFile);
    out.list = read_prefixlen(input);
    if (trust != nullptr && out.list.error.empty()) {
        const SignatureCheck check = trust->check(file.text, out.list);
        out.signature = check.reason;
        if (check.state == SignatureCheck::State::valid)
            out.origin = LengthOrigin::signed_prefixlen;
    }
    out.outside = discovery.confine(file.url, out.list);
    out.url = std::move(file.url);
    out.date = file.date;
    return out;
}

}  // namespace

void DiscoveredWriter::write(const std::string& bytes)
{
    if (const auto failure = write_all(fd_, bytes))
        throw std::runtime_error(*failure);
}

void DiscoveredWriter::begin(const Discovery& discovery)
{
    const LengthList& log = discovery.log();
    json rejects = json::array();
    for (const RejectedLine& line : log.rejects)
        rejects.push_back({line.line, line.reason});
    write(line_of({{"discovered", 1}}));
    write(
        line_of({{"objects",
                  {{"records", log.records}, {"rejected", log.rejected}, {"rejects", rejects}}}}));
    for (const PrefixlenReference& reference : discovery.references())
        write(line_of({{"range", to_string(reference.range)}, {"url", reference.url}}));
}

void DiscoveredWriter::add(const FileText& file)
{
    write(line_of({{"file", file.url}, {"date", file.date}, {"bytes", file.text.size()}}));
    write(file.text + "\n");
}

std::string for_each_text(FeedInput& input, const OnFile& use)
{
    return read_records(input, nullptr, use);
}

std::string read_references(FeedInput& input, Discovery& into)
{
    return read_records(input, &into, [](FileText&&) {});
}

DiscoveredList read_discovered(FeedInput& input, const TrustStore* trust)
{
    DiscoveredList out;
    Discovery discovery;
    std::set<std::string> files;
    std::optional<Discovery> settled;
    uint64_t entries = 0;
    const auto take = [&](FileText&& text) {
        if (!settled) {
            for (const PrefixlenReference& reference : discovery.references())
                files.insert(reference.url);
            settled.emplace(std::move(discovery));
            settled->settle(files);
        }
        DiscoveredFile file = read_file(std::move(text), *settled, trust);
        entries += file.list.entries.size();
        if (entries > kMaxLengths)
            out.error = fmt::format("more than {} entries", kMaxLengths);
        else
            out.files.push_back(std::move(file));
    };
    const std::string error = read_records(input, &discovery, take);
    if (!error.empty())
        out.error = error;
    out.log = std::move((settled ? *settled : discovery).log());
    return out;
}

void take_log(const DiscoveredFile& file, LengthList& log)
{
    log.records += file.list.records;
    log.ignored += file.list.ignored;
    for (const RejectedLine& line : file.list.rejects)
        log.reject(line.line, file.url + ": " + line.reason);
    log.rejected += file.list.rejected - file.list.rejects.size();
    if (!file.signature.empty())
        log.warn(0, file.url + ": taken as unsigned, because of its signature: " + file.signature);
}

LengthList merge(DiscoveredList&& list)
{
    LengthList out = std::move(list.log);
    out.error = list.error;
    for (const DiscoveredFile& file : list.files) {
        out.entries.insert(out.entries.end(), file.list.entries.begin(), file.list.entries.end());
        take_log(file, out);
    }
    out.finish();
    return out;
}

}  // namespace mxgate
