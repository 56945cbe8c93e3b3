# SPDX-License-Identifier: GPL-2.0-only OR MIT
# shellcheck shell=bash
# Builds and runs the guest of guest.c; sourced.
#
#   guest_build ARCH OUT            x86 or arm64
#   guest_run ARCH PROGRAM [QEMU_ARGUMENT...]      its RAM is a $guest_memory

guest_flags=(-std=gnu11 -O2 -ffreestanding -nostdlib -static -fno-pic -no-pie -fno-stack-protector
	-fno-asynchronous-unwind-tables -Wall -Wextra -Werror '-Wl,--build-id=none,-z,noexecstack')
guest_sources=$(dirname "${BASH_SOURCE[0]}")

guest_build() {
	local arch=$1 out=$2 here=$guest_sources gcc=gcc flags=() base ram

	case $arch in
	x86)
		flags=(-m32 -fcf-protection=none -mno-sse '-Wl,-m,elf_i386')
		base=0x100000 ram=0
		;;
	arm64)
		gcc=aarch64-linux-gnu-gcc flags=(-mgeneral-regs-only)
		base=0x40100000 ram=0x40000000
		;;
	esac
	"$gcc" "${guest_flags[@]}" "${flags[@]}" "-Wl,--defsym=base=$base,--defsym=ram=$ram" -Wl,-T,"$here/guest.ld" \
		-o "$out" "$here/guest.c" "$here/guest_$arch.c" 2>"$out.log" ||
		{ cat "$out.log" >&2; return 1; }
}

guest_run() {
	local arch=$1 program=$2 qemu status
	shift 2

	case $arch in
	x86) qemu=(qemu-system-x86_64 -M "q35,memory-backend=ram" -device "isa-debug-exit,iobase=0xf4,iosize=4") ;;
	arm64) qemu=(qemu-system-aarch64 -M "virt,memory-backend=ram" -cpu max) ;;
	esac
	timeout 1800 "${qemu[@]}" -object "${guest_memory:-memory-backend-memfd},id=ram,size=256M" -m 256 -accel tcg -display none \
		-serial none -monitor none -nic none -kernel "$program" "$@" </dev/null
	status=$?
	# isa-debug-exit has no status 0.
	[ "$arch:$status" = x86:3 ] || [ "$arch:$status" = arm64:0 ]
}
