#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# `mxgate watch`: every denial is a line or is counted in one, in bounded lines a second, over a
# restart of the daemon; with `dpdk` those of that plane.
. "$(dirname "$0")/dpdk.sh"

# watch_start OPTION…: lines go to LAB_DIR/watch.
watch_start()
{
  lab_background gate "$MXGATE_BIN/mxgate" --run-dir "$RUN_DIR" watch "$@" \
    >"$LAB_DIR/watch" 2>"$LAB_DIR/watch.errors"
  WATCH_PID=$LAB_PID
  sleep 1 # it shows what happens from its first answer on
}

watch_stop()
{
  sleep 2.5 # the last lost ones are told after a second
  kill "$WATCH_PID"
  wait_for 5 process_gone "$WATCH_PID"
}

of_watch() { jq -s "$1" "$LAB_DIR/watch"; }
shown_and_lost() { of_watch 'map(if .kind == "lost" then .lines else 1 end) | add // 0'; }
denied() { packets '.verdict == "drop"'; }

begin_lab "${1:-xdp}"
gate_start || lab_die "the gate does not start"

watch_start
# Not in one burst, which has one time.
expect "connected" "$(connected_from "${NET6[bad]}" -- --count 5 --rate 50)" -eq 0
expect "connected" "$(connected_from "${NET4[good]}" -- --count 3)" -eq 3
watch_stop
expect "a line for each denial" "$(of_watch length)" -eq 5
expect "all of them whole" "$(of_watch 'map(select(.kind == "verdict" and .verdict == "drop" and
  .reason == "class" and .class == "bad" and .feed == "drop-list" and .enforced and
  .port > 1023 and (.source | startswith("2001:db8:bad:")) and
  (.source_prefix | endswith("/64")))) | length')" -eq 5
expect "of the last minute" "$(of_watch 'map(select(.time > now - 60 and .time < now)) | length')" -eq 5
expect "to the microsecond" "$(of_watch 'map(.time * 1000 - (.time * 1000 | floor)) | unique | length > 1')" = true

before="$(denied)"
watch_start --rate 20
flood_from "${NET6[bad]}" -- --rate 20000 --count 60000 >/dev/null
wait_until_quiet
watch_stop
expect "each denial of a flood is shown or counted" "$(shown_and_lost)" -eq $(($(denied) - before))
expect "shown" "$(of_watch 'map(select(.kind == "verdict")) | length')" -gt 20
expect "shown, at 20 a second" "$(of_watch 'map(select(.kind == "verdict")) | length')" -le 160

watch_start
gate_kill
gate_start || lab_die "the gate does not start again"
sleep 1
expect "connected" "$(connected_from "${NET6[bad]}" -- --count 4)" -eq 0
watch_stop
expect "lines over a restart of mxgated" "$(of_watch 'map(select(.kind == "verdict")) | length')" -eq 4
expect "said" "$(grep -c 'waiting for it' "$LAB_DIR/watch.errors")" -eq 1

watch_start --count 3
connected_from "${NET6[bad]}" -- --count 9 >/dev/null
expect_success "ends after --count lines" wait_for 5 process_gone "$WATCH_PID"
expect "lines" "$(of_watch 'map(select(.kind == "verdict")) | length')" -eq 3
gate_kill
expect_failure "without a daemon" gate watch
scenario_end
