#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The program in the kernel, the DPDK plane behind a port and the model judge captured frames alike,
# byte for byte of their verdicts, and both planes' own accounting has every frame once.
#
# With MXGATE_TEST_DATA, a folder with captures below tests/pcap, these are replayed; without it, a
# capture of the lab's own traffic.
. "$(dirname "$0")/scenario.sh"

CAPTURES=()

# Every TCP port of every address is protected, and a rate is soon spent: no frame is spared.
captures_config()
{
  cat >"$LAB_DIR/captures.yaml" <<END
gate:
  plane: xdp
  interfaces: [gate0]
  mode: enforce
  services:
    - {name: all, addresses: ["::/0", 0.0.0.0/0], ports: [1-65535]}
sources:
  capacity: 64k
aggregation:
  default: {ipv6: 64, ipv4: 32}
classes:
  slow: {action: limit, rate: 1/min, charge: syn, burst: 2}
default_class: slow
END
}

captures_given()
{
  mapfile -d '' CAPTURES < <(find "$MXGATE_TEST_DATA/tests/pcap" -type f \
    \( -name '*.pcap' -o -name '*.pcap.gz' -o -name '*.trace' \) -print0 | sort -z)
  expect "captures found" "${#CAPTURES[@]}" -gt 0
}

# What the host sees where no gate is attached: SYNs, whole connections, and mail.
captures_made()
{
  local class frames
  lab_network
  postfix_start
  capture_start lab
  for class in "${CLASSES[@]}"; do
    connect_from "${NET6[$class]}" -- --count 5 >/dev/null
    connect_from "${NET4[$class]}" -- --count 5 >/dev/null
    flood_from "${NET6[$class]%/*}/64" -- --rate 500 --count 20 >/dev/null
    expect_success "mail from $class, IPv6" send_mail "$class" "$(random_address "$class" 6)"
    expect_success "mail from $class, IPv4" send_mail "$class" "$(random_address "$class" 4)"
  done
  wait_until_quiet
  frames="$(capture_stop lab)"
  expect "frames captured" "$frames" -gt 50
  CAPTURES=("$LAB_DIR/lab.pcap")
}

# replay PLANE: verdicts to LAB_DIR/PLANE.verdicts, the rest to LAB_DIR/PLANE.summary.
replay()
{
  "$MXGATE_BIN/mxgate" replay "$LAB_DIR/captures.yaml" "${CAPTURES[@]}" \
    --plane "$1" --verdicts --json >"$LAB_DIR/$1.verdicts" 2>"$LAB_DIR/$1.summary" ||
    { tail -n 25 "$LAB_DIR/$1.summary" && return 1; }
}

# summary PLANE [JQ_OPTION] JQ_FILTER
summary() { tail -n 1 "$LAB_DIR/$1.summary" | jq "${@:2}" || true; }

# counted PLANE REASON
counted() { summary "$1" "[.counters[] | select(.reason == \"$2\") | .packets] | add // 0"; }

# verdicts_same PLANE
verdicts_same()
{
  ! cmp "$LAB_DIR/model.verdicts" "$LAB_DIR/$1.verdicts" || return 0
  diff "$LAB_DIR/model.verdicts" "$LAB_DIR/$1.verdicts" | head -n 20
  return 1
}

# expect_equal PLANE: to the model, of which the replay has been.
expect_equal()
{
  expect_success "replay through $1" replay "$1"
  expect "$1: frames" "$(summary "$1" .frames)" -eq "$frames"
  expect "$1: verdicts" "$(wc -l <"$LAB_DIR/$1.verdicts")" -eq "$frames"
  expect_success "$1: the verdicts are the model's, byte for byte" verdicts_same "$1"
  expect_success "$1: the counters are the model's" \
    test "$(summary "$1" -c .counters)" = "$(summary model -c .counters)"
  expect "$1: frames that the plane itself counted" "$(summary "$1" '.program_runs // .port_received')" -eq "$frames"
}

scenario_begin
captures_config
at_least=50
if [[ -n "${MXGATE_TEST_DATA:-}" && -d "$MXGATE_TEST_DATA/tests/pcap" ]]; then
  at_least=1000
  captures_given
else
  captures_made
fi
expect_success "replay through the model" replay model
frames="$(summary model .frames)"
expect "frames" "$frames" -gt "$at_least"
expect_equal xdp
if [[ -x "$MXGATE_BIN/mxgate-dpdk" ]]; then
  expect_equal dpdk
else
  echo "note  built without the DPDK plane: not replayed through it"
fi
expect "frames denied by the rate" "$(counted model rate)" -gt 0
scenario_end
