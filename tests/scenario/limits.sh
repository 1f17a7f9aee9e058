#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# What the operator sets by hand holds at once and over restarts; bandwidth that all addresses of a
# prefix share; and senders that hold every connection of their class leave others theirs. With
# `dpdk` the same in the DPDK plane.
. "$(dirname "$0")/dpdk.sh"

PLANE="${1:-xdp}"
UNKNOWN="action: limit, total_connections: 20"
MIXED="action: limit, bandwidth: 64kB/s"
MANY=2001:db8:170::/48 # of which every address is another sender's

gate_connects() { connected_from "${NET6[$1]}" -- --count 3; }

by_hand()
{
  expect_success "allow" gate allow "${NET6[bad]}" --for 1h --reason "a test"
  expect "allowed by hand: connected from bad" "$(gate_connects bad)" -eq 3
  expect_success "explain" gate explain "${NET6[bad]%%/*}7"
  expect_output "explain says who and why" 'by hand +.*good by uid 0: .a test.'
  expect_success "deny" gate deny "${NET6[good]}" --reason "another"
  expect "denied by hand: connected from good" "$(gate_connects good)" -eq 0
  expect_success "a longer prefix" gate class "${NET6[good]%%::*}:1::/64" --as good
  expect "its senders connect" \
    "$(connected_from "${NET6[good]%%::*}:1::/64" -- --count 3)" -eq 3
  expect_success "refused" gate refused
  expect_output "refused says by hand" 'by hand'
  gate_kill
  expect "mxgated killed: connected from good" "$(gate_connects good)" -eq 0
  gate_start || lab_die "the gate does not start again"
  expect "after a restart: connected from good" "$(gate_connects good)" -eq 0
  expect "after a restart: connected from bad" "$(gate_connects bad)" -eq 3
  expect "set by hand" "$(gate overrides --json | jq -s length)" -eq 3
  expect_success "forget" gate forget "${NET6[bad]}" "${NET6[good]}" "${NET6[good]%%::*}:1::/64"
  expect "forgotten: connected from bad" "$(gate_connects bad)" -eq 0
  expect "forgotten: connected from good" "$(gate_connects good)" -eq 3
  expect_failure "nothing to forget" gate forget "${NET6[bad]}"
  expect_failure "not a prefix" gate deny 2001:db8::1/32
  expect_success "deny for a moment" gate deny "${NET6[good]}" --for 1s
  sleep 2
  expect "its time is over: connected from good" "$(gate_connects good)" -eq 3
}

# send_part ADDRESS: a quarter of a message of 1 MB.
send_part()
{
  in_sender timeout 60 swaks --local-interface "$1" --server "$MX6" --helo sender.example \
    --from sender@sender.example --to good@mx.example --body "@$LAB_DIR/part" --timeout 60 \
    --silent 3 >/dev/null 2>&1
}

# milliseconds COMMAND…: how long it takes.
milliseconds()
{
  local begin
  begin="$(date +%s%N)"
  "$@"
  echo $((($(date +%s%N) - begin) / 1000000))
}

four_parts()
{
  local i parts=()
  for i in 1 2 3 4; do
    send_part "${NET6[mixed]%%::*}:1::$i" &
    parts+=($!)
  done
  wait "${parts[@]}"
}

bandwidth()
{
  local slow quick
  # RFC 5681's, which every kernel has. BBR remembers what it was allowed beside the others and keeps to
  # it when they have finished, so with it the last part takes up to half as long again.
  in_sender sysctl -qw net.ipv4.tcp_congestion_control=reno
  head -c 185000 /dev/urandom | base64 -w 76 >"$LAB_DIR/part" # of 250 kB
  milliseconds four_parts >"$LAB_DIR/slow" &
  slow=$!
  sleep 2
  quick="$(milliseconds send_part "${NET6[good]%%::*}:1::1")"
  expect "milliseconds for another prefix" "$quick" -lt 3000
  wait "$slow"
  expect "milliseconds for 1 MB at 64 kB/s" "$(cat "$LAB_DIR/slow")" -gt 14400
  expect "milliseconds for 1 MB at 64 kB/s" "$(cat "$LAB_DIR/slow")" -lt 17600
}

open_in() { gate status --json | jq -s --arg class "$1" '.[0].connections[$class] // 0'; }
open_is() { [[ "$(open_in "$1")" -eq "$2" ]]; }

total_connections()
{
  connect_from "$MANY" -- --count 20 --rate 50 --hold 5 >"$LAB_DIR/held" 2>&1 &
  local held=$!
  wait_for 10 open_is unknown 20 || true
  expect "connections of all unknown senders" "$(open_in unknown)" -eq 20
  expect "one more of theirs" "$(connected_from 2001:db8:171::/64 -- --count 1)" -eq 0
  expect "a good sender" "$(gate_connects good)" -eq 3
  sleep 1 # it is counted in rounds
  expect_success "top" gate top
  expect_output "top names the class and a holder" "unknown +2001:db8:170"
  wait "$held"
}

begin_lab "$PLANE" off # frames as they come over a wire, not merged ones of 64 kB
gate_start || lab_die "the gate does not start"
by_hand
bandwidth
total_connections
scenario_end
