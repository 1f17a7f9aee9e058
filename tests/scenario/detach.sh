#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Attaching and detaching: several interfaces, native and generic, with and without a daemon, and
# nothing left behind.
. "$(dirname "$0")/scenario.sh"

# attached INTERFACE: the number of the XDP program there, or nothing.
attached() { in_gate ip -j link show "$1" | jq -r '.[0].xdp.prog.id // empty'; }

# gate_maps: the numbers of all BPF maps that the daemon holds.
gate_maps() { sed -n 's/^map_id:[[:space:]]*//p' "/proc/$GATE_PID"/fdinfo/* | sort -un; }

no_map_left()
{
  local id
  for id in $1; do
    ! bpftool map show id "$id" >/dev/null 2>&1 || return 1
  done
}

# expect_nothing_left TEXT MAPS PROGRAM INTERFACE…
expect_nothing_left()
{
  local text="$1" maps="$2" program="$3" interface
  shift 3
  for interface in "$@"; do
    expect "$text: program on $interface" "$(attached "$interface")" = ""
  done
  expect "$text: pins" "$(find "$PIN_DIR" 2>/dev/null | wc -l)" -eq 0
  expect "$text: dispatchers" "$(find /sys/fs/bpf/xdp -name "dispatch-*-$program" 2>/dev/null)" = ""
  # The kernel frees maps a moment after their last user is gone.
  wait_for 10 no_map_left "$maps" || true
  expect_success "$text: the maps are gone" no_map_left "$maps"
}

# status_says INTERFACE MODE
status_says()
{
  expect_success "status" gate status
  expect_output "status says that $1 is $2" "$1.*$2"
}

bad_connections() { connected_from "${NET6[bad]}" -- --count 5; }

two_interfaces()
{
  local maps program
  lab_pair send1 gate1 on
  INTERFACES="gate0, gate1" lab_config
  gate_start || lab_die "the gate does not start on two interfaces"
  expect "program on gate0" "$(attached gate0)" != ""
  expect "program on gate1" "$(attached gate1)" != ""
  status_says gate0 native
  status_says gate1 native
  expect "connected from bad" "$(bad_connections)" -eq 0
  maps="$(gate_maps)"
  program="$(attached gate0)"
  expect "maps held by the daemon" "$(wc -w <<<"$maps")" -gt 0
  gate_kill
  expect "daemon dead: connected from bad" "$(bad_connections)" -eq 0
  expect_success "detach without a daemon" gate detach
  expect_nothing_left "daemon dead" "$maps" "$program" gate0 gate1
  expect "detached: connected from bad" "$(bad_connections)" -eq 5
  expect_success "detach where nothing is attached" gate detach
}

with_daemon()
{
  local maps program
  lab_config
  gate_start || lab_die "the gate does not start again"
  maps="$(gate_maps)"
  program="$(attached gate0)"
  expect "attached again: connected from bad" "$(bad_connections)" -eq 0
  expect_success "detach beside the daemon" gate detach
  expect "detached: connected from bad" "$(bad_connections)" -eq 5
  gate_stop
  expect_nothing_left "daemon stopped" "$maps" "$program" gate0
}

# Starts that were cut off, and what they leave: the state of a gate whose pins are not all there is
# that of its program, and whatever is pinned, detach takes off the program that was attached for it.
cut_off()
{
  local judged
  lab_config
  gate_start || lab_die "the gate does not start"
  expect "cut off: connected from bad" "$(bad_connections)" -eq 0
  judged="$(packets '.class == "bad"')"
  gate_kill
  rm "$PIN_DIR/mxg_meta" "$PIN_DIR/mxg_sources"
  : >"$LAB_DIR/gate.log"
  gate_start || lab_die "the gate does not start over half of its pins"
  expect "cut off: of what was counted" "$(packets '.class == "bad"')" -eq "$judged"
  expect "cut off: state forgotten" "$(grep -c 'start anew\|forgotten' "$LAB_DIR/gate.log" || true)" -eq 0
  expect "cut off: pins" "$(find "$PIN_DIR" -name 'mxg_meta' -o -name 'mxg_sources' | wc -l)" -eq 2
  gate_kill
  rm "$PIN_DIR/mxg_table_slot"
  bpftool map pin pinned "$PIN_DIR/mxg_counters" "$PIN_DIR/mxg_table_slot"
  expect_success "detach by what the program's maps say" gate detach
  expect "cut off: program on gate0" "$(attached gate0)" = ""
  expect "cut off: connected from bad without the gate" "$(bad_connections)" -eq 5
}

generic_on_veth()
{
  ATTACH=generic lab_config
  gate_start || lab_die "the gate does not start in generic mode"
  status_says gate0 generic
  expect "generic: connected from bad" "$(bad_connections)" -eq 0
  expect "generic: connected from good" \
    "$(connected_from "${NET6[good]}" -- --count 5)" -eq 5
  gate_stop
  expect_success "detach generic" gate detach
  expect "generic: program on gate0" "$(attached gate0)" = ""
}

# Some interface whose driver has no XDP; not every kernel has every kind.
without_native()
{
  local kind
  for kind in bridge dummy ifb; do
    if in_gate ip link add plain0 type "$kind" 2>/dev/null; then
      in_gate ip link set plain0 up
      return 0
    fi
  done
  return 1
}

fall_back()
{
  if ! without_native; then
    echo "note  no interface without native XDP can be made here: fall-back not tested"
    return 0
  fi
  INTERFACES=plain0 lab_config
  gate_start || lab_die "the gate does not fall back to generic"
  status_says plain0 generic
  gate_stop
  expect_success "detach after the fall-back" gate detach

  INTERFACES=plain0 ATTACH=native lab_config
  : >"$LAB_DIR/gate.log"
  expect_failure "attach: native fails" gate_start_native
  cp "$LAB_DIR/gate.log" "$LAB_DIR/output"
  expect_output "it says why" 'plain0.*native|native.*plain0'
  expect "native refused: program on plain0" "$(attached plain0)" = ""
  expect "native refused: pins" "$(find "$PIN_DIR" 2>/dev/null | wc -l)" -eq 0
}

gate_start_native() { gate_start || return 1; }

scenario_begin
lab_network
postfix_start
lab_lists
two_interfaces
with_daemon
cut_off
generic_on_veth
fall_back
scenario_end
