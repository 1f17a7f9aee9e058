#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The DPDK plane as a wire between sender and MX, on two net_af_packet ports: mail flows, bad
# prefixes cannot connect, and everything else passes unchanged. Either process may die: the gate
# goes on enforcing without mxgated, and mxgate-dpdk starts with its last table, without mxgated.
. "$(dirname "$0")/dpdk.sh"

UNKNOWN="action: limit, rate: 1/10min, charge: syn, burst: 2"
SPENT=2001:db8:170:1::/64

expect_verdicts()
{
  expect "$1: connected from bad, IPv6, and the spent prefix" \
    "$(connected_from "${NET6[bad]}" "$SPENT" -- --count 10 --timeout-ms 400)" -eq 0
  expect "$1: connected from bad, IPv4" \
    "$(connected_from "${NET4[bad]}" -- --count 5 --timeout-ms 400)" -eq 0
  expect "$1: connected from good" "$(connected_from "${NET6[good]}" -- --count 5)" -eq 5
}

jumbo_network()
{
  lab_wire
  in_gate ip link set wire0 mtu 9000
  in_gate ip link set wire1 mtu 9000
  in_sender ip link set send0 mtu 9000
  in_mx ip link set mx0 mtu 9000
}

# send_tagged BYTES: a frame of no protocol of the kernel's on VLAN 7, with so many bytes in it. Not
# every kernel has VLAN devices.
send_tagged()
{
  # shellcheck disable=SC2016 # the variables are Perl's
  in_sender perl -e '
    my ($interface, $to, $from, $bytes) = @ARGV;
    my $frame = pack("H12 H12 n n n", $to, $from, 0x8100, 7, 0x88b5) . "x" x $bytes;
    socket(my $socket, 17, 3, 0) or die "no packet socket: $!";
    send($socket, $frame, 0, pack("S n i S C C a8", 17, 0x8100, $interface, 0, 0, 6, ""))
      or die "not sent: $!"' \
    "$(in_sender ip -j link show send0 | jq '.[0].ifindex')" "${GATE_MAC//:/}" "${SENDER_MAC//:/}" "$1"
}

tagged_frames() { tcpdump -e -n -r "$LAB_DIR/tagged.pcap" 2>/dev/null | grep -c 'vlan 7' || true; }
tagged_have_come() { (($(tagged_frames) >= 2)); }

expect_tagged()
{
  lab_background mx tcpdump -i mx0 -n -U -Z root -w "$LAB_DIR/tagged.pcap" vlan 7 \
    2>"$LAB_DIR/tagged.capture"
  wait_for 10 grep -q 'listening on' "$LAB_DIR/tagged.capture"
  expect_success "a tagged frame" send_tagged 100
  expect_success "a tagged frame of 9000 bytes" send_tagged 9000
  wait_for 5 tagged_have_come || true
  expect "tagged frames that the MX got" "$(tagged_frames)" -eq 2
}

everything_else_passes()
{
  find_neighbours
  expect_passing
  expect_success "9000 bytes, IPv6" in_sender ping -6 -q -c 2 -i 0.1 -W 2 -M "do" -s 8952 "$MX6"
  expect_success "9000 bytes, IPv4" in_sender ping -4 -q -c 2 -i 0.1 -W 2 -M "do" -s 8972 "$MX4"
  expect_tagged
}

what_the_command_line_says()
{
  local before
  expect_success "status" gate status
  expect_output "status names the ports" 'net_af_packet0.*net_af_packet|net_af_packet0'
  expect "status: generation in force" "$(gate status --json | jq -s '.[0].table.generation')" -ge 1
  expect "counters: bad dropped" "$(packets '.class == "bad" and .verdict == "drop"')" -gt 0
  expect_success "explain" gate explain 2001:db8:bad::7
  expect_output "explain names the feed" drop-list
  expect_success "refused" gate refused
  expect_output "refused names the prefix" '2001:db8:bad:'

  before="$(generation)"
  drop_list "${NET6[bad]}" "${NET4[bad]}" 2001:db8:160:1::/64 >"$LAB_DIR/lists/drop.json"
  expect_success "reload" gate reload
  expect "reload: generation" "$(generation)" -gt "$before"
  expect "reload: connected from the new bad" \
    "$(connected_from 2001:db8:160:1::/64 -- --count 3)" -eq 0

  expect_success "detach" gate detach
  expect "detached: connected from bad" "$(connected_from "${NET6[bad]}" -- --count 5)" -eq 5
  expect_success "attach" gate attach
  expect_verdicts "attached again"
}

telemetry_says_the_same()
{
  wait_until_quiet
  expect "telemetry: bad dropped" "$(telemetry /mxgate/counters '."drop/class"')" \
    -eq "$(packets '.reason == "class" and .verdict == "drop"')"
  expect "telemetry: generation" "$(telemetry /mxgate/table .generation)" -eq "$(generation)"
  expect "frames sent, dropped and lost: as many as were received" \
    "$(telemetry /mxgate/counters \
      '."port/sent" + ."port/dropped" + ."port/send_full" + ."port/exception_capped"')" \
    -eq "$(telemetry /mxgate/counters '."port/received"')"
}

daemon_dies()
{
  local before
  before="$(generation)"
  gate_kill
  expect_verdicts "mxgated killed"
  expect_success "mxgated killed: counters" gate counters
  expect_success "mxgated killed: detach" gate detach
  expect "detached without mxgated: connected from bad" \
    "$(connected_from "${NET6[bad]}" -- --count 5)" -eq 5
  gate_start || lab_die "mxgated does not start again"
  expect "mxgated again: generation" "$(generation)" -gt "$before"
  expect_verdicts "mxgated again"
}

plane_dies()
{
  local dropped
  wait_until_quiet
  dropped="$(packets '.verdict == "drop"')"
  plane_kill
  expect "mxgate-dpdk killed: connected from good" \
    "$(connected_from "${NET6[good]}" -- --count 2)" -eq 0
  expect_success "mxgate-dpdk killed: status" gate status
  plane_start || lab_die "mxgate-dpdk does not start again"
  expect "mxgate-dpdk again: packets dropped so far" "$(packets '.verdict == "drop"')" -ge "$dropped"
  expect_verdicts "mxgate-dpdk again"

  gate_kill
  plane_kill
  plane_start || lab_die "mxgate-dpdk does not start without mxgated"
  expect_verdicts "mxgate-dpdk again, without mxgated"
  plane_kill
  truncate -s 100 "$RUN_DIR/dpdk/table" # not a table any more
  plane_start || lab_die "mxgate-dpdk does not start with a damaged table"
  expect "damaged table: connected from bad" "$(connected_from "${NET6[bad]}" -- --count 2)" -eq 2
  gate_start || lab_die "mxgated does not start again"
  expect_verdicts "mended by mxgated"
}

dpdk_begin
jumbo_network
postfix_start
lab_lists
FRAMES="framesz=16384,blocksz=65536,framecnt=256"
DPDK="ports: [\"net_af_packet0,iface=wire0,$FRAMES\", \"net_af_packet1,iface=wire1,$FRAMES\"],
    topology: inline, cores: [0], mtu: 9000" lab_config
plane_start || lab_die "mxgate-dpdk does not start"
expect "without mxgated: connected from bad" "$(connected_from "${NET6[bad]}" -- --count 2)" -eq 2
gate_start || lab_die "mxgated does not start"
expect "an unknown prefix spends its burst" "$(connected_from "$SPENT" -- --count 5)" -eq 2
expect_verdicts "at work"
expect_mail
everything_else_passes
what_the_command_line_says
telemetry_says_the_same
daemon_dies
plane_dies
scenario_end
