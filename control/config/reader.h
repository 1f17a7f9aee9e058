// SPDX-License-Identifier: BSD-2-Clause
// Reads the sections of the configuration file into a Config.
#pragma once

#include <map>

#include "control/config/config.h"
#include "control/config/fields.h"

namespace mxgate {

class Reader
{
public:
    Reader(const std::string& path, const YamlTree& tree, Report& report)
        : path_(path), tree_(tree), report_(report)
    {
        config_.file = path;
    }

    Config read();

private:
    Section section(const YamlNode& node, std::string_view name,
                    std::initializer_list<std::string_view> keys)
    {
        return {tree_, node, name, keys, report_};
    }
    Location location(const YamlNode& node) const { return {path_, node.line, node.column}; }

    void read_gate(const YamlNode& node);
    void read_dpdk(const Section& gate);
    void read_port_names(const YamlNode& node);
    void read_cores(const YamlNode& node);
    void read_replies(const Section& gate);
    void read_interfaces(const YamlNode& node);
    void read_services(const YamlNode& node);
    void read_service(const YamlNode& node);
    void read_addresses(const YamlNode& node, ServiceConfig& service);
    void read_ports(const YamlNode& node, ServiceConfig& service);
    void check_shared_services();
    void read_metrics(const YamlNode& node);
    void read_sources(const YamlNode& node);
    void read_levels(const YamlNode& node);
    void read_aggregation(const YamlNode& node);
    void read_lengths(const YamlNode& node);
    void read_embedded(const YamlNode& node);
    void read_nat64(const YamlNode& node);
    void read_sixrd(const YamlNode& node);
    void read_isatap(const YamlNode& node);
    std::optional<mxg_prefix> read_common_bits(const YamlNode& node, const Section& fields);
    std::optional<mxg_prefix> read_ipv6_prefix(const YamlNode& node);
    bool is_new_embedding(const YamlNode& node, const mxg_prefix& prefix);
    bool count_embedding(const YamlNode& node);
    void read_length_feeds(const YamlNode& node);
    void read_length_feed(const YamlNode& node);
    void read_columns(const YamlNode& node, LengthFeedConfig& into);
    std::string read_path(const YamlEntry& entry);
    // `path`, `url`, `exec` or `discover`, and the keys that say how to fetch; the path is
    // returned.
    std::string read_origin(const Section& fields, FetchConfig& fetch,
                            std::optional<uint64_t>& expire_ns, bool of_feed);
    void read_url(const YamlEntry& entry, FetchConfig& into, bool of_feed);
    void read_discover(const YamlNode& node, FetchConfig& into);
    void check_discover();
    void read_exec(const YamlEntry& entry, FetchConfig& into);
    void read_tls(const YamlEntry& entry, FetchConfig& into);
    void read_guard(const YamlNode& node, FeedConfig& into);
    void read_blast_radius(const Section& gate);
    void read_classes(const YamlNode& node);
    void read_class(const YamlEntry& entry);
    // What `rate` and `burst` say of a bucket of tokens; what is not written stays as in `bucket`.
    // A count of 0: the rate is wrong, which has been reported.
    RateLimit read_bucket(const Section& fields, RateLimit bucket);
    void read_optional_bucket(const Section& fields, std::optional<RateLimit>& into);
    void read_limits(const Section& fields, ClassConfig& into);
    void read_ceiling(const Section& fields, CeilingConfig& into);
    uint32_t read_count(const YamlNode& node);
    void read_retry(const Section& fields, ClassConfig& into);
    void read_class_levels(const YamlNode& node, ClassConfig& into);
    void read_level(const YamlEntry& entry, int family, ClassConfig& into);
    void use_default_classes();
    void read_default_class(const Section& top);
    bool check_class_name(const YamlNode& node, std::string_view name);
    void read_feeds(const YamlNode& node);
    void read_feed(const YamlNode& node);
    void read_feed_format(const Section& fields, FeedConfig& into);
    void read_feed_class(const Section& fields, FeedConfig& into);
    void read_columns(const YamlNode& node, FeedConfig& into);
    void read_json_path(const YamlNode& node, FeedConfig& into);
    void check_pair(const Section& fields, const char* key, const char* column);
    std::vector<const YamlNode*> one_or_list(const YamlNode& node);
    void read_mapping(const YamlEntry& entry, FeedConfig& into);
    std::string read_path(const YamlNode& node);
    std::string resolve(std::string_view path) const;

    const std::string& path_;
    const YamlTree& tree_;
    Report& report_;
    Config config_;
    std::vector<std::vector<const YamlNode*>> address_nodes_;  // of each service, for locations
    size_t address_count_ = 0;
    uint32_t embeddings_ = 0;
    std::map<std::string, int, std::less<>> service_lines_, feed_lines_, length_feed_lines_;
};

}  // namespace mxgate
