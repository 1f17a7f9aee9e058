// SPDX-License-Identifier: BSD-2-Clause
#include "control/config/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "control/net/address_text.h"

namespace mxgate
{
namespace
{

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::vector<std::string> texts(const ConfigResult& result)
{
    std::vector<std::string> out;
    for (const Diagnostic& diagnostic : result.diagnostics)
        out.push_back(to_string(diagnostic));
    return out;
}

// What is reported, each as `f:LINE:COLUMN: text`.
std::vector<std::string> check(const std::string& text)
{
    const ConfigResult result = parse_config(text, "f");
    const auto is_error = [](const Diagnostic& diagnostic) {
        return diagnostic.severity == Diagnostic::Severity::error;
    };
    EXPECT_EQ(result.config.has_value(),
              std::none_of(result.diagnostics.begin(), result.diagnostics.end(), is_error));
    return texts(result);
}

// Line 1 is a good gate; what is under test starts in line 2.
std::string with_gate(const std::string& rest)
{
    return "gate: {services: [{name: mx, addresses: [192.0.2.25]}]}\n" + rest;
}

std::string in_gate(const std::string& rest)
{
    return "gate:\n  services: [{name: mx, addresses: [192.0.2.25]}]\n" + rest;
}

TEST(Config, Everything)
{
    const ConfigResult result = parse_config(R"(
gate:
  plane: dpdk
  interfaces: [eth0, "eth1"]
  attach: native
  dpdk: {ports: ["0000:01:00.0"], topology: inline}
  mode: monitor
  services:
    - {name: mx, addresses: ["2001:db8:2::25", 192.0.2.0/24], ports: [25, 1000-2000]}
    - name: all
      addresses: ["::/0"]
      ports: [587]
  fragments: pass
  without_table: drop
  stale_after: 7d
  stale: keep
sources:
  capacity: 16Mi
  levels: {ipv6: [48, 32], ipv4: [24]}
aggregation:
  default: {ipv6: 56, ipv4: 24}
  lengths: [{prefix: 2001:db8:5000::/36, length: 56}, {prefix: 192.0.2.0/24, length: 24}]
classes:
  friend: {action: pass}
  other: {action: limit, rate: 1/10min, burst: 1k, mode: monitor, charge: syn, deny_with: drop}
  away: {action: unreachable}
  foe: {action: reset}
default_class: other
feeds:
  - {name: a, format: prefixes, path: lists/../a.txt, class: friend, priority: -100}
  - {name: b, format: spamhaus-drop, path: /b.json, class: foe, guard: {min_entries: 20},
     widen: none}
)",
                                             "/etc/mxgate/mxgate.yaml");
    ASSERT_THAT(texts(result), IsEmpty());
    const Config& config = result.config.value();
    EXPECT_EQ(config.gate.plane, PlaneKind::dpdk);
    EXPECT_THAT(config.gate.interfaces, ElementsAre("eth0", "eth1"));
    EXPECT_EQ(config.gate.attach, AttachMode::native);
    EXPECT_EQ(config.gate.mode, Mode::monitor);
    EXPECT_EQ(config.gate.fragments, DropOrPass::pass);
    EXPECT_EQ(config.gate.without_table, DropOrPass::drop);
    EXPECT_EQ(config.gate.stale_after_ns, 7 * 86'400'000'000'000ULL);
    ASSERT_THAT(config.gate.services, SizeIs(2));
    EXPECT_EQ(to_string(config.gate.services[0].addresses.at(1)), "192.0.2.0/24");
    EXPECT_EQ(config.gate.services[0].ports.at(1).last, 2000);
    EXPECT_EQ(to_string(config.gate.services[1].addresses.at(0)), "::/0");
    EXPECT_EQ(config.source_capacity, 16u << 20);
    EXPECT_EQ(config.default_length_ipv6, 56u);
    EXPECT_EQ(config.default_length_ipv4, 24u);
    ASSERT_THAT(config.lengths, SizeIs(2));
    EXPECT_EQ(to_string(config.lengths[0].prefix), "2001:db8:5000::/36");
    EXPECT_EQ(config.lengths[0].length, 56u);
    ASSERT_THAT(config.classes, SizeIs(4));
    EXPECT_EQ(config.classes[1].mode, Mode::monitor);
    EXPECT_EQ(config.classes[1].rate->count, 1u);
    EXPECT_EQ(config.classes[1].rate->period_ns, 600'000'000'000u);
    EXPECT_EQ(config.classes[1].rate->burst, 1000u);
    EXPECT_EQ(config.classes[2].action, Action::unreachable);
    EXPECT_EQ(config.classes[3].action, Action::reset);
    EXPECT_EQ(config.classes[3].where.line, 27);
    EXPECT_EQ(config.default_class, "other");
    ASSERT_THAT(config.feeds, SizeIs(2));
    EXPECT_EQ(config.feeds[0].path, "/etc/mxgate/a.txt");
    EXPECT_EQ(config.feeds[0].priority, -100);
    EXPECT_EQ(config.feeds[0].min_entries, 1u);
    EXPECT_EQ(config.feeds[1].path, "/b.json");
    EXPECT_EQ(config.feeds[1].format, FeedFormat::spamhaus_drop);
    EXPECT_EQ(config.feeds[1].min_entries, 20u);
}

TEST(Config, Defaults)
{
    const ConfigResult result = parse_config(with_gate(""), "f");
    ASSERT_THAT(texts(result), IsEmpty());
    const Config& config = result.config.value();
    EXPECT_EQ(config.gate.plane, PlaneKind::xdp);
    EXPECT_EQ(config.gate.attach, AttachMode::automatic);
    EXPECT_EQ(config.gate.mode, Mode::enforce);
    EXPECT_EQ(config.gate.fragments, DropOrPass::drop);
    EXPECT_EQ(config.gate.without_table, DropOrPass::pass);
    EXPECT_FALSE(config.gate.stale_after_ns);
    EXPECT_EQ(config.gate.services[0].ports.at(0).first, 25);
    EXPECT_EQ(config.gate.services[0].ports.at(0).last, 25);
    EXPECT_EQ(config.source_capacity, 1'000'000u);
    EXPECT_EQ(config.default_length_ipv6, 64u);
    EXPECT_EQ(config.default_length_ipv4, 32u);
    std::vector<std::string> names;
    for (const ClassConfig& one : config.classes)
        names.push_back(one.name);
    EXPECT_THAT(names, ElementsAre("good", "unknown", "mixed", "bad"));
    EXPECT_EQ(config.classes[1].rate->burst, 10u);
    EXPECT_EQ(config.default_class, "unknown");
}

TEST(Config, FiveMistakesInOneRun)
{
    EXPECT_THAT(check(R"(gate:
  intefaces: [eth0]
  mode: enforse
  services:
    - {name: mx, addresses: [2001:db8::, 192.0.2.25]}
classes:
  slow: {action: limit, rate: 30}
default_class: slow
feeds:
  - {name: drop, format: prefixes, path: drop.txt, class: slwo}
)"),
                ElementsAre("f:2:3: unknown key `intefaces`; did you mean `interfaces`?",
                            "f:3:9: unknown value `enforse` for `mode`; did you mean `enforce`?",
                            "f:5:30: YAML reads this as a map; write \"2001:db8::\" in quotes",
                            "f:7:31: `30` is not a rate; write for example `30/min`, `1/10min` or "
                            "`500/s`",
                            "f:10:59: unknown class `slwo`; did you mean `slow`?"));
}

TEST(Config, SyntaxErrorDoesNotHideWhatStandsBefore)
{
    EXPECT_THAT(check(in_gate("  mode: on\n  bogus: [1\nclasses: 3\n")),
                ElementsAre("f:3:9: unknown value `on` for `mode`; did you mean `monitor`?",
                            "f:4:3: unknown key `bogus`; did you mean `mode`?",
                            "f:5:8: end of sequence flow not found"));
    EXPECT_THAT(check(in_gate("  mode: \"enforce\n\n")),
                ElementsAre("f:3:9: this quote is never closed"));
    EXPECT_THAT(check(in_gate("  mode: 'it''s\n")),
                ElementsAre("f:3:9: this quote is never closed"));
    EXPECT_THAT(check("a: 1\nb: *c\n"), ElementsAre("f:1:1: unknown key `a`; did you mean `gate`?",
                                                    "f:2:4: the referenced anchor is not defined"));
    EXPECT_THAT(check(with_gate("---\nx: 1\n")),
                ElementsAre("f:3:1: a second YAML document; the configuration is one document"));
    EXPECT_THAT(check(""), ElementsAre("f:1:1: the configuration is empty"));
    EXPECT_THAT(check("# nothing\n"), ElementsAre("f:1:1: the configuration is empty"));
    EXPECT_THAT(check("foo"), ElementsAre("f:1:1: expected a map, found a single value"));
}

TEST(Config, WindowsLineEnds)
{
    EXPECT_THAT(check("\xef\xbb\xbfgate:\r\n"
                      "  services: [{name: mx, addresses: [192.0.2.25]}]\r\n"
                      "aggregation:\r\n"
                      "  lengths:\r\n"
                      "    - prefix: 2001:db8::\r\n"
                      "      length: 56\r\n"
                      "bogus: 1\r\n"),
                ElementsAre("f:5:15: YAML reads this as a map; write \"2001:db8::\" in quotes",
                            "f:7:1: unknown key `bogus`; did you mean `feeds`?"));
}

TEST(Config, UnquotedAddressesEverywhere)
{
    EXPECT_THAT(check(with_gate("aggregation:\n"
                                "  lengths:\n"
                                "    - {prefix: 2001:db8::, length: 56}\n"
                                "    - prefix: 2001:db8:1::\n"
                                "      length: 0\n")),
                ElementsAre("f:4:16: YAML reads this as a map; write \"2001:db8::\" in quotes",
                            "f:5:15: YAML reads this as a map; write \"2001:db8:1::\" in quotes",
                            "f:6:15: 0 is not within 1 to 128"));
    EXPECT_THAT(check("gate: {services: [{name: a, addresses: [::]}]}"),
                ElementsAre("f:1:41: YAML reads this as a map; write \"::\" in quotes"));
}

struct Case {
    std::string text;
    std::vector<std::string> want;
};

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
        {in_gate("  stale_after: 1h\n  stale: default_class\n"),
         {"f:4:10: `stale: default_class` is not available in this version; write `stale: "
          "keep`"}},
        {in_gate("  dpdk: {}\n"), {"f:3:3: warning: `dpdk` has no effect without `plane: dpdk`"}},
        {in_gate("  dpdk: [1]\n"), {"f:3:9: expected a map, found a list"}},
        {in_gate("  mode: enforce\n  mode: monitor\n"),
         {"f:4:3: duplicate key `mode`; it stands in line 3 already"}},
        {in_gate("  [1]: 2\n"), {"f:3:3: a key must be plain text"}},
    };
    for (const Case& c : cases)
        EXPECT_THAT(check(c.text), ElementsAreArray(c.want)) << c.text;
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
        {"aggregation: {feeds: []}\n",
         {"f:2:15: `feeds` is not enforced by this version; remove it"}},
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
          "f:2:65: 5000000000 is not within 1 to 4294967295", "f:2:80: this syn_guard has no `rate`"}},
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
        {one("{action: limit, rate: 1/s, charge: handshake, deny_with: reset}"),
         {"f:2:71: `deny_with: reset` is not available in this version; write `deny_with: "
          "drop`"}},
        {one("{action: limit, rate: 1/s, deny_with: unreachable}"),
         {"f:2:52: `deny_with: unreachable` is not available in this version; write `deny_with: "
          "drop`"}},
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
          "f:2:9: this feed has no `path`", "f:2:9: this feed has no `class`"}},
        {"feeds:\n- {name: a, format: prefixes, path: a, class: bad}\n"
         "- {name: a, format: spamhaus, path: \"\", class: baad}\n",
         {"f:4:10: feed `a` stands in line 3 already",
          "f:4:21: unknown value `spamhaus` for `format`; did you mean `spamhaus-drop`?",
          "f:4:37: the path is empty", "f:4:48: unknown class `baad`; did you mean `bad`?"}},
        {"feeds:\n- {name: a, format: prefixes, class: bad, url: x}\n",
         {"f:3:43: `url` is not enforced by this version; fetch the list to a file and name that "
          "with `path`"}},
        {one("priority: 1M"), {"f:3:62: `1M` is not a whole number"}},
        {one("priority: 9999999999"),
         {"f:3:62: 9999999999 is not within -2147483648 to 2147483647"}},
        {one("refresh: 1h, expire: 1h, map: {}, learned: override, widen: end_site"),
         {"f:3:52: `refresh` is not enforced by this version; remove it",
          "f:3:65: `expire` is not enforced by this version; remove it",
          "f:3:77: `map` is not enforced by this version; remove it",
          "f:3:86: `learned` is not enforced by this version; remove it",
          "f:3:112: `widen: end_site` is not available in this version; write `widen: none`"}},
        {one("guard: {max_change: 50%, min_entries: -1}"),
         {"f:3:60: `max_change` is not enforced by this version; remove it",
          "f:3:90: `-1` is not a number; write for example `250`, `64k`, `1M` or `16Mi`"}},
        {one("guard: 3"), {"f:3:59: expected a map, found a single value"}},
    };
    for (const Case& c : cases)
        EXPECT_THAT(check(with_gate(c.text)), ElementsAreArray(c.want)) << c.text;
}

TEST(Config, Bounds)
{
    std::string addresses;
    for (int i = 0; i < 66; i++)
        addresses += "192.0.2." + std::to_string(i) + ", ";
    EXPECT_THAT(check("gate: {services: [{name: a, addresses: [" + addresses + "]}]}"),
                ElementsAre(HasSubstr("more than 64 addresses over all services")));
    std::string classes = "classes:\n";
    for (int i = 0; i < 17; i++)
        classes += "  c" + std::to_string(i) + ": {action: pass}\n";
    EXPECT_THAT(check(with_gate(classes + "default_class: c1\n")),
                ElementsAre("f:19:3: more than 16 classes"));
    std::string feeds = "feeds:\n";
    for (int i = 0; i < 257; i++)
        feeds += "- {name: f" + std::to_string(i) + ", format: prefixes, path: x, class: bad}\n";
    EXPECT_THAT(check(with_gate(feeds)), ElementsAre("f:258:3: more than 255 feeds"));
}

TEST(Config, Files)
{
    const std::string path = ::testing::TempDir() + "/mxgate_config_test.yaml";
    std::ofstream(path) << with_gate("");
    EXPECT_TRUE(load_config(path).config);
    std::remove(path.c_str());
    EXPECT_THAT(texts(load_config(path)), ElementsAre(path + ": No such file or directory"));
    EXPECT_THAT(texts(load_config("/")), ElementsAre("/: Is a directory"));
}

TEST(Config, TheShippedExamplesAreGood)
{
    const auto folder = std::filesystem::path(__FILE__).parent_path() / "../../config";
    for (const char* name : {"first-day.yaml", "enforce.yaml"})
        EXPECT_THAT(texts(load_config((folder / name).string())), IsEmpty());
}

TEST(Config, AnchorsWork)
{
    EXPECT_THAT(check(with_gate("classes: {a: &x {action: limit, rate: 1/s}, b: *x}\n"
                                "default_class: b\n")),
                IsEmpty());
}

}  // namespace
}  // namespace mxgate
