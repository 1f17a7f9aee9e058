// SPDX-License-Identifier: BSD-2-Clause
// The core and the reference side by side, over one policy: what the core says is given only where
// the reference says the same.
#pragma once

#include <optional>
#include <string>

#include "tests/frames/model.h"
#include "tests/reference/policy_case.h"

namespace mxgate::frames {

class Pair
{
public:
    // Starts anew, or goes on with another configuration over the same state.
    void start(reference::PolicyCase policy);
    void publish(reference::PolicyCase policy);

    reference::Decision decide(const Bytes& frame, uint64_t now_ns = 1'000'000'000);
    // As `verdict reason`.
    std::string say(const Frame& frame, uint64_t now_ns = 1'000'000'000);

    // A connection that is open until it is closed, by the number that opened() gives.
    size_t opened(const std::string& source, uint64_t now_ns);
    void closed(size_t connection);

    reference::PolicyCase& policy() { return case_; }
    Model& model() { return *model_; }
    const PolicyTable& table() const { return table_; }

protected:
    reference::PolicyCase case_;
    PolicyTable table_;
    std::optional<Model> model_;
    std::optional<reference::Gate> gate_;
    std::vector<std::pair<mxg_connection, reference::Connection>> connections_;
};

}  // namespace mxgate::frames
