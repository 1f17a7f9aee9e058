// SPDX-License-Identifier: BSD-2-Clause
// The configuration file (YAML, one file), read and checked as a whole.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dataplane/core/address.h"

namespace mxgate {

// Where in a file something stands; lines and columns count from 1, 0 means "the file as a whole".
struct Location {
    std::string file;
    int line = 0;
    int column = 0;
};

// One finding about an input file. Prints as `FILE:LINE:COLUMN: text`.
struct Diagnostic {
    enum class Severity { error, warning };
    Severity severity = Severity::error;
    Location where;
    std::string text;
};
std::string to_string(const Diagnostic& diagnostic);

enum class PlaneKind { xdp, dpdk };
enum class AttachMode { automatic, native, generic };
enum class Mode { enforce, monitor };
enum class Action { pass, limit, drop, reset, unreachable };
enum class FeedFormat {
    prefixes,
    spamhaus_drop,
    rbldnsd,
    cidr,
    ipset,
    csv,
    tsv,
    json,
    delegated_extended,
    mrt
};
// Which dataset of rbldnsd(8) a file holds; only combined files say so themselves.
enum class RbldnsdDataset { ip4set, ip4trie, ip4tset, ip6trie, ip6tset, combined };
enum class DropOrPass { drop, pass };

inline constexpr std::pair<std::string_view, RbldnsdDataset> kRbldnsdDatasets[] = {
    {"ip4set", RbldnsdDataset::ip4set},   {"ip4trie", RbldnsdDataset::ip4trie},
    {"ip4tset", RbldnsdDataset::ip4tset}, {"ip6trie", RbldnsdDataset::ip6trie},
    {"ip6tset", RbldnsdDataset::ip6tset}, {"combined", RbldnsdDataset::combined}};

struct PortRange {
    uint16_t first = 25;
    uint16_t last = 25;
};

struct ServiceConfig {
    std::string name;
    std::vector<mxg_prefix> addresses;
    std::vector<PortRange> ports;  // [25] unless written
    Location where;
};

// A connection rate `count` per `period_ns`, with a bucket of `burst` tokens, full at first.
struct RateLimit {
    uint64_t count = 0;
    uint64_t period_ns = 0;
    uint32_t burst = 1;
};

enum class Charge { handshake, syn };

// What one prefix may do: a source prefix, or a parent of source prefixes.
struct CeilingConfig {
    std::optional<RateLimit> rate;
    std::optional<RateLimit> syn_guard;
    uint32_t connections = 0;  // open at the same time, 0: any number

    bool any() const { return rate || syn_guard || connections > 0; }
};

struct LevelConfig {
    int family = 6;  // 4 or 6
    uint32_t length = 0;
    CeilingConfig ceiling;
};

struct ClassConfig : CeilingConfig {
    std::string name;
    Action action = Action::pass;
    Mode mode = Mode::enforce;
    Action deny_with = Action::drop;  // of `limit`: drop, reset or unreachable
    Charge charge = Charge::handshake;
    uint32_t total_connections = 0;  // of the whole class, 0: any number
    uint64_t bandwidth = 0;          // bytes per second of established traffic, 0: no limit
    std::vector<LevelConfig> levels;
    uint64_t retry_wait_ns = 0;  // how long a denial lasts, 0: it does not
    bool retry_extend = false;   // an attempt within it begins it anew
    Location where;
};

struct LengthConfig {
    mxg_prefix prefix{};
    uint32_t length = 0;     // end-site prefix length, >= prefix.length; 0: not stated
    uint32_t end_sites = 0;  // that share an address or end-site prefix; 0: not stated
    Location where;
};

// A 6rd domain (RFC 5969): behind the bits of `prefix` come those of the customer's IPv4 address
// that are not in `ipv4`, the part that all of the domain have in common.
struct SixRdConfig {
    mxg_prefix prefix{}, ipv4{};
};

// Where IPv6 addresses carry an IPv4 address: MXG_MAX_EMBEDDINGS prefixes together, beside the
// kinds that are always known (dataplane/core/embedded.h).
struct EmbeddedConfig {
    std::vector<mxg_prefix> nat64;  // of RFC 6052's lengths
    std::vector<SixRdConfig> sixrd;
    std::vector<mxg_prefix> isatap;  // where interface identifiers of ISATAP are believed
};

// What a feed's entry with this value is: an A record of rbldnsd, an action of a Postfix table.
struct FeedMapping {
    std::string value;
    std::string class_name;
};

// Columns of a table, each by the name in its header or by its number from 1; empty: none. Of
// `prefix`, `address` with `length`, and `first` with `last` exactly one is there.
struct FeedColumns {
    std::string prefix, address, length, first, last;
    std::string value;  // what the map maps
    std::string asn;    // what FeedConfig::asns picks from
};

// A place in JSON documents, `prefixes[].ip_prefix`: a step is the name of a member, `*` for every
// member of an object, or `[]` for the elements of a list.
struct JsonPath {
    std::string text;
    std::vector<std::string> steps;
};

// A list that is put together from the prefixlen files that registry objects name; `discover`.
struct DiscoverConfig {
    std::vector<std::string> objects;  // names of the length feeds that hold the objects
    uint64_t files = 10'000;           // at most so many: those of the widest ranges
    uint64_t max_size = 4 << 20;       // bytes of one file, unpacked
    bool any_host = false;             // hosts: any; otherwise only those with a public address

    bool operator==(const DiscoverConfig&) const = default;
};

// How the list of a source is fetched; without `url`, `exec` and `discover` it is a local file,
// `path`.
struct FetchConfig {
    std::string url;                // http or https
    std::vector<std::string> exec;  // a program and its arguments; its standard output is the list
    DiscoverConfig discover;
    std::string proxy;                 // URL; empty: none
    std::string ca, certificate, key;  // `tls`: PEM files; empty: the system's CAs, no certificate
    uint64_t refresh_ns = 12 * 3600ULL * 1'000'000'000;
    uint64_t timeout_ns = 600ULL * 1'000'000'000;
    bool only_public = false;  // of a URL that a stranger wrote; see HttpOptions

    bool discovers() const { return !discover.objects.empty(); }
    bool is_fetched() const { return !url.empty() || !exec.empty() || discovers(); }
    // What versions are told by: the URL, the program with its arguments, or whose objects.
    std::string source() const;
    // The same for people: without user and password.
    std::string shown() const;

    bool operator==(const FetchConfig&) const = default;
};

// What a version of a list must be like to be taken; `guard`.
struct GuardConfig {
    // Entries that may be gone, or new, as a share of those of the version in use.
    std::optional<double> max_change;
    // Of a list that is fetched into a denying class: no entry is shorter than this.
    uint32_t shortest_ipv6 = 20, shortest_ipv4 = 8;
};

// Formats of sources of end-site lengths (docs/end-sites.md).
enum class LengthFormat { prefixlen, rpsl, nrtm4, geofeed, csv, learned };

struct LengthFeedConfig {
    std::string name;
    LengthFormat format = LengthFormat::prefixlen;
    std::string path;  // made absolute against the folder of the configuration file
    FetchConfig fetch;
    std::optional<uint64_t> expire_ns;  // older than this, a version counts no longer
    uint64_t min_entries = 1;  // guard.min_entries: a version with fewer valid entries is refused
    bool assigned = true;      // rpsl, nrtm4: ASSIGNED objects count as end sites
    std::string prefix_column, length_column, end_sites_column;  // csv; empty: the usual names
    Location where;
};

struct FeedConfig {
    std::string name;
    FeedFormat format = FeedFormat::prefixes;
    std::string path;  // made absolute against the folder of the configuration file
    FetchConfig fetch;
    std::optional<uint64_t> expire_ns;  // older than this, a version counts no longer
    std::string class_name;  // a class of this configuration; may be empty where there is a map
    std::vector<FeedMapping> map;
    RbldnsdDataset dataset = RbldnsdDataset::combined;
    std::string set;               // ipset: the only set to read
    FeedColumns columns;           // csv, tsv
    char delimiter = ',';          // csv
    std::vector<JsonPath> select;  // json
    std::string asns;              // csv, tsv, mrt: path of a list of AS numbers
    std::vector<std::string> country, status, opaque_id;  // delegated-extended: only these
    uint64_t max_size = 1ULL << 30;                       // bytes, unpacked
    int32_t priority = 0;                                 // the higher wins
    uint64_t min_entries = 1;  // guard.min_entries: a version with fewer valid entries is refused
    GuardConfig guard;
    bool widen = false;  // widen: end_site
    Location where;
};

enum class Topology { inline_wire, host };

// The ports of the DPDK plane; `gate.dpdk`.
struct DpdkConfig {
    std::vector<std::string> ports;  // PCI addresses, or vdevs with their arguments: 2, or 1 (host)
    Topology topology = Topology::inline_wire;
    std::vector<uint32_t> cores = {0};  // of the workers
    std::vector<std::string> eal;       // further arguments of EAL
    std::string exception;              // host: the vdev into the kernel; empty: chosen at start
    uint32_t mtu = 1500;
    uint64_t idle_ns = 0;  // a worker without frames sleeps this long; 0: it polls on

    bool operator==(const DpdkConfig&) const = default;
};

// A new table that would newly deny more is refused until it is forced; `gate.blast_radius`.
struct BlastRadius {
    double share = 0.05;    // of the senders seen in the last day
    uint64_t senders = 10;  // fewer than so many are no share
    bool good = false;      // whether those of passing classes may be denied
};

struct GateConfig {
    PlaneKind plane = PlaneKind::xdp;
    DpdkConfig dpdk;
    std::vector<std::string> interfaces;
    AttachMode attach = AttachMode::automatic;
    Mode mode = Mode::enforce;
    std::vector<ServiceConfig> services;
    DropOrPass fragments = DropOrPass::drop;
    DropOrPass without_table = DropOrPass::pass;
    std::optional<uint64_t> stale_after_ns;
    bool stale_counts = true;  // `stale: keep`; else feeds that are fetched expire after that
    BlastRadius blast_radius;
    RateLimit replies{1000, 1'000'000'000, 100};  // answers (reset, unreachable) of each core
};

// Where to listen: the path of a unix socket, or else an IP address and port.
struct Endpoint {
    std::string socket;
    std::string address;
    uint16_t port = 0;

    bool operator==(const Endpoint&) const = default;
};

struct Config {
    std::string file;
    std::string text;  // of the file, as it was read
    GateConfig gate;
    uint64_t source_capacity = 1'000'000;  // sources.capacity, as written (not yet rounded up)
    std::vector<uint32_t> levels_ipv6, levels_ipv4;  // sources.levels, the longest first
    uint32_t default_length_ipv6 = 64;
    uint32_t default_length_ipv4 = 32;
    std::vector<LengthConfig> lengths;
    uint32_t shared_cap = 64;  // of how many end sites limits grow, 1 to 65536
    EmbeddedConfig embedded;
    std::vector<LengthFeedConfig> length_feeds;  // aggregation.feeds, in the order of the file
    bool apply_learned = false;                  // aggregation.learned: apply
    std::string trust_store;  // aggregation.trust_store: CA certificates (PEM); empty: none
    std::string crls;         // aggregation.crls: file or folder; empty: none are looked at
    std::vector<ClassConfig> classes;  // in the order of the file: the later is the stricter
    std::string default_class;
    std::vector<FeedConfig> feeds;    // in the order of the file
    std::optional<Endpoint> metrics;  // for Prometheus; absent: nowhere
    // Where a list is said to come from standard input, which can be read once only.
    std::optional<Location> standard_input;
};

struct ConfigResult {
    std::optional<Config> config;         // absent when there is any error
    std::vector<Diagnostic> diagnostics;  // all of them, in the order of the file
};

// Reads and checks `path`. Never throws for what the file holds; every mistake is one located
// diagnostic, and all of them are found in one run. Does not open feeds.
ConfigResult load_config(const std::string& path);

// The same for text already in memory; `path` is used in locations and to resolve relative paths.
ConfigResult parse_config(const std::string& text, const std::string& path);

}  // namespace mxgate
