#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# An attacker who forges a good sender's prefix, with random addresses, ports and numbers, as fast as
# this machine sends: the sender's mail arrives, and neither its rate nor its waiting period nor its
# connections change. And one who sends each forged SYN again, as a real sender would. With `dpdk`
# the same in the DPDK plane. The last lines report what it cost.
. "$(dirname "$0")/dpdk.sh"

PLANE="${1:-xdp}"
RATE=0 # as fast as it goes
CAPACITY=1M # SYNs remembered: above what this machine sends in the second before a SYN comes again
MIXED="action: limit, rate: 6/h, burst: 8, retry_wait: 600s, connections: 10,
            syn_guard: {rate: 20/s, burst: 40}"
SENDER="${NET6[mixed]%%::*}:1::/64"


# counted REASON: frames of class mixed.
counted() { packets ".class == \"mixed\" and .reason == \"$1\""; }

# own_attempts COUNT: of the sender itself, one a second; how long each took.
own_attempts()
{
  connect_from "$SENDER" -- --count "$1" --rate 1 --timeout-ms 16000 >"$LAB_DIR/own"
  expect "the sender's own connections" "$(jq -s '.[-1].connected' "$LAB_DIR/own")" -eq "$1"
}

state_of_sender() { gate explain "${SENDER%%/*}7" --json | jq -s '.[0]'; }

random_ports()
{
  flood_from "$SENDER" -- --seconds 8 --rate "$RATE" >"$LAB_DIR/flood" &
  local flood=$! before
  before="$(mail_delivered mixed || true)"
  sleep 1
  own_attempts 4
  expect_success "its mail" send_mail mixed "${SENDER%%/*}25" 10
  wait "$flood"
  SENT="$(jq .sent "$LAB_DIR/flood")" PASSED="$(counted conforms)"
  wait_for 10 mail_is_there $((before + 1)) || true
  expect "its mail is delivered" $(($(mail_delivered mixed || true) - before)) -eq 1
  expect "forged SYNs" "$SENT" -gt 100000
  # The guard's rate and burst, the sender's own five with what comes again of them.
  expect "of which passed" "$PASSED" -le $((40 + 20 * 10 + 20))
  REPORT="$(jq -n --argjson sent "$SENT" --argjson passed "$PASSED" --slurpfile own \
    "$LAB_DIR/own" \
    '{forged: $sent, per_second: ($sent / 8 | floor), passed: $passed, share: ($passed / $sent),
      delays: [$own[] | select(.source) | .seconds]}')"
}

mail_is_there() { (($(mail_delivered mixed || true) == $1)); }

# Each forged SYN comes again a second later: it is let past the guard, and that is all.
repeated()
{
  local before
  before="$(counted conforms)"
  flood_from "$SENDER" -- --seed 7 --rate 5000 --seconds 4 >/dev/null &
  local first=$!
  sleep 1
  SENT="$(flood_from "$SENDER" -- --seed 7 --rate 5000 --seconds 4 | jq .sent)"
  wait "$first"
  sleep 1
  PASSED=$(($(counted conforms) - before))
  own_attempts 1
  REPEATED="$(jq -n --argjson sent "$SENT" --argjson passed "$PASSED" \
    '{repeated: $sent, passed: $passed}')"
}

# Eight tokens an hour: its own six are spent, no more and no less.
what_is_left()
{
  expect "two tokens are left" "$(connected_from "$SENDER" -- --count 4 --rate 10)" -eq 2
  expect "the class" "$(state_of_sender | jq -r .class)" = mixed
}

# net_af_packet loses frames, of anyone, where a worker has less than a core to itself.
[[ "$PLANE" == xdp ]] || RATE=40000
begin_lab "$PLANE"
gate_start || lab_die "the gate does not start"
random_ports
expect "it need not wait" "$(counted retry-wait)" -eq 0
repeated
expect "it need not wait" "$(counted retry-wait)" -eq 0
what_is_left
echo "report: plane $PLANE, $(jq -c . <<<"$REPORT"), $(jq -c . <<<"$REPEATED")"
scenario_end
