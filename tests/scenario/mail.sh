#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The promise to the operator: under a flood all good mail arrives, bad prefixes cannot connect,
# unknown ones are cut to their rate whichever address they use, Postfix sees none of it, and every
# frame is in exactly one counter. Monitor mode counts the same and drops nothing. With `dpdk` in that
# plane.
. "$(dirname "$0")/dpdk.sh"

BURST=10 # of the class unknown in the lab's configuration, which refills at 30/min

# expect_rate TEXT PREFIX: 60 connections in 2 s from as many addresses of one source prefix.
expect_rate()
{
  local result connected most
  result="$(connect_from "$2" -- --count 60 --rate 30 | tail -n 1)"
  connected="$(jq .connected <<<"$result")"
  most="$(jq "$BURST + .seconds * 0.5 | floor" <<<"$result")"
  expect "$1: connected at least the burst" "$connected" -ge "$BURST"
  expect "$1: connected at most burst + time * rate" "$connected" -le "$most"
  RATE_CONNECTED=$((RATE_CONNECTED + connected))
}

good_mail_arrives()
{
  local sent=0
  for _ in {1..10}; do
    send_mail good "$(random_address good 6)" && sent=$((sent + 1))
    send_mail good "$(random_address good 4)" && sent=$((sent + 1))
  done
  expect "good mail sent during the flood" "$sent" -eq 20
  wait_for 20 test_delivered good 20 || true
  expect "good mail delivered" "$(mail_delivered good)" -eq 20
}

test_delivered() { (($(mail_delivered "$1") == $2)); }

bad_cannot_connect()
{
  expect "bad IPv6 connections" "$(connected_from "${NET6[bad]}" -- --count 40)" -eq 0
  expect "bad IPv4 connections" "$(connected_from "${NET4[bad]}" -- --count 40)" -eq 0
  expect_failure "bad mail is not taken" mail_status bad "$(random_address bad 6)"
}

mail_status() { send_mail "$1" "$2" 2 || return 1; }

unknown_is_cut()
{
  RATE_CONNECTED=0
  expect_rate "60 addresses of one /64" 2001:db8:150:1::/64
  expect_rate "one IPv4 address" 198.51.100.100/32
  expect "its neighbour /64 connects freely" \
    "$(connected_from 2001:db8:150:2::/64 -- --count 5)" -eq 5
  RATE_CONNECTED=$((RATE_CONNECTED + 5))
}

test_connections() { (($(postfix_connections "$1") >= $2)); }

postfix_saw_no_trace()
{
  wait_for 10 test_connections unknown "$RATE_CONNECTED" || true
  expect "connections from unknown that Postfix saw" \
    "$(postfix_connections unknown)" -eq "$RATE_CONNECTED"
  expect "connections from bad that Postfix saw" "$(postfix_connections bad)" -eq 0
  expect "log lines that name a bad address" \
    "$(grep -cE '2001:db8:bad:|203\.0\.113\.' "$LAB_DIR/mail.log" || true)" -eq 0
}

# expect_monitored TEXT CLASS: what the configuration denies connects, and is counted as denied.
expect_monitored()
{
  local before
  before="$(packets ".class == \"$2\" and .enforced == false")"
  expect "$1: connected" "$(connected_from "${NET6[$2]%/*}/64" -- --count 30)" -eq 30
  expect "$1: counted as not enforced" \
    "$(($(packets ".class == \"$2\" and .verdict == \"drop\" and .enforced == false") - before))" \
    -gt 0
}

begin_lab "${1:-xdp}"
gate_start || lab_die "the gate does not start"
wait_until_quiet
wire_before="$(wire_frames)"
counted_before="$(packets true)"

flood_start one 2001:db8:100:f::/64 -- --rate 3000
flood_start many "${NET6[bad]}" -- --rate 3000
flood_start many4 "${NET4[bad]}" -- --rate 1000
good_mail_arrives
bad_cannot_connect
unknown_is_cut
flooded_one="$(flood_stop one)"
flooded_bad=$(($(flood_stop many) + $(flood_stop many4)))
postfix_saw_no_trace

wait_until_quiet
expect "bad SYNs counted as dropped" "$(packets '.class == "bad" and .verdict == "drop"')" \
  -ge "$flooded_bad"
expect "SYNs of the flooding /64 denied by the rate" \
  "$(packets '.class == "unknown" and .reason == "rate" and .verdict == "drop"')" \
  -ge $((flooded_one - BURST - 30))
expect "frames in the counters (frames on the wire)" $(($(packets true) - counted_before)) \
  -eq $(($(wire_frames) - wire_before))

MODE=monitor lab_config
expect_success "reload into monitor mode" gate reload
expect_monitored "monitor mode, bad" bad
expect_monitored "monitor mode, unknown" unknown

BAD="action: drop, mode: monitor" lab_config
expect_success "reload into monitor mode of one class" gate reload
expect_monitored "class in monitor mode" bad
expect "the other class is enforced" \
  "$(connected_from 2001:db8:151:1::/64 -- --count 40)" -le $((BURST + 1))
scenario_end
