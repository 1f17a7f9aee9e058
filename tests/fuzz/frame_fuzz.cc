// SPDX-License-Identifier: BSD-2-Clause
// Any bytes as a frame: one verdict, the same one again, in one counter, and as the reference's. If
// it is a SYN, its answers are the reference's too.
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "tests/frames/model.h"
#include "tests/reference/answer.h"
#include "tests/reference/policy_case.h"

namespace {

using mxgate::frames::Bytes;

mxgate::reference::PolicyCase make_case()
{
    auto out = mxgate::reference::PolicyCase::from_yaml(
        "gate:\n"
        "  plane: xdp\n"
        "  interfaces: [eth0]\n"
        "  services:\n"
        "    - {name: all, addresses: [\"::/0\", 0.0.0.0/0], ports: [1-24, 26-65535]}\n"
        "    - {name: mx, addresses: [\"2001:db8:2::25\", 192.0.2.25], ports: [25]}\n"
        "classes:\n"
        "  good: {action: pass}\n"
        "  unknown: {action: limit, rate: 30/min, burst: 2}\n"
        "  bad: {action: drop}\n"
        "default_class: unknown\n");
    const size_t bad = out.add_feed("bad", "bad", 1), good = out.add_feed("good", "good", 2);
    out.add(bad, "2000::/4");
    out.add(bad, "64.0.0.0/2");
    out.add(bad, "2002:8000::/17");
    out.add(good, "3000::/6");
    out.add(good, "2002::/17");
    out.add_length("::/1", 48);
    return out;
}

bool same(const mxg_decision& a, const mxg_decision& b)
{
    return std::memcmp(&a, &b, sizeof(a)) == 0;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)
{
    static const mxgate::reference::PolicyCase policy = make_case();
    static const mxgate::PolicyTable table = policy.compile();
    const Bytes frame(data, data + size);
    mxgate::frames::Model first(table, 1), second(table, 1);
    mxgate::reference::Gate reference(policy.config, policy.reference());
    for (int i = 0; i < 3; i++) {
        const mxg_decision decision = first.decide(frame, 1000);
        if (mxg_counter_index(&decision) >= MXG_COUNTERS ||
            !same(decision, second.decide(frame, 1000)))
            abort();
        if (mxgate::frames::in_words(decision, table.info) != reference.decide(frame, 1000))
            abort();
    }
    for (const mxg_verdict verdict : {MXG_RESET, MXG_UNREACHABLE})
        if (mxgate::frames::answer(frame, verdict) != mxgate::reference::answer(frame, verdict))
            abort();
    return 0;
}
