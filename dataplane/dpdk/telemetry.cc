// SPDX-License-Identifier: BSD-2-Clause
#include "dataplane/dpdk/telemetry.h"

#include <rte_telemetry.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <string>

#include "dataplane/state/names.h"

namespace mxgate {
namespace {

std::atomic<const PlaneState*> told_of = nullptr;

// A name of telemetry's has letters, digits, `_` and `/`; others it refuses.
void add(rte_tel_data* data, std::string name, uint64_t value)
{
    std::replace(name.begin(), name.end(), '-', '_');
    rte_tel_data_add_dict_u64(data, name.c_str(), value);
}

// Over classes and families, which have too many names for a flat list: "drop/rate".
int counters(const char*, const char*, rte_tel_data* data)
{
    const PlaneState* state = told_of;
    rte_tel_data_start_dict(data);
    if (!state)
        return 0;
    std::map<std::string, uint64_t> sums;
    for (const CounterValue& value : state->counters()) {
        const CounterPlace place = counter_place(value.index);
        sums[std::string(verdict_name(place.verdict)) + "/" + reason_name(place.reason)] +=
            value.packets;
    }
    for (const CounterValue& value : state->port_counters())
        sums[std::string("port/") + port_counter_name(value.index)] = value.packets;
    for (const auto& [name, packets] : sums)
        add(data, name, packets);
    return 0;
}

int table(const char*, const char*, rte_tel_data* data)
{
    const PlaneState* state = told_of;
    rte_tel_data_start_dict(data);
    if (!state)
        return 0;
    const auto& meta = state->state().meta;
    rte_tel_data_add_dict_u64(data, "generation", meta.generation);
    rte_tel_data_add_dict_u64(data, "refused", meta.table_failures);
    rte_tel_data_add_dict_u64(data, "workers", meta.workers);
    rte_tel_data_add_dict_u64(data, "sources_bytes", source_bytes(meta.sources));
    return 0;
}

}  // namespace

Telemetry::Telemetry(const PlaneState& state)
{
    told_of = &state;
    static const bool registered = [] {
        rte_telemetry_register_cmd("/mxgate/counters", counters,
                                   "Frames by verdict and reason, and what befell them. No "
                                   "parameters");
        rte_telemetry_register_cmd("/mxgate/table", table,
                                   "The policy table in force. No parameters");
        return true;
    }();
    (void)registered;
}

Telemetry::~Telemetry()
{
    told_of = nullptr;
}

}  // namespace mxgate
