#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Senders that the plane has seen are not denied by a new table unless that is forced: neither one of
# class good, nor many at once.
. "$(dirname "$0")/dpdk.sh"

SENDERS=12
FRIEND=2001:db8:1f0:1::/64

seen() { [[ "$(gate status --json | jq .sources.used)" -eq "$1" ]]; }

# expect_refused TEXT WHY: the reload, and the change of the file by itself.
expect_refused()
{
  local before
  before="$(generation)"
  expect_failure "$1: reload" gate reload
  expect_output "$1: it says whom" "$2"
  expect_output "$1: and how to go on" '--force'
  sleep 1
  expect "$1: generation" "$(generation)" -eq "$before"
}

begin_lab "${1:-xdp}"
printf '203.0.113.9\n' >"$LAB_DIR/lists/deny.txt"
printf '  - {name: own-deny, format: prefixes, path: lists/deny.txt, class: bad, priority: 200}\n' \
  >>"$LAB_DIR/gate.yaml"
gate_start || lab_die "the gate does not start"
for ((i = 1; i <= SENDERS; i++)); do
  connected_from "$(printf '2001:db8:1%02x:1::/64' $i)" -- --count 1 >/dev/null
done
expect "connected" "$(connected_from "$FRIEND" -- --count 1)" -eq 1
wait_for 10 seen $((SENDERS + 1)) || true # they are counted in rounds
expect "source prefixes seen" "$(gate status --json | jq .sources.used)" -eq $((SENDERS + 1))

# Its state is from before; that it passes now is the new table's word.
printf '2001:db8:1f0::/48\n' >>"$LAB_DIR/lists/allow.txt"
expect_success "a good one" gate reload
printf '%s\n' "$FRIEND" >>"$LAB_DIR/lists/deny.txt"
expect_refused "a good one denied" "would newly deny 2 that pass as of now \($FRIEND, 2001:db8:1f0::/48\)"
expect "connected" "$(connected_from "$FRIEND" -- --count 1)" -eq 1

for ((i = 1; i <= SENDERS; i++)); do
  printf '2001:db8:1%02x::/48\n' $i
done >"$LAB_DIR/lists/deny.txt"
expect_refused "many denied" \
  "would newly deny $SENDERS of $((SENDERS + 1)) senders seen in the last day"
expect "connected from one of them" "$(connected_from 2001:db8:101:1::/64 -- --count 1)" -eq 1
expect_success "by force" gate reload --force
expect "connected by then" "$(connected_from 2001:db8:101:1::/64 -- --count 1)" -eq 0
scenario_end
