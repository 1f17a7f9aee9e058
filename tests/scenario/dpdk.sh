# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# What the scenarios of the DPDK plane share.

# shellcheck source=tests/scenario/scenario.sh
. "$(dirname "${BASH_SOURCE[0]}")/scenario.sh"

dpdk_begin()
{
  local program
  for program in ping socat; do
    command -v "$program" >/dev/null || skip "$program is not installed (scripts/setup installs it)"
  done
  [[ -x "$MXGATE_BIN/mxgate-dpdk" ]] || skip "built without the DPDK plane"
  scenario_begin
}

# The plane as a wire between sender and a Postfix, before mxgated starts.
begin_wire()
{
  dpdk_begin
  lab_wire
  postfix_start
  lab_lists
  # A ring that holds what comes while a busy machine runs something else.
  local ring=framecnt=4096
  DPDK="ports: [\"net_af_packet0,iface=wire0,$ring\", \"net_af_packet1,iface=wire1,$ring\"],
    topology: inline, cores: [0]"
  lab_config
  plane_start || lab_die "mxgate-dpdk does not start"
}

# begin_lab xdp|dpdk [OFFLOADS]: with a Postfix behind that plane, before mxgated starts.
begin_lab()
{
  if [[ "$1" == dpdk ]]; then
    begin_wire
    return
  fi
  scenario_begin
  lab_network "${@:2}"
  postfix_start
  lab_lists
  lab_config
}

generation() { gate status --json | jq -s '.[0].table.generation'; }

# telemetry COMMAND JQ_FILTER: of the answer of DPDK's telemetry socket.
telemetry()
{
  printf '%s' "$1" | socat -t 1 - "UNIX-CONNECT:$(eal_dir)/dpdk_telemetry.v2,type=5" |
    jq -s "last[\"$1\"] | $2"
}

expect_mail()
{
  local before
  before="$(mail_delivered good || true)"
  expect_success "mail from good, IPv6" send_mail good "$(random_address good 6)"
  expect_success "mail from good, IPv4" send_mail good "$(random_address good 4)"
  wait_for 20 mail_has_come $((before + 2)) || true
  expect "good mail delivered" $(($(mail_delivered good) - before)) -eq 2
  expect_failure "bad mail is not taken" refused_mail
}

mail_has_come() { (($(mail_delivered good) == $1)); }
refused_mail() { send_mail bad "$(random_address bad 6)" 2 || return 1; }

# From here on both ends must ask for each other's hardware address.
find_neighbours()
{
  in_sender ip neigh flush dev send0 nud permanent
  in_sender ip neigh flush dev send0
  in_mx ip neigh flush dev "$MX_INTERFACE" nud permanent
  in_mx ip neigh flush dev "$MX_INTERFACE"
}

# What is no mail passes, both ways.
expect_passing()
{
  expect_success "ping, IPv6" in_sender ping -6 -q -c 3 -i 0.1 -W 2 "$MX6"
  expect_success "ping, IPv4" in_sender ping -4 -q -c 3 -i 0.1 -W 2 "$MX4"
  expect_success "ping from the MX" in_mx ping -6 -q -c 3 -i 0.1 -W 2 "$SENDER6"
  lab_background mx socat -T 5 UDP6-LISTEN:7777 PIPE
  wait_for 5 udp_listens || true
  expect "UDP, there and back" \
    "$(echo across | in_sender socat -t 2 - "UDP6:[$MX6]:7777")" = across
}

udp_listens() { in_mx ss -Hlun 'sport = 7777' | grep -q .; }
