#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
# Runs the library's tests inside a stock Debian kernel under QEMU, and prints TAP.
#
# run.sh ARCH [TREE]           ARCH: amd64 or arm64. TREE: an exported tree (scripts/export-kernel), from
#                              which the modules are built; without it one is exported
# run.sh --planted ARCH        plants bugs in a copy, one by one, and shows that the tests see them
#
# Environment: PTW_SEED, as everywhere; PTW_KTEST_SLOWNESS: how much less work tests do (20);
# PTW_KERNEL_CACHE: where kernels are kept, a folder to which -ARCH is appended (build/kernel), see
# scripts/lib/kernel.sh; PTW_KTEST_DIR: where modules are built, kept for the next time; for one ARCH, nothing is
# appended (build/kernel-tests-ARCH).
set -o pipefail
called_from=$PWD
cd "$(dirname "$0")/../.." || exit 2
. scripts/lib/say.sh
. scripts/lib/kernel.sh

usage='usage: tests/kernel/run.sh amd64|arm64 [EXPORTED_TREE], or --planted amd64|arm64'
# Of a guest that hangs: one takes 200 s where little else runs, and may get a tenth of a busy machine.
boot_seconds=2400
# As many results as a run has, the two of each guest among them. Fewer is a failure: a test was lost.
wanted_results=682
slowness=${PTW_KTEST_SLOWNESS:-20}
seed=${PTW_SEED:-0x5eed5eed5eed}

# $1: exported tree, $2: where to build.
make_modules() {
	local tree=$1 dir=$2 copy folder

	for copy in plain hooked; do
		kernel_mirror "$tree" "$dir/$copy.src" || return 1
		kernel_mirror ports/linux/tests "$dir/$copy.src/ktest" || return 1
		cp ports/linux/tests/Kbuild "$dir/$copy.src/Kbuild" || return 1
		for folder in unit conformance property stress harness; do
			kernel_mirror "tests/$folder" "$dir/$copy.src/tests/$folder" || return 1
		done
		python3 tests/stress/pairs.py include/ptw/change.h "$dir/$copy.src/tests/stress/pairs.h" \
			tests/stress/roles_*.c || return 1
	done
	mv "$dir/hooked.src/include/ptw/port/linux.h" "$dir/hooked.src/include/ptw/port/linux_plain.h" &&
		cp ports/linux/tests/include/hooked_port.h "$dir/hooked.src/include/ptw/port/linux.h" ||
		return 1
	kernel_mirror "$dir/plain.src" "$dir/plain" && kernel_mirror "$dir/hooked.src" "$dir/hooked" || return 1
	rm -rf "$dir"/{plain,hooked}.src
	kernel_build "$arch" "$cache" "$dir/plain" &&
		kernel_build "$arch" "$cache" "$dir/hooked" KTEST_HOOKED=1
}

# Boots a guest with modules and their arguments, one a line in $2; its console goes to $1.
boot() {
	local out=$1 lines=$2 line name files=() status
	local arguments=()

	while read -r line; do
		name=${line%% *}
		case $name in
		ptw_hooked) files+=("$name.ko=$work/hooked/$name.ko") ;;
		*) files+=("$name.ko=$work/plain/$name.ko") ;;
		esac
	done <<<"$lines"
	printf '%s\n' "$lines" >"$out.modules"
	kernel_initramfs "$arch" "$cache" "$out.initramfs" tests/kernel/init \
		"modules=$out.modules" "${files[@]}" || return 1
	# Without 5 levels, tables and vmalloc areas lie less than 2^47 bytes apart. With all that an arm64 processor may
	# have the emulator takes half as long again.
	case $arch in
	amd64) arguments=(-cpu "max,la57=off") ;;
	arm64) arguments=(-cpu neoverse-n1) ;;
	esac
	# Freed pages are overwritten and checked, so that a late access is seen. Where the kernel can,
	# every place in it may be preempted.
	kernel_append="preempt=full page_poison=1 slub_debug=FZP" \
		kernel_boot "$arch" "$cache" "$out.initramfs" "$boot_seconds" "${arguments[@]}" \
		>"$out" 2>&1
	status=$?
	tr -d '\r' <"$out" >"$out.text" && mv "$out.text" "$out"
	rm -f "$out.initramfs" "$out.modules"
	return $status
}

# What a kernel says when something is wrong with it.
complaints='BUG:|WARNING:|Oops|Kernel panic|Call Trace:|rcu: INFO|soft lockup|hung_task|blocked for more than'
complaints+='|general protection|Unable to handle|list_del corruption|pagealloc: memory corruption'

# TAP lines of the consoles named, numbered anew; and two lines for each console. A failure too: a test
# module without tests, and fewer results than $at_least.
report() {
	local status

	awk -v complaints="$complaints" -v at_least="${at_least:-1}" '
		function line(ok, text) { printf "%s %d - %s\n", ok ? "ok" : "not ok", ++n, text; bad += !ok }
		function close_module() {
			# The library itself has no tests to run.
			if (module && module != "libptw" && !planned) {
				line(0, module ": no tests at all")
				none = 1
			} else if (module && seen != planned) {
				line(0, module ": " seen + 0 " of " planned + 0 " tests ended")
			}
			module = ""
		}
		function close_file() {
			close_module()
			if (file == "")
				return
			line(done, "guest " guests ": all modules ran and the guest ended")
			line(!complained, "guest " guests ": the kernel complained about nothing")
		}
		FNR == 1 { close_file(); file = FILENAME; guests++; done = complained = 0 }
		/^# insmod .* failed/ { print; module = $3; planned = 1; seen = 0; close_module(); next }
		/^# insmod / { close_module(); module = $3; seen = planned = 0; runs[module]++ }
		/^KTAP version/ { next }
		/^1\.\.[0-9]+$/ { planned = substr($0, 4) + 0; next }
		/^(not )?ok [0-9]+ - / {
			seen++
			ok = $1 == "ok"
			sub(/^(not )?ok [0-9]+ - /, "")
			line(ok, "kernel " $0)
			next
		}
		/^# the guest is done/ { close_module(); done = 1; next }
		/^(#|Bail out)/ { sub(/^Bail out!/, "# Bail out:"); print; next }
		$0 ~ complaints { complained = 1; shown = 12 }
		shown > 0 { print "# " $0; shown-- }
		END {
			close_file()
			if (n < at_least)
				line(0, n + 0 " results of " at_least " wanted: tests were lost")
			printf "1..%d\n", n
			exit none ? 3 : bad ? 1 : 0
		}
	' "$@"
	status=$?
	# With nothing run, a planted bug is neither seen nor missed.
	if [ $status = 3 ] && [ "$mode" = planted ] && grep -q '^1\.\.0$' "$@"; then
		give_up "${filter:-}: no test of the module has such a name; mend tests/kernel/planted.sh"
	fi
	[ $status = 0 ]
}

arguments_of() {
	printf 'slowness=%s seed=%s' "$slowness" "$seed"
}

# The two guests, side by side: tests mostly keep one processor busy.
run_all() {
	local first second status

	first="ptw_test $(arguments_of) filter=[!mps]*"
	second="ptw_test $(arguments_of) filter=[mps]*
libptw
ptw_api $(arguments_of)
ptw_hooked $(arguments_of)"
	boot "$scratch/one" "$first" &
	boot "$scratch/two" "$second"
	wait $!
	echo 'TAP version 13'
	at_least=$wanted_results report "$scratch/one" "$scratch/two"
	status=$?
	[ $status = 0 ] || tail -n 20 "$scratch/one" "$scratch/two" | sed 's/^/# /'
	return $status
}

need_tree() {
	if [ -z "$tree" ]; then
		tree=$scratch/tree
		scripts/export-kernel "$tree" >&2 || exit 1
	fi
	[ -e "$tree/objects.mk" ] || give_up "$tree is no exported tree; make one: scripts/export-kernel DIR"
}

mode=run
if [ "${1:-}" = --planted ]; then
	mode=planted
	shift
fi
arch=${1:-}
tree=${2:+$(cd "$called_from" && realpath -m "$2")}
case $arch in
amd64 | arm64) ;;
-h | --help) say "$usage"; exit 0 ;;
*) give_up "$usage" ;;
esac
[ $# -le 2 ] || give_up "$usage"
case $slowness in
'' | *[!0-9]* | 0) give_up "PTW_KTEST_SLOWNESS=$slowness: a number above 0 is wanted" ;;
esac
cache=$(realpath -m "${PTW_KERNEL_CACHE:-build/kernel}-$arch")
work=$(realpath -m "${PTW_KTEST_DIR:-build/kernel-tests-$arch}")
case $arch in
amd64) emulator="qemu-system-x86_64" ;;
arm64) emulator="qemu-system-aarch64" ;;
esac
command -v "$emulator" >/dev/null || {
	echo 'TAP version 13'
	echo "ok 1 - kernel tests on $arch # SKIP $emulator is missing"
	echo 1..1
	exit 0
}
scratch=$(mktemp -d) || exit 2
trap 'rm -rf "$scratch"' EXIT
kernel_fetch "$arch" "$cache" || exit 1
need_tree
if [ $mode = planted ]; then
	. tests/kernel/planted.sh
	run_planted
	exit
fi
mkdir -p "$work" && make_modules "$tree" "$work" || exit 1
run_all
