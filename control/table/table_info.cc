// SPDX-License-Identifier: BSD-2-Clause
#include "control/table/table_info.h"

namespace mxgate {

using nlohmann::json;

nlohmann::json to_json(const TableInfo& info)
{
    json out{{"generation", info.generation},
             {"created", info.created},
             {"config", info.config},
             {"default_class", info.default_class},
             {"default_length_ipv4", info.default_length_ipv4},
             {"default_length_ipv6", info.default_length_ipv6},
             {"classes", json::array()},
             {"feeds", json::array()},
             {"length_sources", json::array()}};
    for (const ClassInfo& c : info.classes)
        out["classes"].push_back({{"name", c.name}, {"action", c.action}, {"retired", c.retired}});
    for (const FeedInfo& f : info.feeds)
        out["feeds"].push_back({{"name", f.name},
                                {"path", f.path},
                                {"class", f.class_name},
                                {"priority", f.priority},
                                {"order", f.order},
                                {"retired", f.retired}});
    for (const LengthSourceInfo& s : info.length_sources)
        out["length_sources"].push_back({{"name", s.name},
                                         {"path", s.path},
                                         {"origin", s.origin},
                                         {"date", s.date},
                                         {"applied", s.applied}});
    return out;
}

TableInfo table_info_from(const nlohmann::json& in)
{
    TableInfo info;
    info.generation = in.at("generation");
    info.created = in.at("created");
    info.config = in.at("config");
    info.default_class = in.at("default_class");
    info.default_length_ipv4 = in.at("default_length_ipv4");
    info.default_length_ipv6 = in.at("default_length_ipv6");
    for (const nlohmann::json& c : in.at("classes"))
        info.classes.push_back({c.at("name"), c.at("action"), c.at("retired")});
    for (const nlohmann::json& f : in.at("feeds"))
        info.feeds.push_back({f.at("name"), f.at("path"), f.at("class"), f.at("priority"),
                              f.at("order"), f.at("retired")});
    for (const nlohmann::json& s : in.at("length_sources"))
        info.length_sources.push_back(
            {s.at("name"), s.at("path"), s.at("origin"), s.at("date"), s.at("applied")});
    return info;
}

}  // namespace mxgate
