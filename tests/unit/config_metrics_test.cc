// SPDX-License-Identifier: BSD-2-Clause
// The `metrics` section of the configuration.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control/config/config.h"

namespace mxgate {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Under test is line 2.
ConfigResult parse(const std::string& section)
{
    return parse_config("gate: {services: [{name: mx, addresses: [192.0.2.25]}]}\n" + section, "f");
}

std::vector<std::string> errors(const std::string& metrics)
{
    std::vector<std::string> out;
    for (const Diagnostic& diagnostic : parse("metrics: " + metrics).diagnostics)
        out.push_back(to_string(diagnostic));
    return out;
}

TEST(ConfigMetrics, Listen)
{
    const auto endpoint = [](const std::string& listen) {
        const ConfigResult result = parse("metrics: {" + listen + "}");
        return result.config ? result.config->metrics : std::nullopt;
    };
    EXPECT_EQ(endpoint("listen: \"127.0.0.1:9911\""), (Endpoint{"", "127.0.0.1", 9911}));
    EXPECT_EQ(endpoint("listen: \"[::1]:1\""), (Endpoint{"", "::1", 1}));
    EXPECT_EQ(endpoint("listen: /run/mxgate/m.sock"), (Endpoint{"/run/mxgate/m.sock", "", 0}));
    EXPECT_EQ(endpoint("listen: \"0.0.0.0:9911\", remote: allow"), (Endpoint{"", "0.0.0.0", 9911}));
    EXPECT_FALSE(parse("").config->metrics);
}

TEST(ConfigMetrics, Mistakes)
{
    EXPECT_THAT(errors("{}"), ElementsAre("f:2:10: this metrics has no `listen`"));
    EXPECT_THAT(errors("{listen: 9911}"),
                ElementsAre(HasSubstr("f:2:19: `9911` is nothing to listen on; write")));
    for (const char* wrong : {"localhost:9911", "127.0.0.1:0", "127.0.0.1:65536", "[127.0.0.1]:1",
                              "::1:9911", "127.0.0.1", ":1"})
        EXPECT_THAT(errors("{listen: \"" + std::string(wrong) + "\"}"),
                    ElementsAre(HasSubstr("is nothing to listen on")))
            << wrong;
    EXPECT_THAT(errors("{listen: \"[2001:db8::1]:9911\"}"),
                ElementsAre(AllOf(HasSubstr("f:2:19: "), HasSubstr("`remote: allow`"))));
    EXPECT_THAT(errors("{listen: \"[2001:db8::1]:9911\", remote: refuse}"),
                ElementsAre(HasSubstr("`remote: allow`")));
    EXPECT_THAT(errors("{listen: /" + std::string(108, 'x') + "}"),
                ElementsAre(HasSubstr("at most 107 bytes")));
}

}  // namespace
}  // namespace mxgate
