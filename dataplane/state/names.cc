// SPDX-License-Identifier: BSD-2-Clause
#include "dataplane/state/names.h"

#include <iterator>

namespace mxgate {
namespace {

constexpr const char* kVerdicts[] = {"pass", "drop", "reset", "unreachable"};
static_assert(std::size(kVerdicts) == MXG_VERDICTS);

constexpr const char* kOutcomes[] = {"answered", "suppressed", "unanswerable"};
static_assert(std::size(kOutcomes) == MXG_REPLY_OUTCOMES);

struct ReasonWords {
    const char* name;
    const char* text;
};
constexpr ReasonWords kReasons[] = {
#define MXG_REASON_WORDS(enumerator, name, text) {name, text},
    MXG_REASON_LIST(MXG_REASON_WORDS)
#undef MXG_REASON_WORDS
};
static_assert(std::size(kReasons) == MXG_REASONS);

}  // namespace

const char* verdict_name(uint32_t verdict)
{
    return verdict < MXG_VERDICTS ? kVerdicts[verdict] : "unknown";
}

const char* outcome_name(uint32_t outcome)
{
    return outcome < MXG_REPLY_OUTCOMES ? kOutcomes[outcome] : "unknown";
}

const char* reason_name(uint32_t reason)
{
    return reason < MXG_REASONS ? kReasons[reason].name : "unknown";
}

const char* reason_text(uint32_t reason)
{
    return reason < MXG_REASONS ? kReasons[reason].text : "unknown";
}

const char* family_name(uint32_t family)
{
    return family == MXG_FAMILY_IPV4 ? "ipv4" : family == MXG_FAMILY_IPV6 ? "ipv6" : nullptr;
}

CounterPlace counter_place(uint32_t index)
{
    CounterPlace place{};
    place.enforced = index % 2;
    index /= 2;
    place.verdict = index % MXG_VERDICTS;
    index /= MXG_VERDICTS;
    place.family = index % 3;
    index /= 3;
    place.class_id = index % MXG_CLASS_SLOTS;
    place.reason = index / MXG_CLASS_SLOTS;
    return place;
}

ReplyPlace reply_place(uint32_t index)
{
    ReplyPlace place{};
    place.family = index % 3;
    index /= 3;
    place.verdict = index % MXG_VERDICTS;
    place.outcome = index / MXG_VERDICTS;
    return place;
}

}  // namespace mxgate
