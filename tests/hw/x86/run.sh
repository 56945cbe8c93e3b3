#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
# Runs the library's freestanding core under Bochs, whose EPT walker sets accessed and dirty.
#
# run.sh [SOURCE_DIR]             the library there (default: this tree); TAP; status 1 on failures
# run.sh --planted [SOURCE_DIR]   plants faults in copies; each must turn a run red
# run.sh --places                 says which faults have no place in the sources any more, and runs nothing
#
# Needs: gcc binutils, bochs (2.7, with its rfb display). No root, no KVM, no network.
here=$(cd "$(dirname "$0")" && pwd) || exit 2
usage() {
	echo "usage: run.sh [--planted | --places] [SOURCE_DIR]" >&2
	exit 2
}
mode=run
case ${1:-} in
--planted | --places)
	mode=${1#--}
	shift
	;;
esac
[ $# -le 1 ] || usage
case ${1:-} in -*) usage ;; esac
source=$(cd "${1:-$here/../../..}" 2>/dev/null && pwd) || {
	echo "run.sh: no directory ${1:-}" >&2
	exit 2
}
[ -f "$source/include/ptw/ptw.h" ] || {
	echo "run.sh: $source holds no include/ptw/ptw.h; name the top of the library's source" >&2
	exit 2
}
for tool in bochs gcc ld objcopy; do
	[ $mode != places ] || break
	command -v "$tool" >/dev/null && continue
	echo "1..0 # SKIP $tool is not installed (packages: bochs gcc binutils)"
	exit 0
done
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT

# Model, processors, results a run must have, and what the payload must find: hardware A/D
# everywhere but in the last two; no 1-GiB leaves but with A/D.
models='corei7_skylake_x 3 67 EPT 1, A/D 1, 1G 1, CPUs 3
corei7_haswell_4770 1 44 EPT 1, A/D 1, 1G 1, CPUs 1
corei7_icelake_u 1 44 EPT 1, A/D 1, 1G 1, CPUs 1
corei7_ivy_bridge_3770k 3 18 EPT 1, A/D 0, 1G 0, CPUs 3
corei5_lynnfield_750 1 15 EPT 1, A/D 0, 1G 0, CPUs 1'
timeout=${PTW_HW_TIMEOUT:-1800}

# $1: library, $2: this directory or a copy, $3: directory for objects; makes $3/x.rom.
build() {
	local library=$1 tests=$2 out=$3
	local flags=(-std=gnu11 -O2 -ffreestanding -mgeneral-regs-only -mno-red-zone -fno-pie
		-fno-stack-protector -fno-asynchronous-unwind-tables -Wall -Wextra -Wstrict-prototypes
		-Wmissing-prototypes -Werror -I "$library/include" -I "$library" -I "$tests"
		'-DPTW_PORT_HEADER="ports/bare/port.h"')

	mkdir -p "$out" || return 1
	(cd "$library" && find lib arch ports/bare -name '*.c' ! -path 'lib/softmmu/*') |
		sed "s|^|$library/|" >"$out/files"
	printf '%s\n' "$tests"/*.c "$tests/start.S" "$tests/guest.S" >>"$out/files"
	# Two at a time; the object of a/b.c is a_b.c.o.
	# shellcheck disable=SC2016
	xargs -d '\n' -P 2 -n 1 bash -c 'file=${!#}
		object=${file#/}
		exec "${@:2:$#-2}" -c -o "$1/${object//\//_}.o" "$file"' compile "$out" nice gcc \
		"${flags[@]}" <"$out/files" >"$out/log" 2>&1 &&
		ld -nostdlib --no-warn-rwx-segments -T "$tests/payload.ld" -o "$out/payload.elf" \
			"$out"/*.o >>"$out/log" 2>&1 &&
		objcopy -O binary "$out/payload.elf" "$out/payload.bin" &&
		gcc -m32 -c -Wa,-I,"$out" -o "$out/rom.obj" "$tests/rom.S" >>"$out/log" 2>&1 &&
		ld -m elf_i386 -nostdlib --no-warn-rwx-segments -T "$tests/rom.ld" \
			-o "$out/rom.elf" "$out/rom.obj" >>"$out/log" 2>&1 &&
		objcopy -O binary "$out/rom.elf" "$out/x.rom" && return
	sed 's/^/# /' "$out/log"
	echo "run.sh: the payload does not build, see above" >&2
	return 1
}

# $1: ROM, $2: model, $3: processors, $4: directory; what the payload says goes to $4/said.
emulate() {
	mkdir -p "$4" || return 1
	# The debugger build wants to be told to go. The speaker would look for sound devices. Port
	# 0x8900 ends the emulation, with status 1 even if all is well.
	cat >"$4/bochsrc" <<-END
		megs: 128
		cpu: model=$2, count=$3, ips=100000000, reset_on_triple_fault=0
		romimage: file=$1, address=0xfff00000
		display_library: rfb, options="timeout=0"
		plugin_ctrl: speaker=0
		sound: waveoutdrv=dummy, waveindrv=dummy, midioutdrv=dummy
		port_e9_hack: enabled=1
		clock: sync=none
		log: log
	END
	echo c >"$4/go"
	(cd "$4" && timeout "$timeout" nice bochs -q -f bochsrc -rc go </dev/null >all 2>&1)
	grep -aE '^(ok|not ok|#|Bail)' "$4/all" >"$4/said"
}

number=0
failed=0
# $1: ok or not ok; $2: description.
result() {
	number=$((number + 1))
	[ "$1" = ok ] || failed=$((failed + 1))
	echo "$1 $number - $2"
}

# $1: directory of a run, $2: model, $3: results wanted, $4: what the payload must find.
report() {
	local line seen=0
	while IFS= read -r line; do
		case $line in
		'ok - '*) result ok "$2: ${line#ok - }" ;;
		'not ok - '*) result 'not ok' "$2: ${line#not ok - }" ;;
		*) echo "# $2: ${line#\# }" ;;
		esac
		case $line in *'ok - '*) seen=$((seen + 1)) ;; esac
	done <"$1/said"
	# The marker is the last thing said: without it the run died, whatever it had said before.
	if grep -qx "# processor: $4" "$1/said" && grep -q "^# end: $3 results, " "$1/said" &&
		[ "$seen" = "$3" ]; then
		result ok "$2: ran to its end, all $3 results, on a processor with $4"
	else
		result 'not ok' "$2: ran to its end, all $3 results, on a processor with $4"
		grep -aE 'PANIC|VM *FAIL|shutdown|overflow' "$1/log" "$1/all" | tail -n 5 |
			sed 's|^[^:]*/|# |'
	fi
}

# $1: library, $2: tests, $3: work directory, $4: models. Builds once, runs two emulators at a time.
all_models() {
	local model cpus wanted what running=0
	build "$1" "$2" "$3/o" || return 1
	while read -r model cpus wanted what; do
		emulate "$3/o/x.rom" "$model" "$cpus" "$3/$model" &
		running=$((running + 1))
		if [ $running = 2 ]; then
			wait -n
			running=1
		fi
	done <<<"$4"
	wait
	while read -r model cpus wanted what; do
		report "$3/$model" "$model" "$wanted" "$what"
	done <<<"$4"
}

if [ $mode = run ]; then
	all_models "$source" "$here" "$work" "$models" || exit 1
	echo "1..$number"
	[ $failed = 0 ]
	exit
fi

# Plants one fault. $1: what; $2: models to run; $3: a result that must turn red; $4: file below the
# library, or of these tests if there is no slash in it; $5: sed expression.
plants=0
missed=0
planted() {
	local dir=$work/planted file said
	rm -rf "$dir"
	mkdir -p "$dir/source/ports" "$dir/tests" && cp "$here"/* "$dir/tests" &&
		cp -r "$source/include" "$source/lib" "$source/arch" "$dir/source" &&
		cp -r "$source/ports/bare" "$dir/source/ports" || exit 2
	case $4 in
	*/*) file=$dir/source/$4 ;;
	*) file=$dir/tests/$4 ;;
	esac
	cp "$file" "$dir/before"
	sed -i "$5" "$file"
	plants=$((plants + 1))
	[ "$mode" != places ] || cmp -s "$file" "$dir/before" || return
	if cmp -s "$file" "$dir/before"; then
		echo "not ok $plants - planted $1: nothing in $4 matches any more, adapt run.sh"
		missed=$((missed + 1))
		return
	fi
	said=$(timeout=900 all_models "$dir/source" "$dir/tests" "$dir" "$2" 2>&1)
	if grep -q "^not ok .*$3" <<<"$said"; then
		echo "ok $plants - planted $1 is caught:" \
			"$(grep -c '^not ok' <<<"$said") results are red"
	else
		echo "not ok $plants - planted $1 is caught"
		missed=$((missed + 1))
		grep -E '^not ok|run.sh:|Bail' <<<"$said" | head -n 5 | sed 's/^/# /'
	fi
	grep '^not ok' <<<"$said" | head -n 3 | sed 's/^not ok/# red:/'
}

full=$(head -n 1 <<<"$models")
tracked=$(tail -n 1 <<<"$models")
planted 'wrong accessed bit in the EPT format' "$full" '4K: loads (harvested)' \
	arch/x86/ept.h '/define EPT_A /s/8/10/'
planted 'wrong dirty bit in the EPT format' "$full" '4K: loads, stores' \
	arch/x86/ept.h '/define EPT_D /s/9/57/'
planted 'wrong accessed bit in the x86-64 format' "$tracked" "guest's own page tables" \
	arch/x86/x86_64.h '/define X86_A /s/5/54/'
planted 'missing shootdown in the flush hook' "$full" 'exact mode: accessed' \
	world.c '/^\t\tvmx_shootdown(cpu);/s/vmx_shootdown(cpu)/(void)cpu/'
planted 'flush left out of exact harvests' "$full" 'exact mode: accessed' \
	lib/walk/harvest.c 's/^\t\tp->flush(p->flush_context, &range.*/\t\t(void)job;/'
planted 'compare-exchange that is not atomic' "$full" 'no store is lost\|is found once' \
	include/ptw/port/atomic.h \
	'/done = __atomic_compare_exchange_n/{N;s/.*/\tdone = *(volatile uint64_t *)entry == *old;\n\tif (done)\n\t\t*(volatile uint64_t *)entry = desired;\n\telse\n\t\t*old = *(volatile uint64_t *)entry;/}'
planted 'split that forgets dirty' "$full" 'inherited\|no store is lost' \
	arch/x86/ept.c 's/^\te &= ~(EPT_ADDRESS | EPT_LEAF | l->held);/\te \&= ~(EPT_ADDRESS | EPT_LEAF | EPT_D | l->held);/'
planted 'tracked entries that keep their permissions' "$tracked" 'each faults again' \
	arch/x86/ept.h 's/\.tracked = true, //'
echo "1..$plants"
[ $missed = 0 ]
