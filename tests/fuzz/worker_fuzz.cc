// SPDX-License-Identifier: BSD-2-Clause
// Anything that a worker may send: refused with an exception, or about the job and safe to use.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "control/table/table_diff.h"
#include "control/worker/messages.h"
#include "tests/reference/policy_case.h"

namespace {

using namespace mxgate;

const CompileJob& job()
{
    static const CompileJob one = [] {
        CompileJob out;
        ListVersions& drop = out.lists[{false, "drop"}];
        drop.delivered = {"/new", 5, false};
        drop.now.path = "/now";
        drop.now.date = 4;
        drop.before.path = "/old";
        drop.before.rolled_back = true;
        drop.counts = true;
        out.lists[{true, "isp"}].now.path = "/lengths";  // too old
        return out;
    }();
    return one;
}

// Whether a version is in force that the job names, as it is there.
bool is_of_job(const InForce& now, const ListVersions& versions)
{
    InForce fresh, old = versions.now;
    old.expired = !versions.counts;
    if (versions.delivered) {
        fresh.path = versions.delivered->path;
        fresh.date = versions.delivered->date;
    }
    const auto is = [&](const InForce& known) {
        return std::tie(now.path, now.date, now.expired, now.rolled_back, now.fallback) ==
               std::tie(known.path, known.date, known.expired, known.rolled_back, known.fallback);
    };
    return is(old) || (versions.counts && is(versions.before)) || (versions.delivered && is(fresh));
}

void compile_answer(const std::string& text)
{
    const CompileAnswer answer = compile_answer_from(text, job(), true);
    if (answer.lists.size() != job().lists.size())
        abort();
    for (const auto& [key, outcome] : answer.lists) {
        const ListVersions& versions = job().lists.at(key);
        if (outcome.used_delivery && !versions.delivered)
            abort();
        if (outcome.refusals.size() > 2 || !outcome.now || !is_of_job(*outcome.now, versions))
            abort();
    }
    for (const LengthReport& report : answer.result.lengths) {
        if (std::strlen(origin_name(report.origin)) == 0)
            abort();
        for (const LengthFileReport& file : report.files)
            if (std::strlen(origin_name(file.origin)) == 0)
                abort();
    }
    const std::string again = to_text(answer);
    if (to_text(compile_answer_from(again, job(), true)) != again)
        abort();
}

void fetch_result(const std::string& text)
{
    const FetchResult result = fetch_result_from(text);
    const std::string again = to_text(result);
    if (to_text(fetch_result_from(again)) != again)
        abort();
}

void length_entries(const std::string& bytes)
{
    const std::vector<LengthEntry> entries = length_entries_from(bytes);
    for (const LengthEntry& entry : entries)
        if (entry.length > mxg_family_bits(entry.family) ||
            !mxg_contains(prefix_of(entry), prefix_of(entry).address))
            abort();
    const std::string again = bytes_of(entries);
    if (bytes_of(length_entries_from(again)) != again)
        abort();
}

PolicyTable make_table()
{
    auto policy = reference::PolicyCase::from_yaml(
        "gate: {interfaces: [gate0], services: [{name: mx, addresses: [192.0.2.25]}]}\n"
        "aggregation: {lengths: [{prefix: \"2001:db8::/32\", length: 56, end_sites: 9}]}\n"
        "classes:\n"
        "  good: {action: pass}\n"
        "  bad: {action: drop}\n"
        "  unknown: {action: limit, rate: 30/min, burst: 2}\n"
        "default_class: unknown\n");
    const size_t bad = policy.add_feed("bad", "bad", 1), good = policy.add_feed("good", "good", 2);
    policy.add(bad, "192.0.2.0/24");
    policy.add(bad, "2001:db8::/33");
    policy.add(good, "2001:db8:1::/48");
    policy.add(good, "2001:db8:1::1/128");
    return policy.compile();
}

// A table that the input is written over in places: all that is beside the image, which has a
// fuzzer of its own.
void table(const uint8_t* data, size_t size)
{
    static const PolicyTable good = make_table();
    PolicyTable one = good;
    for (; size >= 4; data += 4, size -= 4) {
        const size_t entries = one.entries.size() * sizeof(TableEntry);
        const size_t place = (data[0] | data[1] << 8u) % (entries + 8 * one.shared.size() + 4);
        if (place < entries)
            reinterpret_cast<uint8_t*>(one.entries.data())[place] = data[2];
        else if (place < entries + 8 * one.shared.size())
            reinterpret_cast<uint8_t*>(one.shared.data())[place - entries] = data[2];
        else if (!one.info.length_sources.empty())
            one.info.length_sources[0].origin = static_cast<LengthOrigin>(data[2]);
    }
    const PolicyTable got = read_sealed_table(sealed_table(one));
    const TableReader reader(got);
    for (const TableEntry& entry : got.entries) {
        mxg_address address = prefix_of(entry).address;
        address.hi ^= 1ULL << 32;
        for (const mxg_address& asked : {prefix_of(entry).address, address}) {
            const TableAnswer answer = reader.ask(asked);
            if (std::strlen(length_origin(got, answer.deciding())) == 0)
                abort();
        }
    }
    newly_denied(good, got, {});
    for_each_change(good, got, [](const EntryChange&) {});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)
{
    if (size == 0)
        return 0;
    const std::string text(reinterpret_cast<const char*>(data + 1), size - 1);
    try {
        if (data[0] % 4 == 0)
            compile_answer(text);
        else if (data[0] % 4 == 1)
            fetch_result(text);
        else if (data[0] % 4 == 3)
            length_entries(text);
        else
            table(data + 1, size - 1);
    } catch (const std::exception&) {
        // Refused.
    }
    return 0;
}
