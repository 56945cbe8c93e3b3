#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
# What bash would offer at the end of a command line. completion.sh BUILD_FOLDER
top=$(cd "$(dirname "$0")/../.." && pwd) && cd "${1:-/nonexistent}" || {
	echo "usage: completion.sh BUILD_FOLDER" >&2
	exit 2
}
. "$top/scripts/completion.bash"
status=0

# $1: words that must be offered; $2: one that must not; $3: the program; the others: its command line, the last word unfinished.
offers() {
	local wanted=$1 wrong=$2 word

	COMP_WORDS=("${@:3}") COMP_CWORD=$(($# - 3)) COMPREPLY=()
	_ptw_complete "$3" 2>&1
	for word in $wanted; do
		[[ " ${COMPREPLY[*]} " == *" $word "* ]] || {
			echo "'${*:3}' does not offer $word, but: ${COMPREPLY[*]}" >&2
			status=1
		}
	done
	[[ -z $wrong || " ${COMPREPLY[*]} " != *" $wrong "* ]] || {
		echo "'${*:3}' offers $wrong" >&2
		status=1
	}
}

sim=examples/sim/ptw-sim bench=bench/ptw-bench stress=tests/stress/ptw-stress
offers 'run compare report curve make pack' case "$sim" ''
offers 'compare curve' run "$sim" c
offers '--format --memory --policy --guest' --html "$sim" --
offers '--html --goals' --guest "$sim" compare --
offers 'lru lirs learned' clock "$sim" run --policy l
offers 'ept4 ept5-tracked' x86-64 "$sim" --format = e
offers 'arm64-s2-4k arm64-s1-64k-lpa perverse' lru "$sim" --format = ''
offers 'never evict fast always' '' "$sim" --secondary ''
offers 'meson-info meson-logs' --html "$sim" compare meson-
offers 'case experiment list' run "$bench" ''
offers 'writer writers' G1 "$bench" case w
offers 'locks phases' prune "$bench" experiment ''
offers '--json --plots --quick --kernel' '' "$bench" --
offers 'avx2 avx512' sse2 "$bench" --kernel a
offers '--config --seed --threads' '' "$stress" --
exit "$status"
