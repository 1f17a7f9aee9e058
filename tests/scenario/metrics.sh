#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Prometheus' own tools on a gate under traffic: the metrics, the example rules and the dashboard;
# with `dpdk` the metrics of that plane.
. "$(dirname "$0")/dpdk.sh"

PLANE="${1:-xdp}"

PROMETHEUS="$MXGATE_ROOT/config/prometheus"
PATH="$PATH:$MXGATE_ROOT/build/tools"

# metric EXPRESSION: the value of the samples that match it, summed up.
metric() { grep -E "^$1 " "$LAB_DIR/metrics" | awk '{ sum += $NF } END { print sum + 0 }'; }

scrape() { in_gate curl --silent --show-error --fail --max-time 10 "$@"; }

# Every metric that a file speaks of is one that the gate has.
expect_metrics_of()
{
  local name
  while read -r name; do
    expect "${1##*/} speaks of $name" "$(grep -c "^# TYPE $name " "$LAB_DIR/metrics")" -eq 1
  done < <(grep -oE 'mxgate_[a-z_]+' "$1" | sort -u)
}

# What is the plane's own.
expect_places_xdp()
{
  expect "interfaces" "$(metric 'mxgate_interface_info\{.*interface="gate0",attach="native"\}')" -eq 1
}

expect_places_dpdk()
{
  local what
  expect "links up" "$(metric 'mxgate_port_link_up\{.*port="net_af_packet[01]",driver="net_af_packet"\}')" -eq 2
  wait_until_quiet
  scrape http://127.0.0.1:9911/metrics >"$LAB_DIR/metrics"
  expect "frames received" "$(frames received)" -eq "$(metric 'mxgate_packets_total\{.*\}')"
  expect "frames received, as what became of them" "$(frames received)" -eq \
    $(($(frames sent) + $(frames dropped) + $(frames send-full) + $(frames exception-capped)))
  expect "frames dropped" "$(frames dropped)" -eq "$(metric 'mxgate_packets_total\{.*verdict="drop".*\}')"
  for what in received sent dropped send-full answers-lost exception-capped flows-full; do
    expect "has $what" "$(grep -c "^mxgate_port_frames_total{.*what=\"$what\"}" "$LAB_DIR/metrics")" -eq 1
  done
}

frames() { metric "mxgate_port_frames_total\\{.*what=\"$1\"\\}"; }

command -v promtool >/dev/null || skip "promtool is not there (scripts/setup unpacks it)"
METRICS='listen: "127.0.0.1:9911"' CAPACITY=64 begin_lab "$PLANE"
gate_start || lab_die "the gate does not start"

expect "refused" "$(connected_from "${NET6[bad]}" -- --count 5)" -eq 0
expect "connected" "$(connected_from "${NET6[good]}" -- --count 3)" -eq 3
# More senders than the source table has room for, each of which owes a token.
flood_from 2001:db8:170::/48 -- --count 1000 --rate 5000 >/dev/null
wait_for 5 grep -q "sources-under-pressure: source table under pressure" "$LAB_DIR/gate.log" || true
expect "events of a table that is too small" \
  "$(grep -c "sources-under-pressure" "$LAB_DIR/gate.log" || true)" -eq 1
echo broken >"$LAB_DIR/lists/drop.json"
expect_failure "a reload that fails" gate reload

generation() { gate status --json | jq -s '.[0].table.generation'; }
before="$(generation)"
scrape http://127.0.0.1:9911/metrics >"$LAB_DIR/metrics"
after="$(generation)"
expect_success "promtool check metrics" promtool check metrics <"$LAB_DIR/metrics"
expect "it finds nothing to say" "$(wc -c <"$LAB_DIR/output")" -eq 0
dropped='mxgate_packets_total\{.*verdict="drop",.*class="bad",family="ipv6",enforced="true"\}'
expect "SYNs dropped" "$(metric "$dropped")" -eq "$(packets '.class == "bad"')"
expect "SYNs dropped" "$(metric "$dropped")" -ge 5
expect "by the feed" "$(metric 'mxgate_feed_packets_total\{.*feed="drop-list",verdict="drop"\}')" \
  -eq "$(metric "$dropped")"
# What was seen to be broken as the file changed made a table of the last good version.
generation="$(metric 'mxgate_table_generation\{plane="'"$PLANE"'"\}')"
expect "generation" "$generation" -ge "$before"
expect "generation" "$generation" -le "$after"
expect "prefixes forgotten too early" "$(metric 'mxgate_sources_evicted_total\{plane="'"$PLANE"'"\}')" -ge 500
expect "half-open" "$(metric 'mxgate_half_open\{.*class="unknown"\}')" -gt 0
expect "failed reloads" "$(metric 'mxgate_reloads_failed_total\{plane="'"$PLANE"'"\}')" -eq 1
expect "every sample has its plane" "$(grep -v '^#' "$LAB_DIR/metrics" | grep -vc "plane=\"$PLANE\"")" -eq 0
expect_success "the same over the control socket" \
  scrape --unix-socket "$RUN_DIR/control.sock" http://localhost/metrics
expect "the same metrics" "$(grep -c '^# TYPE' "$LAB_DIR/output")" -eq \
  "$(grep -c '^# TYPE' "$LAB_DIR/metrics")"
expect "nothing but metrics there" "$(in_gate curl --silent --output /dev/null \
  --write-out '%{http_code}' http://127.0.0.1:9911/v1/status)" -eq 404

"expect_places_$PLANE"

expect_success "promtool check config" promtool check config "$PROMETHEUS/scrape.yaml"
expect_success "promtool check rules" promtool check rules "$PROMETHEUS/alerts.yaml"
ALERTS="$MXGATE_ROOT/tests/scenario/alerts_test.yaml"
expect_success "each alert fires, and does not, when it should" promtool test rules "$ALERTS"
expect "alerts without a test" "$(grep -oP 'alert: \K\w+' "$PROMETHEUS/alerts.yaml" |
  while read -r name; do
    grep -q "alertname: $name, exp_alerts: \[\]" "$ALERTS" && grep -q "alertname: $name$" "$ALERTS" || echo "$name"
  done | wc -l)" -eq 0
expect_success "the dashboard is JSON" jq -e '.panels | length > 5' "$PROMETHEUS/grafana-dashboard.json"
jq '[.panels[].targets[].expr | gsub("\\$__rate_interval"; "5m")] | to_entries
    | {groups: [{name: "panels", rules: map({record: "panel_\(.key)", expr: .value})}]}' \
  "$PROMETHEUS/grafana-dashboard.json" >"$LAB_DIR/panels.json"
expect_success "its expressions are PromQL" promtool check rules "$LAB_DIR/panels.json"
expect_metrics_of "$PROMETHEUS/alerts.yaml"
expect_metrics_of "$PROMETHEUS/grafana-dashboard.json"
scenario_end
