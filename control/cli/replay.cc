// SPDX-License-Identifier: BSD-2-Clause
// `replay`: captured frames through a plane.
#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>

#include "control/cli/verbs.h"
#include "control/net/address_text.h"
#include "control/replay/capture.h"
#include "control/replay/handshakes.h"
#include "control/replay/replay_plane.h"
#include "control/table/compile.h"
#include "control/text/json.h"
#include "control/text/names.h"
#include "dataplane/core/native.h"

#include "dataplane/core/decide.h"

namespace mxgate {
namespace {

using nlohmann::json;

mxg_packet parse(const CapturedFrame& captured)
{
    mxg_frame frame{captured.bytes.data(), static_cast<uint32_t>(captured.bytes.size()), 0};
    mxg_packet packet{};
    mxg_parse_frame(&frame, &packet);
    return packet;
}

// The source of a frame as the parser reads it, for the report only.
json source_of(const CapturedFrame& captured)
{
    const mxg_packet packet = parse(captured);
    if (packet.source.family == MXG_FAMILY_NONE)
        return nullptr;
    return to_string(packet.source);
}

class Replay
{
public:
    Replay(bool verdicts, bool as_json, const PolicyTable& table, ReplayPlane& plane)
        : verdicts_(verdicts), json_(as_json), info_(table.info), plane_(plane), handshakes_(plane)
    {
    }

    void run(const std::string& file)
    {
        const CaptureReport report =
            read_capture(file, [&](const CapturedFrame& frame) { take(file, frame); });
        frames_ += report.frames;
        skipped_ += report.skipped_link + report.skipped_size;
        if (report.skipped_link > 0)
            fmt::print(stderr, "{}: warning: {} frames skipped: neither Ethernet nor raw IP\n",
                       file, report.skipped_link);
        if (report.skipped_size > 0)
            fmt::print(stderr, "{}: warning: {} frames skipped: over 64 KiB or under 14 bytes\n",
                       file, report.skipped_size);
        if (!report.warning.empty())
            fmt::print(stderr, "{}: warning: {}\n", file, report.warning);
    }

    // To standard error where standard output holds verdicts.
    void print_summary(const std::string& plane) const
    {
        std::FILE* out = verdicts_ ? stderr : stdout;
        json counts = json::array();
        for (const auto& [index, packets] : counts_) {
            const CounterPlace place = counter_place(index);
            counts.push_back({{"verdict", verdict_name(place.verdict)},
                              {"reason", reason_name(place.reason)},
                              {"class", or_null(class_name(info_, place.class_id))},
                              {"family", or_null(family_name(place.family))},
                              {"enforced", place.enforced},
                              {"packets", packets}});
        }
        json summary{
            {"plane", plane}, {"frames", frames_}, {"skipped", skipped_}, {"counters", counts}};
        if (const auto runs = plane_.runs())
            summary["program_runs"] = *runs;
        if (json_) {
            fmt::print(out, "{}\n", summary.dump());
            return;
        }
        fmt::print(out, "plane {}: {} frames, {} skipped\n", plane, frames_, skipped_);
        if (const auto runs = plane_.runs())
            fmt::print(out, "the kernel counted {} runs of the program\n", *runs);
        for (const json& c : counts)
            fmt::print(out, "{:>12} {:<12} {:<12} {:<10} {:<5}{}\n", c["packets"].get<uint64_t>(),
                       c["verdict"].get<std::string>(), c["reason"].get<std::string>(),
                       c["class"].is_null() ? "-" : c["class"].get<std::string>(),
                       c["family"].is_null() ? "-" : c["family"].get<std::string>(),
                       c["enforced"].get<bool>() ? "" : " monitor");
    }

private:
    void take(const std::string& file, const CapturedFrame& frame)
    {
        clock_us_ = std::max(clock_us_, frame.time_us);  // it never runs backwards
        const mxg_decision decision = plane_.decide(frame.bytes, clock_us_ * 1000);
        counts_[mxg_counter_index(&decision)]++;
        if (mxg_effect(&decision) == MXG_PASS)
            handshakes_.see(parse(frame), decision, clock_us_ * 1000);
        if (verdicts_)
            print_verdict(file, frame, decision);
    }

    void print_verdict(const std::string& file, const CapturedFrame& frame,
                       const mxg_decision& decision) const
    {
        const std::string time =
            fmt::format("{}.{:06}", clock_us_ / 1'000'000, clock_us_ % 1'000'000);
        const json source = source_of(frame);
        const std::string prefix =
            decision.source_family != 0 ? to_string(source_prefix(decision)) : "";
        const char* class_text = class_name(info_, decision.class_id);
        if (!json_) {
            fmt::print("{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}{}\n", file, frame.packet, time,
                       source.is_null() ? "-" : source.get<std::string>(),
                       verdict_name(decision.verdict), reason_name(decision.reason),
                       class_text ? class_text : "-", prefix.empty() ? "-" : prefix,
                       decision.enforced ? "" : "\tmonitor");
            return;
        }
        // `time` as a number with its six places, which a double in a JSON tree would not keep.
        fmt::print(
            "{{\"file\":{},\"packet\":{},\"time\":{},\"source\":{},\"verdict\":\"{}\","
            "\"reason\":\"{}\",\"class\":{},\"source_prefix\":{},\"enforced\":{}}}\n",
            json(file).dump(-1, ' ', false, json::error_handler_t::replace), frame.packet, time,
            source.dump(), verdict_name(decision.verdict), reason_name(decision.reason),
            or_null(class_text).dump(), prefix.empty() ? "null" : '"' + prefix + '"',
            decision.enforced != 0);
    }

    bool verdicts_, json_;
    const TableInfo& info_;
    ReplayPlane& plane_;
    Handshakes handshakes_;
    std::map<uint32_t, uint64_t> counts_;
    uint64_t clock_us_ = 0, frames_ = 0, skipped_ = 0;
};

}  // namespace

int replay(const CliOptions& options, const ReplayRequest& request)
{
    const ConfigResult loaded = load_config(request.config);
    print_diagnostics(loaded.diagnostics);
    if (!loaded.config)
        return kExitError;
    const CompileResult compiled = compile(*loaded.config, 1);
    print_diagnostics(compiled.diagnostics);
    if (!compiled.table)
        return kExitError;
    std::string name = request.plane;
    if (name.empty())
        name = loaded.config->gate.plane == PlaneKind::dpdk ? "dpdk" : "xdp";
    if (name == "dpdk") {
        fmt::print(stderr,
                   "mxgate replay: plane dpdk is not in this version; say --plane model or "
                   "--plane xdp\n");
        return kExitError;
    }
    const uint64_t capacity = loaded.config->source_capacity;
    const auto plane = name == "xdp" ? make_xdp_plane(*compiled.table, capacity)
                                     : make_model_plane(*compiled.table, capacity);
    Replay run(request.verdicts, options.json, *compiled.table, *plane);
    bool good = true;
    for (const std::string& file : request.files) {
        try {
            run.run(file);
        } catch (const std::runtime_error& error) {
            fmt::print(stderr, "mxgate replay: {}\n", error.what());
            good = false;
        }
    }
    run.print_summary(name);
    return good ? 0 : kExitError;
}

}  // namespace mxgate
