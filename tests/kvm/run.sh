#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
# The library in a kernel module on the page tables of a running KVM guest, judged by KVM's own walker
# and by what the guest did. Prints TAP; the exit status is 1 if a check failed.
#
#   run.sh arm64 [TREE]   stage 2, in QEMU
#   run.sh npt [TREE]     AMD's nested paging, in QEMU
#   run.sh ept [TREE]     Intel's EPT, in Bochs (minutes)
#
# TREE is what scripts/export-kernel wrote, built or not, for the same architecture; without it one is
# written. Kernels are kept in build/kernel-ARCH, or where PTW_KERNEL_CACHE says (a folder to which
# -ARCH is appended).
set -u
root=$(realpath "$(dirname "$0")/../..") || exit 2
cd "$root" || exit 2
. scripts/lib/say.sh
. scripts/lib/kernel.sh

mode=${1:-}
case $mode in
arm64) arch=arm64 cc=aarch64-linux-gnu-gcc machine=arm64 ;;
npt | ept) arch=amd64 cc=gcc machine=x86 ;;
*) give_up "usage: $0 arm64|npt|ept [TREE]" ;;
esac
if [ "$arch" = amd64 ]; then
	[ "$(dpkg --print-architecture)" = amd64 ] || cc=x86_64-linux-gnu-gcc
fi
if [ $# -gt 2 ] || { [ $# = 2 ] && [ ! -f "$2/Kbuild" ]; }; then
	give_up "'${2:-}' is no tree: scripts/export-kernel DIR writes one"
fi

# As many as a run prints; one that is not printed is a failure.
wanted_checks=35
[ "$mode" != arm64 ] || wanted_checks=29 # where no machine is unfit

case $mode in
arm64) emulator=qemu-system-aarch64 seconds=1800 ;;
npt) emulator=qemu-system-x86_64 seconds=1800 ;;
ept) emulator=bochs seconds=3600 ;;
esac
if ! command -v "$emulator" >/dev/null; then
	echo "1..0 # SKIP $emulator is not installed"
	exit 0
fi

scratch=$(mktemp -d) || exit 2
trap 'rm -rf "$scratch"' EXIT
cache=${PTW_KERNEL_CACHE:-build/kernel}-$arch
mkdir -p "$cache" && cache=$(realpath "$cache") || exit 2
kernel_fetch "$arch" "$cache" || give_up "no kernel for $arch: see the messages above"

fail() {
	echo "not ok 1 - $*"
	echo "1..1"
	exit 1
}

# Builds the library of $1 and leaves libptw.ko there.
build_library() {
	[ -f "$1/libptw.ko" ] || kernel_build "$arch" "$cache" "$1" >&2
}

tree=$scratch/tree
if [ $# = 2 ]; then
	tree=$(realpath "$2")
else
	scripts/export-kernel "$tree" >&2 || fail "scripts/export-kernel"
fi
build_library "$tree" || fail "libptw.ko does not build"

# The negative control: the same library with the wrong accessed bit. Objects that do not see the bit stay as they are:
# make compares commands with those of the last time, in which the folder is.
wrong=$scratch/wrong
cp -a "$tree" "$wrong" && rm -f "$wrong/libptw.ko" &&
	find "$wrong" \( -name '.*.cmd' -o -name '*.mod' -o -name modules.order \) \
		-exec sed -i "s|$tree|$wrong|g" {} + || exit 2
case $mode in
arm64) sed -i 's/\(define ARM_AF *PTW_BIT(\)10)/\16)/' "$wrong/arch/arm64/vmsa.h" ;;
npt) sed -i 's/\(define X86_A *PTW_BIT(\)5)/\16)/' "$wrong/arch/x86/x86_64.h" ;;
ept) sed -i 's/\(define EPT_A *PTW_BIT(\)8)/\19)/' "$wrong/arch/x86/ept.h" ;;
esac
! diff -rq "$tree/arch" "$wrong/arch" --exclude '*.o' --exclude '*.cmd' >/dev/null ||
	fail "the wrong bit was not planted: the format's header has changed, change this script"
build_library "$wrong" || fail "the library with the wrong bit does not build"

module=$scratch/module
cp -r examples/kvm-age "$module" || exit 2
kernel_build "$arch" "$cache" "$module" PTW="$tree" \
	KBUILD_EXTRA_SYMBOLS="$tree/Module.symvers" >&2 || fail "kvm-age.ko does not build"
flags=(-std=gnu11 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -static)
"$cc" "${flags[@]}" -pthread -o "$scratch/kvm-checks" tests/kvm/checks*.c tests/kvm/observe.c \
	tests/kvm/vm.c "tests/kvm/vm_$machine.c" >&2 || fail "tests/kvm does not build"
"$cc" "${flags[@]}" -DPTW_AGE_ALONE -Iinclude -I. -o "$scratch/kvm-age" examples/kvm-age/main.c \
	examples/kvm-age/guest.c examples/kvm-age/report.c lib/age/*.c >&2 || fail "kvm-age does not build"

# The VMM in one file, where it has a processor.
if [ $machine = x86 ]; then
	read -ra rcu <<<"$(pkg-config --static --libs liburcu-bp)"
	meson setup "$scratch/static" -Dtests=false -Dbench=false -Dexamples=false -Ddefault_library=static \
		-Doptimization=1 >&2 && ninja -C "$scratch/static" libptw.a >&2 &&
		"$cc" "${flags[@]}" -pthread -Iinclude -o "$scratch/vmm-min" examples/vmm-min/main.c \
			"$scratch/static/libptw.a" "${rcu[@]}" >&2 ||
		fail "vmm-min does not build"
fi

# Debugging information is most of a module.
strip=${cc%gcc}strip
"$strip" --strip-debug -o "$scratch/libptw.ko" "$tree/libptw.ko" &&
	"$strip" --strip-debug -o "$scratch/libptw-wrong.ko" "$wrong/libptw.ko" &&
	"$strip" --strip-debug -o "$scratch/kvm-age.ko" "$module/kvm-age.ko" || exit 2
files=(bin/kvm-checks="$scratch/kvm-checks" bin/kvm-age="$scratch/kvm-age"
	lib/libptw.ko="$scratch/libptw.ko" lib/libptw-wrong.ko="$scratch/libptw-wrong.ko"
	lib/kvm-age.ko="$scratch/kvm-age.ko")
[ $machine != x86 ] || files+=(bin/vmm-min="$scratch/vmm-min")
case $mode in
npt) modules=(irqbypass kvm ccp kvm-amd) ;;
ept) modules=(irqbypass kvm kvm-intel) ;;
*) modules=() ;;
esac
for name in "${modules[@]}"; do
	files+=("lib/$name.ko=$(kernel_module "$cache" "$name")") || exit 2
done
kernel_initramfs "$arch" "$cache" "$scratch/initramfs" tests/kvm/init.sh "${files[@]}" ||
	give_up "no initramfs"

# A processor that hangs ends the run within minutes (kernel_patience), and says where it and the others are.
# shellcheck disable=SC2034 # for kernel_boot
kernel_append='softlockup_panic=1 panic_print=0x40'

case $mode in
arm64) kernel_boot "$arch" "$cache" "$scratch/initramfs" "$seconds" \
	-M virt,virtualization=on,gic-version=3 -m 768 >"$scratch/console" ;;
npt) kernel_boot "$arch" "$cache" "$scratch/initramfs" "$seconds" \
	-cpu max,la57=off -m 768 >"$scratch/console" ;;
ept) . tests/kvm/bochs.sh && bochs_boot "$cache/vmlinuz" "$scratch/initramfs" "$seconds" \
	"$scratch/bochs" >"$scratch/console" ;;
esac
emulated=$?

# Lines of the checks, numbered; diagnostics as they are.
number=0 failed=0
while IFS= read -r line; do
	case $line in
	'ok - '* | 'not ok - '*)
		number=$((number + 1))
		echo "${line%% - *} $number - $mode: ${line#* - }"
		[ "${line%%ok*}" = "" ] || failed=$((failed + 1))
		;;
	'#'*) echo "$line" ;;
	esac
done < <(tr -d '\r' <"$scratch/console")
number=$((number + 1))
if [ $emulated = 0 ] && grep -q '^init: done' "$scratch/console" && [ $number = $wanted_checks ]; then
	echo "ok $number - $mode: all checks were made, and the machine powered off"
else
	failed=$((failed + 1))
	echo "not ok $number - $mode: all checks were made, and the machine powered off"
	echo "# $number of $wanted_checks checks, emulator's status $emulated; the end of the console:"
	tail -n 120 "$scratch/console" | tr -d '\r' | sed 's/^/# /'
fi
echo "1..$number"
[ $failed = 0 ]
