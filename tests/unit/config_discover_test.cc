// SPDX-License-Identifier: BSD-2-Clause
// Where lengths come from beyond files: objects that name them, and whose signatures count.
#include "tests/unit/config_case.h"

namespace mxgate {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;

// Lists made of the files that objects of other lists name.
TEST(Config, Discovering)
{
    const auto feeds = [](const std::string& isps) {
        return with_gate(
            "aggregation:\n  feeds:\n  - {name: ripe, format: rpsl, path: a}\n"
            "  - {name: own, format: csv, path: a}\n  - {name: isps, " +
            isps + "}\n");
    };
    const ConfigResult good =
        parse_config(feeds("format: prefixlen, expire: 90d, tls: {ca: ca.pem},\n"
                           "     discover: {objects: ripe, files: 100, max_size: 1Mi, hosts: any}"),
                     "f");
    ASSERT_TRUE(good.config);
    const FetchConfig& fetch = good.config->length_feeds.at(2).fetch;
    EXPECT_TRUE(fetch.is_fetched());
    EXPECT_THAT(fetch.discover.objects, ElementsAre("ripe"));
    EXPECT_EQ(fetch.discover.files, 100u);
    EXPECT_EQ(fetch.discover.max_size, 1u << 20);
    EXPECT_TRUE(fetch.discover.any_host);
    EXPECT_EQ(fetch.refresh_ns, 24 * 3600'000'000'000u);
    EXPECT_EQ(fetch.timeout_ns, 60'000'000'000u);
    EXPECT_EQ(fetch.shown(), "files named by objects of ripe");
    const Case cases[] = {
        {"format: prefixlen, discover: {objects: [ripe, apnic, own]}",
         {"f:6:5: `objects`: there is no length feed `apnic`",
          "f:6:5: `objects`: `own` is not of `format: rpsl` or `nrtm4`"}},
        {"format: rpsl, discover: {objects: [ripe]}",
         {"f:6:5: `discover` finds files of `format: prefixlen`"}},
        {"format: prefixlen, path: a, discover: {objects: [ripe]}",
         {"f:6:46: a list comes from one place: `path`, `url`, `exec` or `discover`"}},
        {"format: prefixlen, discover: {files: 1}", {"f:6:47: this discover has no `objects`"}},
        {"format: prefixlen, discover: {objects: [ripe], files: 40k, hosts: all}",
         {"f:6:72: 40000 is not within 1 to 30000",
          "f:6:84: unknown value `all` for `hosts`; did you mean `any`?"}},
        {"format: prefixlen, discover: {objects: [ripe]}, refresh: 1min",
         {"f:6:75: more often than every 15min is not polite to who serves the list"}},
        {"format: prefixlen, discover: {objects: [ripe]}, tls: {certificate: c, key: k}",
         {"f:6:72: `certificate` is not shown to servers that `discover` finds"}},
    };
    for (const Case& c : cases)
        EXPECT_THAT(check(feeds(c.text)), ElementsAreArray(c.want)) << c.text;
    EXPECT_THAT(check(with_gate("feeds:\n- {name: a, format: prefixes, class: bad, path: a, "
                                "discover: {objects: [b]}}\n")),
                ElementsAre(::testing::StartsWith("f:3:52: unknown key `discover`")));
}

TEST(Config, RevocationLists)
{
    const auto store = [](const std::string& fields) {
        return with_gate("aggregation: {" + fields + "}\n");
    };
    const ConfigResult good = parse_config(store("trust_store: a.pem, crls: lists"), "/etc/f");
    ASSERT_TRUE(good.config);
    EXPECT_EQ(good.config->crls, "/etc/lists");
    EXPECT_THAT(check(store("crls: lists")),
                ElementsAre("f:2:15: `crls` has no effect without `trust_store`"));
}

}  // namespace
}  // namespace mxgate
