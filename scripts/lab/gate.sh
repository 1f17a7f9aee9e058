# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# The gate in its namespace: feeds and configuration, the daemon, its command line.

GATE_PID=

# The lists, in the formats in which such lists are published.
lab_lists()
{
  local lists="$LAB_DIR/lists"
  printf '# senders we know\n%s\n%s\n' "${NET6[good]}" "${NET4[good]}" >"$lists/allow.txt"
  printf '# senders of good and bad mail\n%s\n%s\n' "${NET6[mixed]}" "${NET4[mixed]}" \
    >"$lists/mixed.txt"
  drop_list "${NET6[bad]}" "${NET4[bad]}" >"$lists/drop.json"
}

# drop_list PREFIX…: a list like Spamhaus publishes them: a JSON object per line, the last one with
# the number of records.
drop_list()
{
  local prefix number=0
  for prefix in "$@"; do
    number=$((number + 1))
    printf '{"cidr":"%s","sblid":"SBL%06d","rir":"ripencc"}\n' "$prefix" $number
  done
  printf '{"type":"metadata","timestamp":1790072042,"size":%d,"records":%d,"copyright":"none"}\n' \
    $((number * 60)) $number
}

# The plane's part of the configuration: that of DPDK where the test sets DPDK, its row.
lab_plane()
{
  if [[ -n "${DPDK:-}" ]]; then
    printf '  plane: dpdk\n  dpdk: {%s, idle: 50us}\n' "$DPDK"
  else
    printf '  plane: xdp\n  interfaces: [%s]\n  attach: %s\n' "${INTERFACES:-gate0}" "${ATTACH:-auto}"
  fi
}

# Writes LAB_DIR/gate.yaml. What a test changes, it sets before: INTERFACES, ATTACH or DPDK, MODE,
# REPLIES, CAPACITY, METRICS, and a class's row in GOOD, UNKNOWN, MIXED, BAD.
lab_config()
{
  cat >"$LAB_DIR/gate.yaml" <<END
gate:
$(lab_plane)
  mode: ${MODE:-enforce}
  replies: {${REPLIES:-rate: 1000/s, burst: 100}}
  services:
    - {name: mx, addresses: ["$MX6", "$MX4"], ports: [25]}
sources:
  capacity: ${CAPACITY:-64k}
aggregation:
  default: {ipv6: 64, ipv4: 32}
classes:
  good:    {${GOOD:-action: pass}}
  unknown: {${UNKNOWN:-action: limit, rate: 30/min, charge: syn, burst: 10}}
  mixed:   {${MIXED:-action: limit, rate: 6/min, charge: syn, burst: 3}}
  bad:     {${BAD:-action: drop}}
default_class: unknown
feeds:
  - {name: own-allow, format: prefixes, path: lists/allow.txt, class: good, priority: 100}
  - {name: own-mixed, format: prefixes, path: lists/mixed.txt, class: mixed, priority: 80}
  - {name: drop-list, format: spamhaus-drop, path: lists/drop.json, class: bad, priority: 50}
${METRICS:+metrics: {$METRICS\}}
END
}

# gate VERB…: the command line, for this lab's gate.
gate()
{
  in_gate "$MXGATE_BIN/mxgate" --run-dir "$RUN_DIR" --state-dir "$STATE_DIR" \
    --pin-dir "$PIN_DIR" "$@"
}

gate_launch()
{
  rm -f "$RUN_DIR/control.sock"
  lab_background gate "$MXGATE_BIN/mxgated" --config "$LAB_DIR/gate.yaml" \
    --run-dir "$RUN_DIR" --state-dir "$STATE_DIR" --pin-dir "$PIN_DIR" "$@" \
    >>"$LAB_DIR/gate.log" 2>&1
  GATE_PID=$LAB_PID
}

gate_ready_or_dead() { [[ -S "$RUN_DIR/control.sock" ]] || process_gone "$GATE_PID"; }

# gate_start [OPTION…]: returns when the gate enforces; fails when it ended instead.
gate_start()
{
  gate_launch "$@"
  wait_for 60 gate_ready_or_dead && [[ -S "$RUN_DIR/control.sock" ]] &&
    wait_for 10 gate status --json
}

gate_stop()
{
  kill "$GATE_PID"
  wait_for 10 process_gone "$GATE_PID"
  wait "$GATE_PID" 2>/dev/null || true
  GATE_PID=
}

# As if the daemon had crashed.
gate_kill()
{
  [[ -n "$GATE_PID" ]] || return 0
  kill -9 "$GATE_PID" 2>/dev/null || true
  wait "$GATE_PID" 2>/dev/null || true
  GATE_PID=
}

PLANE_PID=

plane_ready_or_dead() { [[ -S "$RUN_DIR/dpdk/table.sock" ]] || process_gone "$PLANE_PID"; }

plane_launch()
{
  rm -f "$RUN_DIR/dpdk/table.sock"
  lab_background gate "$MXGATE_BIN/mxgate-dpdk" --config "$LAB_DIR/gate.yaml" \
    --run-dir "$RUN_DIR" >>"$LAB_DIR/plane.log" 2>&1
  PLANE_PID=$LAB_PID
}

# plane_start: returns when frames pass through mxgate-dpdk; fails when it ended instead.
plane_start()
{
  plane_launch
  wait_for 30 plane_ready_or_dead && [[ -S "$RUN_DIR/dpdk/table.sock" ]]
}

# As if it had crashed.
plane_kill()
{
  [[ -n "$PLANE_PID" ]] || return 0
  kill -9 "$PLANE_PID" 2>/dev/null || true
  wait "$PLANE_PID" 2>/dev/null || true
  PLANE_PID=
}

# Where DPDK keeps the plane's telemetry socket.
eal_dir() { printf '/var/run/dpdk/mxgate%s' "${RUN_DIR//\//-}"; }

# For the clean-up: the lab may not have come as far as having a gate.
gate_detach_quietly()
{
  [[ -e "/run/netns/$GATE_NS" && -e "$PIN_DIR" ]] || return 0
  timeout 10 nsenter --net="/run/netns/$GATE_NS" -- "$MXGATE_BIN/mxgate" --run-dir "$RUN_DIR" \
    --pin-dir "$PIN_DIR" detach >/dev/null 2>&1
}

# packets JQ_CONDITION: the sum of the counters for which it holds, such as '.class == "bad"'.
packets()
{
  gate counters --json | jq -s "map(select($1) | .packets) | add // 0"
}
