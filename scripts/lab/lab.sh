# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# The lab: a sender and a gate namespace, a Postfix behind the gate, the gate itself.
# Source this file; scripts/run and tests/scenario/*.sh use nothing else.
#
#   lab_begin                  a directory, names, and a trap that cleans all of it up
#   lab_network [offloads]     namespaces and addresses            (network.sh)
#   lab_wire                   the same with a gate between        (network.sh)
#   postfix_start              the MX                              (postfix.sh)
#   sending_postfix_start A B  a mail server that sends from A, B  (postfix.sh)
#   lab_lists; lab_config      feeds and configuration             (gate.sh)
#   gate_start                 mxgated, in the gate namespace      (gate.sh)
#   plane_start                mxgate-dpdk, likewise               (gate.sh)
#   send_mail, connect, flood  traffic from the sender namespace   (traffic.sh)

LAB_SOURCE="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
MXGATE_ROOT="$(cd "$LAB_SOURCE/../.." && pwd)"
MXGATE_BIN="${MXGATE_BIN:-$MXGATE_ROOT/build/bin}"
export PATH="$PATH:/usr/sbin:/sbin"

lab_log() { printf '%s\n' "$*" >&2; }

lab_die()
{
  lab_log "error: $*"
  exit 1
}

# wait_for SECONDS COMMAND…: until COMMAND succeeds; what it prints is thrown away.
wait_for()
{
  local end=$(($(date +%s%N) + $1 * 1000000000))
  shift
  until "$@" >/dev/null 2>&1; do
    if (($(date +%s%N) > end)); then
      lab_log "waited in vain for: $*"
      return 1
    fi
    sleep 0.05
  done
}

# process_gone PID: ended, or waiting to be reaped.
process_gone()
{
  local state
  state="$(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null)" || return 0
  [[ "$state" == [ZX]* ]]
}

# The names carry the process number and a random part, so that labs can run beside each other.
lab_begin()
{
  LAB_DIR="$(mktemp -d /tmp/mxgate-lab.XXXXXX)"
  chmod 755 "$LAB_DIR" # Postfix works in it as users of its own
  LAB_ID="$$-${LAB_DIR##*.}"
  SENDER_NS="mxgate-sender-$LAB_ID"
  GATE_NS="mxgate-gate-$LAB_ID"
  MX_NS="$GATE_NS"
  RUN_DIR="$LAB_DIR/run"
  STATE_DIR="$LAB_DIR/state"
  PIN_DIR="/sys/fs/bpf/mxgate-lab-$LAB_ID"
  LAB_PIDS=()
  mkdir "$RUN_DIR" "$STATE_DIR" "$LAB_DIR/lists"
  trap lab_end EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
}

# lab_background sender|gate|mx COMMAND…: in the background, to be ended by the clean-up at the latest;
# its process number is in LAB_PID. COMMAND is a program: a function would hide behind a subshell.
lab_background()
{
  local namespace="$SENDER_NS"
  [[ "$1" == sender ]] || namespace="$GATE_NS"
  [[ "$1" != mx ]] || namespace="$MX_NS"
  shift
  nsenter --net="/run/netns/$namespace" -- "$@" &
  LAB_PID=$!
  LAB_PIDS+=("$LAB_PID")
}

lab_show_logs()
{
  local file
  for file in gate.log plane.log mail.log sending.log; do
    [[ -s "$LAB_DIR/$file" ]] || continue
    lab_log "--- the end of $file"
    tail -n 25 "$LAB_DIR/$file" >&2
  done
}

# lab_unlock PIN_DIR: removes the lock that its publisher left (control/plane/xdp.cc).
lab_unlock()
{
  rm -f "/run/mxgate/pins-$(printf %s "$1" | sha256sum | cut -d ' ' -f 1).lock"
}

lab_end()
{
  local status=$? pid
  trap - EXIT
  trap '' INT TERM
  set +e
  ((status == 0 || status == 77 || status >= 128)) || lab_show_logs
  for pid in "${LAB_PIDS[@]}"; do
    kill -CONT "$pid"
    kill "$pid"
  done 2>/dev/null
  gate_kill
  plane_kill
  postfix_stop
  gate_detach_quietly
  network_remove
  wait 2>/dev/null
  rm -rf "$LAB_DIR" "$PIN_DIR" "$(eal_dir)"*
  lab_unlock "$PIN_DIR"
  exit "$status"
}

# shellcheck source=scripts/lab/network.sh
. "$LAB_SOURCE/network.sh"
# shellcheck source=scripts/lab/postfix.sh
. "$LAB_SOURCE/postfix.sh"
# shellcheck source=scripts/lab/gate.sh
. "$LAB_SOURCE/gate.sh"
# shellcheck source=scripts/lab/traffic.sh
. "$LAB_SOURCE/traffic.sh"
