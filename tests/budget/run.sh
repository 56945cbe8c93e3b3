#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
# Do the harvest loops stay within their budget of instructions? Prints TAP.
#
#   run.sh BUILD_DIR              counts, and compares with budget.txt
#   run.sh --update BUILD_DIR     writes what was counted to budget.txt
#   run.sh --selftest BUILD_DIR   shows that one load more for each entry is noticed
#
# BUILD_DIR: a release build by meson and gcc, with libptw.a. Instructions are counted by
# callgrind, on any x86-64 machine; kernels that the machine has not are left out. AVX-512, which
# callgrind does not know, and NEON are counted in the disassembly of their loops.
set -u
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd) || exit 2
# shellcheck source=scripts/lib/tap.sh
. "$here/../../scripts/lib/tap.sh" || exit 2
source_dir=$(cd "$here/../.." && pwd) || exit 2
arm64_cc=aarch64-linux-gnu-gcc

give_up() {
	echo "run.sh: $*" >&2
	exit 2
}

mode=judge
case ${1:-} in
--update | --selftest)
	mode=${1#--}
	shift
	;;
esac
[ $# = 1 ] || give_up "usage: run.sh [--update | --selftest] BUILD_DIR"
build=$(cd "$1" && pwd) || exit 2
library=$build/libptw.a
[ -f "$library" ] && [ -f "$build/compile_commands.json" ] ||
	give_up "$build has no libptw.a, or was not made by meson"
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT

# The compiler of the library, as "gcc 12", and how it was told to optimize: both make the figures.
compiler=$(readelf -p .comment "$library" 2>/dev/null |
	sed -n 's/.*GCC: .* \([0-9]*\)\.[0-9.]*$/gcc \1/p' | sort -u)
wanted=$(sed -n 's/^# compiler: //p' "$here/budget.txt" 2>/dev/null)
unfit=
[ "$(uname -m)" = x86_64 ] || unfit="budgets are for x86-64"
if [ "$mode" = update ]; then
	[[ $compiler = gcc\ +([0-9]) ]] || unfit="the library was built by ${compiler:-no gcc}"
elif [ "$compiler" != "$wanted" ]; then
	unfit="budgets are for $wanted, the library was built by ${compiler:-another compiler}"
fi
grep -q -- '-O3' "$build/compile_commands.json" ||
	unfit="budgets are for a release build, $1 is another"
if [ -n "$unfit" ]; then
	[ "$mode" != update ] || give_up "$unfit"
	skip "instructions per entry" "$unfit"
	tap_end
	exit
fi

# compile FILE OUT [ARGUMENT...]: a source file as the build compiles it, from the folder $tree.
tree=$source_dir
compile() {
	local file=$1 out=$2
	shift 2

	python3 - "$build/compile_commands.json" "$source_dir/$file" "$tree" "$out" "$@" <<-'END'
		import json, os, shlex, subprocess, sys

		commands, source, tree, out = sys.argv[1:5]
		for c in json.load(open(commands)):
		    if os.path.realpath(os.path.join(c["directory"], c["file"])) == os.path.realpath(source):
		        break
		else:
		    sys.exit(f"{source} is not in {commands}")
		words = shlex.split(c["command"])
		for option in "-o", "-MF", "-MQ", "-c":
		    at = words.index(option)
		    del words[at : at + 2]
		copy = os.path.join(tree, os.path.relpath(source, os.environ["source_dir"]))
		words[1:1] = [f"-I{tree}", f"-I{tree}/include"] + sys.argv[5:]
		sys.exit(subprocess.call(words + ["-c", copy, "-o", out], cwd=c["directory"]))
	END
}
export source_dir

# neon OUT [ARGUMENT...]: for arm64, as the release optimizes; without a C library, which a cross
# compiler need not have.
neon() {
	local out=$1
	shift

	"$arm64_cc" -std=gnu11 -O3 -fPIC -ffreestanding -I"$tree" -I"$tree/include" "$@" \
		-c "$tree/ports/vector/neon.c" -o "$out"
}

# count_instructions OUT [OBJECT...]: by callgrind; objects replace those of the library.
count_instructions() {
	local out=$1
	shift

	# shellcheck disable=SC2046 # flags
	gcc -std=gnu11 -O2 -g -Wall -Wextra -Werror -D_LGPL_SOURCE -ftls-model=initial-exec \
		-I"$source_dir" -I"$source_dir/include" $(pkg-config --cflags liburcu-bp) \
		-o "$work/budget" "$here/budget.c" "$@" "$library" -pthread -Wl,-z,now \
		$(pkg-config --libs liburcu-bp) || return 1
	rm -f "$work/callgrind.out"
	valgrind --tool=callgrind --collect-atstart=no --combine-dumps=yes \
		--callgrind-out-file="$work/callgrind.out" "$work/budget" \
		>"$out" 2>"$work/valgrind.log" || {
		cat "$work/valgrind.log" >&2
		return 1
	}
	python3 "$here/budget.py" callgrind "$work/callgrind.out" >>"$out"
}

# count_loop OUT CASE FUNCTION OBJDUMP FILE: in the disassembly.
count_loop() {
	"$4" -d --no-show-raw-insn "$5" >"$work/disassembly" &&
		python3 "$here/budget.py" loop "$2" "$3" "$work/disassembly" >"$1"
}

count_avx512() {
	count_loop "$1" loop-avx512 ptw_scan_avx512 objdump "$2"
}

# count_neon OUT [ARGUMENT...]: also what the compiler is told.
count_neon() {
	local out=$1
	shift

	neon "$work/neon.o" "$@" &&
		count_loop "$out" loop-neon ptw_scan_neon aarch64-linux-gnu-objdump "$work/neon.o"
}

has_arm64() {
	command -v "$arm64_cc" >/dev/null &&
		[ "$("$arm64_cc" -dumpversion | sed 's/^/gcc /; s/\..*//')" = "$compiler" ]
}

measure_all() {
	count_instructions "$work/callgrind.txt" &&
		count_avx512 "$work/avx512.txt" "$library" || return 1
	if has_arm64; then
		count_neon "$work/neon.txt" || return 1
	else
		echo "absent neon" >"$work/neon.txt"
	fi
	cat "$work"/{callgrind,avx512,neon}.txt >"$1"
}

# exceeds MEASURED CASE...: is each of these cases beyond its budget?
exceeds() {
	local measured=$1 case
	shift

	python3 "$here/budget.py" judge "$here/budget.txt" "$measured" "$@" >"$work/judged" || return 1
	for case; do
		grep -q "^bad $case: .* instructions per .*, budget" "$work/judged" || {
			echo "# $case is still within its budget:"
			sed 's/^/# /' "$work/judged"
			return 1
		}
	done
	sed -n 's/^bad /# noticed: /p' "$work/judged"
}

# plant FILE EXPRESSION: changes a fresh copy of a source file.
plant() {
	rm -rf "$work/tree"
	mkdir -p "$work/tree/$(dirname "$1")" && cp "$source_dir/$1" "$work/tree/$1" || return 1
	sed -i -E "$2" "$work/tree/$1" || return 1
	! cmp -s "$source_dir/$1" "$work/tree/$1" || {
		echo "# the expression no longer finds anything in $1"
		return 1
	}
}

# The one place where each kernel reads entries.
vector='s/\*\(const volatile (__m[0-9]+i|uint64x2_t) \*\)\(const void \*\)(slot|\([^;]*\));/PTW_PLANTED(\1, (\2));/'
planted=(-include "$here/planted.h")

# noticed CHANGED BUILT EXPRESSION CASE...: the file BUILT includes CHANGED, or is it.
noticed() {
	local changed=$1 built=$2 expression=$3
	shift 3

	plant "$changed" "$expression" || return 1
	[ -f "$work/tree/$built" ] || {
		mkdir -p "$work/tree/$(dirname "$built")"
		cp "$source_dir/$built" "$work/tree/$built" || return 1
	}
	tree=$work/tree
	compile "$built" "$work/planted.o" -w "${planted[@]}" -I"$source_dir/include" || return 1
	count_instructions "$work/planted.txt" "$work/planted.o" && exceeds "$work/planted.txt" "$@"
}

noticed_avx512() {
	plant ports/vector/avx512.c "$vector" || return 1
	tree=$work/tree
	compile ports/vector/avx512.c "$work/planted.o" -w "${planted[@]}" &&
		count_avx512 "$work/planted.txt" "$work/planted.o" && exceeds "$work/planted.txt" loop-avx512
}

noticed_neon() {
	plant ports/vector/neon.c "$vector" || return 1
	tree=$work/tree
	count_neon "$work/planted.txt" -w "${planted[@]}" -I"$source_dir" -I"$source_dir/include" &&
		exceeds "$work/planted.txt" loop-neon
}

# The same way without a plant must find nothing.
nothing_noticed() {
	compile lib/walk/scan.c "$work/scan.o" && compile lib/walk/instances/ept.c "$work/ept.o" &&
		compile ports/vector/sse2.c "$work/sse2.o" && compile ports/vector/avx2.c "$work/avx2.o" &&
		count_instructions "$work/again.txt" "$work"/{scan,ept,sse2,avx2}.o || return 1
	python3 "$here/budget.py" judge "$here/budget.txt" "$work/again.txt" \
		scan- harvest- calls64- test- pruned >"$work/judged" || return 1
	! grep '^bad' "$work/judged" | sed 's/^/# /' | grep .
}

selftest() {
	local kernel

	check "built again without a change, all is within the budget" nothing_noticed
	check "a load more for each entry: portable scan" noticed lib/walk/scan.c lib/walk/scan.c \
		"s/(uint64_t any = ptw_line_or\(slot \+ i\);)/\1 PTW_PLANTED_LOADS(slot + i, 8);/" \
		scan-portable-0 harvest-portable-0 harvest-portable-1 calls64-portable-0
	for kernel in sse2 avx2; do
		if grep -q "^absent $kernel" "$work/counted.txt"; then
			skip "a load more for each entry: $kernel scan" "not on this machine"
		else
			check "a load more for each entry: $kernel scan" \
				noticed "ports/vector/$kernel.c" "ports/vector/$kernel.c" "$vector" \
				"scan-$kernel-0" "harvest-$kernel-0" "harvest-$kernel-1" \
				"harvest-$kernel-100" "calls64-$kernel-0"
		fi
	done
	check "a load more for each entry: AVX-512 scan, by disassembly" noticed_avx512
	if has_arm64; then
		check "a load more for each entry: NEON scan, by disassembly" noticed_neon
	else
		skip "a load more for each entry: NEON scan, by disassembly" "no $arm64_cc like the compiler"
	fi
	check "a load more for each entry: harvest" noticed lib/walk/dense_template.h \
		lib/walk/instances/ept.c \
		"s/(any \|= young\[i\];)/{ \1 PTW_PLANTED_LOADS(slot + 64 * i, 64); }/" \
		harvest-portable-0 harvest-portable-100 harvest-sse2-0 harvest-sse2-100
	check "a load more for each young entry: harvest" noticed lib/walk/dense_template.h \
		lib/walk/instances/ept.c \
		"s/(if \(__builtin_expect\(!ptw_port_and_clear\(slot \+ k, f->accessed\), 0\)\))/PTW_PLANTED_LOADS(slot + k, 1); \1/" \
		harvest-portable-100 harvest-sse2-100
}

judge() {
	local verdict text

	while read -r verdict text; do
		case $verdict in
		ok) check "$text" true ;;
		bad) check "$text" false ;;
		skip) skip "${text%%: *}" "${text#*: }" ;;
		*) echo "# $text" ;;
		esac
	done < <(python3 "$here/budget.py" judge "$here/budget.txt" "$1")
}

case $mode in
update)
	measure_all "$work/counted.txt" &&
		python3 "$here/budget.py" update "$here/budget.txt" "$work/counted.txt" "$compiler"
	exit
	;;
selftest)
	count_instructions "$work/counted.txt" || exit 1
	selftest
	;;
judge)
	check "everything could be counted" measure_all "$work/counted.txt"
	[ "$tap_failed" != 0 ] || judge "$work/counted.txt"
	;;
esac
tap_end
