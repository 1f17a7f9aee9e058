#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The gate on Debian 12's own kernel, which is what users run: a machine is made on the spot of that
# kernel and of what was built here, loads the BPF objects, judges frames, gates an interface.
#
# scripts/setup unpacks the kernel into build/tools/kernel and installs qemu; neither touches the
# host's kernel. The machine is emulated, which takes half a minute; MXGATE_KVM=1 takes KVM, which
# not every host that has it does well.
set -euo pipefail

HERE="$(cd "$(dirname "$0")" && pwd)"
ROOT="$(cd "$HERE/../.." && pwd)"
BIN="${MXGATE_BIN:-$ROOT/build/bin}"
KERNEL="${MXGATE_KERNEL:-$ROOT/build/tools/kernel}"
SECONDS_AT_MOST=220
export PATH="$PATH:/usr/sbin:/sbin"

skip()
{
  echo "SKIP: $*"
  exit 77
}

for program in qemu-system-x86_64 busybox; do
  command -v "$program" >/dev/null || skip "$program is not installed (scripts/setup installs it)"
done
[[ -r "$KERNEL/vmlinuz" && -r "$KERNEL/veth.ko" ]] ||
  skip "Debian's kernel package is not in $KERNEL (scripts/setup unpacks it there)"
[[ "$(uname -m)" == x86_64 ]] || skip "the kernel is for x86_64"

WORK="$(mktemp -d)"
trap 'rm -rf "$WORK"' EXIT
IMAGE="$WORK/root"
mkdir -p "$IMAGE"/{bin,proc,sys,dev,tmp,run,etc,var/lib}

# add_program FILE: with the libraries it needs, where it looks for them.
add_program()
{
  local library
  install "$1" "$IMAGE/bin/"
  ldd "$1" 2>/dev/null | grep -oE '/[^ ]+' | sort -u >"$WORK/libraries" || true
  while read -r library; do
    [[ -e "$IMAGE$library" ]] || install -D "$library" "$IMAGE$library"
  done <"$WORK/libraries"
}

install "$(command -v busybox)" "$IMAGE/bin/busybox"
for applet in sh mount mkdir cat grep sed tail insmod httpd sleep poweroff uname dmesg printf; do
  ln -s busybox "$IMAGE/bin/$applet"
done
add_program "$(command -v ip)"
for program in mxgate mxgated mxgate-worker mxgate-connect xdp_test dpdk_test; do
  [[ -x "$BIN/$program" || "$program" != dpdk_test ]] || continue # built without DPDK
  add_program "$BIN/$program"
  strip "$IMAGE/bin/$program"
done
echo 'nobody:x:65534:65534:nobody:/:/bin/false' >"$IMAGE/etc/passwd"
for object in /usr/lib/*/bpf/xdp-dispatcher.o; do # libxdp's
  install -D "$object" "$IMAGE$object"
done
install "$KERNEL/veth.ko" "$IMAGE/"
install "$HERE/kernel-init" "$IMAGE/init"

machine=(-cpu max)
[[ -z "${MXGATE_KVM:-}" ]] || machine=(-enable-kvm -cpu host)
(cd "$IMAGE" && find . | busybox cpio -o -H newc 2>/dev/null) >"$WORK/initramfs"

status=0
timeout "$SECONDS_AT_MOST" qemu-system-x86_64 "${machine[@]}" -smp 2 -m 1G -nodefaults -display none \
  -serial stdio -no-reboot -kernel "$KERNEL/vmlinuz" -initrd "$WORK/initramfs" \
  -append "console=ttyS0 quiet panic=-1" </dev/null | tr -d '\r' | tee "$WORK/output" || status=$?
((status == 0)) || echo "the machine ended with status $status (124: not in $SECONDS_AT_MOST s)"
grep -qx PASS "$WORK/output"
