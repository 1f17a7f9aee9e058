#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The systemd units: as systemd reads them, and mxgated as it would run under them, with the unit's
# capabilities and system calls and no more. None of the capabilities can be left out.
. "$(dirname "$0")/scenario.sh"

# A folder of units as they are installed, but for the programs' paths.
install_units()
{
  local unit
  mkdir -p "$LAB_DIR/units/mxgated.service.d" "$LAB_DIR/units/mxgate-.service.d"
  for unit in "$UNITS"/*.service; do
    sed "s|/usr/bin/|$MXGATE_BIN/|" "$unit" >"$LAB_DIR/units/${unit##*/}"
  done
  cp "$UNITS/hardening.conf" "$LAB_DIR/units/mxgated.service.d"
  cp "$UNITS/hardening.conf" "$LAB_DIR/units/mxgate-.service.d"
}

# Exposure as systemd-analyze counts it, in tenths: 0 is nothing, 100 is everything.
exposure()
{
  SYSTEMD_UNIT_PATH="$LAB_DIR/units:" systemd-analyze security --offline=yes --no-pager \
    "$LAB_DIR/units/$1" | sed -nE 's/.*exposure level.*: ([0-9]+)\.([0-9]).*/\1\2/p'
}

attach_last_good()
{
  under "$1" "$MXGATE_BIN/mxgate" --run-dir "$RUN_DIR" --state-dir "$STATE_DIR" \
    --pin-dir "$PIN_DIR" attach --last-good --config "$LAB_DIR/gate.yaml"
}

daemon_start()
{
  notified_start "$CAPABILITIES" "$MXGATE_BIN/mxgated" --config "$LAB_DIR/gate.yaml" \
    --run-dir "$RUN_DIR" --state-dir "$STATE_DIR" --pin-dir "$PIN_DIR" --log-format json \
    2>"$LAB_DIR/gate.log" || return 1
  GATE_PID=$LAB_PID
}

expect_units()
{
  local unit
  install_units
  for unit in mxgated mxgate-xdp-boot mxgate-dpdk; do
    SYSTEMD_UNIT_PATH="$LAB_DIR/units:" expect_success "$unit: systemd reads the unit" \
      systemd-analyze verify --man=no "$LAB_DIR/units/$unit.service"
    expect "$unit: and has nothing to say" "$(wc -c <"$LAB_DIR/output")" -eq 0
    expect "$unit: exposure in tenths" "$(exposure "$unit.service")" -le 35
  done
}

# Each capability of the set is needed: without it there is no gate.
expect_minimal()
{
  local all="$1" each left
  shift
  for each in ${all//,/ }; do
    left="$(tr ',' '\n' <<<"$all" | grep -vx "$each" | paste -sd,)"
    expect_failure "without cap_$each" "$@" "$left"
    expect_nothing_left "without cap_$each"
  done
}

# expect_nothing_left TEXT: of an attach that failed.
expect_nothing_left()
{
  expect "$1: programs on gate0" "$(in_gate ip -j link show gate0 | jq '.[0].xdp.prog.id // 0')" -eq 0
  expect "$1: pins" "$(find "$PIN_DIR" 2>/dev/null | wc -l)" -eq 0
}

# What mxgated has beyond the boot unit is for the process that reads lists. Lists of its own root
# may read; with less, none are read by root.
expect_worker_capabilities()
{
  local less
  chmod 600 "$LAB_DIR"/lists/*
  expect "beyond the boot unit" "$CAPABILITIES" = "$BOOT,setuid,setgid,kill"
  expect_success "check as the daemon" under "$CAPABILITIES" "$MXGATE_BIN/mxgate" check "$LAB_DIR/gate.yaml"
  for less in "$BOOT,setgid,kill" "$BOOT,setuid,kill"; do
    expect_failure "check with $less" under "$less" "$MXGATE_BIN/mxgate" check "$LAB_DIR/gate.yaml"
    expect_output "it says what is missing" "needs CAP_SETUID and CAP_SETGID"
  done
}

# No pin can be made where there is no bpffs.
pins_in_vain()
{
  expect_failure "attach where nothing can be pinned" in_gate "$MXGATE_BIN/mxgate" \
    --run-dir "$RUN_DIR" --state-dir "$STATE_DIR" --pin-dir "$LAB_DIR/no-bpffs" \
    attach --last-good --config "$LAB_DIR/gate.yaml"
  expect_output "it says where" no-bpffs
  expect_nothing_left "no bpffs"
}

scenario_begin
for program in systemd-analyze setpriv socat; do
  command -v "$program" >/dev/null || skip "$program is not installed (scripts/setup installs it)"
done
lab_network
postfix_start
lab_lists
lab_config
expect_units
CAPABILITIES="$(capabilities_of mxgated.service)"
BOOT="$(capabilities_of mxgate-xdp-boot.service)"

expect_failure "no last good table: attach --last-good" attach_last_good "$BOOT"
expect_success "a call that the units allow" under "$CAPABILITIES" true
expect_failure "one that they do not" under "$CAPABILITIES" \
  sh -c 'mount -t tmpfs none "$0" || exit 1' "$LAB_DIR/units"
expect_worker_capabilities
daemon_start || lab_die "mxgated does not start under its capabilities"
expect "it is attached" "$(gate status --json | jq -r '.interfaces[0].attach')" = native
expect "refused" "$(connected_from "${NET6[bad]}" -- --count 3)" -eq 0
expect_success "reload" gate reload
kill -HUP "$GATE_PID"
reloaded() { (($(notes RELOADING=1) == 1 && $(notes READY=1) == 2)); }
wait_for 10 reloaded || true
expect "SIGHUP is told" "$(notes RELOADING=1)" -eq 1
expect "and its end" "$(notes READY=1)" -eq 2
expect_signs_of_life "$GATE_PID"
gate_stop
expect "its end is told" "$(notes STOPPING=1)" -eq 1
expect "every line of the log is JSON" "$(jq -s 'map(select(.time and .level and .message)) | length' \
  "$LAB_DIR/gate.log")" -eq "$(wc -l <"$LAB_DIR/gate.log")"

# As at boot: nothing is attached, no feed can be read, the daemon does not run.
expect_success "detach" gate detach
rm -r "$LAB_DIR/lists"
expect_success "attach --last-good" attach_last_good "$BOOT"
expect "with the last good table" "$(gate status --json | jq .table.generation)" -eq 3
expect "refused at boot" "$(connected_from "${NET6[bad]}" -- --count 3)" -eq 0
expect "connected at boot" "$(connected_from "${NET6[good]}" -- --count 3)" -eq 3
expect_success "detach" gate detach
expect_minimal "$BOOT" attach_last_good
expect_failure "cap_bpf and cap_perfmon in place of cap_sys_admin" \
  attach_last_good net_admin,bpf,perfmon
expect_output "it says what is missing" CAP_SYS_ADMIN
expect_nothing_left "cap_bpf and cap_perfmon"
pins_in_vain
scenario_end
