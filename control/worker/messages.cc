// SPDX-License-Identifier: BSD-2-Clause
#include "control/worker/messages.h"

#include <nlohmann/json.hpp>

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
        out = in.is_null() ? std::nullopt : std::optional<T>(in.get<T>());
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

std::string to_text(const FetchResult& result)
{
    return text_of({{"state", result.state},
                    {"error", result.error},
                    {"validators", result.validators},
                    {"retry_after", result.retry_after.count()}});
}

FetchResult fetch_result_from(const std::string& text)
{
    const json in = json::parse(text);
    FetchResult out;
    const auto state = in.at("state").get<uint8_t>();
    out.state = state == 0   ? FetchResult::State::fresh
                : state == 1 ? FetchResult::State::unchanged
                             : FetchResult::State::failed;
    out.error = in.at("error");
    out.validators = in.at("validators").get<Validators>();
    out.retry_after = std::chrono::seconds(in.at("retry_after").get<uint32_t>());
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

CompileAnswer compile_answer_from(const std::string& text)
{
    const json in = json::parse(text);
    CompileAnswer out;
    in.at("diagnostics").get_to(out.result.diagnostics);
    in.at("feeds").get_to(out.result.feeds);
    in.at("lengths").get_to(out.result.lengths);
    in.at("seconds").get_to(out.result.seconds);
    in.at("lists").get_to(out.lists);
    return out;
}

}  // namespace mxgate
