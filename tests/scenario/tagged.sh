#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# VLAN tags through the DPDK plane as a wire, one or two, 802.1Q or 802.1ad: frames are judged as
# those without, and what passes leaves with its tags, identifiers and priorities as they came.
. "$(dirname "$0")/dpdk.sh"

# with_tags SECTION: what sender and MX send from now on; they see no tags. Not every kernel has VLAN
# devices.
with_tags()
{
  local end program=(bpf direct-action object-file "$MXGATE_BIN/../tests/tools/tag.bpf.o" section)
  for end in "in_sender send0" "in_mx mx0"; do
    read -r in_end interface <<<"$end"
    "$in_end" tc filter replace dev "$interface" egress prio 1 handle 1 "${program[@]}" "$1"
    "$in_end" tc filter replace dev "$interface" ingress prio 1 handle 1 "${program[@]}" pop
  done
}

tagged_network()
{
  lab_wire
  in_sender tc qdisc add dev send0 clsact
  in_mx tc qdisc add dev mx0 clsact
  # Tags in the frame, as on a wire; and room for the second one.
  in_sender ethtool -K send0 txvlan off tx-vlan-stag-hw-insert off
  in_mx ethtool -K mx0 txvlan off tx-vlan-stag-hw-insert off
  in_sender ip link set send0 mtu 1504
  in_gate ip link set wire0 mtu 1504
  in_gate ip link set wire1 mtu 1504
  in_mx ip link set mx0 mtu 1504
}

# expect_tags SECTION TAGS: as tcpdump writes those of the frames that the MX got.
expect_tags()
{
  local frames
  with_tags "$1"
  capture_start "$1"
  expect "$1: connected from bad" \
    "$(connected_from "${NET6[bad]}" -- --count 5 --timeout-ms 400)" -eq 0
  expect "$1: connected from good, IPv6" "$(connected_from "${NET6[good]}" -- --count 5)" -eq 5
  expect "$1: connected from good, IPv4" "$(connected_from "${NET4[good]}" -- --count 5)" -eq 5
  expect_success "$1: ping, IPv6" in_sender ping -6 -q -c 2 -i 0.1 -W 2 "$MX6"
  expect_success "$1: ping, IPv4" in_sender ping -4 -q -c 2 -i 0.1 -W 2 "$MX4"
  expect_success "$1: 1500 bytes" in_sender ping -6 -q -c 1 -W 2 -M "do" -s 1452 "$MX6"
  wait_until_quiet
  frames="$(capture_stop "$1")"
  expect "$1: frames at the MX" "$frames" -gt 30
  tcpdump -e -n -r "$LAB_DIR/$1.pcap" 2>/dev/null |
    grep -E "^[0-9:.]+ $SENDER_MAC > " >"$LAB_DIR/output"
  expect "$1: of those it got, with other tags" "$(grep -vc "$2" "$LAB_DIR/output" || true)" -eq 0
}

# tags OUTER_TYPE: what tcpdump writes of two.
tags() { echo "ethertype $1, length [0-9]*: vlan 100, p 5, $SINGLE"; }
SINGLE="ethertype 802.1Q (0x8100), vlan 7, p 3, "

# through DRIVER
through()
{
  DPDK="ports: [\"$1_0,iface=wire0\", \"$1_1,iface=wire1\"], topology: inline, cores: [0],
    mtu: 1504" lab_config
  plane_start || lab_die "mxgate-dpdk does not start on $1"
}

dpdk_begin
command -v tc >/dev/null || skip "tc is not installed"
tagged_network
postfix_start
lab_lists
through net_af_packet
gate_start || lab_die "mxgated does not start"
expect_tags single "ethertype 802.1Q (0x8100), length [0-9]*: vlan 7, p 3, "
expect_tags double "$(tags '802.1Q (0x8100)')"
expect_tags provider "$(tags '802.1Q (0x8100)')" # the driver has no other
expect_success "status" gate status
expect_output "status says so" '802.1ad'
plane_kill
through net_af_xdp
expect_tags provider "$(tags '802.1Q-QinQ (0x88a8)')"
expect "SYNs from bad dropped" "$(packets '.class == "bad" and .verdict == "drop"')" -eq 20
scenario_end
