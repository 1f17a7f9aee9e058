#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# kill -9 of mxgated, of mxgate and of the process that fetches and reads lists at random moments, 200
# times under traffic: while they start, fetch, reload, attach, or do nothing. No frame from bad comes
# through and no connection from good fails; a spent budget stays spent, what was set by hand stays set,
# generations count on, and the next start is as clean as the first. With `dpdk` 40 times in that plane,
# and then mxgate-dpdk too, whose end cuts the wire: there only what it must not let through counts.
. "$(dirname "$0")/dpdk.sh"

PLANE="${1:-xdp}"

UNKNOWN="action: limit, rate: 1/10min, burst: 2"
SPENT=2001:db8:170:1::/64
MADE=2001:db8:1fe::/48
[[ "$PLANE" == dpdk ]] && KILLS=40 || KILLS=200
CLEAN_EVERY=$((KILLS < 50 ? KILLS / 2 : 50))
RANDOM=${SEED:=$$}

# pause_below MILLISECONDS: a random part of it.
pause_below()
{
  local ms=$(((RANDOM * 32768 + RANDOM) % $1))
  sleep "$(printf '0.%03d' $ms)"
}

daemon_runs() { [[ -n "$GATE_PID" ]] && ! process_gone "$GATE_PID"; }

# kill_after MILLISECONDS VERB…: the command line dies at some moment.
kill_after()
{
  local ms="$1" pid
  shift
  nsenter --net="/run/netns/$GATE_NS" -- "$MXGATE_BIN/mxgate" --run-dir "$RUN_DIR" \
    --state-dir "$STATE_DIR" --pin-dir "$PIN_DIR" "$@" >/dev/null 2>&1 &
  pid=$!
  pause_below "$ms"
  kill -9 "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
}

# A list that changes, so that each table differs from the one before.
change_list()
{
  printf '2001:db8:a11::/48\n198.51.100.128/26\n2001:db8:a12:%x::/64\n' "$1" \
    >"$LAB_DIR/lists/fresh.txt"
  mv "$LAB_DIR/lists/fresh.txt" "$LAB_DIR/lists/mixed.txt"
}

# Of the daemon's, not of anybody else's.
kill_worker()
{
  local pid
  for pid in $(pgrep -P "$GATE_PID" -x mxgate-worker); do
    kill -9 "$pid" 2>/dev/null || true
    WORKERS_KILLED=$((WORKERS_KILLED + 1))
  done
}

# What the gate said is set must stay, whatever is killed next; a prefix of its own each time.
BY_HAND=()
set_by_hand()
{
  local prefix verb=deny
  prefix="$(printf '2001:db8:b00:%x::/64' "$1")"
  ((RANDOM % 2)) || verb=allow
  daemon_runs || return 0
  ! gate $verb "$prefix" --for 2h >/dev/null 2>&1 || BY_HAND+=("$prefix $verb")
}

# The prefixes set by hand that the gate no longer has, or has otherwise.
lost_by_hand()
{
  local -A is=()
  local prefix class entry lost=0
  while read -r prefix class; do
    is["$prefix"]=$class
  done < <(gate overrides --json | jq -r '"\(.prefix) \(.class)"')
  for entry in "${BY_HAND[@]}"; do
    class=good
    [[ "$entry" == *" allow" ]] || class=bad
    [[ "${is[${entry% *}]:-}" == "$class" ]] || lost=$((lost + 1))
  done
  echo $lost
}

kill_one()
{
  case $((RANDOM % 6)) in
    0 | 1) # the daemon, as it starts or soon after
      daemon_runs || gate_launch
      pause_below 300
      gate_kill
      ;;
    2) # a reload: of daemon and command line, one dies
      daemon_runs || gate_start || lab_die "the gate does not start"
      if ((RANDOM % 2)); then
        kill_after 60 reload
      else
        gate reload >/dev/null 2>&1 &
        pause_below 60
        gate_kill
        wait $! || true
      fi
      ;;
    3) # without a daemon the command line does its work
      gate_kill
      kill_after 300 attach --config "$LAB_DIR/gate.yaml"
      ;;
    4) # a reload, and what reads the lists for it
      daemon_runs || gate_start || lab_die "the gate does not start"
      gate reload >/dev/null 2>&1 &
      pause_below 80
      kill_worker
      wait $! || true
      ;;
    5) # a fetch, and what fetches
      daemon_runs || gate_start || lab_die "the gate does not start"
      ! gate feeds fetch made >/dev/null 2>&1 || FETCHES=$((FETCHES + 1))
      pause_below 60
      kill_worker
      ;;
  esac
}

# clean_start: after whatever came before.
LAST_GENERATION=0
WORKERS_KILLED=0
FETCHES=0
clean_start()
{
  gate_kill
  : >"$LAB_DIR/gate.log"
  gate_start || lab_die "the gate does not start"
  expect "errors of the start" "$(grep -c '\[error\]' "$LAB_DIR/gate.log" || true)" -eq 0
  expect "generation" "$(generation)" -gt "$LAST_GENERATION"
  LAST_GENERATION="$(generation)"
  expect "pins, or files of mxgate-dpdk" "$(plane_files)" -eq "$FILES"
  expect "connected from the spent prefix" "$(connected_from "$SPENT" -- --count 2)" -eq 0
  expect "of ${#BY_HAND[@]} set by hand, lost" "$(lost_by_hand)" -eq 0
}

plane_files()
{
  local -A in=([xdp]="$PIN_DIR" [dpdk]="$RUN_DIR/dpdk")
  find "${in[$PLANE]}" -type f | wc -l
}

# mxgate-dpdk as it starts, soon after or at work, with and without mxgated.
kill_planes()
{
  local i
  flood_start bad "${NET6[bad]}" -- --rate 500
  for i in {1..6}; do
    set_by_hand $((KILLS + i))
    ((RANDOM % 3)) || gate_kill
    plane_kill
    plane_launch
    pause_below 600
    plane_kill
    plane_start || lab_die "mxgate-dpdk does not start"
    daemon_runs || gate_start || lab_die "the gate does not start"
    expect "connected from bad and the spent prefix" \
      "$(connected_from "${NET6[bad]}" "$SPENT" -- --count 4 --timeout-ms 100)" -eq 0
  done
  clean_start
  expect "of what was refused, forgotten" \
    "$(packets '.class == "bad" and .verdict == "drop"')" -ge "$1"
  flood_stop bad >/dev/null
}

begin_lab "$PLANE"
printf '  - {name: made, format: prefixes, class: bad, exec: [/bin/echo, "%s"]}\n' "$MADE" \
  >>"$LAB_DIR/gate.yaml"
gate_start || lab_die "the gate does not start"
FILES="$(plane_files)"
echo "seed $SEED"
expect "an unknown prefix spends its budget" "$(connected_from "$SPENT" -- --count 3 --rate 20)" -eq 2
capture_start bad "src net ${NET6[bad]} or src net ${NET4[bad]}"
flood_start bad "${NET6[bad]}" -- --rate 500
lab_background sender "$MXGATE_BIN/mxgate-connect" --from "${NET6[good]}" --to "$MX6" \
  --rate 20 --count 100000 >"$LAB_DIR/good"
GOOD_PID=$LAB_PID

for ((round = 1; round <= KILLS; round++)); do
  change_list $round
  set_by_hand $round
  kill_one
  if ((round % CLEAN_EVERY == 0)); then
    clean_start
  fi
done

((KILLS < 50)) || expect "workers killed" "$WORKERS_KILLED" -gt 0
expect "fetches" "$FETCHES" -gt 0
expect "connected from what a program lists" "$(connected_from "$MADE" -- --count 2)" -eq 0
expect "set by hand" "${#BY_HAND[@]}" -gt $((KILLS / 20))
expect "SYNs sent from bad" "$(flood_stop bad)" -gt 1000
kill "$GOOD_PID"
[[ "$PLANE" == xdp ]] || kill_planes "$(packets '.class == "bad" and .verdict == "drop"')"
expect "of those behind the gate" "$(capture_stop bad)" -eq 0
expect "connections from good" "$(grep -c '"connected"' "$LAB_DIR/good")" -gt "$KILLS"
expect "of those that failed" "$(grep -cE '"result":"[^c]' "$LAB_DIR/good" || true)" -eq 0
expect_success "the last list is in force" gate lookup "$STATE_DIR/table.mxg" \
  "2001:db8:a12:$(printf %x "$KILLS")::1"
expect_output "as class mixed" '	mixed	'
expect "half-written tables in the state folder" "$(find "$STATE_DIR" -name "*.new*" | wc -l)" -eq 0
scenario_end
