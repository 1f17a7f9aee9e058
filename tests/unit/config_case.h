// SPDX-License-Identifier: BSD-2-Clause
// What tests of the configuration share.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "control/config/config.h"

namespace mxgate {

inline std::vector<std::string> texts(const ConfigResult& result)
{
    std::vector<std::string> out;
    for (const Diagnostic& diagnostic : result.diagnostics)
        out.push_back(to_string(diagnostic));
    return out;
}

// What is reported, each as `f:LINE:COLUMN: text`.
inline std::vector<std::string> check(const std::string& text)
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
inline std::string with_gate(const std::string& rest)
{
    return "gate: {services: [{name: mx, addresses: [192.0.2.25]}]}\n" + rest;
}

inline std::string in_gate(const std::string& rest)
{
    return "gate:\n  services: [{name: mx, addresses: [192.0.2.25]}]\n" + rest;
}

struct Case {
    std::string text;
    std::vector<std::string> want;
};

}  // namespace mxgate
