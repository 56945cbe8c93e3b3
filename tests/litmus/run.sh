#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
# Checks what the headers claim about ordering, one small program for each claim; prints TAP.
#
#   tests/litmus/run.sh                  all
#   tests/litmus/run.sh publish thaw     some
#
# With GenMC (in PATH, or GENMC=/path/to/genmc): every execution that C11's memory model (RC11), and
# the weaker one of compiled code (IMM), allow, and the weakened variant of each must be rejected.
# Debian does not package GenMC; v0.9 builds with Debian's LLVM 14. herd7 would want its own input
# format and is not used. Without GenMC: the programs are compiled, and run under ThreadSanitizer
# with real threads for about a second each, which shows only what this machine does; a line says
# so.
set -u
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd) || exit 2
cc=${CC:-gcc}
flags=(-std=gnu11 -O1 -g -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes)

command -v "$cc" >/dev/null || {
	echo "1..1"
	echo "not ok 1 - $cc is installed"
	echo "$0: there is no $cc: nothing was checked; install the Debian package gcc, or set CC" >&2
	exit 1
}
programs=("$@")
[ $# -gt 0 ] || mapfile -t programs < <(cd "$here" && printf '%s\n' ./*.c | sed 's,^\./,,;s,\.c$,,')
for program in "${programs[@]}"; do
	[ -f "$here/$program.c" ] || {
		echo "usage: $0 [PROGRAM...]; no program $program in $here" >&2
		exit 2
	}
done
scratch=$(mktemp -d) || exit 2
trap 'rm -rf "$scratch"' EXIT
genmc=$(command -v "${GENMC:-genmc}")
if [ -n "${GENMC:-}" ] && [ -z "$genmc" ]; then
	echo "$0: GENMC=$GENMC is no program: correct it, or unset it to do without" >&2
	exit 2
fi

number=0
failed=0

# result TEXT STATUS: one TAP line; what went wrong is in $scratch/log
result() {
	number=$((number + 1))
	if [ "$2" = 0 ]; then
		echo "ok $number - $1"
	else
		echo "not ok $number - $1"
		sed 's/^/# /' "$scratch/log" | head -n 30
		failed=$((failed + 1))
	fi
}

# explore MODEL PROGRAM [-DWEAKEN]
explore() {
	local model=$1 program=$2
	shift 2

	timeout 600 "$genmc" "--$model" -- -I"$here" "$@" "$here/$program.c" >"$scratch/log" 2>&1
}

check_genmc() {
	local model executions

	for model in rc11 imm; do
		explore "$model" "$1" && grep -q '^No errors were detected' "$scratch/log"
		status=$?
		executions=$(sed -n 's/^Number of complete executions explored: //p' "$scratch/log")
		# One execution alone: no race was there to be seen.
		[ "${executions:-0}" -ge 2 ] || status=1
		result "$1: all ${executions:-0} executions ($model)" "$status"
		explore "$model" "$1" -DWEAKEN
		grep -qE '^Error detected: (Safety violation|Non-Atomic race)' "$scratch/log"
		result "$1: the weakened variant is rejected ($model)" $?
	done
}

check_threads() {
	"$cc" "${flags[@]}" -DWEAKEN -o "$scratch/weak" "$here/$1.c" -pthread >"$scratch/log" 2>&1 &&
		"$cc" "${flags[@]}" -fsanitize=thread -DROUNDS=4000 -o "$scratch/test" \
			"$here/$1.c" -pthread >"$scratch/log" 2>&1 &&
		TSAN_OPTIONS=halt_on_error=1 timeout 900 "${wrapper[@]}" "$scratch/test" \
			>"$scratch/log" 2>&1
	result "$1: holds with threads under ThreadSanitizer (no model checker)" $?
}

wrapper=()
if [ -n "$genmc" ]; then
	echo "1..$((4 * ${#programs[@]}))"
	echo "# $("$genmc" --version 2>&1 | sed -n 's/^ *\(GenMC v[0-9.]*\).*/\1/p')"
else
	# ThreadSanitizer of these compilers cannot place its shadow where the kernel randomizes more.
	[ "$(cat /proc/sys/vm/mmap_rnd_bits 2>/dev/null || echo 0)" -le 28 ] ||
		wrapper=(setarch "$(uname -m)" -R)
	echo "1..${#programs[@]}"
	echo "# No model checker is here: executions are those that threads happen to make, and the"
	echo "# weakened variants are only compiled. Install GenMC to have every execution checked."
fi
for program in "${programs[@]}"; do
	if [ -n "$genmc" ]; then
		check_genmc "$program"
	else
		check_threads "$program"
	fi
done
[ "$failed" = 0 ]
