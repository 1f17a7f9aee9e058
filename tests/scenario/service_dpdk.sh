#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# mxgate-dpdk as it would run under its unit: with the unit's capabilities, none of which can be left
# out, and system calls and no more, and with systemd told that it is ready and alive.
#
# What only systemd itself can do (ProtectSystem= and its kin) is not tried: it would have to run the
# machine.
. "$(dirname "$0")/dpdk.sh"

plane()
{
  "$@" "$MXGATE_BIN/mxgate-dpdk" --config "$LAB_DIR/gate.yaml" --run-dir "$RUN_DIR"
}

# A start that is to end by itself.
start_in_vain() { plane under "$1" timeout 20; }

dpdk_begin
for program in systemd-analyze setpriv; do
  command -v "$program" >/dev/null || skip "$program is not installed (scripts/setup installs it)"
done
network_namespaces "$SENDER_NS" "$GATE_NS"
lab_lists
# A port without a wire, and the way into the kernel, for which the capability is.
DPDK="ports: [net_null0], topology: host, cores: [0], exception: \"net_tap0,iface=mxgate0\"" lab_config
CAPABILITIES="$(capabilities_of mxgate-dpdk.service)"
expect "the unit's capabilities" "$CAPABILITIES" = net_admin

plane notified_start "$CAPABILITIES" >"$LAB_DIR/plane.log" 2>&1 ||
  lab_die "mxgate-dpdk does not start under its capabilities"
PLANE_PID=$LAB_PID
expect "status of the unit" "$(notes 'STATUS=1 ports, topology host')" -eq 1
expect "it gates" "$(in_gate ip -j link show mxgate0 | jq length)" -eq 1
expect_signs_of_life "$PLANE_PID"
kill "$PLANE_PID"
wait_for 10 process_gone "$PLANE_PID" || true
expect "its end is told" "$(notes STOPPING=1)" -eq 1
expect_failure "without cap_net_admin" start_in_vain ""
expect_output "it says why" 'mxgate0|tap'

scenario_end
