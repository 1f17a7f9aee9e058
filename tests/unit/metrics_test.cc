// SPDX-License-Identifier: BSD-2-Clause
// Every field of the gate's reports as a metric, in a text that Prometheus reads.
#include "control/metrics/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <set>
#include <sstream>

namespace mxgate {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

json status()
{
    return json::parse(R"({
        "plane": "xdp", "mode": "enforce", "samples_lost": 3, "failed_reloads": 2,
        "events": {"feed-expired": 8},
        "interfaces": [{"interface": "eth0", "attach": "native", "remark": ""},
                       {"port": "0000:01:00.0", "driver": "net_ice", "link": false}],
        "sources": {"capacity": 1048576, "used": 17, "parent_capacity": 8192, "parents_used": 5,
                    "evicted": 21, "overflowed": 22, "bytes": 67108864},
        "connections": {"unknown": 12}, "half_open": {"unknown": 13},
        "table": {"generation": 41, "created": 1790072042, "age_seconds": 7, "stale": true,
                  "is_empty": false, "prefixes": 5, "intervals": 11, "plane_bytes": 640}})");
}

json counters()
{
    return json::parse(R"({
        "counters": [{"verdict": "drop", "reason": "class", "class": "bad", "family": "ipv6",
                      "enforced": true, "packets": 1234567890123456},
                     {"verdict": "pass", "reason": "not-gated", "class": null, "family": null,
                      "enforced": false, "packets": 2}],
        "feeds": [{"feed": "drop-list", "verdict": "drop", "packets": 9}],
        "replies": [{"outcome": "answered", "verdict": "reset", "family": "ipv4", "packets": 4}],
        "ports": {"send-full": 6}})");
}

json feeds()
{
    return json::parse(R"([
        {"name": "drop", "kind": "feed", "entries": 12, "alarm": true, "date": 1790072000,
         "failures": 5},
        {"name": "isp", "kind": "lengths", "entries": 0, "alarm": false, "date": null,
         "failures": 0}])");
}

TEST(Metrics, EachFieldHasItsSample)
{
    const std::string text = prometheus_text(status(), counters(), feeds());
    for (const char* sample : {
             R"(mxgate_packets_total{plane="xdp",verdict="drop",reason="class",class="bad",)"
             R"(family="ipv6",enforced="true"} 1234567890123456)",
             R"(mxgate_packets_total{plane="xdp",verdict="pass",reason="not-gated",class="none",)"
             R"(family="none",enforced="false"} 2)",
             R"(mxgate_feed_packets_total{plane="xdp",feed="drop-list",verdict="drop"} 9)",
             R"(mxgate_replies_total{plane="xdp",outcome="answered",verdict="reset",)"
             R"(family="ipv4"} 4)",
             R"(mxgate_port_frames_total{plane="xdp",what="send-full"} 6)",
             R"(mxgate_interface_info{plane="xdp",interface="eth0",attach="native"} 1)",
             R"(mxgate_port_link_up{plane="xdp",port="0000:01:00.0",driver="net_ice"} 0)",
             R"(mxgate_build_info{plane="xdp",version=")" MXGATE_VERSION R"("} 1)",
             R"(mxgate_enforcing{plane="xdp"} 1)",
             R"(mxgate_table_generation{plane="xdp"} 41)",
             R"(mxgate_table_created_timestamp_seconds{plane="xdp"} 1790072042)",
             R"(mxgate_table_age_seconds{plane="xdp"} 7)",
             R"(mxgate_table_stale{plane="xdp"} 1)",
             R"(mxgate_events_total{plane="xdp",kind="feed-expired"} 8)",
             R"(mxgate_feed_entries{plane="xdp",name="drop",kind="feed"} 12)",
             R"(mxgate_feed_alarm{plane="xdp",name="drop",kind="feed"} 1)",
             R"(mxgate_feed_alarm{plane="xdp",name="isp",kind="lengths"} 0)",
             R"(mxgate_feed_timestamp_seconds{plane="xdp",name="drop",kind="feed"} 1790072000)",
             R"(mxgate_feed_fetches_failed_total{plane="xdp",name="drop",kind="feed"} 5)",
             R"(mxgate_table_missing{plane="xdp"} 0)",
             R"(mxgate_table_prefixes{plane="xdp"} 5)",
             R"(mxgate_table_intervals{plane="xdp"} 11)",
             R"(mxgate_table_bytes{plane="xdp"} 640)",
             R"(mxgate_sources_capacity{plane="xdp"} 1048576)",
             R"(mxgate_sources_used{plane="xdp"} 17)",
             R"(mxgate_sources_bytes{plane="xdp"} 67108864)",
             R"(mxgate_parents_capacity{plane="xdp"} 8192)",
             R"(mxgate_parents_used{plane="xdp"} 5)",
             R"(mxgate_sources_evicted_total{plane="xdp"} 21)",
             R"(mxgate_sources_overflowed_total{plane="xdp"} 22)",
             R"(mxgate_connections{plane="xdp",class="unknown"} 12)",
             R"(mxgate_half_open{plane="xdp",class="unknown"} 13)",
             R"(mxgate_samples_lost_total{plane="xdp"} 3)",
             R"(mxgate_reloads_failed_total{plane="xdp"} 2)",
         })
        EXPECT_THAT("\n" + text, HasSubstr(std::string("\n") + sample + "\n"));
}

// Prometheus' data model: valid names, counters end in _total, help and type before the samples.
TEST(Metrics, FollowsTheConventions)
{
    const std::regex sample(R"(([a-z_]+)\{[a-z]+="[^"\\]*"(,[a-z]+="[^"\\]*")*\} [0-9.e+]+)");
    std::istringstream lines(prometheus_text(status(), counters(), feeds()));
    std::string line, type_of, type;
    std::set<std::string> seen;
    size_t samples = 0;
    while (std::getline(lines, line)) {
        std::smatch match;
        if (line.starts_with("# TYPE ")) {
            std::istringstream(line.substr(7)) >> type_of >> type;
            EXPECT_TRUE(seen.insert(type_of).second) << type_of << " stands twice";
            EXPECT_EQ(type == "counter", type_of.ends_with("_total")) << line;
        } else if (!line.starts_with("# HELP ")) {
            ASSERT_TRUE(std::regex_match(line, match, sample)) << line;
            EXPECT_EQ(match[1], type_of);
            samples++;
        }
    }
    EXPECT_EQ(samples, 36u);
}

}  // namespace
}  // namespace mxgate
