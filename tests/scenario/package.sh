#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The Debian packages: installed, run and purged in a copy of this host's root that is thrown away
# (an overlay in a mount namespace), with plane and daemon started there; and nothing of them stays.
. "$(dirname "$0")/scenario.sh"

# Runs in the namespace; $1: a folder for the copy, $2: where the packages are.
in_a_copy()
{
  local copy="$1" root="$1/root" file
  mount -t tmpfs none "$copy"
  mkdir "$copy/upper" "$copy/work" "$root"
  mount -t overlay none -o "lowerdir=/,upperdir=$copy/upper,workdir=$copy/work" "$root"
  mount -t proc none "$root/proc"
  mount --rbind /dev "$root/dev"
  mount -t sysfs none "$root/sys" # without the pins of a gate of this host, which a purge takes away
  mkdir -p "$root/packages"
  cp "$2"/*.deb "$root/packages"
  chroot "$root" sh -e <<'END'
dpkg -i packages/*.deb
rm -r packages
mxgate --version
mxgated --version
mxgate-dpdk --version
mxgate check /usr/share/doc/mxgate/examples/first-day.yaml
getent group mxgate
test "$(id -Gn mxgate-worker)" = mxgate-worker
printf "192.0.2.0/24\n" >/root/list.txt
chmod 600 /root/list.txt
printf "gate: {interfaces: [lo], services: [{name: mx, addresses: [192.0.2.25]}]}\nfeeds: [{name: a, format: prefixes, path: /root/list.txt, class: bad}]\n" >/root/gate.yaml
mxgate check /root/gate.yaml
test "$(stat -c '%U:%G %a' /var/lib/mxgate)" = "root:mxgate 750"
man -l /usr/share/man/man1/mxgate.1 >/dev/null
for unit in mxgated mxgate-xdp-boot mxgate-dpdk; do
  systemd-analyze verify --man=no $unit.service
done
systemd-sysusers --dry-run /usr/lib/sysusers.d/mxgate.conf
systemd-tmpfiles --create mxgate.conf
test "$(stat -c '%U:%G %a' /run/mxgate)" = "root:mxgate 750"
printf "gate: {plane: dpdk, dpdk: {ports: [net_null0, net_null1], topology: inline, cores: [0], idle: 1ms}, services: [{name: mx, addresses: [192.0.2.25]}]}\nfeeds: [{name: a, format: prefixes, path: /root/list.txt, class: bad}]\n" >/root/gate.yaml
mxgate-dpdk --config /root/gate.yaml & plane=$!
mxgated --config /root/gate.yaml & daemon=$!
tries=0
until mxgate status >status && ! grep -q "does not run" status; do
  tries=$((tries + 1))
  test $tries -lt 100
  sleep 0.2
done
cat status
rm status
mxgate explain 192.0.2.7 | grep -w bad
kill $daemon $plane
wait $daemon
wait $plane
dpkg -P mxgate-dpdk mxgate
END
  # What is in the copy and was not there before, but for dpkg's own books and the group file's.
  (cd "$copy/upper" && find . -type f) | while read -r file; do
    [[ -e "/$file" || "$file" =~ ^\./(var/(lib/dpkg|log|cache)|etc/(group|gshadow|passwd|shadow|subuid|subgid)|root|run|tmp)/?.* ]] ||
      echo "left behind: $file"
  done
}

if [[ "${1:-}" == in-a-copy ]]; then
  in_a_copy "$2" "$3"
  exit
fi

scenario_begin
for program in cpack dpkg-deb unshare systemd-analyze man; do
  command -v "$program" >/dev/null || skip "$program is not installed (scripts/setup installs it)"
done
build="$MXGATE_BIN/.."
[[ -f "$build/share/mxgate.1" ]] || skip "the manual pages are not built"
expect_success "cpack" cpack --config "$build/CPackConfig.cmake" -B "$LAB_DIR/packages" \
  -D "CPACK_OUTPUT_FILE_PREFIX=$LAB_DIR/packages"
expect "packages" "$(find "$LAB_DIR/packages" -maxdepth 1 -name '*.deb' | wc -l)" -eq 2
mkdir "$LAB_DIR/copy"
expect_success "install, run and purge" unshare --mount --pid --net --fork \
  "$0" in-a-copy "$LAB_DIR/copy" "$LAB_DIR/packages"
expect "left behind" "$(grep -c 'left behind' "$LAB_DIR/output")" -eq 0
scenario_end
