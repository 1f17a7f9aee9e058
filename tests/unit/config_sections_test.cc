// SPDX-License-Identifier: BSD-2-Clause
// Mistakes in each section of the configuration, and where they are said to be.
#include <fmt/format.h>

#include "control/net/address_text.h"
#include "tests/unit/config_case.h"

namespace mxgate {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST(Config, Replies)
{
    const Case cases[] = {
        {"  replies: {burst: 5}\n", {}},
        {"  replies: {rate: 1/min}\n", {}},
        {"  replies: 5\n", {"f:3:12: expected a map, found a single value"}},
        {"  replies: {rates: 5/s}\n", {"f:3:13: unknown key `rates`; did you mean `rate`?"}},
        {"  replies: {rate: 5, burst: 0}\n",
         {"f:3:19: `5` is not a rate; write for example `30/min`, `1/10min` or `500/s`",
          "f:3:29: 0 is not within 1 to 4294967295"}},
        {"  replies: {rate: 1/7d, burst: 1M}\n",
         {"f:3:32: this bucket takes more than a century to fill"}},
    };
    for (const Case& c : cases)
        EXPECT_THAT(check(in_gate(c.text)), ElementsAreArray(c.want)) << c.text;
}

TEST(Config, Gate)
{
    const Case cases[] = {
        {"sources: {}\n", {"f:1:1: this configuration has no `gate`"}},
        {"gate:\n", {"f:1:1: expected a map, found nothing"}},
        {"gate: [1]\n", {"f:1:7: expected a map, found a list"}},
        {"gate: {}\n", {"f:1:7: this gate has no `services`"}},
        {"gate: {services: []}\n", {"f:1:18: expected a list of services, found an empty list"}},
        {"gate: {services: 7}\n", {"f:1:18: expected a list of services, found a single value"}},
        {"gate: {services: [{addresses: []}]}\n",
         {"f:1:19: this service has no `name`",
          "f:1:31: expected a list of addresses, found an empty list"}},
        {"gate: {services: [{name: a}]}\n", {"f:1:19: this service has no `addresses`"}},
        {"gate: {services: [{name: a b, addresses: [\"::\", 0.0.0.0, \"::ffff:192.0.2.1\", x, "
         "\"\", [], 192.0.2.1, 192.0.2.1/32, 198.51.100.1/24]}]}\n",
         {"f:1:26: `a b` is not a name; a name is 1 to 63 letters, digits, `.`, `_`, `-`",
          "f:1:43: `::` is no service; for all addresses write \"::/0\"",
          "f:1:49: `0.0.0.0` is no service; for all addresses write \"0.0.0.0/0\"",
          "f:1:58: `::ffff:192.0.2.1` never stands in a packet; write the IPv4 address",
          "f:1:78: `x` is not an address or prefix", "f:1:81: `` is not an address or prefix",
          "f:1:85: expected an address or prefix, found a list",
          "f:1:100: 192.0.2.1/32 stands twice",
          "f:1:114: warning: host bits are set; `198.51.100.1/24` is read as 198.51.100.0/24"}},
        {"gate: {services: [{name: a, addresses: [\"::/0\"], ports: [0, 65536, 9-8, x, 25-, 25, "
         "20-30]}]}\n",
         {"f:1:58: `0` is not a port; write for example `25` or `1-65535`",
          "f:1:61: `65536` is not a port; write for example `25` or `1-65535`",
          "f:1:68: `9-8` is not a port; write for example `25` or `1-65535`",
          "f:1:73: `x` is not a port; write for example `25` or `1-65535`",
          "f:1:76: `25-` is not a port; write for example `25` or `1-65535`",
          "f:1:85: this overlaps with an earlier port of the service"}},
        {"gate: {services: [{name: a, addresses: [\"::/0\"], ports: 25}]}\n",
         {"f:1:57: expected a list of ports, found a single value"}},
        {"gate: {services: [{name: a, addresses: [\"::/0\"], ports: [1, 2, 3, 4, 5, 6, 7, 8, "
         "9]}]}\n",
         {"f:1:79: more than 7 port ranges in one service"}},
        {"gate:\n  services:\n    - {name: a, addresses: [192.0.2.0/24], ports: [20-30]}\n"
         "    - {name: a, addresses: [\"::/0\", 192.0.2.25]}\n",
         {"f:4:14: service `a` stands in line 3 already",
          "f:4:37: service `a` (line 3) has this address and port already"}},
        {in_gate("  plane: dpkd\n  attach: fast\n  fragments: keep\n  without_table: x\n"),
         {"f:3:10: unknown value `dpkd` for `plane`; did you mean `dpdk`?",
          "f:4:11: unknown value `fast` for `attach`; did you mean `auto`?",
          "f:5:14: unknown value `keep` for `fragments`; did you mean `drop`?",
          "f:6:18: unknown value `x` for `without_table`; did you mean `pass`?"}},
        {in_gate("  interfaces: eth0\n"),
         {"f:3:15: expected a list of interfaces, found a single value"}},
        {in_gate("  interfaces: [a/b, eth0, eth0, \"\", {}, abcdefghijklmnop]\n"),
         {"f:3:16: `a/b` is not the name of an interface", "f:3:27: interface `eth0` stands twice",
          "f:3:33: `` is not the name of an interface",
          "f:3:37: expected the name of an interface, found a map",
          "f:3:41: `abcdefghijklmnop` is not the name of an interface"}},
        {in_gate("  stale_after: 7\n"),
         {"f:3:16: `7` is not a duration; write for example `500ms`, `60s`, `10min`, `2h` or "
          "`7d`"}},
        {in_gate("  stale_after: 0s\n"), {"f:3:16: a duration must be more than 0"}},
        {in_gate("  stale: default_class\n"),
         {"f:3:3: `stale: default_class` needs `stale_after`; write for example `stale_after: "
          "7d`"}},
        {in_gate("  stale_after: 1h\n  stale: default_class\n") +
             "feeds:\n"
             "  - {name: a, format: prefixes, class: bad, url: \"https://a.example/\", refresh: "
             "1h}\n"
             "  - {name: b, format: prefixes, class: bad, url: \"https://a.example/\", expire: "
             "1d}\n"
             "  - {name: c, format: prefixes, class: bad, path: c}\n"
             "  - {name: d, format: prefixes, class: bad, url: \"https://a.example/\"}\n",
         {"f:9:5: with `gate.stale_after` the list would count no longer before it is fetched "
          "again; give it a shorter `refresh`, or an `expire` of its own"}},
        {in_gate("  dpdk: {}\n"), {"f:3:3: warning: `dpdk` has no effect without `plane: dpdk`"}},
        {in_gate("  dpdk: [1]\n"), {"f:3:9: expected a map, found a list"}},
        {in_gate("  plane: dpdk\n  dpdk: {ports: [eth0]}\n"),
         {"f:4:17: `topology: inline` has two ports; found 1",
          "f:4:18: `eth0` is no port of DPDK; write a PCI address (\"0000:01:00.0\") or a vdev "
          "(\"net_af_packet0,iface=eth0\")"}},
        {in_gate("  plane: dpdk\n  dpdk: {topology: host, ports: [net_tap0], cores: [1, 1], "
                 "mtu: 68, idle: 1s}\n"),
         {"f:4:56: core 1 stands twice", "f:4:65: 68 is not within 1280 to 16110",
          "f:4:69: more than 10ms would lose frames"}},
        {in_gate("  plane: dpdk\n  dpdk: {}\n"), {"f:4:9: this dpdk section has no `ports`"}},
        {in_gate("  mode: enforce\n  mode: monitor\n"),
         {"f:4:3: duplicate key `mode`; it stands in line 3 already"}},
        {in_gate("  [1]: 2\n"), {"f:3:3: a key must be plain text"}},
    };
    for (const Case& c : cases)
        EXPECT_THAT(check(c.text), ElementsAreArray(c.want)) << c.text;
}

TEST(Config, EndSites)
{
    const Case cases[] = {
        {"aggregation: {shared_cap: 1, lengths: [{prefix: 192.0.2.0/24, end_sites: 9}]}\n", {}},
        {"aggregation: {shared_cap: 65537, lengths: [{prefix: 192.0.2.0/24, end_sites: 0}, "
         "{prefix: "
         "192.0.3.0/24}]}\n",
         {"f:2:27: 65537 is not within 1 to 65536", "f:2:78: 0 is not within 1 to 4294967295",
          "f:2:82: this entry of `lengths` has no `length`"}},
    };
    for (const Case& c : cases)
        EXPECT_THAT(check(with_gate(c.text)), ElementsAreArray(c.want)) << c.text;
}

TEST(Config, EmbeddedAddresses)
{
    const auto in = [](const std::string& text) {
        return with_gate("aggregation: {embedded: {" + text + "}}\n");
    };
    const Case cases[] = {
        {in("nat64: [\"2001:db8::/32\", \"2001:db9::/96\"], isatap: [\"::/0\"]"), {}},
        {in("sixrd: [{prefix: \"2001:db8::/32\", ipv4_mask_length: 0}]"), {}},
        {in("sixrd: [{prefix: \"2001:db8::/40\", ipv4_prefix: 10.0.0.0/8}]"), {}},
        {in("nat46: []"), {"f:2:26: unknown key `nat46`; did you mean `nat64`?"}},
        {in("nat64: x, sixrd: x, isatap: x"),
         {"f:2:33: expected a list of prefixes, found a single value",
          "f:2:43: expected a list of 6rd domains, found a single value",
          "f:2:54: expected a list of prefixes, found a single value"}},
        {in("nat64: [\"2001:db8::/33\", 192.0.2.0/24, \"2001:db8:0:0:100::/96\"]"),
         {"f:2:34: a NAT64 prefix has 32, 40, 48, 56, 64 or 96 bits (RFC 6052); 2001:db8::/33 has "
          "33",
          "f:2:51: 192.0.2.0/24 is not an IPv6 prefix",
          "f:2:65: bits 64 to 71 of a NAT64 prefix are zero (RFC 6052); in "
          "2001:db8:0:0:100::/96 they are not"}},
        {in("nat64: [\"64:ff9b::/96\", \"2002:1::/32\", \"2001:db8::/32\", \"2001:db8:1::/48\"]"),
         {"f:2:34: 64:ff9b::/96 overlaps with NAT64 (64:ff9b::/96), which the gate knows without "
          "being told",
          "f:2:50: 2002:1::/32 overlaps with 6to4 (2002::/16), which the gate knows without being "
          "told",
          "f:2:82: 2001:db8:1::/48 overlaps with 2001:db8::/32"}},
        {in("sixrd: [{}, {prefix: \"2001:db8::/33\", ipv4_mask_length: 0}, {prefix: "
            "\"2001:db9::/32\", ipv4_mask_length: 8}, {prefix: \"2001:dba::/32\"}]"),
         {"f:2:34: this 6rd domain has no `prefix`",
          "f:2:34: this 6rd domain has no `ipv4_mask_length`",
          "f:2:47: a customer of 2001:db8::/33 would have 65 bits; a 6rd delegated prefix has at "
          "most 64 (RFC 5969)",
          "f:2:112: `ipv4_mask_length` without `ipv4_prefix`: which bits?",
          "f:2:134: this 6rd domain has no `ipv4_mask_length`"}},
        {in("sixrd: [{prefix: \"2001:db8::/32\", ipv4_mask_length: 32, ipv4_prefix: 10.0.0.1}, "
            "{prefix: \"2001:db9::/32\", ipv4_mask_length: 8, ipv4_prefix: 10.0.0.0/16}, {prefix: "
            "\"2001:dba::/32\", ipv4_prefix: \"::/0\"}]"),
         {"f:2:78: 32 is not within 0 to 31",
          "f:2:166: 10.0.0.0/16 is not the 8 bits that the addresses of the domain have in common",
          "f:2:219: ::/0 is not an IPv4 prefix"}},
        {in("isatap: [\"2001:db8::/65\"]"),
         {"f:2:35: an ISATAP prefix has at most 64 bits; 2001:db8::/65 has 65"}},
    };
    for (const Case& c : cases)
        EXPECT_THAT(check(c.text), ElementsAreArray(c.want)) << c.text;
    std::string many;
    for (int i = 0; i < 33; i++)
        many += fmt::format("\"2001:db8:{}::/48\",", i);
    EXPECT_THAT(check(in("isatap: [" + many + "]")),
                ElementsAre(HasSubstr("more than 32 prefixes in `embedded`")));
}

TEST(Config, SourcesAndAggregation)
{
    const Case cases[] = {
        {"sources: {capacity: 0}\n", {"f:2:21: 0 is not within 1 to 268435456"}},
        {"sources: {capacity: 1T}\n",
         {"f:2:21: `1T` is not a number; write for example `250`, `64k`, `1M` or `16Mi`"}},
        {"sources: {capacity: []}\n", {"f:2:21: expected a number, found a list"}},
        {"sources: {levels: {ipv6: [129, 48, 48], ipv4: 24, ipv5: []}}\n",
         {"f:2:27: 129 is not within 1 to 128", "f:2:36: level 48 stands twice",
          "f:2:47: expected a list of prefix lengths, found a single value",
          "f:2:51: unknown key `ipv5`; did you mean `ipv6`?"}},
        {"aggregation: {default: {ipv6: 129, ipv4: 0}}\n",
         {"f:2:31: 129 is not within 1 to 128", "f:2:42: 0 is not within 1 to 32"}},
        {"aggregation: {default: {ipv6: /64}}\n", {"f:2:31: `/64` is not a whole number"}},
        {"aggregation: {default: 64}\n", {"f:2:24: expected a map, found a single value"}},
        {"aggregation: {feeds: 3, learned: maybe, trust_store: \"\"}\n",
         {"f:2:22: expected a list of sources of lengths, found a single value",
          "f:2:34: unknown value `maybe` for `learned`; did you mean `show`?",
          "f:2:54: the path is empty"}},
        {"aggregation:\n  feeds:\n"
         "    - {name: a, format: rpsl, url: \"http://a.example/x\"}\n"
         "    - {name: a, format: prefixlenn, path: x}\n"
         "    - {format: csv, path: \"\", assigned: use, columns: {prefx: a}}\n"
         "    - {name: b, format: prefixlen, path: x, columns: {prefix: a}, assigned: no}\n",
         {"f:4:36: lengths are fetched by https only",
          "f:5:14: length feed `a` stands in line 4 already",
          "f:5:25: unknown value `prefixlenn` for `format`; did you mean `prefixlen`?",
          "f:6:7: this length feed has no `name`", "f:6:27: the path is empty",
          "f:6:31: `assigned` has no effect without `format: rpsl` or `nrtm4`",
          "f:6:56: unknown key `prefx`; did you mean `prefix`?",
          "f:7:45: `columns` has no effect without `format: csv`",
          "f:7:67: `assigned` has no effect without `format: rpsl` or `nrtm4`",
          "f:7:77: unknown value `no` for `assigned`; did you mean `use`?"}},
        {"aggregation:\n  lengths:\n"
         "    - {prefix: 2001:db8::/32, length: 31}\n"
         "    - {prefix: 192.0.2.0/24, length: 33}\n"
         "    - {prefix: 2001:db8::/32, length: 56}\n"
         "    - {prefix: 2001:db9::/32}\n"
         "    - {length: 3}\n"
         "    - 3\n",
         {"f:4:39: the end-site length 31 is shorter than the prefix 2001:db8::/32",
          "f:5:38: 33 is not within 1 to 32", "f:6:16: 2001:db8::/32 stands in line 4 already",
          "f:7:7: this entry of `lengths` has no `length`",
          "f:8:7: this entry of `lengths` has no `prefix`",
          "f:9:7: expected a map, found a single value"}},
    };
    for (const Case& c : cases)
        EXPECT_THAT(check(with_gate(c.text)), ElementsAreArray(c.want)) << c.text;
}

TEST(Config, Classes)
{
    const auto one = [](const std::string& fields) {
        return "classes: {c: " + fields + "}\ndefault_class: c\n";
    };
    const Case cases[] = {
        {"classes: {}\ndefault_class: x\n",
         {"f:2:10: expected a map of classes, found an empty map"}},
        {"classes: [good]\ndefault_class: good\n",
         {"f:2:10: expected a map of classes, found a list"}},
        {"classes: {a: {action: pass}}\n",
         {"f:2:1: `classes` without `default_class`: the class of senders in no feed"}},
        {"classes: {abc: {action: pass}}\ndefault_class: abd\n",
         {"f:3:16: unknown class `abd`; did you mean `abc`?"}},
        {"default_class: goood\n", {"f:2:16: unknown class `goood`; did you mean `good`?"}},
        {"default_class:\n", {"f:2:1: expected the name of a class, found nothing"}},
        {"classes: {\"a b\": {action: pass}}\ndefault_class: a b\n",
         {"f:2:11: `a b` is not a name; a name is 1 to 63 letters, digits, `.`, `_`, `-`"}},
        {"classes: {c: {action: pass}, c: {action: drop}}\ndefault_class: c\n",
         {"f:2:30: duplicate key `c`; it stands in line 2 already"}},
        {one("{}"), {"f:2:14: this class has no `action`"}},
        {one(""), {"f:2:11: expected a map, found nothing"}},
        {one("{action: limt}"),
         {"f:2:23: unknown value `limt` for `action`; did you mean "
          "`limit`?"}},
        {one("{action: limit}"),
         {"f:2:23: `action: limit` without any limit; write for example `rate: 30/min`"}},
        {one("{action: limit, burst: 3}"), {"f:2:30: `burst` has no effect without `rate`"}},
        {one("{action: limit, rate: 1/min, burst: 0}"),
         {"f:2:50: 0 is not within 1 to 4294967295"}},
        {one("{action: limit, rate: 1/100d, burst: 4G}"),
         {"f:2:51: this bucket takes more than a century to fill"}},
        {one("{action: limit, rate: 1/99999d}"),
         {"f:2:36: this bucket takes more than a century to fill"}},
        {one("{action: limit, rate: 0/min}"),
         {"f:2:36: a rate must be more than 0; `action: drop` refuses everything"}},
        {one("{action: limit, rate: 1/0s}"),
         {"f:2:36: a rate must be more than 0; `action: drop` refuses everything"}},
        {one("{action: limit, rate: 2G/s}"), {"f:2:36: a rate must be at most 1 per nanosecond"}},
        {one("{action: drop, rate: 1/s, burst: 2, charge: syn, deny_with: drop}"),
         {"f:2:29: `rate` has no effect without `action: limit`",
          "f:2:40: `burst` has no effect without `action: limit`",
          "f:2:50: `charge` has no effect without `action: limit`",
          "f:2:63: `deny_with` has no effect without `action: limit`"}},
        {one("{action: limit, rate: 1/s, retry_wait: 1, retry_extend: maybe}"),
         {"f:2:53: `1` is not a duration; write for example `500ms`, `60s`, `10min`, `2h` or `7d`",
          "f:2:70: unknown value `maybe` for `retry_extend`; did you mean `false`?"}},
        {one("{action: limit, rate: 1/s, retry_extend: true}"),
         {"f:2:41: `retry_extend` has no effect without `retry_wait`"}},
        {one("{action: limit, connections: 0, total_connections: 5G, syn_guard: {burst: 1}}"),
         {"f:2:43: 0 is not within 1 to 4294967295",
          "f:2:65: 5000000000 is not within 1 to 4294967295",
          "f:2:80: this syn_guard has no `rate`"}},
        {one("{action: drop, connections: 1}"),
         {"f:2:29: `connections` has no effect on a class that lets nobody in"}},
        {one("{action: limit, bandwidth: 64k}"),
         {"f:2:41: `64k` is not a bandwidth; write for example `64kB/s` or `1MB/s`"}},
        {one("{action: limit, bandwidth: 999B/s}"),
         {"f:2:41: a bandwidth must be within 1kB/s to 100GB/s"}},
        {one("{action: drop, bandwidth: 64kB/s}"),
         {"f:2:29: `bandwidth` has no effect on a class that lets nobody in"}},
        {one("{action: limit, levels: {ipv6: {48: {rate: 1/s}}}}"),
         {"f:2:46: level `48` is not in `sources.levels`"}},
        {"sources: {levels: {ipv6: [48], ipv4: [24]}}\n" +
             one("{action: limit, levels: {ipv6: {48: {}}, ipv4: {24: {burst: 2, rat: 1/s}}}}"),
         {"f:3:46: a level without any ceiling; write for example `rate: 30/min`",
          "f:3:67: `burst` has no effect without `rate`",
          "f:3:77: unknown key `rat`; did you mean `rate`?"}},
        {"sources: {levels: {ipv6: [48, 40, 32, 24]}}\n" + one("{action: pass}"),
         {"f:2:39: more than 3 levels of one family"}},
        {one("{action: limit, rate: 1/s, deny_with: pass}"),
         {"f:2:52: unknown value `pass` for `deny_with`; did you mean `drop`?"}},
    };
    for (const Case& c : cases)
        EXPECT_THAT(check(with_gate(c.text)), ElementsAreArray(c.want)) << c.text;
}

TEST(Config, Feeds)
{
    const auto one = [](const std::string& more) {
        return "feeds:\n- {name: a, format: prefixes, class: bad, path: a, " + more + "}\n";
    };
    const Case cases[] = {
        {"feeds: {}\n", {"f:2:8: expected a list of feeds, found a map"}},
        {"feeds: [x]\n", {"f:2:9: expected a map, found a single value"}},
        {"feeds: [{}]\n",
         {"f:2:9: this feed has no `name`", "f:2:9: this feed has no `format`",
          "f:2:9: this feed has no `path`, `url` or `exec`", "f:2:9: this feed has no `class`"}},
        {"feeds:\n- {name: a, format: prefixes, path: a, class: bad}\n"
         "- {name: a, format: spamhaus, path: \"\", class: baad}\n",
         {"f:4:10: feed `a` stands in line 3 already",
          "f:4:21: unknown value `spamhaus` for `format`; did you mean `spamhaus-drop`?",
          "f:4:37: the path is empty", "f:4:48: unknown class `baad`; did you mean `bad`?"}},
        {"feeds:\n- {name: a, format: prefixes, class: bad, url: x}\n",
         {"f:3:48: `x` is not a URL of http or https"}},
        {one("priority: 1M"), {"f:3:62: `1M` is not a whole number"}},
        {one("priority: 9999999999"),
         {"f:3:62: 9999999999 is not within -2147483648 to 2147483647"}},
        {one("refresh: 1h, expire: 1h, learned: override, widen: end_site"),
         {"f:3:52: `refresh` has no effect without `url`",
          "f:3:77: `learned` is not enforced by this version; remove it"}},
        {one("widen: site"), {"f:3:59: unknown value `site` for `widen`; did you mean `none`?"}},
        {one("guard: {max_change: 50, min_entries: -1}"),
         {"f:3:72: `50` is not a share; write for example `50%`",
          "f:3:89: `-1` is not a number; write for example `250`, `64k`, `1M` or `16Mi`"}},
        {one("map: {127.0.0.2: bad}"), {"f:3:52: `map` has no effect with `format: prefixes`"}},
        {one("max_size: 1Ti"),
         {"f:3:62: `1Ti` is not a number; write for example `250`, `64k`, "
          "`1M` or `16Mi`"}},
        {"feeds: [{name: a, format: rbldnsd, path: a, class: bad}]\n",
         {"f:2:9: this feed has no `dataset`"}},
        {"feeds: [{name: a, format: rbldnsd, path: a, dataset: ip6tree, map: {}}]\n",
         {"f:2:54: unknown value `ip6tree` for `dataset`; did you mean `ip6trie`?",
          "f:2:68: expected a map from values to classes, found an empty one"}},
        {"feeds:\n- {name: a, format: rbldnsd, path: a, dataset: ip4set,\n   map: {127.0.0.2: bad, "
         "2: good, x: bad, 3: bed}}\n",
         {"f:4:26: value `127.0.0.2` stands twice",
          "f:4:35: `x` is not an A value; write for example `127.0.0.2`",
          "f:4:46: unknown class `bed`; did you mean `bad`?"}},
        {one("guard: 3"), {"f:3:59: expected a map, found a single value"}},
    };
    for (const Case& c : cases)
        EXPECT_THAT(check(with_gate(c.text)), ElementsAreArray(c.want)) << c.text;
}

// Where a list comes from, and how it is fetched.
TEST(Config, Fetching)
{
    const auto feed = [](const std::string& fields) {
        return with_gate("feeds:\n- {name: a, format: prefixes, class: bad, " + fields + "}\n");
    };
    for (const char* good :
         {"path: a, expire: 7d, guard: {max_change: 50%}",
          "url: \"https://lists.example/drop\", refresh: 12h, expire: 7d, timeout: 30s, "
          "proxy: \"http://[2001:db8::1]:3128\", tls: {ca: ca.pem, certificate: c.pem, key: c.key}",
          "url: \"HTTP://u:p@lists.example/\", guard: {max_change: 12.5%, shortest: {ipv6: 0}}",
          "exec: /usr/local/bin/list, refresh: 10s, timeout: 1s",
          "exec: [/usr/local/bin/list, --all]"})
        EXPECT_THAT(check(feed(good)), IsEmpty()) << good;
    const Case cases[] = {
        {"path: a, url: \"https://a.example\"",
         {"f:3:52: a list comes from one place: `path`, `url` or `exec`"}},
        {"url: \"ftp://a.example\"", {"f:3:48: `ftp://a.example` is not a URL of http or https"}},
        {"url: \"https:///a\"", {"f:3:48: `https:///a` is not a URL of http or https"}},
        {"url: \"https://a b\"", {"f:3:48: `https://a b` is not a URL of http or https"}},
        {"url: \"https://a\", refresh: 14min",
         {"f:3:70: more often than every 15min is not polite to who serves the list"}},
        {"url: \"https://a\", refresh: 2h, expire: 1h",
         {"f:3:70: the list would expire before it is fetched again"}},
        {"url: \"https://a\", tls: {key: k}, proxy: x",
         {"f:3:67: `key` has no effect without `certificate`",
          "f:3:83: this is no proxy; write for example `http://proxy.example:3128`"}},
        {"exec: list, proxy: \"http://a\"",
         {"f:3:49: `list` is not an absolute path; `exec` is a program and its arguments, "
          "[/usr/local/bin/list, --all]; no shell looks at it",
          "f:3:55: `proxy` has no effect without `url`"}},
        {"path: a, guard: {shortest: {ipv4: 33}}",
         {"f:3:60: `shortest` has no effect on a local file: that is your own word",
          "f:3:77: 33 is not within 0 to 32"}},
    };
    for (const Case& c : cases)
        EXPECT_THAT(check(feed(c.text)), ElementsAreArray(c.want)) << c.text;
    FetchConfig fetch;
    fetch.url = "https://user:secret@lists.example/a@b";
    EXPECT_EQ(fetch.shown(), "https://lists.example/a@b");
    EXPECT_EQ(fetch.source(), fetch.url);
}

TEST(Config, BlastRadius)
{
    const ConfigResult good =
        parse_config(in_gate("  blast_radius: {share: 2.5%, senders: 3, good: deny}\n"), "f");
    ASSERT_TRUE(good.config);
    EXPECT_DOUBLE_EQ(good.config->gate.blast_radius.share, 0.025);
    EXPECT_EQ(good.config->gate.blast_radius.senders, 3u);
    EXPECT_TRUE(good.config->gate.blast_radius.good);
    EXPECT_THAT(
        check(in_gate("  blast_radius: {share: x, good: maybe}\n")),
        ElementsAreArray({"f:3:25: `x` is not a share; write for example `50%`",
                          "f:3:34: unknown value `maybe` for `good`; did you mean `refuse`?"}));
}

// Each format has keys of its own.
TEST(Config, FeedFormats)
{
    const auto feed = [](const std::string& fields) {
        return with_gate("feeds:\n- {name: a, class: bad, path: a, " + fields + "}\n");
    };
    for (const char* good :
         {"format: rbldnsd, dataset: ip4set, map: {127.0.0.2: bad, 10: mixed}",
          "format: cidr, map: {permit: good, REJECT: bad}", "format: cidr", "format: ipset",
          "format: ipset, set: x", "format: csv, columns: {prefix: 1}, max_size: 1Gi",
          "format: csv, columns: {address: ip, length: 2, value: 3}, map: {x: bad}",
          "format: tsv, columns: {first: 1, last: 2, asn: 3}, asns: list",
          "format: csv, columns: {prefix: 1}, delimiter: \";\"",
          "format: json, select: \"[][].a.*[]\"", "format: json, select: [a, \"*.b[]\"]",
          "format: delegated-extended, country: [BR, UY], status: available, opaque_id: x",
          "format: mrt, asns: list"})
        EXPECT_THAT(check(feed(good)), IsEmpty()) << good;
    const Case cases[] = {
        {"format: csv", {"f:3:3: this feed has no `columns`"}},
        {"format: json", {"f:3:3: this feed has no `select`"}},
        {"format: mrt", {"f:3:3: this feed has no `asns`"}},
        {"format: jsn, select: a",
         {"f:3:42: unknown value `jsn` for `format`; did you mean `json`?"}},
        {"format: ipset, select: a", {"f:3:49: `select` has no effect with `format: ipset`"}},
        {"format: ipset, slect: a", {"f:3:49: unknown key `slect`; did you mean `select`?"}},
        {"format: csv, columns: {prefix: 0}",
         {"f:3:65: `0` is not a column; write its name in the header, or its number from 1"}},
        {"format: csv, columns: {address: 1}",
         {"f:3:56: name either `prefix`, or `address` and `length`, or `first` and `last`"}},
        {"format: csv, columns: {prefix: 1, first: 2, last: 3}",
         {"f:3:56: name either `prefix`, or `address` and `length`, or `first` and `last`"}},
        {"format: csv, columns: {prefix: 1}, delimiter: \"\"",
         {"f:3:80: `` is not a delimiter; write one character, for example \";\""}},
        {"format: tsv, columns: {prefix: 1}, delimiter: x",
         {"f:3:69: `delimiter` has no effect with `format: tsv`"}},
        {"format: csv, columns: {prefx: 1}",
         {"f:3:56: name either `prefix`, or `address` and `length`, or `first` and `last`",
          "f:3:57: unknown key `prefx`; did you mean `prefix`?"}},
        {"format: csv, columns: {prefix: 1, value: 2}",
         {"f:3:68: `value` has no effect without `map` of the feed"}},
        {"format: csv, columns: {prefix: 1}, asns: x",
         {"f:3:69: `asns` has no effect without `asn` in `columns`"}},
        {"format: json, select: [\"a[\", \"a..b\", \"\", {}]",
         {"f:3:57: `a[` is not a path; write for example `prefixes[].ip_prefix`, `*` for every "
          "member of an object",
          "f:3:63: `a..b` is not a path; write for example `prefixes[].ip_prefix`, `*` for every "
          "member of an object",
          "f:3:71: `` is not a path; write for example `prefixes[].ip_prefix`, `*` for every "
          "member of an object",
          "f:3:75: expected a path such as `prefixes[].ip_prefix`, found a map"}},
        {"format: rbldnsd, dataset: ip4set, map: {x: nobody}",
         {"f:3:74: `x` is not an A value; write for example `127.0.0.2`",
          "f:3:77: unknown class `nobody`; did you mean `good`?"}},
    };
    for (const Case& c : cases)
        EXPECT_THAT(check(feed(c.text)), ElementsAreArray(c.want)) << c.text;
}

}  // namespace
}  // namespace mxgate
