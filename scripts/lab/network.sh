# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# The lab's network: send0 (sender namespace) and gate0 (gate namespace), one veth pair.
#
# All addresses are documentation addresses (RFC 3849, RFC 5737); nothing leaves the namespaces.

MX6=2001:db8:2::25
MX4=192.0.2.25
SENDER6=2001:db8:2::1
SENDER4=192.0.2.1
SENDER_MAC=02:00:00:00:00:01
GATE_MAC=02:00:00:00:00:02

# The networks that senders live in, one row per class; lab_lists puts them on the lists.
# shellcheck disable=SC2034 # read by whoever sources the lab
{
  CLASSES=(good unknown mixed bad)
  declare -A NET6=(
    [good]=2001:db8:600d::/48 [unknown]=2001:db8:100::/40
    [mixed]=2001:db8:a11::/48 [bad]=2001:db8:bad::/48
  )
  declare -A NET4=(
    [good]=198.51.100.0/26 [unknown]=198.51.100.64/26
    [mixed]=198.51.100.128/26 [bad]=203.0.113.0/24
  )
}

in_sender() { nsenter --net="/run/netns/$SENDER_NS" -- "$@"; }
in_gate() { nsenter --net="/run/netns/$GATE_NS" -- "$@"; }

# Why a lab cannot be made here; prints nothing when it can.
lab_impossible()
{
  local name="mxgate-probe-$$-$RANDOM"
  if [[ $EUID -ne 0 ]]; then
    echo "needs root"
    return
  fi
  if ! ip netns add "$name" 2>/dev/null; then
    echo "network namespaces are refused here"
    return
  fi
  nsenter --net="/run/netns/$name" -- ip link add probe0 type veth peer name probe1 2>/dev/null ||
    echo "veth interfaces are refused here"
  ip netns del "$name"
}

# lab_pair SENDER_INTERFACE GATE_INTERFACE on|off: a veth pair, up, with fixed MAC addresses.
lab_pair()
{
  in_sender ip link add "$1" address "$SENDER_MAC" type veth \
    peer name "$2" address "$GATE_MAC" netns "$GATE_NS"
  if [[ "$3" == off ]]; then
    in_sender ethtool -K "$1" tso off gso off gro off tx off rx off >/dev/null 2>&1
    in_gate ethtool -K "$2" tso off gso off gro off tx off rx off >/dev/null 2>&1
  fi
  in_sender ip link set "$1" up
  in_gate ip link set "$2" up
}

# lab_network [on|off]: both namespaces; the offloads of the pair stay on unless told otherwise.
lab_network()
{
  ip netns add "$SENDER_NS"
  ip netns add "$GATE_NS"
  network_settings in_sender
  network_settings in_gate
  # Lets a program bind any address of a routed network without having it on an interface.
  in_sender sysctl -qw net.ipv6.ip_nonlocal_bind=1 net.ipv4.ip_nonlocal_bind=1
  lab_pair send0 gate0 "${1:-on}"
  in_sender ip addr add "$SENDER4/24" dev send0
  in_sender ip addr add "$SENDER6/64" dev send0 nodad
  in_gate ip addr add "$MX4/24" dev gate0
  in_gate ip addr add "$MX6/64" dev gate0 nodad
  # Neighbours are fixed: resolving them would race with the first packets of a test.
  in_sender ip neigh replace "$MX4" lladdr "$GATE_MAC" dev send0 nud permanent
  in_sender ip neigh replace "$MX6" lladdr "$GATE_MAC" dev send0 nud permanent
  in_gate ip neigh replace "$SENDER4" lladdr "$SENDER_MAC" dev gate0 nud permanent
  in_gate ip neigh replace "$SENDER6" lladdr "$SENDER_MAC" dev gate0 nud permanent
  network_senders
}

# No duplicate address detection, no router solicitations: nothing on the wire but what is sent.
network_settings()
{
  "$1" sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0 \
    net.ipv6.conf.default.router_solicitations=0 net.ipv6.conf.default.accept_ra=0 \
    net.ipv6.conf.default.mldv2_unsolicited_report_interval=0 \
    net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
  "$1" ip link set lo up
}

# Every address of every sender network is local in the sender namespace ("AnyIP"), so that real
# TCP clients can use any of them, and is routed back to it by the gate namespace.
network_senders()
{
  local class
  for class in "${CLASSES[@]}"; do
    in_sender ip -6 route add local "${NET6[$class]}" dev lo
    in_sender ip route add local "${NET4[$class]}" dev lo
    in_gate ip -6 route add "${NET6[$class]}" via "$SENDER6"
    in_gate ip route add "${NET4[$class]}" via "$SENDER4"
  done
}

network_remove()
{
  local name
  for name in "$SENDER_NS" "$GATE_NS"; do
    [[ ! -e "/run/netns/$name" ]] || ip netns del "$name"
  done
}

# random_address CLASS 6|4: some address of the class; of IPv6, each from a /64 of its own.
random_address()
{
  local net
  if [[ "$2" == 6 ]]; then
    net="${NET6[$1]%%::*}"
    printf '%s:%x:%x:%x:%x:%x\n' "$net" $((RANDOM + 1)) $((RANDOM + 1)) $((RANDOM + 1)) \
      $((RANDOM + 1)) $((RANDOM + 1))
    return
  fi
  net="${NET4[$1]%/*}"
  local size=$((1 << (32 - ${NET4[$1]#*/})))
  printf '%s.%d\n' "${net%.*}" $((${net##*.} + 1 + RANDOM % (size - 2)))
}

# class_of ADDRESS…: reads addresses, one a line, and prints the class of each.
class_of()
{
  awk '
    /^2001:db8:600d:/ { print "good"; next }
    /^2001:db8:a11:/ { print "mixed"; next }
    /^2001:db8:bad:/ { print "bad"; next }
    /^2001:db8:1[0-9a-f][0-9a-f]:/ { print "unknown"; next }
    /^203\.0\.113\./ { print "bad"; next }
    /^198\.51\.100\./ {
      split($0, part, ".")
      print part[4] < 64 ? "good" : part[4] < 128 ? "unknown" : "mixed"
      next
    }
    { print "other" }'
}
