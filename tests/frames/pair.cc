// SPDX-License-Identifier: BSD-2-Clause
#include "tests/frames/pair.h"

#include <gtest/gtest.h>

namespace mxgate::frames {

void Pair::start(reference::PolicyCase policy)
{
    case_ = std::move(policy);
    table_ = case_.compile();
    model_.emplace(table_);
    gate_.emplace(case_.config, case_.reference());
}

void Pair::publish(reference::PolicyCase policy)
{
    case_ = std::move(policy);
    table_ = case_.compile();
    model_->publish(table_);
    gate_->publish(case_.config, case_.reference());
}

reference::Decision Pair::decide(const Bytes& frame, uint64_t now_ns)
{
    const mxg_decision said = model_->decide(frame, now_ns);
    const reference::Decision core = in_words(said, table_.info);
    const reference::Decision slow = gate_->decide(frame, now_ns);
    EXPECT_EQ(core, slow) << "core:      " << to_string(core) << "\nreference: " << to_string(slow);
    EXPECT_EQ(mxg_effect(&said), core.enforced ? core.verdict : MXG_PASS);
    return core;
}

size_t Pair::opened(const std::string& source, uint64_t now_ns)
{
    const reference::Address address = reference::address(source);
    connections_.emplace_back(model_->opened(address, now_ns), gate_->opened(address, now_ns));
    return connections_.size() - 1;
}

void Pair::closed(size_t connection)
{
    model_->closed(connections_.at(connection).first);
    gate_->closed(connections_.at(connection).second);
}

std::string Pair::say(const Frame& frame, uint64_t now_ns)
{
    static const char* const kVerdicts[] = {"pass", "drop", "reset", "unreachable"};
    static const char* const kReasons[] = {
#define NAME(enumerator, name, text) name,
        MXG_REASON_LIST(NAME)
#undef NAME
    };
    const reference::Decision d = decide(frame.bytes(), now_ns);
    return std::string(kVerdicts[d.verdict]) + " " + kReasons[d.reason];
}

}  // namespace mxgate::frames
