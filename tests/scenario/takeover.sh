#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The daemon may die at any moment, and a second one takes over: measured under traffic, no bad SYN
# gets behind the gate, no good one is lost, and counters and budgets carry on.
#
# What XDP drops never reaches a packet socket, so a capture on the interface is what the host saw.
# With `dpdk` in that plane, which is a process of its own, and what a capture sees behind it.
. "$(dirname "$0")/dpdk.sh"

UNKNOWN="action: limit, rate: 1/min, charge: syn, burst: 5"
SPENT=2001:db8:170:1::/64
bad_syns=0 # as sent by flood_stop and connect; each must be in the counters, whoever counted

try_bad()
{
  expect "$1: connected from bad" "$(connected_from "${NET6[bad]}" -- --count 10)" -eq 0
  bad_syns=$((bad_syns + 10))
}

try_good()
{
  expect "$1: connected from good" "$(connected_from "${NET6[good]}" -- --count 10)" -eq 10
}

# traffic_start, traffic_stop TEXT: constant floods of bad and good SYNs, and what came of them.
traffic_start()
{
  capture_start bad 'src net 2001:db8:bad::/48'
  capture_start good 'src net 2001:db8:600d:1::/64 and ip6[53] == 2' # SYNs
  flood_start bad "${NET6[bad]}" -- --rate 8000
  flood_start good 2001:db8:600d:1::/64 -- --rate 500
}

traffic_stop()
{
  local sent_bad sent_good
  sent_good="$(flood_stop good)"
  sent_bad="$(flood_stop bad)"
  bad_syns=$((bad_syns + sent_bad))
  wait_until_quiet
  expect "$1: bad SYNs behind the gate, of $sent_bad" "$(capture_stop bad)" -eq 0
  expect "$1: good SYNs behind the gate" "$(capture_stop good)" -eq "$sent_good"
  expect "$1: bad SYNs in the counters" \
    "$(packets '.class == "bad" and .verdict == "drop"')" -eq "$bad_syns"
}

begin_lab "${1:-xdp}"
gate_start || lab_die "the gate does not start"
expect "an unknown prefix spends its burst" \
  "$(connected_from "$SPENT" -- --count 10)" -eq 5

traffic_start
gate_kill
for i in 1 2; do
  try_bad "daemon killed, $i"
  try_good "daemon killed, $i"
done
gate_start || lab_die "the second daemon does not start"
try_bad "taken over"
try_good "taken over"
traffic_stop "killed and taken over"
expect "the spent budget is still spent" "$(connected_from "$SPENT" -- --count 10)" -le 1

traffic_start
for i in 1 2 3; do
  gate_stop
  try_bad "stopped, $i"
  gate_start || lab_die "the daemon does not start again"
  try_good "restarted, $i"
done
traffic_stop "stopped and started"
expect "the spent budget is still spent" "$(connected_from "$SPENT" -- --count 10)" -le 1
scenario_end
