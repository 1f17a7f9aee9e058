#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The DPDK plane in front of one host: a net_af_packet port as its NIC, and a tap as the way into
# the kernel, where a real Postfix is. A flood of SYNs leaves room for neighbour discovery.
#
# The tap is moved to a namespace of the MX: the kernel that owns a net_af_packet port's interface
# would else take the frames from there, too, before any gate.
. "$(dirname "$0")/dpdk.sh"

MX_INTERFACE=mxgate0

host_network()
{
  MX_NS="mxgate-mx-$LAB_ID"
  network_namespaces "$SENDER_NS" "$GATE_NS" "$MX_NS"
  network_pair "$SENDER_NS" send0 "$SENDER_MAC" "$GATE_NS" wire0 "$GATE_MAC" off
}

tap_to_mx()
{
  wait_for 10 in_gate ip link show "$MX_INTERFACE" || lab_die "mxgate-dpdk makes no tap"
  in_gate ip link set "$MX_INTERFACE" netns "$MX_NS"
  in_mx ip link set "$MX_INTERFACE" up
  network_addresses
}

# The sender's entry is forgotten again and again while SYNs fill the port's queue.
neighbours_under_flood()
{
  local found=0 sent
  flood_start many "${NET6[good]}" -- --rate 20000
  sleep 0.5 # ten answers may take no longer than fifty milliseconds
  for _ in {1..10}; do
    # Not a flush: that gives up where entries come back faster than it goes round.
    in_sender ip neigh del "$MX6" dev send0 2>/dev/null || true
    ! in_sender ping -6 -q -c 1 -W 1 "$MX6" >/dev/null || found=$((found + 1))
  done
  sent="$(flood_stop many)"
  expect "SYNs of the flood" "$sent" -gt 1000
  expect "pings under the flood, with neighbour discovery, of 10" "$found" -ge 9
}

dpdk_begin
[[ -c /dev/net/tun ]] || skip "there is no /dev/net/tun"
host_network
lab_lists
DPDK="ports: [\"net_af_packet0,iface=wire0\"], topology: host, cores: [0],
    exception: \"net_tap0,iface=$MX_INTERFACE\"" lab_config
plane_start || lab_die "mxgate-dpdk does not start"
expect "the kernel's side has the NIC's address" \
  "$(in_gate ip -j link show "$MX_INTERFACE" | jq -r '.[0].address')" = "$GATE_MAC"
tap_to_mx
postfix_start
gate_start || lab_die "mxgated does not start"
expect_success "status" gate status
expect_output "status names the ports" 'net_af_packet0'
expect "connected from good" "$(connected_from "${NET6[good]}" -- --count 5)" -eq 5
expect "connected from bad" "$(connected_from "${NET6[bad]}" -- --count 5)" -eq 0
expect_mail
find_neighbours
expect_passing
neighbours_under_flood
wait_until_quiet
expect "bad SYNs counted as dropped" "$(packets '.class == "bad" and .verdict == "drop"')" -ge 5
scenario_end
