// SPDX-License-Identifier: BSD-2-Clause
#include "control/metrics/metrics.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <initializer_list>
#include <vector>

namespace mxgate {
namespace {

using nlohmann::json;
using prometheus::MetricType;

using Labels = std::vector<prometheus::ClientMetric::Label>;

std::string label_value(const json& value)
{
    return value.is_null() ? "none" : value.is_string() ? value.get<std::string>() : value.dump();
}

// The fields of `from` by these names, as labels of the same names.
Labels labels_of(const json& from, std::initializer_list<const char*> names)
{
    Labels out;
    for (const char* name : names)
        out.push_back({name, label_value(from.at(name))});
    return out;
}

double number(const json& value)
{
    return value.is_boolean() ? static_cast<double>(value.get<bool>()) : value.get<double>();
}

// The metrics of one gate; all have a label `plane`.
class Families
{
public:
    explicit Families(std::string plane) : plane_(std::move(plane)) {}

    // Begins a metric; what is added next belongs to it.
    void counter(const char* name, const char* help) { begin(name, help, MetricType::Counter); }
    void gauge(const char* name, const char* help) { begin(name, help, MetricType::Gauge); }

    void add(double value, Labels labels = {})
    {
        prometheus::ClientMetric metric;
        metric.label = std::move(labels);
        metric.label.insert(metric.label.begin(), {"plane", plane_});
        prometheus::MetricFamily& family = families_.back();
        (family.type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
        family.metric.push_back(std::move(metric));
    }
    void add_each(const json& lines, std::initializer_list<const char*> labels)
    {
        for (const json& line : lines)
            add(number(line.at("packets")), labels_of(line, labels));
    }

    std::string text() const { return prometheus::TextSerializer().Serialize(families_); }

private:
    void begin(const char* name, const char* help, MetricType type)
    {
        families_.push_back({std::string("mxgate_") + name, help, type, {}});
    }

    std::string plane_;
    std::vector<prometheus::MetricFamily> families_;
};

struct GaugeName {
    const char* field;
    const char* name;
    const char* help;
};

// A gauge for each field.
void add_gauges(Families& out, const json& from, std::initializer_list<GaugeName> gauges)
{
    for (const GaugeName& gauge : gauges) {
        out.gauge(gauge.name, gauge.help);
        out.add(number(from.at(gauge.field)));
    }
}

void add_packets(Families& out, const json& counters)
{
    out.counter("packets_total", "Packets judged; each is counted once.");
    out.add_each(counters.at("counters"), {"verdict", "reason", "class", "family", "enforced"});
    out.counter("feed_packets_total", "Connection attempts by the feed that decided their class.");
    out.add_each(counters.at("feeds"), {"feed", "verdict"});
    out.counter("replies_total", "What became of the verdicts reset and unreachable.");
    out.add_each(counters.at("replies"), {"outcome", "verdict", "family"});
    out.counter("port_frames_total", "What befell frames on the ports of the DPDK plane.");
    for (const auto& [what, frames] : counters.at("ports").items())
        out.add(number(frames), {{"what", what}});
}

void add_places(Families& out, const json& interfaces)
{
    out.gauge("interface_info", "Interfaces that the gate is attached to, and how.");
    for (const json& place : interfaces)
        if (place.contains("interface"))
            out.add(1, labels_of(place, {"interface", "attach"}));
    out.gauge("port_link_up", "Whether the link of a port of the DPDK plane is up.");
    for (const json& place : interfaces)
        if (place.contains("port"))
            out.add(number(place.at("link")), labels_of(place, {"port", "driver"}));
}

void add_by_class(Families& out, const json& counts)
{
    for (const auto& [name, count] : counts.items())
        out.add(number(count), {{"class", name}});
}

void add_sources(Families& out, const json& sources)
{
    add_gauges(out, sources,
               {{"capacity", "sources_capacity", "Source prefixes that can be remembered."},
                {"used", "sources_used", "Source prefixes remembered."},
                {"parent_capacity", "parents_capacity", "Parent prefixes that can be remembered."},
                {"parents_used", "parents_used", "Parent prefixes remembered."},
                {"bytes", "sources_bytes", "Size of the source table."}});
    out.counter("sources_evicted_total",
                "Prefixes forgotten although they had debts or penalties.");
    out.add(number(sources.at("evicted")));
    out.counter("sources_overflowed_total", "Times that there was no room for a prefix.");
    out.add(number(sources.at("overflowed")));
}

void add_state(Families& out, const json& status)
{
    out.gauge("build_info", "The version of mxgated; always 1.");
    out.add(1, {{"version", MXGATE_VERSION}});
    out.gauge("enforcing", "1: verdicts are carried out; 0: mode monitor, everything passes.");
    out.add(status.at("mode") == "enforce");
    add_gauges(
        out, status.at("table"),
        {{"generation", "table_generation", "Number of the policy table in force."},
         {"created", "table_created_timestamp_seconds", "When the policy table was compiled."},
         {"age_seconds", "table_age_seconds",
          "Time since the oldest fetched list was found at its source; without any, the compile."},
         {"stale", "table_stale", "1: the policy table is older than gate.stale_after."},
         {"is_empty", "table_missing", "1: no policy table yet, gate.without_table decides."},
         {"prefixes", "table_prefixes", "Prefixes in the policy table."},
         {"intervals", "table_intervals", "Intervals of addresses in the policy table."},
         {"plane_bytes", "table_bytes", "Size of the policy table in the plane."}});
    add_sources(out, status.at("sources"));
    out.gauge("connections", "Open connections of a class; a class without any is left out.");
    add_by_class(out, status.at("connections"));
    out.gauge("half_open", "SYNs of a class admitted and not completed; none: it is left out.");
    add_by_class(out, status.at("half_open"));
    out.counter("samples_lost_total", "Samples of verdicts that found no room.");
    out.add(number(status.at("samples_lost")));
    out.counter("reloads_failed_total", "Reloads refused since mxgated started.");
    out.add(number(status.at("failed_reloads")));
    out.counter("events_total", "Events since mxgated started; their texts: /v1/events, the log.");
    for (const auto& [kind, count] : status.at("events").items())
        out.add(number(count), {{"kind", kind}});
}

void add_feeds(Families& out, const json& feeds)
{
    struct FeedMetric {
        const char *field, *name, *help;
    };
    const auto add = [&](const FeedMetric& metric) {
        for (const json& feed : feeds)
            if (!feed.at(metric.field).is_null())
                out.add(number(feed.at(metric.field)), labels_of(feed, {"name", "kind"}));
    };
    for (const FeedMetric& metric :
         {FeedMetric{"entries", "feed_entries", "Entries of the version of a list in force."},
          FeedMetric{"alarm", "feed_alarm", "1: a list needs the operator: see `mxgate feeds`."},
          FeedMetric{"date", "feed_timestamp_seconds",
                     "When a list was fetched, or last found unchanged; of a file, written."}}) {
        out.gauge(metric.name, metric.help);
        add(metric);
    }
    out.counter("feed_fetches_failed_total", "Fetches of a list that failed, or were refused.");
    add({"failures", "", ""});
}

}  // namespace

std::string prometheus_text(const json& status, const json& counters, const json& feeds)
{
    Families out(status.at("plane").get<std::string>());
    add_packets(out, counters);
    add_places(out, status.at("interfaces"));
    add_state(out, status);
    add_feeds(out, feeds);
    return out.text();
}

}  // namespace mxgate
