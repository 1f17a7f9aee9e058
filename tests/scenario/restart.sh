#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# A daemon that starts again finds the gate as it was, even where its pins or its last good table
# are lost; a start that fails, a second gate and an unprivileged user change nothing of a gate at
# work; and work leaves no descriptor open. With `dpdk` the same of that plane, where not pins but
# the files of mxgate-dpdk may be lost, and it is mxgate-dpdk whose start fails or is one too many.
. "$(dirname "$0")/dpdk.sh"

PLANE="${1:-xdp}"
UNKNOWN="action: limit, rate: 1/10min, charge: syn, burst: 2"
SPENT=2001:db8:170:1::/64

descriptors() { find "/proc/$GATE_PID/fd" ${PLANE_PID:+"/proc/$PLANE_PID/fd"} -mindepth 1 | wc -l; }
program_on_gate0() { in_gate ip -j link show gate0 | jq '.[0].xdp.prog.id // 0'; }

# table_in_force: the number of the kernel's map that holds it, or what mxgate-dpdk says and keeps of
# it; known without a daemon, too.
table_in_force()
{
  if [[ "$PLANE" == dpdk ]]; then
    telemetry /mxgate/table .generation
    sha256sum "$RUN_DIR/dpdk/table"
    return
  fi
  bpftool -j map dump pinned "$PIN_DIR/mxg_table_slot" | jq -c '.[0].value // .[0]'
}

expect_verdicts()
{
  expect "$1: connected from bad and the spent prefix" \
    "$(connected_from "${NET6[bad]}" "$SPENT" -- --count 10 --timeout-ms 400)" -eq 0
  expect "$1: connected from good" "$(connected_from "${NET6[good]}" -- --count 5)" -eq 5
}

# state_keep, expect_kept TEXT: the gate is the same, to the very program and table.
state_keep()
{
  KEPT_TABLE="$(table_in_force)"
  if [[ "$PLANE" == xdp ]]; then
    KEPT_PROGRAM="$(program_on_gate0)"
    KEPT_PINS="$(find "$PIN_DIR" | sort)"
  fi
}

expect_kept()
{
  expect "$1: table in force" "$(table_in_force)" = "$KEPT_TABLE"
  if [[ "$PLANE" == xdp ]]; then
    expect "$1: program on gate0" "$(program_on_gate0)" -eq "$KEPT_PROGRAM"
    expect_success "$1: the pins are the same" test "$(find "$PIN_DIR" | sort)" = "$KEPT_PINS"
  fi
  expect_verdicts "$1"
}

# Under `ip netns exec` the daemon has a /sys of its own: its pins go when it goes.
gate_start_hidden()
{
  rm -f "$RUN_DIR/control.sock"
  ip netns exec "$GATE_NS" "$MXGATE_BIN/mxgated" --config "$LAB_DIR/gate.yaml" \
    --run-dir "$RUN_DIR" --state-dir "$STATE_DIR" --pin-dir "$PIN_DIR" >>"$LAB_DIR/gate.log" 2>&1 &
  GATE_PID=$!
  LAB_PIDS+=("$GATE_PID")
  wait_for 60 gate_ready_or_dead && wait_for 10 gate status --json
}

# config_on INTERFACE…: with `dpdk` the last of them is the first end of the wire.
config_on()
{
  if [[ "$PLANE" == dpdk ]]; then
    DPDK="ports: [\"net_af_packet0,iface=${*: -1}\", \"net_af_packet1,iface=wire1\"],
      topology: inline, cores: [0]" lab_config
  else
    INTERFACES="$(printf '%s,' "$@")" lab_config
  fi
}

# start_in_vain [RUN_DIR STATE_DIR PIN_DIR]: of what engages the gate; it is to end by itself.
start_in_vain()
{
  if [[ "$PLANE" == dpdk ]]; then
    in_gate timeout 30 "$MXGATE_BIN/mxgate-dpdk" --config "$LAB_DIR/gate.yaml" \
      --run-dir "${1:-$RUN_DIR}"
    return
  fi
  daemon_in_vain "$@"
}

daemon_in_vain()
{
  in_gate timeout 30 "$MXGATE_BIN/mxgated" --config "$LAB_DIR/gate.yaml" \
    --run-dir "${1:-$RUN_DIR}" --state-dir "${2:-$STATE_DIR}" --pin-dir "${3:-$PIN_DIR}"
}

# other_in_vain: the same as another gate, whose folders are its own; the clean-up finds them.
OTHER_PINS=
other_in_vain() { start_in_vain "$RUN_DIR-other" "$LAB_DIR/other/state" "$OTHER_PINS"; }

lost_xdp()
{
  local program refused
  gate_start_hidden || lab_die "the gate does not start under ip netns exec"
  expect "an unknown prefix spends its budget" "$(connected_from "$SPENT" -- --count 5)" -eq 2
  expect_verdicts "before the pins are lost"
  refused="$(packets '.verdict == "drop"')"
  program="$(program_on_gate0)"
  gate_kill
  expect "pins that the host sees" "$(find "$PIN_DIR" 2>/dev/null | wc -l)" -eq 0
  expect "daemon dead: program on gate0" "$(program_on_gate0)" -eq "$program"
  gate_start_hidden || lab_die "the gate does not start without its pins"
  expect "pins lost: packets dropped so far" "$(packets '.verdict == "drop"')" -eq "$refused"
  expect_verdicts "pins lost"
  refused="$(packets '.verdict == "drop"')"
  gate_kill
  gate_start || lab_die "the gate does not start with pins after it had none"
  expect "pinned again: packets dropped so far" "$(packets '.verdict == "drop"')" -eq "$refused"
  expect_verdicts "pinned again"
}

lost_dpdk()
{
  local refused
  gate_start || lab_die "the gate does not start"
  expect "an unknown prefix spends its budget" "$(connected_from "$SPENT" -- --count 5)" -eq 2
  expect_verdicts "before the files are lost"
  refused="$(packets '.verdict == "drop"')"
  gate_kill
  plane_kill
  plane_start || lab_die "mxgate-dpdk does not start again"
  gate_start || lab_die "the gate does not start again"
  expect "both killed: packets dropped so far" "$(packets '.verdict == "drop"')" -eq "$refused"
  expect_verdicts "both killed"
  plane_kill
  rm -r "$RUN_DIR/dpdk"
  plane_start || lab_die "mxgate-dpdk does not start without its files"
  wait_for 5 table_given || true
  expect "files lost: packets dropped so far" "$(packets '.verdict == "drop"')" -eq 0
  expect "files lost: connected from a prefix as if new" \
    "$(connected_from "$SPENT" -- --count 5)" -eq 2
  expect_verdicts "files lost"
}

table_given() { grep -q "mxgate-dpdk has the policy table" "$LAB_DIR/gate.log"; }

work_round()
{
  gate status && gate reload && gate attach
}

work_rounds()
{
  for _ in {1..20}; do
    work_round || return 1
  done
}

same_descriptors() { (($(descriptors) == $1)); }

no_descriptor_leaks()
{
  local before
  before="$(descriptors)"
  expect_success "20 rounds of status, reload and attach" work_rounds
  # The last connections may be closed a moment later.
  wait_for 5 same_descriptors "$before" || true
  expect "open descriptors after them" "$(descriptors)" -eq "$before"
}

no_last_good_table()
{
  local before
  before="$(generation)"
  gate_kill
  rm -rf "$STATE_DIR"
  mkdir "$STATE_DIR"
  : >"$LAB_DIR/lists/drop.json"
  gate_start || lab_die "the gate does not start with an emptied feed"
  expect "no last good table, emptied feed: generation" "$(generation)" -eq "$before"
  expect_verdicts "no last good table, emptied feed"
  lab_lists
  expect_success "reload with the feed mended" gate reload
  expect "mended: generation" "$(generation)" -gt "$before"
  expect_verdicts "mended"
}

failed_start()
{
  local before
  before="$(generation)"
  gate_kill
  state_keep
  config_on gate0 nope
  plane_kill
  expect_failure "a start with an interface that is not there" start_in_vain
  expect_output "it says which" 'nope'
  lab_config
  [[ "$PLANE" == xdp ]] || plane_start || lab_die "mxgate-dpdk does not start after that"
  rm -f "$RUN_DIR/control.sock"
  mkdir "$RUN_DIR/control.sock"
  expect_failure "a start whose control socket cannot be made" daemon_in_vain
  expect_output "it says so" 'cannot listen on .*control.sock: Is a directory'
  rmdir "$RUN_DIR/control.sock"
  expect_kept "failed start"
  gate_start || lab_die "the gate does not start after a start that failed"
  expect "the next start: generation" "$(generation)" -eq $((before + 1))
}

# The program may lie where only its owner can go: the user gets a copy.
unprivileged_detach()
{
  cp "$MXGATE_BIN/mxgate" "$LAB_DIR/mxgate"
  chmod 755 "$LAB_DIR/mxgate"
  state_keep
  expect_failure "detach as an unprivileged user" in_gate setpriv --reuid=65534 --clear-groups \
    "$LAB_DIR/mxgate" --run-dir "$RUN_DIR" --pin-dir "$PIN_DIR" detach
  expect_output "it says why" 'ermitted|ermission|rivilege|root'
  expect_kept "detach as an unprivileged user"
}

second_gate()
{
  local before
  before="$(generation)"
  state_keep
  expect_failure "a second gate on the interface" other_in_vain
  expect_output "it says who is there" "${PLANE_PID:-$PIN_DIR}"
  expect_failure "a second mxgated with the same folders" daemon_in_vain
  expect_output "it says so" "another mxgated runs.*$RUN_DIR"
  if [[ "$PLANE" == xdp ]]; then
    expect_failure "a second mxgated with the same pins" \
      daemon_in_vain "$RUN_DIR-other" "$LAB_DIR/other/state"
    expect_output "it says so" "another mxgated publishes.*$PIN_DIR"
  fi
  if [[ "$PLANE" == dpdk ]]; then
    expect_failure "a second mxgate-dpdk with the same folder" start_in_vain
    expect_output "it says so" "another mxgate-dpdk runs.*$RUN_DIR"
  fi
  expect "second gate: its pins" "$(find "$OTHER_PINS" 2>/dev/null | wc -l)" -eq 0
  expect "second gate: generation of the first" "$(generation)" -eq "$before"
  expect_kept "second gate"
}

no_ethernet_header()
{
  if ! in_gate ip tuntap add dev tun0 mode tun 2>/dev/null; then
    echo "note  no interface without Ethernet header can be made here: not tested"
    return 0
  fi
  in_gate ip link set tun0 up
  state_keep
  config_on tun0
  expect_failure "a gate on an interface without Ethernet header" other_in_vain
  expect_output "it says so" 'tun0.*no Ethernet header'
  expect "no Ethernet header: pins" "$(find "$OTHER_PINS" 2>/dev/null | wc -l)" -eq 0
  lab_config
  expect_kept "no Ethernet header"
}

# One worker where a port has one queue, and no huge pages: it works, and says so.
what_is_not_had()
{
  local pages="4 KiB pages: no huge pages are free"
  if (($(nproc) < 2)); then
    echo "note  one core: no start with fewer queues than cores"
    return 0
  fi
  DPDK="${DPDK/cores: \[0]/cores: [0, 1]}" lab_config
  grep -qE 'HugePages_Free: *0$' /proc/meminfo || pages="($pages|huge pages)"
  plane_kill
  : >"$LAB_DIR/plane.log"
  plane_start || lab_die "mxgate-dpdk does not start with fewer queues than cores"
  cp "$LAB_DIR/plane.log" "$LAB_DIR/output"
  expect_output "start-up says what a port has not" 'net_af_packet0.*not to be had: 2 queues for as many cores'
  expect_output "start-up says how many cores work" '1 of 2 cores at work'
  expect_output "start-up says what vectors there are" \
    "$(case "$(grep -m1 ^flags /proc/cpuinfo)" in
      *avx512dq*) echo 'CPU with AVX-512' ;;
      *avx2*) echo 'CPU with AVX2.*not to be had: AVX-512' ;;
      *) echo 'not to be had: AVX2' ;;
    esac)"
  expect_output "start-up says which pages it has" "packet buffers in $pages"
  expect_success "status" gate status
  expect_output "status says it" 'net_af_packet0.*not to be had: 2 queues for as many cores'
  expect_verdicts "fewer queues than cores"
}

command -v setpriv >/dev/null || skip "setpriv is not installed"
begin_lab "$PLANE"
OTHER_PINS="$PIN_DIR/other"
"lost_$PLANE"
no_descriptor_leaks
no_last_good_table
failed_start
unprivileged_detach
second_gate
no_ethernet_header
[[ "$PLANE" == xdp ]] || what_is_not_had
lab_unlock "$OTHER_PINS"
scenario_end
