// SPDX-License-Identifier: BSD-2-Clause
// The words for what a decision says and what its counters stand for; the same in CLI, API,
// metrics, telemetry and docs.
#pragma once

#include <cstdint>

#include "dataplane/core/replies.h"
#include "dataplane/core/verdict.h"

namespace mxgate {

const char* verdict_name(uint32_t verdict);
const char* outcome_name(uint32_t outcome);  // enum mxg_reply_outcome
const char* reason_name(uint32_t reason);
const char* reason_text(uint32_t reason);  // one line for people
const char* family_name(uint32_t family);  // "ipv4", "ipv6", nullptr for none

// What a counter's index stands for; the inverse of mxg_counter_index.
struct CounterPlace {
    uint32_t verdict, reason, class_id, family;
    bool enforced;
};
CounterPlace counter_place(uint32_t index);

// The same of an answer's counter; the inverse of mxg_reply_index.
struct ReplyPlace {
    uint32_t outcome, verdict, family;
};
ReplyPlace reply_place(uint32_t index);

}  // namespace mxgate
