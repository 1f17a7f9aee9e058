#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# What a refused sender does next. A real Postfix sends to a name with an AAAA and an A record, from
# an IPv6 address of a bad network and an IPv4 address of a good one: where the gate answers (reset,
# unreachable) its mail comes over IPv4 within a second, where it drops after the connect time-out.
# In native and in generic mode, with `dpdk` in that plane.
. "$(dirname "$0")/dpdk.sh"

PLANE="${1:-xdp}"

# answers OUTCOME VERDICT
answers()
{
  gate counters --replies --json |
    jq -s "map(select(.outcome == \"$1\" and .verdict == \"$2\") | .packets) | add // 0"
}

test_sent() { (($(grep -c 'status=sent' "$LAB_DIR/sending.log") > $1)); }

# send_by_postfix: sets SETUP to the seconds that Postfix took for a connection, refusals and all.
send_by_postfix()
{
  local before
  before="$(grep -c 'status=sent' "$LAB_DIR/sending.log" || true)"
  in_sender swaks --server 127.0.0.1 --helo sender.example --from sender@sender.example \
    --to good@mx.example --body "a message" --silent 3 >/dev/null
  wait_for 20 test_sent "$before" || lab_die "the mail is not sent"
  SETUP="$(sed -nE '/status=sent/ s|.* delays=[^/]*/[^/]*/([^/]*)/.*|\1|p' "$LAB_DIR/sending.log" |
    tail -n 1)"
}

# expect_setup TEXT JQ_CONDITION SOURCE: how long it took, and which address it came from.
expect_setup()
{
  send_by_postfix
  expect "$1: Postfix was connected after $SETUP s, $2" "$(jq -n "$SETUP | $2")" = true
  expect "$1: the mail came from" "$(postfix_clients | tail -n 1)" = "$3"
}

# expect_answer TEXT CLASS_NET RESULT: of 5 connections.
expect_answer()
{
  local results
  results="$(connect_from "$2" -- --count 5)"
  expect "$1: connections that ended with \`$3\` within half a second" \
    "$(jq -s "map(select(.result == \"$3\" and .seconds < 0.5)) | length" <<<"$results")" -eq 5
}

# What the kernel of the sender makes of the answers; it verifies their checksums in native mode.
expect_answers()
{
  BAD="action: reset" lab_config
  expect_success "$1: reload" gate reload
  expect_answer "$1: reset, IPv6" "${NET6[bad]}" refused
  expect_answer "$1: reset, IPv4" "${NET4[bad]}" refused
  expect_setup "$1: reset" ". < 1" "$FROM4"
  expect "$1: SYNs counted as reset" "$(packets '.class == "bad" and .verdict == "reset"')" -eq 11
  expect "$1: resets sent" "$(answers answered reset)" -eq 11

  BAD="action: unreachable" lab_config
  expect_success "$1: reload" gate reload
  expect_answer "$1: unreachable, IPv6" "${NET6[bad]}" "Permission denied"
  expect_answer "$1: unreachable, IPv4" "${NET4[bad]}" "No route to host"
  expect_setup "$1: unreachable" ". < 1" "$FROM4"
  expect "$1: SYNs counted as unreachable" \
    "$(packets '.class == "bad" and .verdict == "unreachable"')" -eq 11
  expect "$1: messages sent" "$(answers answered unreachable)" -eq 11
}

# The denials of a limit are answered as the class says.
expect_denials()
{
  local results
  UNKNOWN="action: limit, rate: 1/min, charge: syn, burst: 3, deny_with: reset" lab_config
  expect_success "reload" gate reload
  results="$(connect_from 2001:db8:170:1::/64 -- --count 8 --rate 20)"
  expect "limit: connected" "$(jq -s '.[-1].connected' <<<"$results")" -eq 3
  expect "limit: refused" "$(jq -s '.[-1].refused' <<<"$results")" -eq 5
  expect "limit: counted" \
    "$(packets '.reason == "rate" and .verdict == "reset" and .class == "unknown"')" -eq 5
  expect_success "limit: explain" gate explain 2001:db8:170:1::1
  expect_output "limit: explain says what a SYN would get now" 'a SYN now +reset: rate'
}

# Beyond gate.replies there is silence, and a counter of its own.
expect_suppression()
{
  local judged before
  judged="$(packets '.class == "bad" and .verdict == "reset"')"
  before="$(answers answered reset)"
  REPLIES="rate: 1/min, burst: 2" BAD="action: reset" lab_config
  expect_success "reload" gate reload
  flood_from "${NET6[bad]}" -- --rate 500 --count 100 >/dev/null
  wait_until_quiet
  expect "flood: SYNs counted as reset" \
    "$(($(packets '.class == "bad" and .verdict == "reset"') - judged))" -eq 100
  expect "flood: answered and suppressed" \
    "$(($(answers answered reset) - before + $(answers suppressed reset)))" -eq 100
  # 2 for each core, and one more if a minute ends.
  expect "flood: answered" $(($(answers answered reset) - before)) -le $((2 * $(nproc) + 1))
  expect "flood: suppressed" "$(answers suppressed reset)" -ge $((100 - 2 * $(nproc) - 1))
  expect_success "status" gate status
  [[ "$PLANE" == dpdk ]] ||
    expect_output "status warns of the veth" "gate0: attach: native.*other end has an XDP program"
  expect_output "status says it" "replies +[0-9]+ answered, [0-9]+ suppressed"
}

# What native XDP sends out of a veth arrives only where the other end has a program too. And an
# ICMP error is lost on a connect() that still holds its socket (TcpExtLockDroppedIcmps), which over
# a veth it can meet within one system call: a thread for gate0's frames puts a moment between.
like_a_wire()
{
  in_sender ip link set send0 xdpdrv object "$MXGATE_BIN/../tests/tools/pass.bpf.o" \
    section xdp.frags program pass
  in_sender ethtool -K send0 tso off gso off
  in_gate ethtool -K gate0 gro on
  ip netns exec "$GATE_NS" sh -c 'echo 1 >/sys/class/net/gate0/threaded'
}

generic_mode()
{
  gate_stop
  expect_success "detach" gate detach
  ATTACH=generic lab_config
  gate_start || lab_die "the gate does not start in generic mode"
  expect_answers generic
}

FROM6=2001:db8:bad:1::5 # bad
FROM4=198.51.100.5      # good
BAD="action: pass" begin_lab "$PLANE"
[[ "$PLANE" == dpdk ]] || like_a_wire
sending_postfix_start "$FROM6" "$FROM4"
gate_start || lab_die "the gate does not start"
expect_setup "pass" ". < 1" "$FROM6"
lab_config
expect_success "reload" gate reload --force # it denies senders that passed
expect_setup "drop" ". >= 3 and . < 6" "$FROM4"
expect "drop: SYNs counted as dropped" "$(packets '.class == "bad" and .verdict == "drop"')" -ge 1
expect "drop: answers" "$(gate counters --replies --json | wc -l)" -eq 0
expect_answers "$PLANE"
expect_denials
expect_suppression
[[ "$PLANE" == dpdk ]] || generic_mode
scenario_end
