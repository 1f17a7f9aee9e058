// SPDX-License-Identifier: BSD-2-Clause
#include "control/worker/messages.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

#include "control/net/nesting.h"
#include "control/table/table_info.h"

namespace nlohmann {

template <typename T>
struct adl_serializer<std::optional<T>> {
    static void to_json(json& out, const std::optional<T>& in)
    {
        out = in ? json(*in) : json(nullptr);
    }
    static void from_json(const json& in, std::optional<T>& out)
    {
        out.reset();
        if (in.is_null())
            return;
        T value;  // not get<T>(), which clang 14 does not find for a class inside a class
        in.get_to(value);
        out = std::move(value);
    }
};

}  // namespace nlohmann

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(mxg_address, hi, lo, family)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(mxg_prefix, address, length)

namespace mxgate {

using nlohmann::json;

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Validators, etag, last_modified)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(FetchConfig, url, exec, proxy, ca, certificate, key, refresh_ns,
                                   timeout_ns, only_public)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(FetchJob, from, max_bytes, known, prefixlen)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(ObjectList, path, nrtm)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(LengthsJob, file, config, name, path)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(SourceKey, lengths, name)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(InForce, path, date, entries, rejected, expired, rolled_back,
                                   fallback)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(ListVersions::Delivered, path, date, rolled_back)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(ListVersions, delivered, now, counts, stays, before, is_newest,
                                   is_in_force, never_good)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(ListOutcome::Refusal, why, of_delivery, hold)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(ListOutcome, refusals, used_delivery, now)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Location, file, line, column)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Diagnostic, severity, where, text)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(RejectedLine, line, reason, file)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(WidenedEntry, line, from, to)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(FeedReport, name, entries, rejected, skipped, shadowed, rejects,
                                   widened, widened_examples, newly_covered_ipv4,
                                   newly_covered_ipv6)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(LengthFileReport, url, origin, date, entries, rejected, outside,
                                   signature)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(LengthReport, name, path, date, origin, applied, sources,
                                   sources_end, files, entries, rejected, ignored, shadowed,
                                   rejects)

namespace {

// A text may quote bytes of a list; what is no UTF-8 among them is shown as such.
std::string text_of(const json& message)
{
    return message.dump(-1, ' ', false, json::error_handler_t::replace);
}

// Of a LengthEntry, with no byte that has no meaning.
struct EntryRecord {
    uint64_t hi, lo;
    uint32_t line, end_sites;
    uint8_t family, length, site_length, aggregated;
    uint32_t reserved;
};
static_assert(sizeof(EntryRecord) == 32);

constexpr size_t kMaxCompileAnswer = 16 << 20;  // in memory ten times that at most
constexpr size_t kMaxFullAnswer = 64 << 20;     // with all rejects
constexpr size_t kMaxFetchAnswer = 64 << 10;
constexpr int kMaxDepth = 16;

void check_depth(const std::string& text)
{
    int depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < text.size(); i++) {
        const char c = text[i];
        if (quoted && c == '\\')
            i++;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && (c == '[' || c == '{') && ++depth > kMaxDepth)
            throw std::length_error("the answer is nested too deep");
        else if (!quoted && (c == ']' || c == '}'))
            depth--;
    }
}

// All numbers but those with a name that says otherwise.
void check_whole(const json& value)
{
    if (value.is_array())
        for (const json& element : value)
            check_whole(element);
    else if (value.is_number_float())
        throw std::out_of_range("the answer has a number that is not whole");
    else if (value.is_object())
        for (const auto& [key, member] : value.items())
            if (key != "seconds" && key != "newly_covered_ipv4" && key != "newly_covered_ipv6")
                check_whole(member);
}

// Not with a callback of the parser: at the end of each object that goes through all that stand
// before it in an array.
json answer_of(const std::string& text, size_t most)
{
    if (text.size() > most)
        throw std::length_error("the answer is too long");
    check_depth(text);
    json out = json::parse(text);
    check_whole(out);
    return out;
}

// But for what was counted in it.
bool same_version(const InForce& a, const InForce& b)
{
    return a.path == b.path && a.date == b.date && a.expired == b.expired &&
           a.rolled_back == b.rolled_back && a.fallback == b.fallback;
}

bool is_fresh(const InForce& now, const ListVersions::Delivered& delivered)
{
    InForce fresh;
    fresh.path = delivered.path;
    fresh.date = delivered.date;
    return same_version(now, fresh);
}

// One refusal of what was delivered, unless that is used, and one of what is stored at most.
bool refuses_rightly(const ListOutcome& outcome, const ListVersions& versions)
{
    const auto of_delivery =
        std::count_if(outcome.refusals.begin(), outcome.refusals.end(),
                      [](const ListOutcome::Refusal& refusal) { return refusal.of_delivery; });
    const bool must = versions.delivered && !outcome.used_delivery;
    return of_delivery == (must ? 1 : 0) &&
           outcome.refusals.size() - static_cast<size_t>(of_delivery) <= 1 &&
           std::none_of(outcome.refusals.begin(), outcome.refusals.end(),
                        [](const auto& refusal) { return refusal.hold && !refusal.of_delivery; });
}

// Whether what is said to be in force is what the job leads to. It is opened, and kept, with this
// process's rights; and that it expired, or stands in for another, is for the job to say.
bool is_offered(const ListOutcome& outcome, const ListVersions& versions, bool with_table)
{
    if (outcome.used_delivery)
        return versions.delivered && !versions.delivered->rolled_back && outcome.now &&
               is_fresh(*outcome.now, *versions.delivered);
    const bool stays = versions.counts && versions.stays;
    if (!outcome.now || stays)
        return !outcome.now && (stays || !with_table);
    InForce now = versions.now, none;
    now.expired = !versions.counts && !now.path.empty();
    none.fallback = true;
    if (same_version(*outcome.now, now))
        return true;
    const bool at_fault =
        versions.counts && !outcome.refusals.empty() && !outcome.refusals.back().of_delivery;
    return at_fault &&
           ((!versions.before.path.empty() && same_version(*outcome.now, versions.before)) ||
            (versions.never_good && same_version(*outcome.now, none)));
}

bool is_known(LengthOrigin origin)
{
    return origin <= LengthOrigin::by_default;
}

bool is_about(const CompileAnswer& answer, const CompileJob& job, bool with_table)
{
    const auto about_list = [&](const auto& list) {
        const auto known = job.lists.find(list.first);
        return known != job.lists.end() && refuses_rightly(list.second, known->second) &&
               is_offered(list.second, known->second, with_table);
    };
    const auto about_lengths = [](const LengthReport& report) {
        return is_known(report.origin) &&
               std::all_of(report.files.begin(), report.files.end(),
                           [](const LengthFileReport& file) { return is_known(file.origin); });
    };
    return answer.lists.size() == job.lists.size() &&
           std::all_of(answer.lists.begin(), answer.lists.end(), about_list) &&
           std::all_of(answer.result.lengths.begin(), answer.result.lengths.end(), about_lengths);
}

}  // namespace

std::string to_text(const FetchJob& job)
{
    return text_of(job);
}

FetchJob fetch_job_from(const std::string& text)
{
    return json::parse(text).get<FetchJob>();
}

std::string to_text(const std::vector<ObjectList>& objects)
{
    return text_of(objects);
}

std::vector<ObjectList> object_lists_from(const std::string& text)
{
    return json::parse(text).get<std::vector<ObjectList>>();
}

std::string to_text(const LengthsJob& job)
{
    return text_of(job);
}

LengthsJob lengths_job_from(const std::string& text)
{
    return json::parse(text).get<LengthsJob>();
}

std::string bytes_of(const std::vector<LengthEntry>& entries)
{
    std::vector<EntryRecord> records;
    records.reserve(entries.size());
    for (const LengthEntry& e : entries)
        records.push_back({e.hi,
                           e.lo,
                           e.line,
                           e.end_sites,
                           e.family,
                           e.length,
                           e.site_length,
                           static_cast<uint8_t>(e.aggregated),
                           {}});
    return {reinterpret_cast<const char*>(records.data()), records.size() * sizeof(EntryRecord)};
}

std::vector<LengthEntry> length_entries_from(const std::string& bytes)
{
    if (bytes.size() % sizeof(EntryRecord) != 0 || bytes.size() / sizeof(EntryRecord) > kMaxLengths)
        throw std::invalid_argument("not the entries of a source of lengths");
    std::vector<LengthEntry> out(bytes.size() / sizeof(EntryRecord));
    for (size_t i = 0; i < out.size(); i++) {
        EntryRecord r;
        std::memcpy(&r, bytes.data() + i * sizeof(r), sizeof(r));
        LengthEntry& e = out[i];
        e = {r.hi, r.lo, r.line, r.end_sites, r.family, r.length, r.site_length, r.aggregated != 0};
        const mxg_prefix prefix = prefix_of(e);
        const bool known = e.family == MXG_FAMILY_IPV4 || e.family == MXG_FAMILY_IPV6;
        if (!known || e.length > mxg_family_bits(e.family) ||
            e.site_length > mxg_family_bits(e.family) || !mxg_contains(prefix, prefix.address) ||
            (i > 0 && prefix_before(prefix, prefix_of(out[i - 1]))))
            throw std::invalid_argument("an entry of a source of lengths is damaged");
    }
    return out;
}

std::string to_text(const FetchResult& result)
{
    return text_of({{"state", result.state},
                    {"error", result.error},
                    {"validators", result.validators},
                    {"retry_after", result.retry_after.count()}});
}

FetchResult fetch_result_from(const std::string& text)
{
    const json in = answer_of(text, kMaxFetchAnswer);
    FetchResult out;
    const auto state = in.at("state").get<uint8_t>();
    out.state = state == 0   ? FetchResult::State::fresh
                : state == 1 ? FetchResult::State::unchanged
                             : FetchResult::State::failed;
    out.error = in.at("error");
    out.validators = in.at("validators").get<Validators>();
    out.retry_after = std::chrono::seconds(in.at("retry_after").get<uint32_t>());
    if (out.validators.etag.size() > kMaxValidator ||
        out.validators.last_modified.size() > kMaxValidator || out.retry_after > kMaxRetryAfter)
        throw std::length_error("the answer is out of range");
    return out;
}

std::string to_text(const CompileJob& job)
{
    return text_of({{"file", job.config.file},
                    {"config", job.config.text},
                    {"generation", job.generation},
                    {"previous", job.previous ? to_json(*job.previous) : json(nullptr)},
                    {"strict", job.strict},
                    {"force", job.force},
                    {"all_rejects", job.all_rejects},
                    {"lists", job.lists}});
}

CompileJob compile_job_from(const std::string& text)
{
    const json in = json::parse(text);
    CompileJob out;
    out.config = parse_config(in.at("config"), in.at("file")).config.value();
    out.generation = in.at("generation");
    if (!in.at("previous").is_null())
        out.previous = table_info_from(in.at("previous"));
    out.strict = in.at("strict");
    out.force = in.at("force");
    out.all_rejects = in.at("all_rejects");
    out.lists = in.at("lists").get<std::map<SourceKey, ListVersions>>();
    return out;
}

std::string to_text(const CompileAnswer& answer)
{
    const CompileResult& result = answer.result;
    return text_of({{"diagnostics", result.diagnostics},
                    {"feeds", result.feeds},
                    {"lengths", result.lengths},
                    {"seconds", result.seconds},
                    {"lists", answer.lists}});
}

CompileAnswer compile_answer_from(const std::string& text, const CompileJob& job, bool with_table)
{
    const json in = answer_of(text, job.all_rejects ? kMaxFullAnswer : kMaxCompileAnswer);
    CompileAnswer out;
    in.at("diagnostics").get_to(out.result.diagnostics);
    in.at("feeds").get_to(out.result.feeds);
    in.at("lengths").get_to(out.result.lengths);
    in.at("seconds").get_to(out.result.seconds);
    in.at("lists").get_to(out.lists);
    if (!is_about(out, job, with_table))
        throw std::invalid_argument("the answer is about another job");
    return out;
}

}  // namespace mxgate
