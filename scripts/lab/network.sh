# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# The lab's network: send0 (sender namespace) and gate0 (gate namespace), one veth pair; or a gate
# that is a wire between sender and MX.
#
# All addresses are documentation addresses (RFC 3849, RFC 5737); nothing leaves the namespaces.

MX6=2001:db8:2::25
MX4=192.0.2.25
SENDER6=2001:db8:2::1
SENDER4=192.0.2.1
SENDER_MAC=02:00:00:00:00:01
GATE_MAC=02:00:00:00:00:02
MX_INTERFACE=gate0 # behind the gate, where the MX is

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

# MX_NS is the gate's own namespace, unless the gate is a wire between the two others.
in_mx() { nsenter --net="/run/netns/$MX_NS" -- "$@"; }
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

# network_pair NAMESPACE INTERFACE MAC NAMESPACE INTERFACE MAC on|off: a veth pair, up; off: without
# what leaves checksums and segmentation to a device.
network_pair()
{
  local in_one=(nsenter --net="/run/netns/$1" --) in_other=(nsenter --net="/run/netns/$4" --)
  "${in_one[@]}" ip link add "$2" address "$3" type veth peer name "$5" address "$6" netns "$4"
  if [[ "$7" == off ]]; then
    "${in_one[@]}" ethtool -K "$2" tso off gso off gro off tx off rx off >/dev/null 2>&1
    "${in_other[@]}" ethtool -K "$5" tso off gso off gro off tx off rx off >/dev/null 2>&1
  fi
  "${in_one[@]}" ip link set "$2" up
  "${in_other[@]}" ip link set "$5" up
}

# lab_pair SENDER_INTERFACE GATE_INTERFACE on|off: with the lab's MAC addresses.
lab_pair() { network_pair "$SENDER_NS" "$1" "$SENDER_MAC" "$GATE_NS" "$2" "$GATE_MAC" "$3"; }

# lab_network [on|off]: both namespaces; the offloads of the pair stay on unless told otherwise.
lab_network()
{
  network_namespaces "$SENDER_NS" "$GATE_NS"
  lab_pair send0 gate0 "${1:-on}"
  network_addresses
}

# lab_wire: the gate is a wire from wire0 (to send0) to wire1 (to mx0, in a namespace of the MX).
lab_wire()
{
  MX_NS="mxgate-mx-$LAB_ID"
  MX_INTERFACE=mx0
  network_namespaces "$SENDER_NS" "$GATE_NS" "$MX_NS"
  network_pair "$SENDER_NS" send0 "$SENDER_MAC" "$GATE_NS" wire0 02:00:00:00:01:01 off
  network_pair "$MX_NS" mx0 "$GATE_MAC" "$GATE_NS" wire1 02:00:00:00:01:02 off
  network_addresses
}

network_namespaces()
{
  local name
  for name in "$@"; do
    ip netns add "$name"
    network_settings nsenter --net="/run/netns/$name" --
  done
  # Lets a program bind any address of a routed network without having it on an interface.
  in_sender sysctl -qw net.ipv6.ip_nonlocal_bind=1 net.ipv4.ip_nonlocal_bind=1
}

# Both ends' addresses and routes.
network_addresses()
{
  in_sender ip addr add "$SENDER4/24" dev send0
  in_sender ip addr add "$SENDER6/64" dev send0 nodad
  in_mx ip addr add "$MX4/24" dev "$MX_INTERFACE"
  in_mx ip addr add "$MX6/64" dev "$MX_INTERFACE" nodad
  # Neighbours are fixed: resolving them would race with the first packets of a test.
  in_sender ip neigh replace "$MX4" lladdr "$GATE_MAC" dev send0 nud permanent
  in_sender ip neigh replace "$MX6" lladdr "$GATE_MAC" dev send0 nud permanent
  in_mx ip neigh replace "$SENDER4" lladdr "$SENDER_MAC" dev "$MX_INTERFACE" nud permanent
  in_mx ip neigh replace "$SENDER6" lladdr "$SENDER_MAC" dev "$MX_INTERFACE" nud permanent
  network_senders
}

# No duplicate address detection, no router solicitations: nothing on the wire but what is sent.
network_settings()
{
  "$@" sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0 \
    net.ipv6.conf.default.router_solicitations=0 net.ipv6.conf.default.accept_ra=0 \
    net.ipv6.conf.default.mldv2_unsolicited_report_interval=0 \
    net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
  "$@" ip link set lo up
}

# Every address of every sender network is local in the sender namespace ("AnyIP"), so that real
# TCP clients can use any of them, and is routed back to it by the MX.
network_senders()
{
  local class
  for class in "${CLASSES[@]}"; do
    in_sender ip -6 route add local "${NET6[$class]}" dev lo
    in_sender ip route add local "${NET4[$class]}" dev lo
    in_mx ip -6 route add "${NET6[$class]}" via "$SENDER6"
    in_mx ip route add "${NET4[$class]}" via "$SENDER4"
  done
}

network_remove()
{
  local name
  for name in "$SENDER_NS" "$GATE_NS" "$MX_NS"; do
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
