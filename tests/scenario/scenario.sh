# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# What the scenario tests share: skipping, and expectations that are all checked in one run.
#
# A scenario passes with 0, fails with 1, and is skipped with 77, having printed `SKIP: reason`.
# Scenarios run beside each other: each has its own lab.
set -euo pipefail

# shellcheck source=scripts/lab/lab.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lab/lab.sh"

SCENARIO_FAILURES=0

# Where tests run unwatched, a scenario that root cannot run would be missed for ever: a failure.
skip()
{
  if [[ "${CI:-}" == true && $EUID -eq 0 ]]; then
    echo "FAIL: would be skipped: $*"
    exit 1
  fi
  echo "SKIP: $*"
  exit 77
}

scenario_begin()
{
  local reason program
  for program in ip nsenter tcpdump jq swaks postfix bpftool; do
    command -v "$program" >/dev/null || skip "$program is not installed (scripts/setup installs it)"
  done
  reason="$(lab_impossible)"
  [[ -z "$reason" ]] || skip "$reason"
  for program in mxgate mxgated mxgate-flood mxgate-connect; do
    [[ -x "$MXGATE_BIN/$program" ]] || lab_die "$MXGATE_BIN/$program is missing"
  done
  lab_begin
}

# expect TEXT ACTUAL OPERATOR EXPECTED: with an operator of test(1).
expect()
{
  if test "$2" "$3" "$4"; then
    echo "ok    $1: $2"
  else
    echo "FAIL  $1: $2, which should be $3 $4"
    SCENARIO_FAILURES=$((SCENARIO_FAILURES + 1))
  fi
}

# expect_success TEXT COMMAND…, expect_failure TEXT COMMAND…
expect_success()
{
  local text="$1" status=0
  shift
  "$@" >"$LAB_DIR/output" 2>&1 || status=$?
  expect "$text" "$status" -eq 0
  ((status == 0)) || cat "$LAB_DIR/output"
}

expect_failure()
{
  local text="$1" status=0
  shift
  "$@" >"$LAB_DIR/output" 2>&1 || status=$?
  expect "$text" "$status" -eq 1
}

# expect_output TEXT PATTERN: of the command that was last expected to succeed or fail.
expect_output()
{
  if grep -qE -- "$2" "$LAB_DIR/output"; then
    echo "ok    $1"
  else
    echo "FAIL  $1: no \`$2\` in:"
    cat "$LAB_DIR/output"
    SCENARIO_FAILURES=$((SCENARIO_FAILURES + 1))
  fi
}

UNITS="$MXGATE_ROOT/config/systemd"

# capabilities_of UNIT: of its bounding set, as setpriv writes them: net_admin,sys_admin.
capabilities_of()
{
  sed -nE 's/^CapabilityBoundingSet=//p' "$UNITS/$1" | tr 'A-Z ' 'a-z,' | sed 's/cap_//g'
}

# system_calls NAME…: those, @groups of systemd's among them.
system_calls()
{
  local name
  for name in "$@"; do
    case "$name" in
      @*) # shellcheck disable=SC2046
        system_calls $(systemd-analyze syscall-filter --no-pager "$name" |
          sed -nE 's/^ {4}([@a-z0-9_-]+)$/\1/p') ;;
      *) echo "$name" ;;
    esac
  done
}

# restricted CAPABILITIES: the words before a command that let it run with no other capability, and
# with no system call that the units do not allow.
restricted()
{
  RESTRICTED=(setpriv --bounding-set "-all${1:+,+${1//,/,+}}" --inh-caps -all --no-new-privs
    "$MXGATE_BIN/mxgate-filtered" "$LAB_DIR/calls")
  [ -s "$LAB_DIR/calls" ] && return
  # shellcheck disable=SC2046
  system_calls $(sed -nE 's/^SystemCallFilter=//p' "$UNITS/hardening.conf") >"$LAB_DIR/calls"
}

# under CAPABILITIES COMMAND…: as root under a unit's restrictions, in the gate's namespace.
under()
{
  restricted "$1"
  shift
  in_gate "${RESTRICTED[@]}" "$@"
}

# notified_start CAPABILITIES COMMAND…: in the background, with a notification socket of ours; what
# is told there is in notes. Returns when it is ready; LAB_PID is its process.
notified_start()
{
  restricted "$1"
  shift
  rm -f "$LAB_DIR/notify"
  : >"$LAB_DIR/notes"
  socat -u "UNIX-RECV:$LAB_DIR/notify" - >>"$LAB_DIR/notes" &
  LAB_PIDS+=($!)
  wait_for 5 test -S "$LAB_DIR/notify"
  lab_background gate "${RESTRICTED[@]}" \
    env NOTIFY_SOCKET="$LAB_DIR/notify" WATCHDOG_USEC=2000000 "$@"
  wait_for 30 grep -q READY=1 "$LAB_DIR/notes"
}

notes() { grep -o "$1" "$LAB_DIR/notes" | wc -l; }

# expect_signs_of_life PID: while it runs, and none while it hangs.
expect_signs_of_life()
{
  local before alive
  before="$(notes WATCHDOG=1)"
  sleep 2
  expect "signs of life in about 2 s" $(($(notes WATCHDOG=1) - before)) -ge 3
  kill -STOP "$1"
  alive="$(notes WATCHDOG=1)"
  sleep 1
  expect "none while it hangs" "$(notes WATCHDOG=1)" -le $((alive + 1))
  kill -CONT "$1"
}

scenario_end()
{
  ((SCENARIO_FAILURES == 0)) || lab_die "$SCENARIO_FAILURES expectations failed"
  exit 0
}

# Returns when nothing has been sent for about a second.
wait_until_quiet()
{
  local last=-1 now same=0
  while ((same < 10)); do
    now="$(wire_frames)"
    ((now == last)) && same=$((same + 1)) || same=0
    last=$now
    sleep 0.1
  done
}
