// SPDX-License-Identifier: BSD-2-Clause
#include "control/config/config.h"

#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "control/net/address_text.h"
#include "tests/unit/config_case.h"

namespace mxgate {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST(Config, Everything)
{
    const ConfigResult result = parse_config(R"(
gate:
  plane: dpdk
  interfaces: [eth0, "eth1"]
  attach: native
  dpdk: {ports: ["0000:01:00.0", "net_tap0,iface=x"], topology: inline, cores: [1, 2],
         eal: [-m, "512"], mtu: 9000, idle: 50us}
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
  replies: {rate: 50/s, burst: 7}
sources:
  capacity: 16Mi
  levels: {ipv6: [48, 32], ipv4: [24]}
aggregation:
  default: {ipv6: 56, ipv4: 24}
  lengths: [{prefix: 2001:db8:5000::/36, length: 56}, {prefix: 192.0.2.0/24, length: 24}]
  learned: apply
  trust_store: tas.pem
  feeds:
    - {name: ripe, format: rpsl, path: ripe.gz, assigned: ignore, guard: {min_entries: 100}}
    - {name: ipam, format: csv, path: /ipam.csv, columns: {prefix: Network, length: Bits}}
classes:
  friend: {action: pass}
  other: {action: limit, rate: 1/10min, burst: 1k, mode: monitor, charge: syn, deny_with: unreachable}
  away: {action: unreachable}
  foe: {action: reset}
default_class: other
feeds:
  - {name: a, format: prefixes, path: lists/../a.txt, class: friend, priority: -100}
  - {name: b, format: spamhaus-drop, path: /b.json, class: foe, guard: {min_entries: 20},
     widen: end_site}
)",
                                             "/etc/mxgate/mxgate.yaml");
    ASSERT_THAT(texts(result), IsEmpty());
    const Config& config = result.config.value();
    EXPECT_EQ(config.gate.plane, PlaneKind::dpdk);
    EXPECT_THAT(config.gate.interfaces, ElementsAre("eth0", "eth1"));
    EXPECT_EQ(config.gate.attach, AttachMode::native);
    EXPECT_THAT(config.gate.dpdk.ports, ElementsAre("0000:01:00.0", "net_tap0,iface=x"));
    EXPECT_THAT(config.gate.dpdk.cores, ElementsAre(1, 2));
    EXPECT_THAT(config.gate.dpdk.eal, ElementsAre("-m", "512"));
    EXPECT_EQ(config.gate.dpdk.mtu, 9000u);
    EXPECT_EQ(config.gate.dpdk.idle_ns, 50'000u);
    EXPECT_EQ(config.gate.mode, Mode::monitor);
    EXPECT_EQ(config.gate.fragments, DropOrPass::pass);
    EXPECT_EQ(config.gate.without_table, DropOrPass::drop);
    EXPECT_EQ(config.gate.replies.count, 50u);
    EXPECT_EQ(config.gate.replies.period_ns, 1'000'000'000u);
    EXPECT_EQ(config.gate.replies.burst, 7u);
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
    ASSERT_THAT(config.length_feeds, SizeIs(2));
    EXPECT_EQ(config.length_feeds[0].format, LengthFormat::rpsl);
    EXPECT_EQ(config.length_feeds[0].path, "/etc/mxgate/ripe.gz");
    EXPECT_EQ(config.length_feeds[0].min_entries, 100u);
    EXPECT_FALSE(config.length_feeds[0].assigned);
    EXPECT_EQ(config.length_feeds[1].prefix_column, "Network");
    EXPECT_EQ(config.length_feeds[1].length_column, "Bits");
    EXPECT_TRUE(config.apply_learned);
    EXPECT_EQ(config.trust_store, "/etc/mxgate/tas.pem");
    ASSERT_THAT(config.classes, SizeIs(4));
    EXPECT_EQ(config.classes[1].mode, Mode::monitor);
    EXPECT_EQ(config.classes[1].rate->count, 1u);
    EXPECT_EQ(config.classes[1].rate->period_ns, 600'000'000'000u);
    EXPECT_EQ(config.classes[1].rate->burst, 1000u);
    EXPECT_EQ(config.classes[2].action, Action::unreachable);
    EXPECT_EQ(config.classes[3].action, Action::reset);
    EXPECT_EQ(config.classes[1].deny_with, Action::unreachable);
    EXPECT_EQ(config.classes[2].deny_with, Action::drop);
    EXPECT_EQ(config.classes[3].where.line, 34);
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
    EXPECT_EQ(config.gate.replies.count, 1000u);
    EXPECT_EQ(config.gate.replies.period_ns, 1'000'000'000u);
    EXPECT_EQ(config.gate.replies.burst, 100u);
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
    const std::string path =
        ::testing::TempDir() + "/mxgate_config_test.yaml." + std::to_string(::getpid());
    std::ofstream(path) << with_gate("");
    EXPECT_TRUE(load_config(path).config);
    std::remove(path.c_str());
    EXPECT_THAT(texts(load_config(path)), ElementsAre(path + ": No such file or directory"));
    EXPECT_THAT(texts(load_config("/")), ElementsAre("/: Is a directory"));
}

TEST(Config, TheShippedExamplesAreGood)
{
    const auto folder = std::filesystem::path(MXGATE_SOURCE_DIR "/config");
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
