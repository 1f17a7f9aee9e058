# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# Traffic from the sender namespace, and what can be seen of it.

# send_mail CLASS SOURCE_ADDRESS [SECONDS]: one message over SMTP; fails when the MX did not take
# it, or did not answer in time.
send_mail()
{
  local server="$MX4"
  [[ "$2" != *:* ]] || server="$MX6"
  # The outer limit is for a connect that is never answered: swaks waits longer than it was told.
  in_sender timeout "${3:-5}" swaks --local-interface "$2" --server "$server" \
    --helo sender.example --from "sender@sender.example" --to "$1@mx.example" \
    --header "Subject: from $2" --body "a message from a sender of class $1" \
    --timeout "${3:-5}" --silent 3 >/dev/null 2>&1
}

# connect_from PREFIX… -- OPTION…: real connections (see mxgate-connect); prints its JSON lines.
connect_from()
{
  local from=() target="$MX4"
  while (($# > 0)) && [[ "$1" != -- ]]; do
    from+=("$1")
    shift
  done
  shift || true
  [[ "${from[0]}" != *:* ]] || target="$MX6"
  in_sender "$MXGATE_BIN/mxgate-connect" --from "${from[@]}" --to "$target" "$@"
}

# connected_from PREFIX… -- OPTION…: the number of handshakes that were completed.
connected_from() { connect_from "$@" | jq -s '.[-1].connected'; }

# flood_from PREFIX… -- OPTION…: SYNs that need no source on this host (see mxgate-flood).
flood_from()
{
  flood_command "$@"
  in_sender "${FLOOD[@]}"
}

# flood_start NAME PREFIX… -- OPTION…: the same in the background; flood_stop ends it.
flood_start()
{
  local name="$1"
  shift
  flood_command "$@"
  lab_background sender "${FLOOD[@]}" >"$LAB_DIR/$name.flood"
  eval "FLOOD_$name=$LAB_PID"
}

# flood_stop NAME: prints the number of SYNs that were sent.
flood_stop()
{
  local pid_name="FLOOD_$1"
  kill "${!pid_name}" 2>/dev/null || true
  wait_for 10 process_gone "${!pid_name}"
  jq .sent "$LAB_DIR/$1.flood"
}

flood_command()
{
  local target="$MX4"
  [[ "$1" != *:* ]] || target="$MX6"
  FLOOD=("$MXGATE_BIN/mxgate-flood" --interface send0 --gateway-mac "$GATE_MAC" --to "$target")
  while (($# > 0)) && [[ "$1" != -- ]]; do
    FLOOD+=(--from "$1")
    shift
  done
  shift || true
  FLOOD+=("$@")
}

# capture_start NAME FILTER…: records what the MX's host sees behind the gate (what XDP drops never
# gets to AF_PACKET); returns once it records.
capture_start()
{
  local name="$1"
  shift
  lab_background mx tcpdump -i "$MX_INTERFACE" -n -s 128 -B 32768 --immediate-mode -U -Z root \
    -w "$LAB_DIR/$name.pcap" "$@" 2>"$LAB_DIR/$name.capture"
  eval "CAPTURE_$name=$LAB_PID"
  wait_for 10 grep -q 'listening on' "$LAB_DIR/$name.capture"
}

# capture_stop NAME: ends it; prints the number of frames recorded. A capture that lost some fails.
capture_stop()
{
  local pid_name="CAPTURE_$1"
  kill "${!pid_name}"
  wait_for 10 process_gone "${!pid_name}"
  grep -q '^0 packets dropped by kernel' "$LAB_DIR/$1.capture" ||
    lab_die "the capture $1 lost frames: $(cat "$LAB_DIR/$1.capture")"
  tcpdump -n -r "$LAB_DIR/$1.pcap" 2>/dev/null | wc -l
}

# Frames that the gate was sent, as the other ends of its pairs counted them: by the sender, and where
# it is a wire by the MX.
wire_frames()
{
  { in_sender cat /proc/net/dev && in_mx cat /proc/net/dev; } |
    awk '$1 == "send0:" || $1 == "mx0:" { sum += $11 } END { print sum + 0 }'
}
