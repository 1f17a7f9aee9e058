#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Open connections as the host's TCP counts them, or with `dpdk` as the DPDK plane sees them go by: up
# to the limit and no further, from all addresses of a prefix; given back however they end; exact after
# thousands; over a restart of the daemon, and of the plane; and nothing of it is left when the gate is
# detached.
. "$(dirname "$0")/dpdk.sh"

PLANE="${1:-xdp}"

UNKNOWN="action: limit, connections: 5, total_connections: 1000"
MIXED="action: limit, rate: 1/10min, burst: 2, charge: handshake"
HOLDER=2001:db8:170:1::/64
OTHER=2001:db8:170:2::/64

open_in() { gate status --json | jq -s --arg class "$1" '.[0].connections[$class] // 0'; }
open_is() { [[ "$(open_in "$1")" -eq "$2" ]]; }
half_open_in() { gate status --json | jq -s --arg class "$1" '.[0].half_open[$class] // 0'; }
half_open_is() { [[ "$(half_open_in "$1")" -eq "$2" ]]; }

# exhausted_by PREFIX: whether the event came, and names who holds most.
exhausted_by()
{
  grep -qF "a sender of class unknown reached its ceiling, 5 open in all; most are held by $1 (5)" \
    "$LAB_DIR/gate.log"
}

# hold SECONDS OPTION…: five connections, one after the other, that stay open.
hold()
{
  local seconds="$1"
  shift
  connect_from "$HOLDER" -- --count 5 --rate 20 --hold "$seconds" "$@" >"$LAB_DIR/held" 2>&1 &
  HELD=$!
  wait_for 10 open_is unknown 5 || true
  expect "held connections" "$(open_in unknown)" -eq 5
}

# socket_programs: of this gate, by the table slot that they use.
socket_programs()
{
  bpftool -j prog show | jq --argjson slot "$1" \
    '[.[] | select(.name == "mxgate_sockets" and ((.map_ids // []) | index($slot)))] | length'
}

up_to_the_limit()
{
  hold 4
  sleep 1 # holders are counted in rounds
  expect "a sixth, from a sixth address" "$(connected_from "$HOLDER" -- --count 1)" -eq 0
  expect "another prefix" "$(connected_from "$OTHER" -- --count 1)" -eq 1
  wait_for 5 exhausted_by "$HOLDER" || true
  expect_success "an event names the holder" exhausted_by "$HOLDER"
  expect "half-open of what is complete" "$(half_open_in unknown)" -eq 0
  wait "$HELD"
  wait_for 10 open_is unknown 0 || true
  expect "open when all are closed" "$(open_in unknown)" -eq 0
  expect "once more" "$(connected_from "$HOLDER" -- --count 1)" -eq 1
  wait_for 10 open_is unknown 0 || true
  hold 1 --reset
  wait "$HELD"
  wait_for 10 open_is unknown 0 || true
  expect "open when all are reset" "$(open_in unknown)" -eq 0
}

over_a_restart()
{
  hold 12
  gate_kill
  gate_start || lab_die "the gate does not start again"
  expect "open over a restart" "$(open_in unknown)" -eq 5
  expect "a sixth after a restart" "$(connected_from "$HOLDER" -- --count 1)" -eq 0
  wait "$HELD"
  wait_for 10 open_is unknown 0 || true
  expect "closed after a restart" "$(open_in unknown)" -eq 0
}

begin_xdp()
{
  scenario_begin
  lab_network
  lab_lists
  lab_config
  postfix_start
  # Open before the gate is there: counted a little later, and no longer when they are over.
  connect_from "$HOLDER" -- --count 3 --rate 20 --hold 8 >"$LAB_DIR/early" 2>&1 &
  EARLY=$!
  sleep 1
  gate_start || lab_die "the gate does not start"
  SLOT="$(bpftool -j map show pinned "$PIN_DIR/mxg_table_slot" | jq .id)"
  expect "programs on sockets" "$(socket_programs "$SLOT")" -eq 1
  wait_for 25 open_is unknown 3 || true
  expect "open from before the gate" "$(open_in unknown)" -eq 3
  wait "$EARLY"
  wait_for 25 open_is unknown 0 || true
  expect "open from before the gate, when over" "$(open_in unknown)" -eq 0
}

end_xdp()
{
  expect "programs on sockets after a restart" "$(socket_programs "$SLOT")" -eq 1
  gate detach >/dev/null
  gate_kill
  expect "programs on sockets after detach" "$(socket_programs "$SLOT")" -eq 0
}

begin_dpdk()
{
  begin_wire
  gate_start || lab_die "the gate does not start"
}

end_dpdk()
{
  hold 8
  plane_kill
  plane_start || lab_die "mxgate-dpdk does not start again"
  expect "open over a restart of mxgate-dpdk" "$(open_in unknown)" -eq 5
  expect "a sixth after it" "$(connected_from "$HOLDER" -- --count 1)" -eq 0
  wait "$HELD"
  wait_for 10 open_is unknown 0 || true
  expect "closed after it" "$(open_in unknown)" -eq 0
}

begin_"$PLANE"
up_to_the_limit
# The handshake is what costs: SYNs alone, however many, leave the budget as it is.
FORGED="${NET6[mixed]%%::*}:1::/64"
flood_from "$FORGED" -- --count 1000 --rate 5000 >/dev/null
wait_for 5 half_open_is mixed 1000 || true
expect "half-open" "$(half_open_in mixed)" -eq 1000
expect "after forged SYNs" "$(connected_from "$FORGED" -- --count 5 --rate 20)" -eq 2
sleep 1
expect "half-open after two that are not" "$(half_open_in mixed)" -eq 1000
connected_from "${NET6[good]}" -- --count 3000 --rate 600 --timeout-ms 3000 >"$LAB_DIR/cycles"
expect "connections opened and closed" "$(cat "$LAB_DIR/cycles")" -gt 2900
wait_for 20 open_is good 0 || true
expect "open after thousands" "$(open_in good)" -eq 0
over_a_restart
end_"$PLANE"
scenario_end
