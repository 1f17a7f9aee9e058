#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# A reload takes effect at once, or fails with a message and changes nothing; with `dpdk` in that plane.
. "$(dirname "$0")/dpdk.sh"

# Of the table in force.
prefixes() { gate status --json | jq -s '.[0].table.prefixes'; }

DROP_LIST=

# refused TEXT: the feed was just spoilt; the reload fails, and what was listed stays in force (in a
# table made anew, once the changed file is noticed).
expect_refused()
{
  local before
  before="$(prefixes)"
  expect_failure "$1: reload fails" gate reload
  expect_output "$1: it says which feed" 'drop'
  expect "$1: prefixes" "$(prefixes)" -eq "$before"
  expect "$1: connected from bad" "$(connected_from "${NET6[bad]}" -- --count 5)" -eq 0
  expect "$1: connected from good" "$(connected_from "${NET6[good]}" -- --count 5)" -eq 5
  drop_list "${NET6[bad]}" "${NET4[bad]}" >"$DROP_LIST"
}

# expect_reloaded TEXT: succeeds, and is a new generation.
expect_reloaded()
{
  local before
  before="$(generation)"
  expect_success "$1: reload" gate reload
  expect "$1: generation" "$(generation)" -gt "$before"
}

begin_lab "${1:-xdp}"
DROP_LIST="$LAB_DIR/lists/drop.json"
gate_start || lab_die "the gate does not start"

new_bad=2001:db8:160:1::/64
expect "before it is listed" "$(connected_from "$new_bad" -- --count 3)" -eq 3
drop_list "${NET6[bad]}" "${NET4[bad]}" "$new_bad" >"$DROP_LIST"
expect_reloaded "a prefix more"
expect "once it is listed" "$(connected_from "$new_bad" -- --count 3)" -eq 0
expect_success "explain names the feed" gate explain 2001:db8:160:1::7
expect_output "explain names the feed" drop-list

drop_list "${NET6[bad]}" "${NET4[bad]}" >"$DROP_LIST"
expect_reloaded "a prefix less"
expect "no longer listed" "$(connected_from "$new_bad" -- --count 3)" -eq 3

: >"$DROP_LIST"
expect_refused "emptied feed"
rm "$DROP_LIST"
expect_refused "vanished feed"
printf '{"cidr":"%s"}\nbroken\n{"cidr":"nonsense"}\n{"cidr":"2001:db8::/200"}\n' \
  "${NET6[bad]}" >"$DROP_LIST"
expect_refused "more than half broken feed"
drop_list "${NET6[bad]}" "${NET4[bad]}" | sed 's/"records":2/"records":7/' >"$DROP_LIST"
expect_refused "truncated feed"

printf 'gate: {mode: [enforce]\n' >"$LAB_DIR/gate.yaml"
expect_failure "broken configuration: reload fails" gate reload
expect_output "broken configuration: it says where" 'gate\.yaml:[0-9]+'
lab_config

expect_reloaded "everything mended"
before="$(generation)"
kill -HUP "$GATE_PID"
test_generation() { (($(generation) > before)); }
wait_for 10 test_generation || true
expect "SIGHUP: generation" "$(generation)" -gt "$before"
expect "after all that, connected from bad" \
  "$(connected_from "${NET6[bad]}" -- --count 5)" -eq 0
scenario_end
